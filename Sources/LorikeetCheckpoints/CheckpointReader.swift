// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// Hands out a checkpoint's tensors to the code that builds a model, and keeps the account: which
/// were asked for and not found, which had another shape, which nobody asked for.
///
///     let reader = CheckpointReader(try Checkpoint(directory: "smollm2"))
///     let norm = reader.scoped("model.layers.0").tensor("input_layernorm.weight", [576])
///     try reader.finish()
///
/// Every reader made from another one by `scoped` or `aliasing` writes into the same account.
public final class CheckpointReader {
  /// The reader's scope: what stands before the names, without the last dot; empty at the root.
  public let prefix: String
  private let account: Account
  /// Names in the file under which a name of this reader may stand, the preferred one first.
  private let candidates: (String) -> [String]

  /// A reader at the root of a checkpoint.
  public convenience init(_ checkpoint: Checkpoint) {
    self.init(prefix: "", account: Account(checkpoint), candidates: { [$0] })
  }

  private init(prefix: String, account: Account, candidates: @escaping (String) -> [String]) {
    self.prefix = prefix
    self.account = account
    self.candidates = candidates
  }

  /// The path of the checkpoint, for messages.
  public var source: String { account.checkpoint.source }

  /// A view of the names under a prefix: `reader.scoped("model.layers.0")`.
  public func scoped(_ prefix: String) -> CheckpointReader {
    guard !prefix.isEmpty else { return self }
    let outer = candidates
    return CheckpointReader(
      prefix: join(self.prefix, prefix), account: account,
      candidates: { outer(join(prefix, $0)) })
  }

  /// A reader that rewrites names before it looks them up, for the layouts in circulation.
  ///
  /// A pair says that the names which the model builder has under `canonical` stand in the file
  /// under `stored`. Both are prefixes of whole dotted parts below this reader's own prefix, and may
  /// be empty. The pairs are tried in order; the first that leads to a name in the file wins, and a
  /// name that none applies to is looked up as it is.
  public func aliasing(_ prefixes: [(canonical: String, stored: String)]) -> CheckpointReader {
    let outer = candidates
    return CheckpointReader(
      prefix: prefix, account: account,
      candidates: { name in
        let rewritten = prefixes.compactMap { pair -> String? in
          if pair.canonical.isEmpty { return join(pair.stored, name) }
          if name == pair.canonical { return pair.stored }
          guard name.hasPrefix(pair.canonical + ".") else { return nil }
          return join(pair.stored, String(name.dropFirst(pair.canonical.count + 1)))
        }
        return (rewritten + [name]).flatMap(outer)
      })
  }

  /// The tensor `prefix.name`, which must have exactly this shape.
  ///
  /// - Returns: nil if it is missing or misshapen, which `finish` then reports.
  public func tensor(_ name: String, _ shape: Shape) -> StoredTensor? {
    guard let found = find(name) else {
      account.missing.insert(join(prefix, name))
      return nil
    }
    return take(found, name, shape)
  }

  /// The tensor `prefix.name` if the file has it; a tensor of another shape is reported by `finish`.
  public func optional(_ name: String, _ shape: Shape) -> StoredTensor? {
    find(name).flatMap { take($0, name, shape) }
  }

  /// The tensor `prefix.name` if the file has it, without an entry in the account.
  public func peek(_ name: String) -> StoredTensor? {
    find(name).flatMap { account.checkpoint[$0] }
  }

  /// Whether the file has the tensor `prefix.name`.
  public func contains(_ name: String) -> Bool { find(name) != nil }

  /// The shape of the tensor `prefix.name`; nil if the file does not have it.
  public func shape(of name: String) -> Shape? {
    find(name).flatMap { account.checkpoint[$0]?.shape }
  }

  /// Counts values that something stands in for since the file does not have them.
  ///
  /// - Parameter values: 2^32 at the most.
  /// - Returns: how many there are so far.
  public func countMissing(values: Int) -> Int {
    account.missingValues += values
    return account.missingValues
  }

  /// Lets tensors stay unread: those whose whole name in the file satisfies `matches`.
  public func ignore(_ matches: (String) -> Bool) {
    account.ignored.formUnion(account.checkpoint.names.filter(matches))
  }

  /// Closes the account of this reader and all that are related to it.
  ///
  /// - Parameter strict: whether a tensor that is missing, unexpected or misshapen is an error.
  /// - Parameter checkingFinite: whether to look through all real numbers that were handed out for
  ///   NaN and infinity, which reads every byte.
  /// - Throws: `CheckpointError.mismatch`, which lists the tensors by name.
  @discardableResult
  public func finish(
    strict: Bool = true, checkingFinite: Bool = false
  ) throws(CheckpointError) -> LoadReport {
    var report = account.report()
    if checkingFinite {
      report.nonFinite = account.handedOut.sorted().filter {
        account.checkpoint[$0]?.isFinite == false
      }
    }
    if strict, !report.isClean { throw .mismatch(path: source, report: report) }
    return report
  }

  /// The name in the file.
  private func find(_ name: String) -> String? {
    candidates(name).first { account.checkpoint[$0] != nil }
  }

  private func take(_ stored: String, _ name: String, _ shape: Shape) -> StoredTensor? {
    guard let tensor = account.checkpoint[stored] else { return nil }
    account.read.insert(stored)
    guard tensor.shape == shape else {
      account.misshapen[stored] = LoadReport.Misshapen(
        name: stored, found: tensor.shape, expected: shape)
      return nil
    }
    account.handedOut.insert(stored)
    return tensor
  }
}

/// What has been asked of a checkpoint so far.
private final class Account {
  let checkpoint: Checkpoint
  var read: Set<String> = []
  var handedOut: Set<String> = []
  var ignored: Set<String> = []
  var missing: Set<String> = []
  var missingValues = 0
  var misshapen: [String: LoadReport.Misshapen] = [:]

  init(_ checkpoint: Checkpoint) { self.checkpoint = checkpoint }

  func report() -> LoadReport {
    LoadReport(
      missing: missing.sorted(),
      unexpected: checkpoint.names.filter { !read.contains($0) && !ignored.contains($0) },
      misshapen: misshapen.values.sorted { $0.name < $1.name })
  }
}

private func join(_ prefix: String, _ name: String) -> String {
  prefix.isEmpty ? name : name.isEmpty ? prefix : prefix + "." + name
}
