// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetTensors

/// The course of a training run, `metrics.jsonl`: one JSON object a line, appended as it happens.
///
/// Every line has `step`, then `split`, then what was measured, in the order given. Each line
/// reaches the operating system whole, in one write, so a killed run leaves at most its last line
/// cut short.
public final class MetricsLog {
  public let path: String
  private let descriptor: Int32

  /// Starts a new log, or continues one.
  ///
  /// - Parameter step: the step that training resumes from: the log is cut before its first line of
  ///   a later step, and a cut-short last line goes as well. Nil empties the file.
  /// - Throws: `FileError` if the file cannot be written, or is to be continued and a line of it is
  ///   not a JSON object with a whole number `step`; the file is then left as it is.
  public init(path: String, resumingFrom step: Int? = nil) throws(FileError) {
    self.path = path
    var kept = 0
    if let step, FileManager.default.fileExists(atPath: path) {
      kept = try MetricsLog.length(path: path, upTo: step)
    }
    descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError(path: path, errno: errno, action: "write") }
    guard ftruncate(descriptor, off_t(kept)) == 0 else {
      let code = errno
      close(descriptor)
      throw FileError(path: path, errno: code, action: "shorten")
    }
  }

  deinit { close(descriptor) }

  /// Appends one line.
  ///
  /// - Parameters:
  ///   - step: the number of optimiser steps done.
  ///   - split: "train", "validation" or the like.
  ///   - values: loss, learning_rate, seconds and so on.
  /// - Throws: `FileError` if the line cannot be written.
  public func append(step: Int, split: String, _ values: JSONLine) throws(FileError) {
    var line = JSONLine([("step", .int(step)), ("split", .string(split))])
    line.pairs += values.pairs
    var bytes = Array((line.description + "\n").utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw FileError(path: path, errno: errno, action: "write")
      }
      bytes = bytes.dropFirst(count)
    }
  }

  /// The bytes of the lines before the first of a later step than `last`.
  private static func length(path: String, upTo last: Int) throws(FileError) -> Int {
    let storage = try Storage.mapping(path: path)
    let result: Result<Int, FileError> = storage.withBytes { bytes in
      var start = 0
      var number = 1
      while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
        let object = try? JSONSerialization.jsonObject(with: Data(bytes[start..<end]))
        guard let step = (object as? [String: Any])?["step"] as? Int else {
          return .failure(
            FileError(
              path: path,
              reason: "line \(number) is not a JSON object with a whole number 'step'"))
        }
        if step > last { break }
        start = end + 1
        number += 1
      }
      return .success(start)
    }
    return try result.get()
  }
}
