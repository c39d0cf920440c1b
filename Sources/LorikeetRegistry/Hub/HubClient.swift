// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import Logging
internal import LorikeetCheckpoints

#if canImport(FoundationNetworking)
  internal import FoundationNetworking
#endif

/// What a hub is asked: the files of a revision, what is known of a file, its content.
final class HubClient {
  /// A commit and the files in it.
  struct Listing {
    let commit: String
    let files: [String]
  }

  /// A file as the hub announces it.
  struct File {
    let name: String
    /// The SHA-256 of large files, git's SHA-1 of others.
    let etag: String
    /// In bytes, if it is told.
    let size: Int?
  }

  /// How often a request is tried before it has failed for good.
  private static let attempts = 5
  private static let longestAnswer = 64 << 20
  private static let longestFile = 1 << 40

  private let name: HubName
  private let connection: HubConnection
  private let logger: Logger?
  private let wait: (Double) -> Void

  /// - Parameter wait: lets so many seconds pass.
  init(
    _ name: HubName, _ settings: HubSettings, logger: Logger?, wait: @escaping (Double) -> Void
  ) throws(HubError) {
    self.name = name
    self.logger = logger
    self.wait = wait
    connection = try HubConnection(settings)
  }

  func listing() throws(HubError) -> Listing {
    let kind = name.kind == .dataset ? "datasets" : "models"
    let path =
      "/api/\(kind)/\(Self.encoded(name.repository))/revision/"
      + Self.encoded(name.revision, slashes: false)
    let body = try retrying { () throws(HubConnection.Failure) in
      var body = Data()
      _ = try connection.send("GET", path) { _, data in
        body.append(data)
        guard body.count <= Self.longestAnswer else {
          throw HubError.answer(path: path, reason: "the answer is too long")
        }
      }
      return body
    }
    let answer: Answer
    do {
      answer = try JSONFile.decode(text: String(decoding: body, as: UTF8.self), path: path)
    } catch { throw .answer(path: path, reason: "the answer cannot be read: \(error)") }
    guard HubPath.isHash(answer.sha, digits: 40) else {
      throw .answer(path: path, reason: "the answer names no commit")
    }
    let files = (answer.siblings ?? []).map(\.rfilename)
    for file in files where !HubPath.isRelative(file) {
      throw .answer(path: path, reason: "the answer names a file \"\(file)\", no path of a file")
    }
    return Listing(commit: answer.sha.lowercased(), files: files)
  }

  private struct Answer: Decodable {
    struct Sibling: Decodable { let rfilename: String }
    let sha: String
    let siblings: [Sibling]?
  }

  func describe(_ file: String, at commit: String) throws(HubError) -> File {
    let path = path(file, commit)
    let reply = try retrying { () throws(HubConnection.Failure) in
      // Where large files lie is another host's business; the hub itself says what they are.
      try connection.send(
        "HEAD", path, isLast: { $0.value(forHTTPHeaderField: "X-Linked-Etag") != nil },
        receive: { _, _ in })
    }
    if let served = reply.value(forHTTPHeaderField: "X-Repo-Commit"), served != commit {
      throw .answer(path: path, reason: "is of commit \(served)")
    }
    let linked = reply.value(forHTTPHeaderField: "X-Linked-Etag")
    guard let etag = (linked ?? reply.value(forHTTPHeaderField: "ETag")).map(Self.unquoted),
      HubPath.isFileName(etag)
    else { throw .answer(path: path, reason: "has no ETag") }
    let length = reply.value(
      forHTTPHeaderField: linked == nil ? "Content-Length" : "X-Linked-Size")
    let size = length.flatMap { Int($0) }
    guard (0...Self.longestFile).contains(size ?? 0) else {
      throw .answer(path: path, reason: "has a length of \(length ?? "") bytes")
    }
    return File(name: file, etag: etag, size: size)
  }

  /// Gets the rest of a file into what is there of it. A connection that breaks is taken up where it
  /// broke.
  func download(
    _ file: File, at commit: String, into partial: PartialFile,
    progress: @escaping (_ bytes: Int) -> Void
  ) throws(HubError) {
    let path = path(file.name, commit)
    var tries = 0
    if let size = file.size, partial.length > size { try partial.truncate() }
    while true {
      if file.size == nil { try partial.truncate() }
      let start = partial.length
      if start == file.size { return }
      partial.begin()
      do throws(HubConnection.Failure) {
        _ = try connection.send("GET", path, offset: start) { reply, data in
          try partial.append(data, of: reply, limit: file.size, path: path)
          progress(partial.length)
        }
        guard let size = file.size else { return }
        if partial.length == size { return }
        throw .lost(
          .content(file: path, reason: "ended after \(partial.length) of \(size) bytes"))
      } catch {
        // A connection that brings something each time may break as often as it likes.
        tries = partial.length > start ? 1 : tries + 1
        if case .noSuchRange = error { try partial.truncate() }
        try pause(after: error, tries: tries, path: path)
      }
    }
  }

  // MARK: Tries

  private func retrying<Value>(
    _ body: () throws(HubConnection.Failure) -> Value
  ) throws(HubError) -> Value {
    var tries = 0
    while true {
      do throws(HubConnection.Failure) { return try body() } catch {
        tries += 1
        try pause(after: error, tries: tries, path: name.description)
      }
    }
  }

  /// Waits before the next try, or throws if there is to be none.
  private func pause(
    after failure: HubConnection.Failure, tries: Int, path: String
  ) throws(HubError) {
    switch failure {
    case .final(let error): throw error
    case .noSuchRange:
      guard tries < Self.attempts else {
        throw .answer(path: path, reason: "status 416 for a part of the file")
      }
    case .lost(let error, let after):
      let seconds = max(after ?? 0, 0.5 * Double(1 << min(tries - 1, 4)))
      guard tries < Self.attempts, seconds <= 60 else { throw error }
      logger?.notice("\(error); trying again")
      wait(seconds)
    }
  }

  // MARK: Texts

  /// The address of a file's content, below the endpoint.
  private func path(_ file: String, _ commit: String) -> String {
    (name.kind == .dataset ? "/datasets/" : "/")
      + "\(Self.encoded(name.repository))/resolve/\(commit)/\(Self.encoded(file))"
  }

  private static func encoded(_ text: String, slashes: Bool = true) -> String {
    let letters = "abcdefghijklmnopqrstuvwxyz"
    let plain = CharacterSet(
      charactersIn: letters + letters.uppercased() + "0123456789-._~" + (slashes ? "/" : ""))
    return text.addingPercentEncoding(withAllowedCharacters: plain) ?? text
  }

  /// An ETag without its quotes and the mark of a weak one.
  private static func unquoted(_ etag: String) -> String {
    let strong = etag.hasPrefix("W/") ? String(etag.dropFirst(2)) : etag
    return strong.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
  }
}
