// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Comma-separated values as RFC 4180 defines them: quoted fields may hold commas, line ends and
/// doubled quotes; lines end with LF or CRLF.
enum CSV {
  struct Record: Equatable {
    /// The line on which the record begins, from 1.
    var line: Int
    var fields: [String]
  }

  static func parse(_ data: Data, file: String) throws(DatasetError) -> [Record] {
    var bytes = [UInt8](data)[...]
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
    var records: [Record] = []
    var line = 1
    while !bytes.isEmpty {
      var record = Record(line: line, fields: [])
      var more = true
      while more {
        record.fields.append(try field(&bytes, line: &line, start: record.line, file: file))
        more = bytes.first == comma
        if more { bytes.removeFirst() }
      }
      if bytes.first == carriageReturn { bytes.removeFirst() }
      if bytes.first == lineFeed {
        bytes.removeFirst()
        line += 1
      } else if !bytes.isEmpty {
        throw .malformed(
          file: file, line: line, reason: "text after a closing quote, expected a comma")
      }
      // A line with nothing on it is no record.
      if record.fields != [""] { records.append(record) }
    }
    return records
  }

  private static let comma = UInt8(ascii: ",")
  private static let quote = UInt8(ascii: "\"")
  private static let lineFeed = UInt8(ascii: "\n")
  private static let carriageReturn = UInt8(ascii: "\r")

  private static func field(
    _ bytes: inout ArraySlice<UInt8>, line: inout Int, start: Int, file: String
  ) throws(DatasetError) -> String {
    var value: [UInt8] = []
    if bytes.first == quote {
      bytes.removeFirst()
      while true {
        guard let byte = bytes.popFirst() else {
          throw .malformed(file: file, line: start, reason: "a quoted field does not end")
        }
        if byte == lineFeed { line += 1 }
        if byte == quote {
          guard bytes.first == quote else { break }
          bytes.removeFirst()
        }
        value.append(byte)
      }
    } else {
      while let byte = bytes.first, byte != comma, byte != lineFeed {
        if byte == carriageReturn, bytes.dropFirst().first.map({ $0 == lineFeed }) ?? true { break }
        guard byte != quote else {
          throw .malformed(
            file: file, line: line, reason: "a quote inside a field that does not begin with one")
        }
        value.append(byte)
        bytes.removeFirst()
      }
    }
    guard let text = String(validating: value, as: UTF8.self) else {
      throw .malformed(file: file, line: start, reason: "not UTF-8")
    }
    return text
  }
}
