// SPDX-License-Identifier: Apache-2.0

/// Strings in a tree by their bytes, for finding every string that begins at a place in a text.
///
/// Made once and never changed: the children of a node stand next to each other, in the order of
/// their bytes, so that a vocabulary of 250,000 tokens takes some ten megabytes.
struct PrefixTree: Sendable {
  /// The byte that leads to each node; node 0 is the root.
  private var labels: [UInt8] = [0]
  /// The value of the string that ends at a node, or -1.
  private var values: [Int32] = []
  /// Where the children of a node begin; they end where the next node's begin.
  private var firstChildren: [Int32] = []

  /// - Parameter strings: none of them empty; of equal ones the last counts.
  init(_ strings: [(text: [UInt8], value: Int)]) {
    let order = strings.indices.sorted { left, right in
      let (a, b) = (strings[left].text, strings[right].text)
      return a == b ? left < right : a.lexicographicallyPrecedes(b)
    }
    // The strings of each node, which share their first `depth` bytes.
    var nodes: [(range: Range<Int>, depth: Int)] = [(order.indices, 0)]
    var index = 0
    while index < nodes.count {
      let (range, depth) = nodes[index]
      var position = range.lowerBound
      var value: Int32 = -1
      while position < range.upperBound, strings[order[position]].text.count == depth {
        value = depth > 0 ? Int32(truncatingIfNeeded: strings[order[position]].value) : -1
        position += 1
      }
      values.append(value)
      firstChildren.append(Int32(truncatingIfNeeded: nodes.count))
      while position < range.upperBound {
        let start = position
        let label = strings[order[start]].text[depth]
        while position < range.upperBound, strings[order[position]].text[depth] == label {
          position += 1
        }
        labels.append(label)
        nodes.append((start..<position, depth + 1))
      }
      index += 1
    }
    firstChildren.append(Int32(truncatingIfNeeded: nodes.count))
  }

  /// Calls `found` with the end and the value of every string that begins at `start`, the shortest
  /// first.
  @inline(__always)
  func forEachMatch(
    in text: [UInt8], from start: Int, to end: Int, _ found: (_ end: Int, _ value: Int) -> Void
  ) {
    var node = 0
    var position = start
    while position < end, let child = child(of: node, text[position]) {
      node = child
      position += 1
      if values[node] >= 0 { found(position, Int(values[node])) }
    }
  }

  private func child(of node: Int, _ label: UInt8) -> Int? {
    var (low, high) = (Int(firstChildren[node]), Int(firstChildren[node + 1]))
    while low < high {
      let middle = (low + high) / 2
      if labels[middle] == label { return middle }
      if labels[middle] < label { low = middle + 1 } else { high = middle }
    }
    return nil
  }
}
