// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

struct Inspect: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Says what a model or adapter directory is.",
    discussion: """
      Prints the family and, for each part, tensors and values by stored type; for adapters, rank, \
      alpha and what they attach to.

      Examples:
        lorikeet inspect Models/tiny
        lorikeet inspect run/adapter --json
      """)

  @Argument(help: "A model, an adapter's directory, or a run's.", completion: .directory)
  var path: String

  @Flag(help: "Print one JSON object for each model or adapter.")
  var json = false

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func work() throws {
    let directory = ModelSource.adapter(try ModelSource.directory(path))
    for inspection in try Inspection.all(of: directory) {
      if json { try printJSON(inspection) } else { try printText(inspection) }
    }
  }

  private func printText(_ inspection: Inspection) throws {
    switch inspection.kind {
    case .model(let type): try StandardOutput.line("\(inspection.path): model, \(type)")
    case .adapter(let name, let c):
      try StandardOutput.line("\(inspection.path): adapter \(name), \(Self.method(c))")
      try StandardOutput.line("  attaches to \(Self.targets(c))")
      if !c.modulesToSave.isEmpty {
        try StandardOutput.line("  replaces \(c.modulesToSave.joined(separator: ", "))")
      }
    }
    for part in inspection.parts {
      let types = part.types.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
      try StandardOutput.line(
        "  \(part.name): \(part.tensors) tensors, \(types.joined(separator: ", "))")
    }
  }

  private func printJSON(_ inspection: Inspection) throws {
    var line: JSONLine = ["path": .string(inspection.path)]
    switch inspection.kind {
    case .model(let type):
      line.append("kind", .string("model"))
      line.append("model_type", .string(type))
    case .adapter(let name, let c):
      line.append("kind", .string("adapter"))
      line.append("name", .string(name))
      line.append("peft_type", .string(type(of: c).peftType))
      if let c = c as? LoRAConfiguration {
        line.append("r", .int(c.rank))
        line.append("lora_alpha", .double(c.alpha))
        line.append("use_dora", .bool(c.usesDoRA))
      }
      line.append("target_modules", .string(Self.targets(c)))
      line.append("modules_to_save", .array(c.modulesToSave.map { .string($0) }))
    }
    line.append(
      "parts",
      .array(
        inspection.parts.map { part in
          .object([
            "name": .string(part.name), "tensors": .int(part.tensors), "values": .int(part.values),
          ])
        }))
    try StandardOutput.line(line)
  }

  private static func method(_ c: any AdapterConfiguration) -> String {
    guard let c = c as? LoRAConfiguration else { return type(of: c).peftType }
    return "\(c.usesDoRA ? "DoRA" : "LoRA"), r \(c.rank), alpha \(c.alpha), dropout \(c.dropout)"
  }

  private static func targets(_ c: any AdapterConfiguration) -> String {
    switch c.targets {
    case nil: "no linear layer"
    case .allLinear: "all linear layers"
    case .pattern(let pattern): "layers matching \(pattern)"
    case .names(let names) where names.count > 8: "\(names.count) layers"
    case .names(let names): names.joined(separator: ", ")
    }
  }
}
