// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetTensors

/// Scalars for TensorBoard: `events.out.tfevents.SECONDS.HOST` in a directory.
///
/// The file is a sequence of records, each: length (uint64), masked CRC-32C of the length, an
/// `Event` message, masked CRC-32C of the message, integers little-endian. The first event names
/// the file version. Each record is written at once, so the plots follow the run.
public final class TensorBoardWriter {
  public let path: String
  private let descriptor: Int32
  private let now: () -> Double

  /// Creates the directory if needed, and a new file in it.
  ///
  /// - Parameters:
  ///   - step: the step that training resumes from; TensorBoard then forgets what earlier files say
  ///     of later steps.
  ///   - host: the machine's name, part of the file name.
  ///   - now: the time in seconds since 1970; the system's if nil.
  /// - Throws: `FileError` if the file cannot be created.
  public init(
    directory: String, resumingFrom step: Int? = nil, host: String? = nil,
    now: (() -> Double)? = nil
  ) throws(FileError) {
    let now = now ?? { Date().timeIntervalSince1970 }
    self.now = now
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw FileError(path: directory, reason: "cannot create the directory")
    }
    let time = now()
    let seconds = String(Int(exactly: time.rounded(.down)) ?? 0)
    let name = (host ?? ProcessInfo.processInfo.hostName).map { character in
      character.isLetter || character.isNumber || ".-_".contains(character) ? character : "-"
    }
    let base =
      directory + "/events.out.tfevents."
      + String(repeating: "0", count: max(0, 10 - seconds.count)) + seconds + "." + String(name)
    // Two runs may begin in the same second.
    var path = base
    var file = open(path, TensorBoardWriter.flags, 0o644)
    var attempt = 1
    while file < 0, errno == EEXIST, attempt < 1000 {
      path = "\(base).\(attempt)"
      file = open(path, TensorBoardWriter.flags, 0o644)
      attempt += 1
    }
    guard file >= 0 else { throw FileError(path: path, errno: errno, action: "write") }
    descriptor = file
    self.path = path
    try write(EventMessage.fileVersion(time: time))
    if let step { try write(EventMessage.sessionStart(time: time, step: Int64(step) &+ 1)) }
  }

  deinit { close(descriptor) }

  private static let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC

  /// Adds values of one step, each under a tag such as "train/loss".
  ///
  /// - Throws: `FileError` if they cannot be written.
  public func add(_ scalars: [(tag: String, value: Float)], step: Int) throws(FileError) {
    try write(EventMessage.scalars(scalars, time: now(), step: Int64(step)))
  }

  private func write(_ message: [UInt8]) throws(FileError) {
    var bytes = RecordFile.record(message)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError(path: path, errno: errno, action: "write")
      }
      bytes = bytes.dropFirst(count)
    }
  }
}

/// The framing of TFRecord files.
package enum RecordFile {
  package static func record(_ data: [UInt8]) -> [UInt8] {
    let length = littleEndian(UInt64(data.count))
    return length + littleEndian(CRC32C.masked(length)) + data
      + littleEndian(CRC32C.masked(data))
  }
}

/// The `Event` message, encoded by hand.
///
/// Five fields of three messages are all that scalars need, which is less code than a generated
/// protocol buffer and easy to check against TensorBoard's own writer:
///
///     Event      1 wall_time: double   2 step: int64   3 file_version: string
///                5 summary: Summary    7 session_log: SessionLog
///     Summary    1 value: repeated Value { 1 tag: string   2 simple_value: float }
///     SessionLog 1 status: enum (START = 1)
package enum EventMessage {
  package static func fileVersion(time: Double) -> [UInt8] {
    wallTime(time) + field(3, Array("brain.Event:2".utf8))
  }

  /// Makes the reader drop what it has of this and later steps.
  package static func sessionStart(time: Double, step: Int64) -> [UInt8] {
    wallTime(time) + stepField(step) + field(7, [0x08, 0x01])
  }

  package static func scalars(
    _ values: [(tag: String, value: Float)], time: Double, step: Int64
  ) -> [UInt8] {
    let summary = values.flatMap { tag, value in
      field(1, field(1, Array(tag.utf8)) + [2 << 3 | 5] + littleEndian(value.bitPattern))
    }
    return wallTime(time) + stepField(step) + field(5, summary)
  }

  private static func wallTime(_ time: Double) -> [UInt8] {
    [1 << 3 | 1] + littleEndian(time.bitPattern)
  }

  /// A zero is the default and not written.
  private static func stepField(_ step: Int64) -> [UInt8] {
    step == 0 ? [] : [2 << 3] + variableLength(UInt64(bitPattern: step))
  }

  /// A length-delimited field: a string or a message.
  private static func field(_ number: UInt8, _ content: [UInt8]) -> [UInt8] {
    [number << 3 | 2] + variableLength(UInt64(content.count)) + content
  }

  /// Seven bits a byte, the lowest first, the high bit set on all but the last.
  private static func variableLength(_ value: UInt64) -> [UInt8] {
    var rest = value
    var bytes: [UInt8] = []
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    return bytes + [UInt8(rest)]
  }
}

private func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
