// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers

/// Which adapter acts on the rows of which modality.
public struct AdapterRouting: Sendable, Equatable, Codable {
  /// The routings that have a name.
  public enum Kind: String, Sendable, Codable, CaseIterable {
    /// One adapter on all rows: plain LoRA.
    case shared
    /// Image rows, text rows and stand-in rows each have their own.
    case perModality = "per-modality"
    /// One adapter, on image rows only: partial LoRA.
    case imageOnly = "image-only"
  }

  /// What a routing may name: the modalities that rows have, and `*` for all of them.
  static let modalities =
    ["*"] + [Modality.image, .text, .missingImage, .missingText].map(\.rawValue)

  /// The adapter of each modality; modalities that are not listed have none.
  public var adapters: [String: String]

  public init(adapters: [String: String]) { self.adapters = adapters }

  public init(_ kind: Kind) {
    adapters =
      switch kind {
      case .shared: ["*": "default"]
      case .perModality:
        ["image": "image", "text": "text", "missing_image": "missing", "missing_text": "missing"]
      case .imageOnly: ["image": "image"]
      }
  }

  /// Whether there is one adapter for all rows.
  public var isShared: Bool { adapters["*"] != nil }

  /// The names of the adapters, sorted.
  public var names: [String] { Set(adapters.values).sorted() }

  /// The modalities that an adapter serves; nil for all.
  public func modalities(of adapter: String) -> Set<Modality>? {
    if adapters["*"] == adapter { return nil }
    return Set(adapters.filter { $0.value == adapter }.map { Modality(rawValue: $0.key) })
  }
}
