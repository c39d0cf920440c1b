// SPDX-License-Identifier: Apache-2.0

/// Members, items and elements, as in Python.
extension JinjaValue {
  /// `value.name`
  func attribute(_ name: String) throws(JinjaFailure) -> JinjaValue {
    switch self {
    case .undefined(let own): throw JinjaFailure("'\(own)' is undefined, so it has no '\(name)'")
    case .dictionary(let dictionary):
      if JinjaMethods.ofDictionary.contains(name) { return .method(self, name) }
      return dictionary[.string(name)] ?? .undefined(name)
    case .string where JinjaMethods.ofString.contains(name): return .method(self, name)
    case .list where JinjaMethods.ofList.contains(name): return .method(self, name)
    case .namespace(let namespace): return namespace.values[name] ?? .undefined(name)
    case .loop(let loop):
      return name == "cycle" ? .method(self, name) : loop.attribute(name) ?? .undefined(name)
    default: return .undefined(name)
    }
  }

  /// `value[key]`
  func item(_ key: JinjaValue) throws(JinjaFailure) -> JinjaValue {
    switch self {
    case .undefined(let own): throw JinjaFailure("'\(own)' is undefined, so it has no items")
    case .dictionary(let dictionary):
      if let value = dictionary[key] { return value }
    case .list(let list):
      if let index = key.integerValue {
        let index = index < 0 ? index + list.items.count : index
        return list.items.indices.contains(index) ? list.items[index] : .undefined("item")
      }
    case .string(let text):
      if let index = key.integerValue {
        let scalars = text.unicodeScalars
        let place = index < 0 ? index + scalars.count : index
        guard place >= 0, place < scalars.count else { return .undefined("item") }
        return .string(String(scalars[scalars.index(scalars.startIndex, offsetBy: place)]))
      }
    default: break
    }
    guard let name = key.stringValue else { return .undefined(key.text) }
    return try attribute(name)
  }

  /// `value[start:stop:step]`
  func slice(_ bounds: [JinjaValue?]) throws(JinjaFailure) -> JinjaValue {
    var numbers: [Int?] = []
    for bound in bounds {
      switch bound {
      case nil, .some(.none): numbers.append(nil)
      case .some(let value):
        guard let number = value.integerValue else {
          throw JinjaFailure("a slice needs integers, found \(value.kind)")
        }
        numbers.append(number)
      }
    }
    let step = numbers[2] ?? 1
    guard step != 0, step != .min else { throw JinjaFailure("a slice with a step of zero") }
    switch self {
    case .list(let list):
      let indices = JinjaValue.sliceIndices(list.items.count, numbers[0], numbers[1], step)
      return .list(JinjaList(indices.map { list.items[$0] }, kind: list.kind))
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      var result = String.UnicodeScalarView()
      for index in JinjaValue.sliceIndices(scalars.count, numbers[0], numbers[1], step) {
        result.append(scalars[index])
      }
      return .string(String(result))
    default: throw JinjaFailure("\(kind) cannot be sliced")
    }
  }

  private static func sliceIndices(
    _ count: Int, _ start: Int?, _ stop: Int?, _ step: Int
  ) -> StrideTo<Int> {
    let (low, high) = step > 0 ? (0, count) : (-1, count - 1)
    func place(_ bound: Int?, _ fallback: Int) -> Int {
      guard let bound else { return fallback }
      return min(max(bound < 0 ? bound + count : bound, low), high)
    }
    let first = step > 0 ? place(start, low) : place(start, high)
    let last = step > 0 ? place(stop, high) : place(stop, low)
    // A stride longer than the list is as good as one of its length.
    let bounded = min(max(step, -count - 1), count + 1)
    return stride(from: first, to: last, by: bounded)
  }

  /// What a loop walks over.
  func elements() throws(JinjaFailure) -> [JinjaValue] {
    switch self {
    case .undefined: return []
    case .list(let list): return list.items
    case .dictionary(let dictionary): return dictionary.members.map(\.key)
    case .string(let text): return text.unicodeScalars.map { .string(String($0)) }
    default: throw JinjaFailure("\(kind) has no elements")
    }
  }
}
