// SPDX-License-Identifier: Apache-2.0

/// SentencePiece's precompiled rules for normalising: which short texts become which others.
///
/// The layout: four bytes, little-endian, that say how many bytes the trie takes; the trie, a
/// double array of 32-bit units; then the replacements, each ended by a zero byte, which the trie's
/// values point to. Source: "An Efficient Implementation of Trie Structures", Aoe, Morimoto, Sato,
/// 1992, and the units of the darts-clone library, version 0.32.
struct Charsmap: Sendable {
  private let units: [UInt32]
  private let replacements: [UInt8]

  /// Longer matches are not looked for; the rules are a few characters long.
  private static let maximumMatches = 32

  /// - Throws: what is wrong with the bytes.
  init(_ bytes: [UInt8]) throws(CharsmapError) {
    guard bytes.count >= 4 else { throw .tooShort(bytes.count, expected: 4) }
    let size = Int(Charsmap.unit(bytes, at: 0))
    guard size <= bytes.count - 4 else { throw .tooShort(bytes.count, expected: size + 4) }
    guard size % 4 == 0, size > 0 else { throw .badTrieSize(size) }
    units = (0..<size / 4).map { Charsmap.unit(bytes, at: 4 + 4 * $0) }
    replacements = Array(bytes[(4 + size)...])
  }

  private static func unit(_ bytes: [UInt8], at index: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << UInt32(8 * $1) }
  }

  /// The longest text with a rule that begins at `start`: its end and its replacement.
  func longestMatch(
    in text: [UInt8], _ start: Int, _ end: Int
  ) -> (end: Int, text: ArraySlice<UInt8>)? {
    var best: (end: Int, value: Int)?
    var count = 0
    forEachMatch(in: text, start, end) { end, value in
      best = (end, value)
      count += 1
      return count < Charsmap.maximumMatches
    }
    return best.map { ($0.end, replacement($0.value)) }
  }

  /// The replacement of the shortest text with a rule that begins at `start`.
  func shortestMatch(in text: [UInt8], _ start: Int, _ end: Int) -> ArraySlice<UInt8>? {
    var first: Int?
    forEachMatch(in: text, start, end) { _, value in
      first = value
      return false
    }
    return first.map(replacement)
  }

  /// Calls `found`, the shortest match first, until it gives false. A trie that leads outside
  /// itself ends the search.
  private func forEachMatch(
    in text: [UInt8], _ start: Int, _ end: Int, _ found: (_ end: Int, _ value: Int) -> Bool
  ) {
    guard var unit = units.first else { return }
    var node = Charsmap.offset(unit)
    for index in start..<end {
      node ^= Int(text[index])
      guard node < units.count else { return }
      unit = units[node]
      // The label, with the bit that marks a value.
      guard unit & 0x8000_00FF == UInt32(text[index]) else { return }
      node ^= Charsmap.offset(unit)
      guard node < units.count else { return }
      let hasValue = unit >> 8 & 1 == 1
      if hasValue, !found(index + 1, Int(units[node] & 0x7FFF_FFFF)) { return }
    }
  }

  private static func offset(_ unit: UInt32) -> Int {
    Int(unit >> 10) << (unit & 0x200 == 0 ? 0 : 8)
  }

  private func replacement(_ start: Int) -> ArraySlice<UInt8> {
    guard start < replacements.count else { return [] }
    let tail = replacements[start...]
    return tail[..<(tail.firstIndex(of: 0) ?? tail.endIndex)]
  }
}

/// What is wrong with the bytes of a charsmap.
enum CharsmapError: Error, CustomStringConvertible {
  case tooShort(Int, expected: Int)
  case badTrieSize(Int)
  case notBase64

  var description: String {
    switch self {
    case .tooShort(let count, let expected): "\(count) bytes are too short, expected \(expected)"
    case .badTrieSize(let size): "a trie of \(size) bytes; expected a multiple of 4, not 0"
    case .notBase64: "is not Base64"
    }
  }
}

/// The reference library's use of a charsmap: the user's characters, as Unicode joins them, of less
/// than six bytes are looked up as a whole, longer ones and those without a rule scalar by scalar.
struct PrecompiledNormalizer: Normalizer {
  let charsmap: Charsmap

  private static let maximumCharacter = 5

  func normalize(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var start = 0
    for character in text.text {
      let end = min(start + character.utf8.count, text.count)
      if end - start <= PrecompiledNormalizer.maximumCharacter,
        let replacement = charsmap.shortestMatch(in: text, start, end)
      {
        result.append(contentsOf: replacement)
      } else {
        var index = start
        while index < end {
          let next = text.scalar(at: index, end: end).next
          result.append(
            contentsOf: charsmap.shortestMatch(in: text, index, next) ?? text[index..<next])
          index = next
        }
      }
      start = end
    }
    return result
  }
}

/// The characters that neural machine translation takes out or takes for spaces.
struct NMTNormalizer: FilteringNormalizer {
  func normalize(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for scalar in text.text.unicodeScalars {
      switch scalar.value {
      case 0x01...0x08, 0x0B, 0x0E...0x1F, 0x7F, 0x8F, 0x9F: break
      case 0x09, 0x0A, 0x0C, 0x0D, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD:
        result.append(0x20)
      default: result.append(scalar: scalar)
      }
    }
    return result
  }
}

/// All marks taken out; it does something to decomposed text only. The reference library's tables
/// end with Unicode 9, in which two letters of today were marks.
struct StripAccentsNormalizer: FilteringNormalizer {
  func normalize(_ text: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    for scalar in text.text.unicodeScalars {
      if !StripAccentsNormalizer.isMark(scalar) { result.append(scalar: scalar) }
    }
    return result
  }

  private static func isMark(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.value < 0x300 { return false }
    return switch scalar.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: (scalar.properties.age?.major ?? 99) <= 9
    default: (0x1CF2...0x1CF3).contains(scalar.value)
    }
  }
}
