// SPDX-License-Identifier: Apache-2.0

/// An adapter that cannot be read, written or attached.
public enum AdapterError: Error, Sendable, Equatable, CustomStringConvertible {
  case configuration(path: String, reason: String)
  /// `source` is the configuration's file, or "adapter NAME" for one that is new.
  case noTargets(source: String, targets: String, examples: [String])
  /// `others` are tensors of the file that nobody has asked for.
  case missing(path: String, names: [String], others: [String] = [])
  case unexpected(path: String, names: [String])
  case misshapen(path: String, name: String, found: String, expected: String)
  case cannotAttach(source: String, reason: String)
  case cannotMerge(reason: String)
  case cannotConvert(source: String, reason: String)
  /// What was asked for of several adapters does not go together.
  case selection(reason: String)

  public var description: String {
    switch self {
    case .configuration(let path, let reason): "\(path): \(reason)"
    case .noTargets(let source, let targets, let examples):
      "\(source): the targets \(targets) match no linear layer of the model; its layers are "
        + "named like \(examples.joined(separator: ", "))"
    case .missing(let path, let names, let others):
      "\(path): \(Self.list(names, "tensor")) missing"
        + (others.isEmpty ? "" : ", and there are \(Self.list(others, "other"))")
        + "; is this an adapter for another model?"
    case .unexpected(let path, let names):
      "\(path): \(Self.list(names, "tensor")) that the model has no place for; is this an adapter "
        + "for another model?"
    case .misshapen(let path, let name, let found, let expected):
      "\(path): \(name) is \(found), expected \(expected); is this an adapter for another model?"
    case .cannotAttach(let source, let reason): "\(source): \(reason)"
    case .cannotConvert(let source, let reason): "\(source): cannot be converted: \(reason)"
    case .selection(let reason): "adapters: \(reason)"
    case .cannotMerge(let reason): "cannot merge: \(reason)"
    }
  }

  private static func list(_ names: [String], _ noun: String) -> String {
    let shown = names.prefix(3).joined(separator: ", ")
    let more = names.count > 3 ? " and \(names.count - 3) more" : ""
    return "\(names.count) \(noun)\(names.count == 1 ? "" : "s") (\(shown)\(more))"
  }
}
