// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Synchronization

/// Unicode's normalisation forms.
///
/// Foundation knows what single characters decompose into and which pairs compose, but orders
/// sequences of marks wrongly on Linux; so it is asked for these facts only, once each, and the
/// algorithm is here. Characters younger than Unicode 9 stay as they are, and so do their
/// neighbours, because the reference library's tables end there.
///
/// Source: "Unicode Normalization Forms", Unicode Standard Annex 15; the Unicode Standard, chapter
/// 3.11 (decomposition, ordering, composition) and 3.12 (Hangul).
enum UnicodeNormalizer: String, Normalizer, CaseIterable {
  case nfc = "NFC"
  case nfd = "NFD"
  case nfkc = "NFKC"
  case nfkd = "NFKD"

  func normalize(_ text: [UInt8]) -> [UInt8] {
    if text.allSatisfy({ $0 < 0x80 }) { return text }
    let composes = self == .nfc || self == .nfkc
    let isCompatible = self == .nfkc || self == .nfkd
    let scalars = NormalizationFacts.shared.withLock { facts in
      var scalars: [Unicode.Scalar] = []
      scalars.reserveCapacity(text.count)
      for scalar in text.text.unicodeScalars {
        facts.appendDecomposition(of: scalar, isCompatible: isCompatible, to: &scalars)
      }
      UnicodeNormalizer.order(&scalars)
      return composes ? UnicodeNormalizer.compose(scalars, &facts) : scalars
    }
    var result: [UInt8] = []
    result.reserveCapacity(text.count + 16)
    for scalar in scalars { result.append(scalar: scalar) }
    return result
  }

  /// Sorts each run of marks by their combining classes, without exchanging equal ones.
  private static func order(_ scalars: inout [Unicode.Scalar]) {
    var start = 0
    while start < scalars.count {
      guard combiningClass(scalars[start]) > 0 else {
        start += 1
        continue
      }
      var end = start + 1
      while end < scalars.count, combiningClass(scalars[end]) > 0 { end += 1 }
      if end - start > 1 {
        // Swift's sort is stable.
        scalars[start..<end].sort { combiningClass($0) < combiningClass($1) }
      }
      start = end
    }
  }

  /// Joins each starter with the marks that follow and that nothing keeps from it.
  private static func compose(
    _ scalars: [Unicode.Scalar], _ facts: inout NormalizationFacts
  ) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    result.reserveCapacity(scalars.count)
    var starter: Int?
    var lastClass: UInt8 = 0
    for scalar in scalars {
      let own = combiningClass(scalar)
      if let place = starter {
        // Blocked if a mark of the same or a higher class, or another starter, stands between.
        let isAdjacent = place == result.count - 1
        if isAdjacent || (lastClass < own && lastClass > 0),
          let composite = facts.composite(of: result[place], scalar)
        {
          result[place] = composite
          continue
        }
      }
      result.append(scalar)
      if own == 0 { starter = result.count - 1 }
      lastClass = own
    }
    return result
  }

  @inline(__always)
  private static func combiningClass(_ scalar: Unicode.Scalar) -> UInt8 {
    // Below U+0300 there are no marks.
    scalar.value < 0x300 || !NormalizationFacts.isKnown(scalar)
      ? 0 : scalar.properties.canonicalCombiningClass.rawValue
  }
}

/// What characters decompose into and which pairs compose, as far as it has been asked for.
private struct NormalizationFacts {
  static let shared = Mutex(NormalizationFacts())

  /// Whether a character is old enough.
  @inline(__always)
  static func isKnown(_ scalar: Unicode.Scalar) -> Bool {
    (scalar.properties.age?.major ?? .max) <= 9
  }

  /// Empty for characters that stay as they are.
  private var canonical: [UInt32: [Unicode.Scalar]] = [:]
  private var compatible: [UInt32: [Unicode.Scalar]] = [:]
  private var composites: [UInt64: UInt32] = [:]

