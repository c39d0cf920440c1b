// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetRegistry
import LorikeetTestSupport
import Testing

struct RegistryArchiveTests {
  private let path = Fixtures.path("checkpoints/tiny-llama.zip")

  @Test(arguments: ["pack/stored.gguf", "pack/deflated.gguf", "pack/fixed.gguf"])
  func unpacksWhatPythonPacked(member: String) throws {
    let expected = try contents(Fixtures.path("checkpoints/tiny-llama.gguf"))
    #expect(try ZipArchive(path: path).contents(of: member) == expected)
  }

  @Test func unpacksLongRunsAndNothing() throws {
    let archive = try ZipArchive(path: path)
    #expect(try archive.contents(of: "pack/empty").isEmpty)
    let text = (0..<20000).map { "\($0 % 100)," }.joined()
    #expect(try archive.contents(of: "pack/text") == Array(text.utf8))
    let error = #expect(throws: RegistryError.self) { try archive.contents(of: "pack/none") }
    #expect(error?.description == "\(path): holds no pack/none")
  }

  @Test func checksumsAreThePublishedOnes() throws {
    #expect(CRC32.checksum(Array("123456789".utf8)) == 0xCBF4_3926)
    let scratch = try RegistryScratch()
    #expect(
      try Checksum.sha256(of: scratch.file("abc", "abc".utf8))
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }

  @Test func damageThrowsAndNeverTraps() throws {
    let scratch = try RegistryScratch()
    let whole = try contents(path)
    for count in stride(from: 0, to: whole.count, by: 997) {
      let cut = try scratch.file("cut", whole.prefix(count))
      #expect(throws: RegistryError.self) {
        try ZipArchive(path: cut).contents(of: "pack/deflated.gguf")
      }
    }
    var damaged = 0
    for index in stride(from: 0, to: whole.count, by: 61) {
      var copy = whole
      copy[index] ^= UInt8(1 << (index % 8))
      let flipped = try scratch.file("flipped", copy)
      do {
        for member in ["pack/deflated.gguf", "pack/fixed.gguf", "pack/text"] {
          _ = try ZipArchive(path: flipped).contents(of: member)
        }
      } catch { damaged += 1 }
    }
    #expect(damaged > 100)
    let text = try scratch.file("text", "no zip file at all, but long enough".utf8)
    let error = #expect(throws: RegistryError.self) { try ZipArchive(path: text).contents(of: "x") }
    #expect(error?.description == "\(text): is not a zip file")
  }
}
