// SPDX-License-Identifier: Apache-2.0

/// Decompression of DEFLATE data.
///
/// Source: RFC 1951, DEFLATE Compressed Data Format Specification, P. Deutsch, 1996.
enum Inflate {
  struct Failure: Error {
    let reason: String
  }

  /// Unpacks data that must give exactly `count` bytes.
  static func decompress(_ input: [UInt8], count: Int) throws(Failure) -> [UInt8] {
    var bits = BitReader(input)
    var output = [UInt8](repeating: 0, count: count)
    var position = 0
    var isLast = false
    while !isLast {
      isLast = try bits.read(1) == 1
      switch try bits.read(2) {
      case 0: try copyStored(&bits, &output, &position)
      case 1: try decode(&bits, fixedLiterals, fixedDistances, &output, &position)
      case 2:
        let (literals, distances) = try readTables(&bits)
        try decode(&bits, literals, distances, &output, &position)
      default: throw Failure(reason: "a block of an unknown kind")
      }
    }
    guard position == count else {
      throw Failure(reason: "it gives \(position) bytes, expected \(count)")
    }
    return output
  }

  private static func copyStored(
    _ bits: inout BitReader, _ output: inout [UInt8], _ position: inout Int
  ) throws(Failure) {
    bits.alignToByte()
    let length = Int(try bits.read(16))
    guard length == Int(~UInt16(try bits.read(16))) else {
      throw Failure(reason: "a stored block has a false length")
    }
    guard length <= output.count - position else { throw tooLong }
    for _ in 0..<length {
      output[position] = UInt8(try bits.read(8))
      position += 1
    }
  }

  /// Decodes literals and references until the end of the block.
  private static func decode(
    _ bits: inout BitReader, _ literals: HuffmanTable, _ distances: HuffmanTable,
    _ output: inout [UInt8], _ position: inout Int
  ) throws(Failure) {
    while true {
      let symbol = try literals.decode(&bits)
      if symbol < 256 {
        guard position < output.count else { throw tooLong }
        output[position] = UInt8(symbol)
        position += 1
        continue
      }
      if symbol == 256 { return }
      guard symbol < 286 else { throw Failure(reason: "an unknown length") }
      let length =
        lengthBase[symbol - 257] + Int(try bits.read(lengthBits[symbol - 257]))
      let code = try distances.decode(&bits)
      guard code < 30 else { throw Failure(reason: "an unknown distance") }
      let distance = distanceBase[code] + Int(try bits.read(distanceBits[code]))
      guard distance <= position else { throw Failure(reason: "a reference before the start") }
      guard length <= output.count - position else { throw tooLong }
      // The source may overlap what is written, which repeats it.
      for _ in 0..<length {
        output[position] = output[position - distance]
        position += 1
      }
    }
  }

  /// The tables of a block that brings its own (RFC 1951, section 3.2.7).
  private static func readTables(
    _ bits: inout BitReader
  ) throws(Failure) -> (literals: HuffmanTable, distances: HuffmanTable) {
    let literalCount = Int(try bits.read(5)) + 257
    let distanceCount = Int(try bits.read(5)) + 1
    let codeCount = Int(try bits.read(4)) + 4
    var codeLengths = [UInt8](repeating: 0, count: 19)
    for index in 0..<codeCount { codeLengths[order[index]] = UInt8(try bits.read(3)) }
    let codes = try HuffmanTable(codeLengths)
    var lengths: [UInt8] = []
    while lengths.count < literalCount + distanceCount {
      switch try codes.decode(&bits) {
      case let length where length < 16: lengths.append(UInt8(length))
      case 16:
        guard let last = lengths.last else { throw Failure(reason: "a repetition of nothing") }
        lengths += Array(repeating: last, count: 3 + Int(try bits.read(2)))
      case 17: lengths += Array(repeating: 0, count: 3 + Int(try bits.read(3)))
      default: lengths += Array(repeating: 0, count: 11 + Int(try bits.read(7)))
      }
    }
    guard lengths.count == literalCount + distanceCount else {
      throw Failure(reason: "too many code lengths")
    }
    return (
      try HuffmanTable(Array(lengths[..<literalCount])),
      try HuffmanTable(Array(lengths[literalCount...]))
    )
  }

