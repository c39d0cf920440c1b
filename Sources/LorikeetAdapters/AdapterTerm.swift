// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetCheckpoints
public import LorikeetLayers
internal import LorikeetTensors

/// What an adapter puts on one linear layer.
public protocol LinearTerm: LinearAdapter {
  /// What it learns, under the names of the file.
  var parameters: [Parameter] { get }
  /// The modalities on whose rows it acts; nil for all rows.
  var modalities: Set<Modality>? { get }
  /// Whether it adds to the layer's output and does nothing else, so that others may act on the same
  /// rows.
  var isAdditive: Bool { get }
  /// Whether it adds a bias of its own that is not zero, which the layer may have no place for.
  var hasBias: Bool { get }
  /// What it changes of the layer, on the rows on which it acts.
  func delta(on linear: Linear) -> LinearDelta
}

extension LinearTerm {
  public var isAdditive: Bool { true }
  public var hasBias: Bool { false }

  /// Why it cannot be folded into the layer; nil if it can.
  func obstacleToMerging(into linear: Linear) -> String? {
    if linear.isTied {
      return
        "\(linear.name) is also the model's table of embeddings, which the adapter leaves as it is"
    }
    return hasBias && linear.bias == nil
      ? "\(linear.name) has no bias to fold lora_bias into" : nil
  }

  /// Folds it into the layer.
  func merge(into linear: Linear) {
    let delta = delta(on: linear)
    linear.weight.replace(
      with: Kernels.add(linear.weight.variable.value, delta.weight.matrix))
    if let change = delta.bias, let bias = linear.bias {
      bias.replace(with: Kernels.add(bias.variable.value, change))
    }
  }

  /// The rows of a pass on which it acts.
  func runs(_ rows: Int, _ context: ForwardContext) -> [Range<Int>] {
    modalities.map { context.modalities.rows(of: $0) } ?? [0..<rows]
  }

  /// Whether both act on some rows.
  func overlaps(_ other: any LinearTerm) -> Bool {
    guard let own = modalities, let others = other.modalities else { return true }
    return !own.isDisjoint(with: others)
  }
}

/// What an adapter puts on a table of embeddings.
public protocol EmbeddingTerm: EmbeddingAdapter {
  /// What it learns, under the names of the file.
  var parameters: [Parameter] { get }
  /// Whether it adds to the table and does nothing else.
  var isAdditive: Bool { get }
  /// Whether it is rows that take the place of the table's, also where a head is tied to it, and nothing
  /// like a linear layer's term.
  var replacesRows: Bool { get }
  /// What it adds to the table, transposed: `[width, tokens]`.
  func delta(on embedding: Embedding) -> LinearDelta.Weight
  /// Folds it into the table.
  func merge(into embedding: Embedding)
}

extension EmbeddingTerm {
  public var isAdditive: Bool { true }
  public var replacesRows: Bool { false }

  /// Why it cannot be folded into the table; nil if it can.
  func obstacleToMerging(into embedding: Embedding) -> String? {
    embedding.isTied && !replacesRows
      ? "\(embedding.name) is also the model's head, which the adapter leaves as it is" : nil
  }

  public func merge(into embedding: Embedding) {
    embedding.weight.replace(
      with: Kernels.add(
        embedding.weight.variable.value, Kernels.transposed(delta(on: embedding).matrix)))
  }
}

/// The place of a term in an adapter, which gives its parameters names and values.
public struct AdapterSlot {
  /// The name of the module.
  let module: String
  /// The modalities on whose rows the term acts; nil for all.
  let modalities: Set<Modality>?
  /// Where the configuration comes from, for messages.
  let source: String
  let tensors: any AdapterTensors

  static let prefix = "base_model.model."

  /// A parameter of the term.
  ///
  /// - Parameters:
  ///   - suffix: what follows the module's name in the file.
  ///   - initial: its values in a new adapter.
  func parameter(
    _ suffix: String, _ shape: Shape, initial: (inout RandomStream) -> Tensor
  ) throws(AdapterError) -> Parameter {
    let key = Self.prefix + module + suffix
    return Parameter(name: key, try tensors.tensor(key, shape, initial: initial))
  }
}

/// Where the values of an adapter come from.
protocol AdapterTensors: AnyObject {
  func tensor(
    _ key: String, _ shape: Shape, initial: (inout RandomStream) -> Tensor
  ) throws(AdapterError) -> Tensor
  /// What is to take the place of a parameter of the model; nil to leave it.
  ///
  /// - Parameter isOptional: whether there need not be one.
  func replacement(_ key: String, _ shape: Shape, isOptional: Bool) throws(AdapterError) -> Tensor?
}

/// Values that are drawn from a seed and the parameter's name.
final class NewTensors: AdapterTensors {
  private let seed: UInt64
  private let name: String

  init(seed: UInt64, name: String) {
    self.seed = seed
    self.name = name
  }

  func tensor(
    _ key: String, _ shape: Shape, initial: (inout RandomStream) -> Tensor
  ) throws(AdapterError) -> Tensor {
    var stream = RandomStream.derive(seed: seed, label: name + "/" + key)
    return initial(&stream)
  }

  func replacement(
    _ key: String, _ shape: Shape, isOptional: Bool
  ) throws(AdapterError) -> Tensor? { nil }
}

/// Values under PEFT's names, as in an `adapter_model.safetensors`.
final class SavedTensors: AdapterTensors {
  private let path: String
  private let file: [String: StoredTensor]
  private var unread: Set<String>
  private var missing: [String] = []

  convenience init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    self.init(
      Dictionary(
        uniqueKeysWithValues: file.names.compactMap { name in file[name].map { (name, $0) } }),
      path: path)
  }

  /// - Parameter path: where they come from, for messages.
  init(_ tensors: [String: StoredTensor], path: String) {
    self.path = path
    file = tensors
    unread = Set(tensors.keys)
  }

  func tensor(
    _ key: String, _ shape: Shape, initial: (inout RandomStream) -> Tensor
  ) throws(AdapterError) -> Tensor {
    // Magnitudes have been saved with and without the last part of their name.
    let names = [key, key.hasSuffix(".lora_magnitude_vector") ? key + ".weight" : key]
    guard let name = names.first(where: { file[$0] != nil }),
      let found = try read(name, shape)
    else {
      missing.append(key)
      return Tensor(repeating: 0, shape)
    }
    return found
  }

  func replacement(
    _ key: String, _ shape: Shape, isOptional: Bool
  ) throws(AdapterError) -> Tensor? {
    let found = try read(key, shape)
    if found == nil, !isOptional { missing.append(key) }
    return found
  }

  private func read(_ name: String, _ shape: Shape) throws(AdapterError) -> Tensor? {
    guard let stored = file[name] else { return nil }
    unread.remove(name)
    func refuse(_ found: String, _ expected: String) -> AdapterError {
      .misshapen(path: path, name: name, found: found, expected: expected)
    }
    guard stored.shape == shape else {
      throw refuse(stored.shape.description, shape.description)
    }
    guard stored.dtype.isFloatingPoint else { throw refuse(stored.dtype.rawValue, "real numbers") }
    let tensor = stored.tensor()
    guard Kernels.isFinite(tensor) else { throw refuse("not finite", "numbers") }
    return tensor
  }

  /// - Throws: `AdapterError` if something was asked for that the file has not, or the other way round.
  func finish() throws(AdapterError) {
    if !missing.isEmpty { throw .missing(path: path, names: missing, others: unread.sorted()) }
    if !unread.isEmpty { throw .unexpected(path: path, names: unread.sorted()) }
  }
}
