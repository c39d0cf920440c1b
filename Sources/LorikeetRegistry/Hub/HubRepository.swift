// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// The place of a repository in the cache, laid out as Hugging Face's client does it:
///
///     models--ORG--NAME/refs/main               the commit that the branch was at
///     models--ORG--NAME/blobs/ETAG              contents
///     models--ORG--NAME/snapshots/COMMIT/FILE   a link to a blob
///     .locks/models--ORG--NAME/ETAG.lock        held while a blob is written
struct HubRepository {
  let path: String
  private let locks: String

  init(_ name: HubName, cache: String) {
    let kind = name.kind == .model ? "models" : "datasets"
    let folder = kind + "--" + name.repository.split(separator: "/").joined(separator: "--")
    path = cache + "/" + folder
    locks = cache + "/.locks/" + folder
  }

  func snapshot(_ commit: String) -> String { path + "/snapshots/" + commit }
  func blob(_ etag: String) -> String { path + "/blobs/" + etag }

  /// The directory of the commit that a revision was at when it was last fetched.
  func snapshot(of revision: String) -> String? {
    let reference = try? String(contentsOfFile: path + "/refs/" + revision, encoding: .utf8)
    let commit = reference?.trimmingCharacters(in: .whitespacesAndNewlines) ?? revision
    guard HubPath.isFileName(commit), ModelLocation.isDirectory(snapshot(commit)) else {
      return nil
    }
    return snapshot(commit)
  }

  /// Whether a snapshot has a file, its content included.
  func has(_ file: String, at commit: String) -> Bool {
    FileManager.default.fileExists(atPath: snapshot(commit) + "/" + file)
  }

  /// Notes which commit a revision is at.
  func record(_ commit: String, as revision: String) throws(HubError) {
    guard revision != commit else { return }
    let reference = path + "/refs/" + revision
    guard (try? String(contentsOfFile: reference, encoding: .utf8)) != commit else { return }
    try Self.makeDirectory(of: reference)
    do { try AtomicFile.write(commit, to: reference) } catch { throw .file(error) }
  }

  /// Makes a file of a snapshot lead to a blob.
  func link(_ file: String, at commit: String, to etag: String) throws(HubError) {
    let link = snapshot(commit) + "/" + file
    try Self.makeDirectory(of: link)
    let up = String(repeating: "../", count: file.split(separator: "/").count + 1)
    let target = up + "blobs/" + etag
    // Made under another name and renamed, so that one that was there is replaced at once.
    let temporary = link + ".\(getpid()).partial"
    unlink(temporary)
    guard symlink(target, temporary) == 0, rename(temporary, link) == 0 else {
      let code = errno
      unlink(temporary)
      throw .file(FileError(path: link, errno: code, action: "link"))
    }
  }

  /// Waits until no other process writes a blob; the lock ends with the object that is returned.
  func lock(_ etag: String) throws(HubError) -> FileHandle {
    let path = locks + "/" + etag + ".lock"
    try Self.makeDirectory(of: path)
    let descriptor = open(path, O_RDWR | O_CREAT, 0o644)
    guard descriptor >= 0 else {
      throw .file(FileError(path: path, errno: errno, action: "open"))
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    while flock(descriptor, LOCK_EX) != 0 {
      // File systems without locks have to do without.
      guard errno == EINTR else { break }
    }
    return handle
  }

  static func makeDirectory(of path: String) throws(HubError) {
    let directory = (path as NSString).deletingLastPathComponent
    do {
      try FileManager.default.createDirectory(
        atPath: directory, withIntermediateDirectories: true)
    } catch {
      throw .file(
        FileError(path: directory, reason: "cannot be made: \(error.localizedDescription)"))
    }
  }
}
