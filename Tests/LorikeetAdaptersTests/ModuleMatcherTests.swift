// SPDX-License-Identifier: Apache-2.0

import LorikeetAdapters
import Testing

/// PEFT's rules (0.21.2): `check_target_module_exists`, `get_pattern_key`, `_set_trainable`.
@Suite struct ModuleMatcherTests {
  private static let names =
    (0..<3).flatMap { layer in
      ["self_attn.q_proj", "self_attn.v_proj", "mlp.up_proj"].map {
        "model.language_model.layers.\(layer).\($0)"
      }
    } + [
      "model.multi_modal_projector.linear_1", "model.vision_tower.encoder.layer.0.attention.q_proj",
      "lm_head",
    ]

  struct Rule: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let configuration: LoRAConfiguration
    let expected: [String]

    init(
      _ description: String, _ targets: ModuleTargets?, _ expected: [String],
      _ change: (inout LoRAConfiguration) -> Void = { _ in }
    ) {
      testDescription = description
      configuration = .make(targets: targets, change)
      self.expected = expected
    }
  }

  private static func decoder(_ ends: [String], layers: ClosedRange<Int> = 0...2) -> [String] {
    layers.flatMap { layer in ends.map { "model.language_model.layers.\(layer).\($0)" } }
  }
  private static let tower = "model.vision_tower.encoder.layer.0.attention.q_proj"
  private static let projector = "model.multi_modal_projector.linear_1"
  private static let q = "self_attn.q_proj"
  private static let v = "self_attn.v_proj"

  static let rules: [Rule] = [
    Rule("a suffix matches at a dot", .names(["q_proj"]), decoder([q]) + [tower]),
    Rule("a part of a word does not match", .names(["proj", "_proj"]), []),
    Rule("a longer suffix", .names(["self_attn.q_proj"]), decoder([q])),
    Rule("a full name", .names([projector]), [projector]),
    Rule("the head by name", .names(["lm_head"]), ["lm_head"]),
    Rule("no targets", nil, []),
    Rule("an empty list", .names([]), []),
    Rule("all linear layers but the head", .allLinear, Array(names.dropLast())),
    Rule("all-linear in capitals", ModuleTargets(text: "ALL-Linear"), Array(names.dropLast())),
    Rule("a pattern must match the whole name", .pattern("q_proj"), []),
    Rule("a pattern", .pattern(".*q_proj"), decoder([q]) + [tower]),
    Rule(
      "a pattern that keeps to the decoder", .pattern(#"model\.language_model\..*\.(q|v)_proj"#),
      decoder([q, v])),
    Rule("alternatives are anchored as a whole", .pattern("lm_head|model"), ["lm_head"]),
    Rule("excluded by suffix", .names(["q_proj", "v_proj"]), decoder([v])) {
      $0.excluded = .names(["q_proj"])
    },
    Rule("excluded by full name", .names(["q_proj"]), decoder([q])) {
      $0.excluded = .names([tower])
    },
    Rule("excluded by pattern", .names(["q_proj"]), decoder([q])) {
      $0.excluded = .pattern(".*vision_tower.*")
    },
    Rule(
      "a pattern that excludes must match the whole name", .names(["q_proj"]),
      decoder([q]) + [tower]
    ) {
      $0.excluded = .pattern("vision_tower")
    },
    Rule(
      "all-linear excludes nothing: PEFT reads a pattern", .names(["q_proj"]),
      decoder([q]) + [tower]
    ) {
      $0.excluded = .allLinear
    },
    Rule("exclusion beats all-linear", .allLinear, [projector]) {
      $0.excluded = .pattern(".*_proj")
    },
    Rule("layers by number", .names(["q_proj"]), decoder([q], layers: 1...1)) {
      $0.layersToTransform = [1]
    },
    Rule(
      "layers by number in all towers", .names(["q_proj"]), decoder([q], layers: 0...0) + [tower]
    ) {
      $0.layersToTransform = [0]
    },
    Rule("layers of a pattern", .names(["q_proj"]), decoder([q], layers: 0...0)) {
      $0.layersToTransform = [0, 5]
      $0.layersPattern = ["layers"]
    },
    Rule("layers of several patterns", .names(["q_proj"]), decoder([q], layers: 0...0) + [tower]) {
      $0.layersToTransform = [0]
      $0.layersPattern = ["layers", "encoder.layer"]
    },
    Rule("modules without a number are left out", .names(["linear_1"]), []) {
      $0.layersToTransform = [1]
    },
    Rule(
      "full names ignore layers", .names([projector, decoder([q])[0]]),
      [decoder([q])[0], projector]
    ) {
      $0.layersToTransform = [2]
    },
    Rule("saved modules are not adapted", .allLinear, decoder([q, v, "mlp.up_proj"]) + [tower]) {
      $0.modulesToSave = ["multi_modal_projector"]
    },
    Rule("a saved module counts from a dot", .names(["linear_1"]), [projector]) {
      $0.modulesToSave = ["modal_projector"]
    },
  ]

  @Test(arguments: rules) func targets(rule: Rule) {
    let matcher = ModuleMatcher(rule.configuration)
    #expect(Self.names.filter(matcher.isTarget) == Self.names.filter(rule.expected.contains))
    #expect(Set(rule.expected).isSubset(of: Self.names))
  }

  @Test(arguments: [
    ("q_proj", true), ("self_attn.q_proj", true), ("model.layers.1.self_attn.q_proj", true),
    ("_proj", false), ("q", false), (".*_proj", true), ("q_proj|v_proj", true),
    ("^model.layers.1.*", true), (#"layers\.1\.self_attn\.(q|k)_proj"#, true),
    ("layers.0.self_attn.q_proj", false), ("self_attn", false), ("ayers.1.self_attn.q_proj", false),
  ])
  func patternsMatchWholeTails(pattern: String, matches: Bool) {
    var c = LoRAConfiguration.make(rank: 4, alpha: 8, targets: .names(["q_proj"]))
    c.rankPattern = [(pattern, 2)]
    c.alphaPattern = [(pattern, 3)]
    #expect(c.rank(of: "model.layers.1.self_attn.q_proj") == (matches ? 2 : 4))
    #expect(c.alpha(of: "model.layers.1.self_attn.q_proj") == (matches ? 3 : 8))
  }

  @Test func theFirstPatternThatMatchesCounts() {
    var c = LoRAConfiguration.make(targets: nil)
    c.rankPattern = [("up_proj", 1), ("layers.0.mlp.up_proj", 2), (".*", 3)]
    #expect(c.rank(of: "model.layers.0.mlp.up_proj") == 1)
    #expect(c.rank(of: "model.layers.0.mlp.gate_proj") == 3)
    #expect(c.alpha(of: "model.layers.0.mlp.up_proj") == c.alpha)
  }

  /// Saved modules are those whose name ends with the word, wherever it begins.
  @Test func parametersOfSavedModules() {
    let matcher = ModuleMatcher(
      LoRAConfiguration.make(targets: nil) { $0.modulesToSave = ["norm", "projector"] })
    #expect(matcher.isSaved(parameter: "model.norm.weight"))
    #expect(matcher.isSaved(parameter: "model.layers.0.input_layernorm.weight"))
    #expect(matcher.isSaved(parameter: "model.multi_modal_projector.linear_1.bias"))
    #expect(!matcher.isSaved(parameter: "model.layers.0.mlp.up_proj.weight"))
    #expect(!matcher.isSaved(parameter: "model.norm2.weight"))
    // The parameter's own name is not a module.
    #expect(!matcher.isSaved(parameter: "norm"))
  }

  @Test func scales() {
    var c = LoRAConfiguration.make(rank: 4, alpha: 10, targets: nil)
    #expect(c.scale(rank: 4, alpha: 10) == 2.5)
    c.usesRankStabilisation = true
    #expect(c.scale(rank: 4, alpha: 10) == 5)
  }
}
