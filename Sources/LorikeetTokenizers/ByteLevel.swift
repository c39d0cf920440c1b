// SPDX-License-Identifier: Apache-2.0

/// The printable stand-ins that byte-level vocabularies use for bytes.
///
/// Bytes that are printable in Latin-1 stand for themselves; the 68 others, in order, for U+0100
/// and following. Source: GPT-2's `bytes_to_unicode`.
enum ByteAlphabet {
  /// Each byte's stand-in in UTF-8.
  static let encoded: [[UInt8]] = scalars.map { scalar in
    var bytes: [UInt8] = []
    bytes.append(scalar: scalar)
    return bytes
  }

  static let scalars: [Unicode.Scalar] = {
    var next: UInt8 = 0
    return (0...255).map { (byte: UInt8) in
      switch byte {
      case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: return Unicode.Scalar(byte)
      default:
        defer { next += 1 }
        return Unicode.Scalar(0x100 + UInt16(next)) ?? Unicode.Scalar(byte)
      }
    }
  }()

  /// The byte that a scalar stands for, or -1.
  private static let bytes: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x150)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar.value)] = Int16(byte) }
    return table
  }()

  static func byte(of scalar: UInt32) -> UInt8? {
    guard scalar < 0x150, bytes[Int(scalar)] >= 0 else { return nil }
    return UInt8(bytes[Int(scalar)])
  }

  /// The bytes that a token stands for; nil if it has a character that stands for none.
  static func decode(_ token: [UInt8]) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(token.count)
    var index = 0
    while index < token.count {
      let (scalar, next) = token.scalar(at: index, end: token.count)
      guard let byte = byte(of: scalar) else { return nil }
      result.append(byte)
      index = next
    }
    return result
  }
}

/// Cuts by GPT-2's pattern, if asked to, and writes bytes as their printable stand-ins.
struct ByteLevelPreTokenizer: PreTokenizer {
  let addPrefixSpace: Bool
  let usesPattern: Bool

  func split(_ pieces: Pieces) -> Pieces {
    var pieces = pieces
    if addPrefixSpace {
      pieces = pieces.rewritten { text, range, _, result in
        if text[range.lowerBound] != 0x20 { result.append(0x20) }
        result.append(contentsOf: text[range])
      }
    }
    if usesPattern {
      pieces = pieces.cut { text, range, keep in
        PatternScanner.gpt2.forEachMatch(in: text, range, keep)
      }
    }
    let alphabet = ByteAlphabet.encoded
    return pieces.rewritten { text, range, _, result in
      for index in range {
        let byte = text[index]
        if byte > 0x20, byte < 0x7F {
          result.append(byte)
        } else {
          result.append(contentsOf: alphabet[Int(byte)])
        }
      }
    }
  }
}

/// Joins all tokens and turns the stand-ins back into bytes.
struct ByteLevelDecoder: TokenDecoder {
  func decode(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var bytes: [UInt8] = []
    for token in tokens { bytes.append(contentsOf: ByteAlphabet.decode(token) ?? token) }
    // Bytes that are no UTF-8 become U+FFFD here, as in the reference library.
    return [Array(bytes.text.utf8)]
  }
}
