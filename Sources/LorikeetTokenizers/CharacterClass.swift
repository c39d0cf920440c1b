// SPDX-License-Identifier: Apache-2.0

/// What the split patterns ask about a Unicode scalar.
///
/// Answers come from Unicode's general categories, those of the Basic Multilingual Plane through
/// tables that are filled at first use. Characters younger than Unicode 16, which the reference
/// library does not know, are in no class; for punctuation its tables are those of Unicode 8.
struct CharacterClass: OptionSet, Sendable {
  let rawValue: UInt8

  /// `\p{L}`
  static let letter = CharacterClass(rawValue: 1)
  /// `\p{N}`
  static let number = CharacterClass(rawValue: 2)
  /// `\s`: White_Space
  static let space = CharacterClass(rawValue: 4)
  /// `\r` and `\n`
  static let newline = CharacterClass(rawValue: 8)
  /// `\p{P}` and ASCII's symbols
  static let punctuation = CharacterClass(rawValue: 16)
  /// `\w`: alphabetic, marks, decimal digits, connectors, joiners
  static let word = CharacterClass(rawValue: 32)

  @inline(__always)
  static func of(_ scalar: UInt32) -> CharacterClass {
    if scalar < 0x80 { return CharacterClass(rawValue: ascii[Int(scalar)]) }
    if scalar < 0x10000 { return CharacterClass(rawValue: basicPlane[Int(scalar)]) }
    return compute(scalar)
  }

  /// By itself, because most texts need no more and the whole plane takes milliseconds.
  private static let ascii: [UInt8] = (0..<0x80).map { compute(UInt32($0)).rawValue }
  private static let basicPlane: [UInt8] = (0..<0x10000).map { compute(UInt32($0)).rawValue }

  private static func compute(_ value: UInt32) -> CharacterClass {
    guard let scalar = Unicode.Scalar(value) else { return [] }
    let properties = scalar.properties
    guard let age = properties.age, age.major <= 16 else { return [] }
    var result: CharacterClass = []
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
      result = .letter
    case .decimalNumber:
      result = [.number, .word]
    case .letterNumber, .otherNumber:
      result = .number
    case .connectorPunctuation:
      result = [.punctuation, .word]
    case .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      result = .punctuation
    case .nonspacingMark, .spacingMark, .enclosingMark:
      result = .word
    default: break
    }
    if properties.isAlphabetic || properties.isJoinControl { result.insert(.word) }
    if properties.isWhitespace { result.insert(.space) }
    if age.major > 8 { result.remove(.punctuation) }
    if value == 0x0A || value == 0x0D { result.insert(.newline) }
    // Two characters were punctuation in Unicode 8 and no longer are.
    if "$+<=>^`|~\u{166D}\u{111C9}".unicodeScalars.contains(scalar) { result.insert(.punctuation) }
    return result
  }

  /// Decimal digits and other numbers, the youngest too.
  static func isNumeric(_ value: UInt32) -> Bool {
    if value < 0x80 { return value >= 0x30 && value <= 0x39 }
    return switch Unicode.Scalar(value)?.properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }
}
