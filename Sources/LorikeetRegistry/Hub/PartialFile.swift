// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

#if canImport(FoundationNetworking)
  internal import FoundationNetworking
#endif

/// A download as far as it has come. It stays when the work breaks off, and is gone on with next time.
final class PartialFile {
  let path: String
  private let descriptor: Int32
  /// Whether the present reply has been looked at.
  private var hasBegun = false
  private(set) var length: Int

  init(path: String) throws(HubError) {
    self.path = path
    descriptor = open(path, O_RDWR | O_CREAT, 0o644)
    guard descriptor >= 0 else {
      throw .file(FileError(path: path, errno: errno, action: "write"))
    }
    length = Int(lseek(descriptor, 0, SEEK_END))
  }

  deinit { close(descriptor) }

  func truncate() throws(HubError) {
    guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
      throw .file(FileError(path: path, errno: errno, action: "write"))
    }
    length = 0
  }

  /// Prepares for the content of a reply.
  func begin() { hasBegun = false }

  /// Adds a piece of a reply's content.
  ///
  /// - Parameter limit: the bytes that the whole file has.
  func append(
    _ data: Data, of reply: HTTPURLResponse, limit: Int?, path name: String
  ) throws(HubError) {
    if !hasBegun {
      hasBegun = true
      if reply.statusCode != 206 {
        // The whole content, whatever part of it was asked for.
        if length > 0 { try truncate() }
      } else if reply.value(forHTTPHeaderField: "Content-Range")?.hasPrefix("bytes \(length)-")
        != true
      {
        throw .answer(path: name, reason: "another part of the file came than was asked for")
      }
    }
    guard data.count <= (limit ?? .max) - length else {
      throw .content(file: name, reason: "is longer than the \(limit ?? 0) bytes announced")
    }
    var rest = data[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        throw .file(FileError(path: path, errno: errno, action: "write"))
      }
      rest = rest.dropFirst(count)
      length += count
    }
  }

  /// Gives the file, which is complete, its name.
  func commit(to final: String) throws(HubError) {
    guard fsync(descriptor) == 0 || errno == EINVAL, rename(path, final) == 0 else {
      throw .file(FileError(path: final, errno: errno, action: "write"))
    }
  }
}
