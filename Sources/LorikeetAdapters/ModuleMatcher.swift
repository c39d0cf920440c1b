// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Picks modules by name as PEFT does (`check_target_module_exists`, `get_pattern_key`).
public struct ModuleMatcher {
  private let configuration: any AdapterConfiguration
  private let outputEmbedding: String

  /// - Parameter outputEmbedding: the name of the module that "all-linear" leaves out.
  public init(_ configuration: any AdapterConfiguration, outputEmbedding: String = "lm_head") {
    self.configuration = configuration
    self.outputEmbedding = outputEmbedding
  }

  /// Finds what one name in `modules_to_save` stands for.
  init(saving name: String) {
    var configuration = LoRAConfiguration()
    configuration.modulesToSave = [name]
    self.init(configuration)
  }

  /// Whether the linear layer of this name is adapted.
  public func isTarget(_ name: String) -> Bool {
    if let excluded = configuration.excluded, Self.matches(excluded, name) { return false }
    if configuration.modulesToSave.contains(where: { isSaved(module: name, $0) }) { return false }
    switch configuration.targets {
    case nil: return false
    case .allLinear: return name != outputEmbedding
    case .pattern(let pattern): return Self.fullMatch(pattern, name)
    case .names(let names):
      if names.contains(name) { return true }
      guard names.contains(where: { name.hasSuffix("." + $0) }) else { return false }
      guard !configuration.layersToTransform.isEmpty else { return true }
      guard let index = layerIndex(name) else { return false }
      return configuration.layersToTransform.contains(index)
    }
  }

  /// Whether the embeddings of this name are adapted.
  public func isTargetEmbedding(_ name: String) -> Bool {
    if case .allLinear? = configuration.targets { false } else { isTarget(name) }
  }

  /// Whether the parameter at this path belongs to a module that `modules_to_save` names.
  public func isSaved(parameter path: String) -> Bool {
    var module = path[...]
    while let dot = module.lastIndex(of: ".") {
      module = module[..<dot]
      if configuration.modulesToSave.contains(where: { module.hasSuffix($0) }) { return true }
    }
    return false
  }

  /// PEFT leaves modules below a saved one alone: (^|.*\.)M($|\..*).
  private func isSaved(module name: String, _ saved: String) -> Bool {
    Self.firstMatch("^(?:.*\\.)?(?:\(saved))(?:$|\\..*)", name) != nil
  }

  private func layerIndex(_ name: String) -> Int? {
    let patterns =
      configuration.layersPattern.isEmpty
      ? ["^.*?\\.[^.]*\\.(\\d+)\\."]
      : configuration.layersPattern.map { "^(?:|.*?\\.)\($0)\\.(\\d+)\\." }
    for pattern in patterns {
      if let index = Self.firstMatch(pattern, name) { return Int(index) }
    }
    return nil
  }

  private static func matches(_ targets: ModuleTargets, _ name: String) -> Bool {
    switch targets {
    // To PEFT it is a regular expression here, which no name matches.
    case .allLinear: false
    case .pattern(let pattern): fullMatch(pattern, name)
    case .names(let names): names.contains { name == $0 || name.hasSuffix("." + $0) }
    }
  }

  static func fullMatch(_ pattern: String, _ name: String) -> Bool {
    firstMatch("^(?:\(pattern))$", name) != nil
  }

  static func endMatch(_ pattern: String, _ name: String) -> Bool {
    firstMatch("^(?:.*\\.)?(?:\(pattern))$", name) != nil
  }

  /// The last capture of a match, or "" where the pattern captures nothing; nil without a match.
  private static func firstMatch(_ pattern: String, _ name: String) -> String? {
    guard let expression = try? NSRegularExpression(pattern: pattern) else { return nil }
    let whole = NSRange(name.startIndex..., in: name)
    guard let match = expression.firstMatch(in: name, range: whole) else { return nil }
    let last = match.range(at: match.numberOfRanges - 1)
    guard match.numberOfRanges > 1, let range = Range(last, in: name) else { return "" }
    return String(name[range])
  }

  /// The first pattern that is not a valid regular expression, if any.
  static func invalidPattern(_ configuration: any AdapterConfiguration) -> String? {
    var patterns =
      configuration.patterns + configuration.layersPattern + configuration.modulesToSave
    for case .pattern(let pattern)? in [configuration.targets, configuration.excluded] {
      patterns.append(pattern)
    }
    return patterns.first { (try? NSRegularExpression(pattern: $0)) == nil }
  }
}