  private static let tooLong = Failure(reason: "it gives more bytes than it states")
  private static let order = [
    16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
  ]
  private static let lengthBase = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131,
    163, 195, 227, 258,
  ]
  private static let lengthBits = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ]
  private static let distanceBase = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537,
    2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
  ]
  private static let distanceBits = [
    0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13,
    13,
  ]
  private static let fixedLiterals = HuffmanTable(
    complete: (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
  private static let fixedDistances = HuffmanTable(complete: Array(repeating: 5, count: 30))
}

/// Bits, the lowest of each byte first.
private struct BitReader {
  private let bytes: [UInt8]
  private var next = 0
  private var buffer: UInt64 = 0
  private(set) var available = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// Fills the buffer to at least 48 bits, or to the end of the data.
  mutating func refill() {
    while available <= 48, next < bytes.count {
      buffer |= UInt64(bytes[next]) << UInt64(available)
      next += 1
      available += 8
    }
  }

  /// The next bits without taking them; zeros beyond the end.
  var peeked: UInt64 { buffer }

  mutating func skip(_ count: Int) throws(Inflate.Failure) {
    guard count <= available else { throw Inflate.Failure(reason: "it ends too early") }
    buffer >>= UInt64(count)
    available -= count
  }

  /// Takes up to 16 bits.
  mutating func read(_ count: Int) throws(Inflate.Failure) -> UInt32 {
    if available < count { refill() }
    let value = UInt32(truncatingIfNeeded: buffer & (1 << UInt64(count) - 1))
    try skip(count)
    return value
  }

  mutating func alignToByte() {
    let count = available % 8
    buffer >>= UInt64(count)
    available -= count
  }
}

/// A canonical Huffman code: a table for the short codes, a search by length for the long ones.
private struct HuffmanTable {
  private static let quickBits = 10
  /// By the next 10 bits: symbol << 4 | length; 0 for codes that are longer or not in use.
  private var quick: [UInt16]
  /// How many codes each length has.
  private var counts = [Int](repeating: 0, count: 16)
  /// The symbols by length, then by value.
  private var symbols: [UInt16]

  /// - Throws: if the lengths ask for more codes than there are.
  init(_ lengths: [UInt8]) throws(Inflate.Failure) {
    self.init(complete: lengths)
    var left = 1
    for length in 1...15 {
      left = left * 2 - counts[length]
      guard left >= 0 else { throw Inflate.Failure(reason: "a code with too many symbols") }
    }
  }

  /// For lengths that are known to be right; too many codes do no harm to memory.
  init(complete lengths: [UInt8]) {
    quick = [UInt16](repeating: 0, count: 1 << Self.quickBits)
    for length in lengths where length > 0 { counts[Int(length)] += 1 }
    symbols = []
    for length in 1...15 where counts[length] > 0 {
      for (symbol, own) in lengths.enumerated() where own == length {
        symbols.append(UInt16(symbol))
      }
    }
    var code = 0
    var index = 0
    for length in 1...Self.quickBits {
      code <<= 1
      for _ in 0..<counts[length] where code < 1 << length {
        // Codes come with their highest bit first, the reader has the first bit lowest.
        var reversed = 0
        for bit in 0..<length { reversed |= (code >> bit & 1) << (length - 1 - bit) }
        let entry = symbols[index] << 4 | UInt16(length)
        for slot in stride(from: reversed, to: quick.count, by: 1 << length) { quick[slot] = entry }
        code += 1
        index += 1
      }
    }
  }

  func decode(_ bits: inout BitReader) throws(Inflate.Failure) -> Int {
    bits.refill()
    let entry = quick[Int(truncatingIfNeeded: bits.peeked & UInt64(quick.count - 1))]
    if entry != 0 {
      try bits.skip(Int(entry & 15))
      return Int(entry >> 4)
    }
    var code = 0
    var first = 0
    var index = 0
    for length in 1...15 {
      code |= Int(truncatingIfNeeded: bits.peeked >> UInt64(length - 1) & 1)
      if code - first < counts[length] {
        try bits.skip(length)
        return Int(symbols[index + code - first])
      }
      index += counts[length]
      first = (first + counts[length]) << 1
      code <<= 1
    }
    throw Inflate.Failure(reason: "a code that is not in use")
  }
}
