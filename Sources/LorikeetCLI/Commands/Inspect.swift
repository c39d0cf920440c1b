// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

struct Inspect: WorkingCommand {
  static let computes = false
  static let configuration = CommandConfiguration(
    abstract: "Says what a model or adapter directory is.",
    discussion: """
      Prints the family and, for each part, tensors and parameters by stored type; for adapters the \
      method, rank, alpha and targets, and with --model the modules of that model that they are put \
      on. An adapter that matches none of them is an error.

      Examples:
        lorikeet inspect Models/tiny
        lorikeet inspect run/adapter --json
        lorikeet inspect run/adapter --model stamps-vlm
      """)

  @Argument(
    help: "A model, an adapter's directory, or a run's; or a pulled name.", completion: .directory)
  var path: String

  @Option(help: "The model that the adapter is to be put on.", completion: .directory)
  var model: String?

  @Flag(help: "Print one JSON object for each model or adapter.")
  var json = false

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func work() throws {
    let directory = try ModelSource.adapter(ModelSource.directory(path))
    let inspections = try Inspection.all(of: directory)
    var attachments: [String: Attachment] = [:]
    if let model {
      guard case .adapter? = inspections.first?.kind else {
        throw ConfigurationError(path: directory, "is a model; --model goes with an adapter")
      }
      for attachment in try Attachment.all(of: directory, on: ModelSource.directory(model)) {
        attachments[attachment.name] = attachment
      }
    }
    for inspection in inspections {
      var attachment: Attachment?
      if case .adapter(let name, _) = inspection.kind { attachment = attachments[name] }
      if json {
        try StandardOutput.line(Self.object(inspection, attachment))
      } else {
        for line in Self.lines(inspection, attachment) { try StandardOutput.line(line) }
      }
    }
  }

  // MARK: Text

  private static func lines(_ inspection: Inspection, _ attachment: Attachment?) -> [String] {
    var lines: [String]
    switch inspection.kind {
    case .model(let type, let parts):
      let inner = parts.map { "\($0.part) \($0.type)" }.joined(separator: ", ")
      lines = ["\(inspection.path): model, \(type)" + (inner.isEmpty ? "" : " (\(inner))")]
    case .adapter(let name, let c):
      lines = ["\(inspection.path): adapter \(name), \(method(c))", "  targets \(targets(c))"]
      if !c.modulesToSave.isEmpty {
        lines.append("  replaces \(c.modulesToSave.joined(separator: ", "))")
      }
    }
    let rows = inspection.parts.map { part in
      let types = part.types.sorted { $0.key < $1.key }
      let kinds =
        types.count == 1
        ? types[0].key : types.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
      return [part.name, "\(part.tensors) tensors", "\(part.values) parameters", kinds]
    }
    lines += TextTable.lines(rows).map { "  " + $0 }
    guard let attachment else { return lines }
    let rowsOf = attachment.modalities.map { ", rows of \($0.joined(separator: ", "))" } ?? ""
    lines.append("  is put on \(attachment.modules.count) modules\(rowsOf)")
    lines += attachment.groups.map { group in
      let layers = group.layers.isEmpty ? "" : ", layers \(ranges(group.layers))"
      return "    \(group.pattern): \(group.count)\(layers)"
    }
    if !attachment.replaced.isEmpty {
      lines.append("  is put in place of \(attachment.replaced.joined(separator: ", "))")
    }
    return lines
  }

  /// 0-3, 5, 7-8.
  private static func ranges(_ numbers: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for number in numbers {
      if let last = runs.last, last.upperBound + 1 == number {
        runs[runs.count - 1] = last.lowerBound...number
      } else {
        runs.append(number...number)
      }
    }
    return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
      .joined(separator: ", ")
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
    case .names(let names) where names.count > 8: "\(names.count) names of layers"
    case .names(let names): names.joined(separator: ", ")
    }
  }

  // MARK: JSON

  private static func object(_ inspection: Inspection, _ attachment: Attachment?) -> JSONLine {
    var line: JSONLine = ["path": .string(inspection.path)]
    switch inspection.kind {
    case .model(let type, let parts):
      line.append("kind", .string("model"))
      line.append("model_type", .string(type))
      for part in parts { line.append("\(part.part)_type", .string(part.type)) }
    case .adapter(let name, let c):
      line.append("kind", .string("adapter"))
      line.append("name", .string(name))
      line.append("peft_type", .string(type(of: c).peftType))
      if let c = c as? LoRAConfiguration {
        line.append("r", .int(c.rank))
        line.append("lora_alpha", .double(c.alpha))
        line.append("use_dora", .bool(c.usesDoRA))
      }
      line.append("target_modules", value(c.targets))
      line.append("modules_to_save", .array(c.modulesToSave.map { .string($0) }))
    }
    line.append("parameters", .int(inspection.values))
    line.append("parts", .array(inspection.parts.map { .object(object($0)) }))
    if let attachment {
      line.append("modalities", attachment.modalities.map(strings) ?? .null)
      line.append("modules", strings(attachment.modules))
      line.append(
        "groups",
        .array(
          attachment.groups.map {
            .object(["pattern": .string($0.pattern), "count": .int($0.count)])
          }))
      line.append("replaced", strings(attachment.replaced))
    }
    return line
  }

  private static func object(_ part: Inspection.Part) -> JSONLine {
    let types = JSONLine(part.types.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) })
    return [
      "name": .string(part.name), "tensors": .int(part.tensors), "parameters": .int(part.values),
      "types": .object(types),
    ]
  }

  private static func strings(_ values: [String]) -> JSONLine.Value {
    .array(values.map { .string($0) })
  }

  /// As it stands in `adapter_config.json`.
  private static func value(_ targets: ModuleTargets?) -> JSONLine.Value {
    switch targets {
    case nil: .null
    case .allLinear: "all-linear"
    case .pattern(let pattern): .string(pattern)
    case .names(let names): strings(names)
    }
  }
}
