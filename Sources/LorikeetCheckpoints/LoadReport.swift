// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// How the tensors in a checkpoint differ from those that the model has.
public struct LoadReport: Sendable, Equatable, CustomStringConvertible {
  /// A tensor of another shape than the model's.
  public struct Misshapen: Sendable, Equatable {
    public let name: String
    /// The shape in the file.
    public let found: Shape
    /// The shape in the model.
    public let expected: Shape

    package init(name: String, found: Shape, expected: Shape) {
      self.name = name
      self.found = found
      self.expected = expected
    }
  }

  /// Tensors of the model that the file does not have, sorted.
  public var missing: [String] = []
  /// Tensors in the file that the model does not have, sorted.
  public var unexpected: [String] = []
  /// Tensors whose shapes differ, sorted by name.
  public var misshapen: [Misshapen] = []
  /// Tensors with NaN or infinity among their values, sorted; filled on request only.
  public var nonFinite: [String] = []

  /// Whether nothing differs.
  public var isClean: Bool {
    missing.isEmpty && unexpected.isEmpty && misshapen.isEmpty && nonFinite.isEmpty
  }

  public var description: String {
    if isClean { return "all tensors are as expected" }
    let shapes = misshapen.map { "\($0.name) (\($0.found), expected \($0.expected))" }
    let parts = [
      ("missing", missing), ("unexpected", unexpected), ("of another shape", shapes),
      ("with NaN or infinity", nonFinite),
    ]
    return parts.filter { !$0.1.isEmpty }
      .map { "\($0.1.count) tensor\($0.1.count == 1 ? "" : "s") \($0.0): \(Self.list($0.1))" }
      .joined(separator: "; ")
  }

  /// The first 10 names, and how many more there are.
  private static func list(_ names: [String]) -> String {
    names.prefix(10).joined(separator: ", ")
      + (names.count > 10 ? " and \(names.count - 10) more" : "")
  }
}
