// SPDX-License-Identifier: Apache-2.0

/// Elements of which the least can be taken out at any time, in log n.
struct BinaryHeap<Element: Comparable> {
  /// Each element is no greater than those at twice its index plus one and plus two.
  private var elements: [Element] = []

  mutating func push(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard elements[child] < elements[parent] else { return }
      elements.swapAt(child, parent)
      child = parent
    }
  }

  /// Takes out the least element.
  mutating func pop() -> Element? {
    guard let top = elements.first, let last = elements.popLast() else { return nil }
    guard !elements.isEmpty else { return top }
    elements[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < elements.count && elements[child] < elements[least] {
        least = child
      }
      guard least != parent else { return top }
      elements.swapAt(parent, least)
      parent = least
    }
  }
}