  mutating func appendDecomposition(
    of scalar: Unicode.Scalar, isCompatible: Bool, to result: inout [Unicode.Scalar]
  ) {
    if scalar.isASCII { return result.append(scalar) }
    if let index = Hangul.syllableIndex(scalar.value) {
      return result.append(contentsOf: Hangul.decomposition(index))
    }
    let known = isCompatible ? compatible[scalar.value] : canonical[scalar.value]
    let parts = known ?? lookUp(scalar, isCompatible)
    if parts.isEmpty { result.append(scalar) } else { result.append(contentsOf: parts) }
  }

  private mutating func lookUp(_ scalar: Unicode.Scalar, _ isCompatible: Bool) -> [Unicode.Scalar] {
    let string = String(scalar)
    let decomposed =
      isCompatible
      ? string.decomposedStringWithCompatibilityMapping
      : string.decomposedStringWithCanonicalMapping
    var parts = Array(decomposed.unicodeScalars)
    if parts == [scalar] || !NormalizationFacts.isKnown(scalar) { parts = [] }
    if isCompatible {
      compatible[scalar.value] = parts
    } else {
      canonical[scalar.value] = parts
    }
    return parts
  }

  /// The character that is canonically equivalent to a pair, if composing makes it.
  mutating func composite(of first: Unicode.Scalar, _ second: Unicode.Scalar) -> Unicode.Scalar? {
    if let syllable = Hangul.composite(first.value, second.value) { return syllable }
    // Besides Hangul only marks compose with what stands before.
    guard second.value >= 0x300 else { return nil }
    switch second.properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: break
    default: return nil
    }
    let key = UInt64(first.value) << 32 | UInt64(second.value)
    if let known = composites[key] { return known == 0 ? nil : Unicode.Scalar(known) }
    // Asked with the first fully decomposed, and believed only if the way back leads to the pair.
    var parts: [Unicode.Scalar] = []
    appendDecomposition(of: first, isCompatible: false, to: &parts)
    parts.append(second)
    var text = ""
    text.unicodeScalars.append(contentsOf: parts)
    let composed = text.precomposedStringWithCanonicalMapping.unicodeScalars
    var composite = composed.count == 1 ? composed.first : nil
    if let candidate = composite {
      let back = String(candidate).decomposedStringWithCanonicalMapping.unicodeScalars
      if !back.elementsEqual(parts) || !NormalizationFacts.isKnown(candidate) { composite = nil }
    }
    composites[key] = composite?.value ?? 0
    return composite
  }
}

/// Korean syllables, which decompose by arithmetic.
private enum Hangul {
  private static let (syllables, leads, vowels, trails): (UInt32, UInt32, UInt32, UInt32) =
    (0xAC00, 0x1100, 0x1161, 0x11A7)
  private static let (leadCount, vowelCount, trailCount): (UInt32, UInt32, UInt32) = (19, 21, 28)

  static func syllableIndex(_ value: UInt32) -> UInt32? {
    value >= syllables && value < syllables + leadCount * vowelCount * trailCount
      ? value - syllables : nil
  }

  static func decomposition(_ index: UInt32) -> [Unicode.Scalar] {
    let trail = index % trailCount
    let values = [
      leads + index / (vowelCount * trailCount), vowels + index / trailCount % vowelCount,
    ]
    return (trail == 0 ? values : values + [trails + trail]).compactMap(Unicode.Scalar.init)
  }

  static func composite(_ first: UInt32, _ second: UInt32) -> Unicode.Scalar? {
    if (leads..<leads + leadCount).contains(first), (vowels..<vowels + vowelCount).contains(second)
    {
      return Unicode.Scalar(
        syllables + ((first - leads) * vowelCount + second - vowels) * trailCount)
    }
    if let index = syllableIndex(first), index % trailCount == 0,
      (trails + 1..<trails + trailCount).contains(second)
    {
      return Unicode.Scalar(first + second - trails)
    }
    return nil
  }
}
