// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import Logging

/// Fetches repositories of a hub that speaks Hugging Face's HTTP interface into the cache that Hugging
/// Face's own client uses, in its layout, so that neither fetches what the other has.
///
/// A file appears in the snapshot when all of it is there and its hash is right; a branch's name leads
/// to the snapshot when all that was asked for is.
public struct HubPuller: Sendable {
  /// How much has come of how much, in bytes.
  public struct Progress: Sendable, Equatable {
    public let done: Int
    public let total: Int
  }

  public let settings: HubSettings
  private let logger: Logger?
  private let wait: @Sendable (Double) -> Void

  /// - Parameters:
  ///   - logger: hears of what happens.
  ///   - wait: lets so many seconds pass, before another try; sleeps if nil.
  public init(
    settings: HubSettings = .standard, logger: Logger? = nil,
    wait: (@Sendable (Double) -> Void)? = nil
  ) {
    self.settings = settings
    self.logger = logger
    self.wait = wait ?? { Thread.sleep(forTimeInterval: $0) }
  }

  /// Gets the files of a revision that are not in the cache yet.
  ///
  /// - Parameters:
  ///   - force: whether to get also those that are.
  ///   - progress: is called as bytes arrive, on another thread, while this one waits.
  /// - Returns: the snapshot's directory.
  public func pull(
    _ name: HubName, _ selection: HubSelection = HubSelection(), force: Bool = false,
    progress: @escaping (Progress) -> Void = { _ in }
  ) throws(HubError) -> RegistryPuller.Outcome {
    let repository = HubRepository(name, cache: settings.cache)
    if settings.isOffline {
      guard let directory = repository.snapshot(of: name.revision) else {
        throw .offline(name: name.description, cache: settings.cache)
      }
      return .alreadyThere(directory: directory)
    }
    let client = try HubClient(name, settings, logger: logger, wait: wait)
    let listing = try client.listing()
    let commit = listing.commit
    let files = selection.files(of: listing.files, kind: name.kind)
    guard !files.isEmpty else { throw .nothingSelected(name: name.description) }
    if name.kind == .model, selection.include.isEmpty,
      !files.contains(where: { $0.hasSuffix(".safetensors") })
    {
      logger?.warning(
        "\(name): no weights in safetensors files; others can be had with --include")
    }
    let directory = repository.snapshot(commit)
    let absent = files.filter { force || !repository.has($0, at: commit) }
    var described: [HubClient.File] = []
    for file in absent { described.append(try client.describe(file, at: commit)) }
    let total = described.reduce(0) { $0.addingReportingOverflow($1.size ?? 0).partialValue }
    var done = 0
    for file in described {
      let before = done
      try fetch(file, commit, repository, client, force: force) {
        progress(Progress(done: before + $0, total: total))
      }
      done += file.size ?? 0
      progress(Progress(done: done, total: total))
    }
    try repository.record(commit, as: name.revision)
    return absent.isEmpty ? .alreadyThere(directory: directory) : .pulled(directory: directory)
  }

  /// Puts a file into the snapshot, fetched only if no other snapshot has it.
  private func fetch(
    _ file: HubClient.File, _ commit: String, _ repository: HubRepository, _ client: HubClient,
    force: Bool, progress: @escaping (Int) -> Void
  ) throws(HubError) {
    let blob = repository.blob(file.etag)
    try HubRepository.makeDirectory(of: blob)
    let lock = try repository.lock(file.etag)
    defer { try? lock.close() }
    if force || !FileManager.default.fileExists(atPath: blob) {
      let partial = try PartialFile(path: blob + ".incomplete")
      if force { try partial.truncate() }
      let wasBegun = partial.length > 0
      try client.download(file, at: commit, into: partial, progress: progress)
      var reason = try mismatch(file, partial)
      if reason != nil, wasBegun {
        // What was there before may have been of something else.
        try partial.truncate()
        try client.download(file, at: commit, into: partial, progress: progress)
        reason = try mismatch(file, partial)
      }
      if let reason {
        unlink(partial.path)
        throw .content(file: file.name, reason: reason)
      }
      try partial.commit(to: blob)
    }
    try repository.link(file.name, at: commit, to: file.etag)
  }

  /// Why the content is not what the hub announced; nil if it is, or if its ETag is no hash.
  private func mismatch(
    _ file: HubClient.File, _ partial: PartialFile
  ) throws(HubError) -> String? {
    let (kind, found): (String, String)
    do {
      switch file.etag {
      case let etag where HubPath.isHash(etag, digits: 64):
        (kind, found) = ("SHA-256", try Checksum.sha256(of: partial.path))
      case let etag where HubPath.isHash(etag, digits: 40):
        (kind, found) = ("git SHA-1", try Checksum.gitBlob(of: partial.path))
      default: return nil
      }
    } catch {
      throw .content(file: file.name, reason: "\(error)")
    }
    guard found != file.etag.lowercased() else { return nil }
    return "the \(kind) is \(found), expected \(file.etag); the file was not used"
  }
}
