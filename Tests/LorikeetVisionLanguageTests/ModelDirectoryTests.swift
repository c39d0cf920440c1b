// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTestSupport
import LorikeetVisionLanguage
import Testing

@Suite struct ModelDirectoryTests {
  @Test func weightsThatAreNotNumbersAreNamed() throws {
    let directory = NSTemporaryDirectory() + "lorikeet-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try TinyModel.write(to: directory)
    _ = try ModelDirectory(directory).load()
    // The last value of the file, in float32.
    let file = directory + "/model.safetensors"
    var bytes = try Data(contentsOf: URL(filePath: file))
    bytes.replaceSubrange(bytes.count - 4..<bytes.count, with: [0, 0, 0xC0, 0x7F])
    try bytes.write(to: URL(filePath: file))
    let error = #expect(throws: CheckpointError.self) { try ModelDirectory(directory).load() }
    let text = try #require(error?.description)
    #expect(text.hasPrefix(directory + ": tensor "))
    #expect(text.hasSuffix(": holds values that are not finite"))
  }
}
