// SPDX-License-Identifier: Apache-2.0

/// The layers that a PEFT configuration names: a list of names and suffixes, or one regular expression.
public enum ModuleTargets: Sendable, Equatable, Codable {
  case names([String])
  case pattern(String)
  /// "all-linear": every linear layer but the output embeddings.
  case allLinear

  public init(from decoder: any Decoder) throws {
    let value = try decoder.singleValueContainer()
    if let names = try? value.decode([String].self) {
      self = .names(names)
    } else {
      self.init(text: try value.decode(String.self))
    }
  }

  /// A regular expression, or the word "all-linear".
  public init(text: String) {
    self = text.lowercased() == "all-linear" ? .allLinear : .pattern(text)
  }

  public func encode(to encoder: any Encoder) throws {
    var value = encoder.singleValueContainer()
    switch self {
    case .names(let names): try value.encode(names)
    case .pattern(let pattern): try value.encode(pattern)
    case .allLinear: try value.encode("all-linear")
    }
  }
}

/// Which biases of the model train along with the adapter.
public enum BiasTraining: String, Sendable, Codable {
  case none
  case all
  case loraOnly = "lora_only"
}
