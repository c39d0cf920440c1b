// SPDX-License-Identifier: Apache-2.0

/// What a bracket of a regular expression lets through: general categories, white space, ranges, or
/// all but these.
struct ScalarSet: Sendable {
  /// One bit for each of Unicode's general categories.
  private(set) var categories: UInt32 = 0
  /// Facts any of which is enough: `ScalarFacts.space`, `ScalarFacts.alphabetic`.
  private(set) var facts: UInt8 = 0
  private(set) var ranges: [ClosedRange<UInt32>] = []
  private(set) var isNegated = false
  /// The answers for ASCII.
  fileprivate private(set) var ascii: (UInt64, UInt64) = (0, 0)

  init() {}

  init(_ range: ClosedRange<UInt32>) {
    insert(range)
    finish()
  }

  mutating func insert(_ range: ClosedRange<UInt32>) { ranges.append(range) }
  mutating func insert(categories: UInt32) { self.categories |= categories }
  mutating func insertSpace() { facts |= ScalarFacts.space }

  /// `\w`: alphabetic characters, marks, digits and connectors; and the six numbers of Latin-1,
  /// which the reference library's engine counts too.
  mutating func insertWord() {
    facts |= ScalarFacts.alphabetic
    for name in ["M", "Nd", "Pc"] { categories |= ScalarSet.categories(named: name) ?? 0 }
    ranges += [0xB2...0xB3, 0xB9...0xB9, 0xBC...0xBE]
  }

  /// To be called when all is in it.
  mutating func finish(negated: Bool = false) {
    isNegated = negated
    ranges.sort { $0.lowerBound < $1.lowerBound }
    for value in UInt32(0)..<128 where compute(value) {
      if value < 64 { ascii.0 |= 1 << UInt64(value) } else { ascii.1 |= 1 << UInt64(value - 64) }
    }
  }

  @inline(__always)
  func contains(_ value: UInt32) -> Bool {
    if value < 64 { return ascii.0 >> UInt64(value) & 1 != 0 }
    if value < 128 { return ascii.1 >> UInt64(value - 64) & 1 != 0 }
    return compute(value)
  }

  private func compute(_ value: UInt32) -> Bool {
    let facts = ScalarFacts.of(value)
    if categories >> UInt32(facts & 31) & 1 != 0 { return !isNegated }
    if facts & self.facts != 0 { return !isNegated }
    for range in ranges {
      if value < range.lowerBound { break }
      if value <= range.upperBound { return !isNegated }
    }
    return isNegated
  }

  /// The categories of a property, as `L`, `Lu` or `P`; nil for others.
  static func categories(named name: String) -> UInt32? {
    var result: UInt32 = 0
    for (index, category) in ScalarFacts.names.enumerated() where category.hasPrefix(name) {
      result |= 1 << UInt32(index)
    }
    return name.isEmpty || name.utf8.count > 2 || result == 0 ? nil : result
  }
}

/// Several sets: a scalar in any of them is in it.
struct ScalarSetUnion: Sendable {
  private var ascii: (UInt64, UInt64) = (0, 0)
  private var sets: [ScalarSet] = []

  mutating func insert(_ set: ScalarSet) {
    ascii.0 |= set.ascii.0
    ascii.1 |= set.ascii.1
    sets.append(set)
  }

  mutating func insert(_ other: ScalarSetUnion) {
    for set in other.sets { insert(set) }
  }

  @inline(__always)
  func contains(_ value: UInt32) -> Bool {
    if value < 64 { return ascii.0 >> UInt64(value) & 1 != 0 }
    if value < 128 { return ascii.1 >> UInt64(value - 64) & 1 != 0 }
    return sets.contains { $0.contains(value) }
  }
}

/// A scalar's general category and whether it is white space or alphabetic, in one byte.
///
/// Characters younger than Unicode 16 count as unassigned, as in the reference library.
enum ScalarFacts {
  static let space: UInt8 = 32
  static let alphabetic: UInt8 = 64
  /// The names of the categories, in the order of their numbers.
  static let names = [
    "Cn", "Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe",
    "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co",
  ]

  private static let basicPlane: [UInt8] = (0..<0x10000).map { compute(UInt32($0)) }

  @inline(__always)
  static func of(_ value: UInt32) -> UInt8 {
    value < 0x10000 ? basicPlane[Int(value)] : compute(value)
  }

  private static func compute(_ value: UInt32) -> UInt8 {
    guard let scalar = Unicode.Scalar(value) else { return 28 }
    let properties = scalar.properties
    let category = number(properties.generalCategory)
    if category != 29, (properties.age?.major ?? .max) > 16 { return 0 }
    return category | (properties.isWhitespace ? space : 0)
      | (properties.isAlphabetic ? alphabetic : 0)
  }

  private static func number(_ category: Unicode.GeneralCategory) -> UInt8 {
    switch category {
    case .uppercaseLetter: 1
    case .lowercaseLetter: 2
    case .titlecaseLetter: 3
    case .modifierLetter: 4
    case .otherLetter: 5
    case .nonspacingMark: 6
    case .spacingMark: 7
    case .enclosingMark: 8
    case .decimalNumber: 9
    case .letterNumber: 10
    case .otherNumber: 11
    case .connectorPunctuation: 12
    case .dashPunctuation: 13
    case .openPunctuation: 14
    case .closePunctuation: 15
    case .initialPunctuation: 16
    case .finalPunctuation: 17
    case .otherPunctuation: 18
    case .mathSymbol: 19
    case .currencySymbol: 20
    case .modifierSymbol: 21
    case .otherSymbol: 22
    case .spaceSeparator: 23
    case .lineSeparator: 24
    case .paragraphSeparator: 25
    case .control: 26
    case .format: 27
    case .surrogate: 28
    case .privateUse: 29
    default: 0
    }
  }
}
