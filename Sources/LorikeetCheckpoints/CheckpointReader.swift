// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// What a model found in a checkpoint and what it did not.
public struct LoadReport: Sendable, Equatable, CustomStringConvertible {
  public struct Misshapen: Sendable, Equatable {
    public let name: String
    public let found: String
    public let expected: String
  }
  public let source: String
  public internal(set) var missing: [String] = []
  public internal(set) var unexpected: [String] = []
  public internal(set) var misshapen: [Misshapen] = []

  public var isClean: Bool { missing.isEmpty && unexpected.isEmpty && misshapen.isEmpty }

  public var description: String {
    func list(_ title: String, _ items: [String]) -> String? {
      guard !items.isEmpty else { return nil }
      let more = items.count > 10 ? " and \(items.count - 10) more" : ""
      return "\(items.count) \(title): " + items.prefix(10).joined(separator: ", ") + more
    }
    let parts = [
      list("missing", missing), list("unexpected", unexpected),
      list("misshapen", misshapen.map { "\($0.name) is \($0.found), expected \($0.expected)" }),
    ]
    return "\(source): the tensors do not fit the model: "
      + parts.compactMap { $0 }.joined(separator: "; ")
  }
}

/// Hands the tensors of a checkpoint to the builders of a model and keeps the account.
public final class CheckpointReader {
  private let checkpoint: Checkpoint
  private let aliases: [(canonical: String, stored: String)]
  private var used: Set<String> = []
  private var ignored: Set<String> = []
  private var report: LoadReport

  public var source: String { checkpoint.source }

  /// - Parameter aliases: prefixes that builders use, each with the one that files of another layout
  ///   have in its place.
  public init(_ checkpoint: Checkpoint, aliases: [(canonical: String, stored: String)] = []) {
    self.checkpoint = checkpoint
    self.aliases = aliases
    report = LoadReport(source: checkpoint.source)
  }

  /// The name in the file of the tensor that builders know as `name`, or nil if there is none.
  private func find(_ name: String) -> String? {
    if checkpoint[name] != nil { return name }
    for (canonical, stored) in aliases where name.hasPrefix(canonical) {
      let other = stored + name.dropFirst(canonical.count)
      if checkpoint[other] != nil { return other }
    }
    return nil
  }

  public func contains(_ name: String) -> Bool { find(name) != nil }

  /// The tensor of this name and shape. A missing or misshapen one is noted, and nil returned.
  public func tensor(_ name: String, _ shape: Shape) -> StoredTensor? {
    guard let stored = find(name), let tensor = checkpoint[stored] else {
      report.missing.append(name)
      return nil
    }
    used.insert(stored)
    guard tensor.shape == shape, tensor.dtype.isFloatingPoint else {
      report.misshapen.append(
        .init(
          name: stored, found: "\(tensor.dtype.rawValue) \(tensor.shape)",
          expected: shape.description))
      return nil
    }
    return tensor
  }

  /// Lets tensors stay unread.
  public func ignore(_ matches: (String) -> Bool) {
    for name in checkpoint.names where matches(name) { ignored.insert(name) }
  }

  /// Closes the account.
  ///
  /// - Parameter strict: whether anything missing, unexpected or misshapen is an error.
  /// - Throws: `CheckpointError.mismatch` listing all of it by name.
  @discardableResult
  public func finish(strict: Bool = true) throws(CheckpointError) -> LoadReport {
    report.unexpected = checkpoint.names.filter { !used.contains($0) && !ignored.contains($0) }
    if strict, !report.isClean { throw .mismatch(report) }
    return report
  }

  /// Looks for NaN and infinity in all tensors that were handed out; reads all of them.
  ///
  /// - Throws: `CheckpointError.notFinite` naming the first.
  public func requireFinite() throws(CheckpointError) {
    for name in used.sorted() {
      guard let tensor = checkpoint[name], !Kernels.isFinite(tensor.tensor()) else { continue }
      throw .notFinite(path: source, name: name)
    }
  }
}
