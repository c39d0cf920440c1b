// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet

struct DebugTemplate: WorkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "template",
    abstract: "Prints the prompts that a chat template makes of conversations.",
    discussion: """
      Each line of the file of conversations is an object with messages and whatever else the \
      template shall see, as add_generation_prompt, tools or bos_token. For each one object is \
      printed: text, the prompt, or error, why there is none.

      Examples:
        lorikeet debug template --model smollm2 --conversations turns.jsonl
        lorikeet debug template --template mine.jinja --conversations turns.jsonl
      """)

  @Option(
    help: .init("The model's directory; only its tokenizer is read.", valueName: "dir"),
    completion: .directory)
  var model: String?

  @Option(help: .init("A template's file.", valueName: "file"), completion: .file())
  var template: String?

  @Option(help: "Which of the model's templates, if it has several.")
  var name = "default"

  @Option(help: .init("A file with one JSON object a line.", valueName: "file"))
  var conversations: String

  @OptionGroup
  var common: CommonOptions

  func validate() throws {
    guard (model == nil) != (template == nil) else {
      throw ValidationError("expected either --model or --template")
    }
  }

  func work() throws {
    let template = try chosenTemplate()
    let bytes = try Storage.mapping(path: conversations).withBytes { Array($0) }
    for (index, line) in bytes.split(separator: 0x0A).enumerated() {
      let place = "\(conversations): line \(index + 1)"
      guard case .object(let object) = try TemplateValue(json: Array(line), name: place) else {
        throw FileError(path: place, reason: "expected an object")
      }
      let variables = Dictionary(zip(object.keys, object.values)) { $1 }
      do {
        try StandardOutput.line(["text": .string(try template.render(variables: variables))])
      } catch let error as TokenizerError {
        try StandardOutput.line(["error": .string(error.description)])
      }
    }
  }

  private func chosenTemplate() throws -> ChatTemplate {
    if let template {
      let bytes = try Storage.mapping(path: template).withBytes { Array($0) }
      guard let source = String(validating: bytes, as: UTF8.self) else {
        throw FileError(path: template, reason: "is not UTF-8 text")
      }
      return try ChatTemplate(source: source, name: template)
    }
    let directory = try ModelSource.directory(model ?? "")
    let tokenizer = try Tokenizer(directory: directory)
    guard let template = tokenizer.chatTemplates[name] else {
      let names = tokenizer.chatTemplates.keys.sorted().joined(separator: ", ")
      throw FileError(
        path: directory,
        reason: "has no chat template \(name)" + (names.isEmpty ? "" : "; it has \(names)"))
    }
    return template
  }
}
