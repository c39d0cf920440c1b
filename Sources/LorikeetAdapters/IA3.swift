// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetLayers
internal import LorikeetTensors

/// PEFT's configuration of an (IA)^3 adapter, `adapter_config.json` with `"peft_type": "IA3"`.
public struct IA3Configuration: AdapterConfiguration {
  public static let peftType = "IA3"

  public var targets: ModuleTargets?
  public var excluded: ModuleTargets?
  /// The targets whose input is scaled instead of their output.
  public var feedForward: ModuleTargets = .names([])
  public var modulesToSave: [String] = []
  public var taskType: String?
  public var baseModel: String?

  public init() {}

  public init(_ file: ConfigurationFile) throws(AdapterError) {
    try file.refuse(["fan_in_fan_out"])
    targets = try file.modules("target_modules")
    excluded = try file.modules("exclude_modules")
    modulesToSave = try file.strings("modules_to_save")
    taskType = try file.value("task_type", String?.self, default: nil)
    baseModel = try file.value("base_model_name_or_path", String?.self, default: nil)
    guard let feedForward = try file.modules("feedforward_modules") else {
      throw file.failure("key feedforward_modules is missing")
    }
    self.feedForward = feedForward
    if case .names(let all)? = targets, case .names(let some) = feedForward,
      let stray = some.first(where: { !all.contains($0) })
    {
      throw file.failure("key feedforward_modules: \(stray) is not one of target_modules")
    }
  }

  public var patterns: [String] {
    if case .pattern(let pattern) = feedForward { [pattern] } else { [] }
  }

  /// PEFT looks at the ends of names here, also in the middle of a word.
  func isFeedForward(_ name: String) -> Bool {
    switch feedForward {
    case .names(let names): names.contains { name.hasSuffix($0) }
    case .pattern(let pattern): ModuleMatcher.fullMatch(pattern, name)
    case .allLinear: false
    }
  }

  public func term(on linear: Linear, _ slot: AdapterSlot) throws(AdapterError) -> any LinearTerm {
    let scalesInput = isFeedForward(linear.name)
    let scale = try slot.parameter(
      ".ia3_l", scalesInput ? [1, linear.inputs] : [linear.outputs, 1]
    ) { _ in
      Tensor(repeating: 1, scalesInput ? [1, linear.inputs] : [linear.outputs, 1])
    }
    return ScalingAdapter(scale, scalesInput: scalesInput, modalities: slot.modalities)
  }

  public var jsonText: String {
    typealias Text = ConfigurationText
    return Text.file([
      ("auto_mapping", "null"),
      ("base_model_name_or_path", baseModel.map(Text.quote) ?? "null"),
      ("exclude_modules", Text.modules(excluded)),
      ("fan_in_fan_out", "false"),
      ("feedforward_modules", Text.modules(feedForward)),
      ("inference_mode", "true"),
      ("init_ia3_weights", "true"),
      ("modules_to_save", Text.listOrNull(modulesToSave.map(Text.quote))),
      ("peft_type", Text.quote(Self.peftType)),
      ("revision", "null"),
      ("target_modules", Text.targets(targets)),
      ("task_type", taskType.map(Text.quote) ?? "null"),
    ])
  }
}

/// (IA)^3 on one linear layer: a learned factor for each value of its output, or of its input in a
/// feed-forward layer, on the rows of some modalities (Liu et al., "Few-shot parameter-efficient
/// fine-tuning is better and cheaper than in-context learning", 2022, section 3.3).
public final class ScalingAdapter: LinearTerm {
  /// `[1, in]` if it scales the input, else `[out, 1]`.
  public let scale: Parameter
  public let scalesInput: Bool
  public let modalities: Set<Modality>?

  public init(_ scale: Parameter, scalesInput: Bool, modalities: Set<Modality>?) {
    self.scale = scale
    self.scalesInput = scalesInput
    self.modalities = modalities
  }

  public var parameters: [Parameter] { [scale] }
  public var isAdditive: Bool { false }

  public func prepare(_ input: Variable, _ context: ForwardContext) -> Variable {
    guard scalesInput else { return input }
    return scaled(input, context, reusing: false)
  }

  public func apply(to output: Variable, input: Variable, _ context: ForwardContext) -> Variable {
    guard !scalesInput else { return output }
    return scaled(output, context, reusing: true)
  }

  private func scaled(_ x: Variable, _ context: ForwardContext, reusing: Bool) -> Variable {
    let runs = runs(x.shape.rows, context)
    guard !runs.isEmpty else { return x }
    return context.tape.scaleColumns(x, by: scale.variable, runs: runs, reusing: reusing)
  }

  /// (l - 1) times the weight's rows and the bias, or times its columns.
  public func delta(on linear: Linear) -> LinearDelta {
    let less = Tensor(scale.variable.value.values.map { $0 - 1 }, [scale.shape.count])
    let weight = linear.weight.matrix.tensor
    if scalesInput { return LinearDelta(.dense(Kernels.scaleColumns(weight, by: less))) }
    return LinearDelta(
      .dense(Kernels.scaleRows(weight, by: less)),
      bias: linear.bias.map { Kernels.multiply($0.variable.value, less) })
  }
}
