// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

/// The tiny model in a directory, for the time of a test.
func withTinyModel(_ body: (_ model: String, _ directory: String) throws -> Void) throws {
  try withTemporaryDirectory { directory in
    try TinyModel.write(to: directory + "/model")
    try body(directory + "/model", directory)
  }
}

@Suite struct GenerateTests {
  @Test func answersAreRepeatable() throws {
    try withTinyModel { model, _ in
      let arguments = ["generate", "--model", model, "--prompt", "Hello.", "--max-tokens", "8"]
      let first = try Command.run(arguments)
      #expect(first.status == 0)
      #expect(first.errors == "")
      #expect(first.output.hasSuffix("\n") && first.output.count > 1)
      #expect(try Command.run(arguments).output == first.output)
      // Chance is seeded.
      let drawn = arguments + ["--temperature", "2", "--top-p", "0.99", "--top-k", "60"]
      let (one, two) = (try Command.run(drawn + ["--seed", "1"]), try Command.run(drawn))
      #expect(try Command.run(drawn + ["--seed", "1"]).output == one.output)
      #expect(one.output != two.output)
    }
  }

  @Test func picturesAndTheSystemTurnCount() throws {
    try withTinyModel { model, _ in
      func run(_ more: String...) throws -> String {
        let run = try Command.run(
          ["generate", "--model", model, "--prompt", "What?", "--max-tokens", "12"] + more)
        #expect(run.status == 0, "\(run.errors)")
        return run.output
      }
      let (boat, cat) = (TinyPictures.path("boat-18"), TinyPictures.path("cat-18"))
      let blind = try run()
      let outputs = [blind, try run(boat), try run(boat, cat), try run("--system", "Be short.")]
      #expect(Set(outputs).count == 4)
      #expect(try run("--style", "plain") != blind)
      // One token of 4 is left of the 16 of each picture.
      #expect(try run(boat, "--prune", "uniform:0.25") != outputs[1])
    }
  }

  /// A context of two million tokens, and room for about half of the answer's keys and values.
  @Test func answersThatDoNotFitTheMemoryAreRefused() throws {
    try withTemporaryDirectory { directory in
      let tiny = Fixtures.directory.deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Models/tiny").path
      let model = directory + "/model"
      try FileManager.default.copyItem(atPath: tiny, toPath: model)
      let configuration = try String(contentsOfFile: model + "/config.json", encoding: .utf8)
      let context = "\"max_position_embeddings\": 512"
      #expect(configuration.contains(context))
      try configuration.replacing(context, with: "\"max_position_embeddings\": 2000000")
        .write(toFile: model + "/config.json", atomically: true, encoding: .utf8)
      let start = ["generate", "--model", model, "--prompt", "Hello.", "--max-tokens"]
      let room = 1 << 30
      try expectFailure(
        start + ["1000000"], naming: "max_tokens", "tokens in all would fit", addressSpace: room)
      #expect(try Command.run(start + ["4"], addressSpace: room).status == 0)
    }
  }

  @Test func badInput() throws {
    try withTinyModel { model, directory in
      let start = ["generate", "--model", model, "--prompt"]
      try expectFailure(
        start + [String(repeating: "word ", count: 60)], naming: "--prompt",
        "the model's context holds 256")
      try expectFailure(
        start + ["What?", directory + "/none.png"], naming: directory + "/none.png",
        "No such file or directory")
      try expectFailure(
        start + ["", "--style", "plain"], naming: "--prompt", "the prompt is empty")
      try expectFailure(
        start + ["Hi", "--style", "plain", "--system", "x"], naming: model, "chat template")
      // A tokenizer of another model.
      let tokenizer = model + "/tokenizer.json"
      let text = try String(contentsOfFile: tokenizer, encoding: .utf8)
      try text.replacing(/"Z":\d+/, with: "\"Z\":200")
        .write(toFile: tokenizer, atomically: true, encoding: .utf8)
      try expectFailure(
        start + ["Zebra"], naming: "--prompt",
        "the tokenizer gives token 200, but the model has 96 embeddings")
      try expectFailure(
        ["classify", "--model", model, "--labels", "ape,Zebra", "--text", "x"],
        naming: "label \"Zebra\"", "the tokenizer gives token 200")
      try expectFailure(
        ["generate", "--model", directory + "/none", "--prompt", "x"], naming: "/none", "director")
      try expectFailure(
        start + ["Hi", "--adapter", directory + "/none"], naming: directory + "/none",
        "no such file")
    }
  }

  @Test(arguments: [
    ["--max-tokens", "0"], ["--temperature", "-1"], ["--top-p", "1.5"], ["--prune", "fopru"],
    ["--prune", "fopru-rank:2"], ["--style", "loud"],
  ])
  func wrongUsage(more: [String]) throws {
    let run = try Command.run(["generate", "--model", "m", "--prompt", "x"] + more)
    #expect(run.status == 2)
    #expect(run.errorLines.count == 1)
    #expect(run.errors.contains("see 'lorikeet generate --help'"), "\(run.errors)")
  }
}
