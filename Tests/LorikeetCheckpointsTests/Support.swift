// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import Testing

/// A directory that goes when the object goes.
final class Scratch {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "lorikeet-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
    try Data(bytes).write(to: URL(filePath: path + "/" + name))
    return path + "/" + name
  }
}

/// The bytes of a file.
func bytes(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: path))) }

/// Expects `body` to throw a `CheckpointError` of one line that names `path` and has all `parts`.
func expectError(
  _ path: String, _ parts: String..., at location: SourceLocation = #_sourceLocation,
  _ body: () throws -> Void
) {
  let error = #expect(throws: CheckpointError.self, sourceLocation: location) { try body() }
  guard let text = error.map(String.init(describing:)) else { return }
  #expect(text.hasPrefix(path), "\(text)", sourceLocation: location)
  for part in parts { #expect(text.contains(part), "\(text)", sourceLocation: location) }
}

extension StoredTensor {
  var values: [Float] { tensor().values }
}

/// Expects equal lists, and tells where they differ first.
func expectEqual<Value: Equatable>(
  _ found: [Value], _ expected: [Value], at location: SourceLocation = #_sourceLocation
) {
  #expect(found.count == expected.count, sourceLocation: location)
  if let index = zip(found, expected).enumerated().first(where: { $1.0 != $1.1 })?.offset {
    Issue.record(
      "value \(index) is \(found[index]), expected \(expected[index])", sourceLocation: location)
  }
}
