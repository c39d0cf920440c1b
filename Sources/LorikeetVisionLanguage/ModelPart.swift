// SPDX-License-Identifier: Apache-2.0

internal import LorikeetLayers

/// The part of a vision-language model that a module belongs to.
public enum ModelPart: String, Sendable, CaseIterable {
  case encoder, projector, decoder
}

extension VisionLanguageModel {
  /// The part of a module, by its path, as transformers has it.
  public func part(of path: String) -> ModelPart {
    guard let names else { return .decoder }
    // A projector may stand within the encoder's module.
    if path.hasPrefix("model.\(names.projector).") { return .projector }
    return path.hasPrefix("model.\(names.encoder).") ? .encoder : .decoder
  }

  /// The module of a part; nil for the parts that a language model does not have.
  public func module(of part: ModelPart) -> String? {
    switch part {
    case .encoder: names.map { "model." + $0.encoder }
    case .projector: names.map { "model." + $0.projector }
    case .decoder: names.map { "model." + $0.text } ?? "model"
    }
  }

  /// Values that the linear layers of a part give for each row.
  package func linearOutputs(of part: ModelPart) -> Int {
    index.linears.reduce(0) { $0 + (self.part(of: $1.name) == part ? $1.outputs : 0) }
  }

  /// A regular expression for the modules of a part, as PEFT's patterns are.
  public func pattern(of part: ModelPart) -> String {
    func literal(_ module: String?) -> String {
      (module ?? "model").replacing(".", with: "\\.") + "\\."
    }
    let pattern = literal(module(of: part))
    guard part == .encoder, let encoder = module(of: .encoder),
      let projector = module(of: .projector), projector.hasPrefix(encoder + ".")
    else { return pattern + ".*" }
    return pattern + "(?!" + literal(String(projector.dropFirst(encoder.count + 1))) + ").*"
  }
}
