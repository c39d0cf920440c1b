// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// A LoRA adapter as numbers, apart from any model: what conversion and combination make, and what the
/// formats are written from.
public struct LoRAWeights {
  /// What stands on one module.
  public struct Module {
    /// The place in the module tree.
    public let name: String
    /// Whether it is a table of embeddings, `out` being their width and `in` the number of tokens.
    public let isEmbedding: Bool
    /// `[r, in]`.
    package var a: Tensor
    /// `[out, r]`.
    package var b: Tensor
    /// What B A is multiplied by.
    public var scale: Float
    /// `[out]`, also multiplied by `scale`; nil for none.
    package var bias: Tensor?
    /// DoRA's magnitudes, `[out]`; nil for plain LoRA.
    package var magnitude: Tensor?

    public var rank: Int { a.rows }

    init(
      name: String, isEmbedding: Bool, a: Tensor, b: Tensor, scale: Float, bias: Tensor? = nil,
      magnitude: Tensor? = nil
    ) {
      self.name = name
      self.isEmbedding = isEmbedding
      self.a = a
      self.b = b
      self.scale = scale
      self.bias = bias
      self.magnitude = magnitude
    }
  }

  public var modules: [Module]
  /// What is trained whole, biases of the model and rows of embeddings, under the names of PEFT.
  public var kept: [(name: String, tensor: StoredTensor)] = []
  /// All that the configuration says beside targets, ranks and alphas.
  private let settings: LoRAConfiguration

  init(_ modules: [Module], settings: LoRAConfiguration) {
    self.modules = modules
    self.settings = settings
  }

  public var dropout: Float { settings.dropout }
  public var baseModel: String? { settings.baseModel }

  /// Whether every module is one of DoRA.
  public var isDoRA: Bool { !modules.isEmpty && modules.allSatisfy { $0.magnitude != nil } }

  /// PEFT's configuration: modules by their full names; ranks and alphas that are not those of most
  /// modules in patterns.
  public var configuration: LoRAConfiguration {
    var c = settings
    c.targets = modules.isEmpty ? nil : .names(modules.map(\.name))
    (c.excluded, c.layersToTransform, c.layersPattern) = (nil, [], [])
    c.usesRankStabilisation = false
    c.usesDoRA = isDoRA
    c.hasLoRABias = hasBias
    c.rank = Self.mostFrequent(modules.map(\.rank)) ?? c.rank
    c.rankPattern = modules.filter { $0.rank != c.rank }.map { ($0.name, $0.rank) }
    let alphas = modules.map { Self.alpha(scale: $0.scale, rank: $0.rank) }
    c.alpha = Self.mostFrequent(alphas) ?? c.alpha
    c.alphaPattern = zip(modules, alphas).filter { $1 != c.alpha }.map { ($0.name, $1) }
    return c
  }

  /// The tensors of `adapter_model.safetensors`.
  public var tensors: [(name: String, tensor: StoredTensor)] {
    let hasBias = hasBias
    return modules.flatMap { module in
      func entry(_ suffix: String, _ tensor: Tensor) -> (name: String, tensor: StoredTensor) {
        (AdapterSlot.prefix + module.name + suffix, StoredTensor(tensor))
      }
      var entries =
        module.isEmbedding
        ? [entry(".lora_embedding_A", module.a), entry(".lora_embedding_B", module.b)]
        : [entry(".lora_A.weight", module.a), entry(".lora_B.weight", module.b)]
      if hasBias {
        let none = Tensor(repeating: 0, [module.b.rows])
        entries.append(entry(".lora_B.bias", module.bias ?? none))
      }
      if let magnitude = module.magnitude {
        entries.append(entry(".lora_magnitude_vector", magnitude))
      }
      return entries
    } + kept
  }

  /// Whether some module has a bias. In PEFT all have one then.
  public var hasBias: Bool { modules.contains { $0.bias != nil } }

  /// The alpha whose quotient by the rank is the scale, the roundest one if there are several.
  package static func alpha(scale: Float, rank: Int) -> Double {
    let exact = Double(scale) * Double(rank)
    let round = (exact * 1e4).rounded() / 1e4
    return Float(round / Double(rank)) == scale ? round : exact
  }

  /// The smaller one of two that are as frequent.
  private static func mostFrequent<Value: Hashable & Comparable>(_ values: [Value]) -> Value? {
    var counts: [Value: Int] = [:]
    for value in values { counts[value, default: 0] += 1 }
    return counts.max { ($0.value, $1.key) < ($1.value, $0.key) }?.key
  }
}

extension LoRAConfiguration {
  /// What another method's configuration says that has nothing to do with the method.
  init(keeping other: any AdapterConfiguration) {
    self.init()
    if let own = other as? LoRAConfiguration {
      self = own
      return
    }
    (modulesToSave, bias, trainableTokens) = (
      other.modulesToSave, other.bias, other.trainableTokens
    )
    (taskType, baseModel) = (other.taskType, other.baseModel)
  }
}
