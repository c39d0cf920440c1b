// SPDX-License-Identifier: Apache-2.0

/// Rewrites a text before it is split.
protocol Normalizer: Sendable {
  func normalize(_ text: [UInt8]) -> [UInt8]
}

/// Leaves characters out, which to the reference library is not the same as putting nothing in
/// their place.
protocol FilteringNormalizer: Normalizer {}

extension Normalizer {
  /// Whether nothing is left of a text because its characters are left out.
  func takesOut(_ text: [UInt8]) -> Bool {
    if text.isEmpty { return false }
    guard let sequence = self as? SequenceNormalizer else {
      return self is any FilteringNormalizer && normalize(text).isEmpty
    }
    var text = text
    for member in sequence.members {
      if member.takesOut(text) { return true }
      text = member.normalize(text)
    }
    return false
  }
}

/// Several normalisers in a row.
struct SequenceNormalizer: Normalizer {
  let members: [any Normalizer]

  func normalize(_ text: [UInt8]) -> [UInt8] {
    members.reduce(text) { text, member in member.normalize(text) }
  }
}

/// Lower case, scalar by scalar, whatever stands around.
struct LowercaseNormalizer: Normalizer {
  func normalize(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for scalar in text.text.unicodeScalars {
      result.append(contentsOf: scalar.properties.lowercaseMapping.utf8)
    }
    return result
  }
}

/// A text put before every text that is not empty.
struct PrependNormalizer: Normalizer {
  let prefix: [UInt8]

  func normalize(_ text: [UInt8]) -> [UInt8] { text.isEmpty ? text : prefix + text }
}

/// Every match of a pattern replaced.
struct ReplaceNormalizer<Pattern: SplitPattern>: Normalizer {
  let pattern: Pattern
  let content: [UInt8]

  func normalize(_ text: [UInt8]) -> [UInt8] { replace(in: text, pattern, with: content) }
}

/// White space taken from the ends.
struct StripNormalizer: FilteringNormalizer {
  let left: Bool
  let right: Bool

  func normalize(_ text: [UInt8]) -> [UInt8] {
    var range = 0..<text.count
    if left { range = text.whiteSpaceEnd(from: 0, end: text.count)..<text.count }
    if right {
      range = range.lowerBound..<text.whiteSpaceStart(before: text.count, start: range.lowerBound)
    }
    return Array(text[range])
  }
}

extension [UInt8] {
  /// The end of the white space that begins at `start`.
  func whiteSpaceEnd(from start: Int, end: Int) -> Int {
    var position = start
    while position < end {
      let (scalar, next) = scalar(at: position, end: end)
      guard CharacterClass.of(scalar).contains(.space) else { break }
      position = next
    }
    return position
  }

  /// The beginning of the white space that ends at `end`.
  func whiteSpaceStart(before end: Int, start: Int) -> Int {
    var position = end
    while position > start {
      let (scalar, previous) = scalar(before: position, start: start)
      guard CharacterClass.of(scalar).contains(.space) else { break }
      position = previous
    }
    return position
  }
}

func replace(
  in text: [UInt8], _ pattern: some SplitPattern, with content: [UInt8]
) -> [UInt8] {
  var result: [UInt8] = []
  result.reserveCapacity(text.count)
  pattern.forEachPart(in: text, 0..<text.count) { part, isMatch in
    if isMatch {
      result.append(contentsOf: content)
    } else {
      result.append(contentsOf: text[part])
    }
  }
  return result
}
