// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// Bad input: one line on standard error naming file and cause, code 1, nothing half-written.
@Suite struct BadInputTests {
  /// A copy of a reference case in a directory of its own, to be spoiled.
  private func spoiling(
    _ name: String, _ spoil: (String) throws -> Void, naming file: String, _ cause: String,
    more: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try withTemporaryDirectory { directory in
      let place = directory + "/case"
      try FileManager.default.copyItem(atPath: Fixtures.path(name), toPath: place)
      try spoil(place)
      let before = try FileManager.default.contentsOfDirectory(atPath: directory)
      var arguments = [
        "debug", "forward", "--model", place + "/model", "--inputs",
        place + "/inputs.safetensors", "--outputs", directory + "/out.safetensors",
      ]
      if name.hasPrefix("adapters/") { arguments += ["--adapter", place + "/adapter"] }
      try expectFailure(
        arguments + more, naming: place + "/" + file, cause, sourceLocation: sourceLocation)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: directory) == before,
        sourceLocation: sourceLocation)
    }
  }

  private func replace(_ old: String, with new: String, in path: String) throws {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    #expect(text.contains(old))
    try text.replacingOccurrences(of: old, with: new)
      .write(toFile: path, atomically: true, encoding: .utf8)
  }

  private func truncate(_ path: String, to count: Int) throws {
    let data = try Data(contentsOf: URL(filePath: path))
    try data.prefix(count).write(to: URL(filePath: path))
  }

  /// Writes an inputs file of whole numbers, `[1, n]` each.
  private func writeInputs(_ path: String, _ tensors: [String: [Int]]) throws {
    try SafetensorsFile.write(
      tensors.map { name, values in
        let storage = values.map(Int64.init).withUnsafeBytes { Storage(copying: $0) }
        return (
          name,
          StoredTensor(
            dtype: .int64, shape: [1, values.count], storage: storage, bytes: 0..<values.count * 8)
        )
      }, to: path)
  }

  private let llama = "models/llama-tied/seed-1"
  private let llava = "models/llava/seed-1"

  @Test func unknownModelType() throws {
    try spoiling(
      llama, { try replace("\"llama\"", with: "\"mamba\"", in: $0 + "/model/config.json") },
      naming: "model/config.json", "mamba is not supported; supported are")
  }

  @Test func configurationThatIsNotJSON() throws {
    try spoiling(
      llama, { try truncate($0 + "/model/config.json", to: 100) }, naming: "model/config.json",
      "is not JSON")
  }

  @Test func missingConfiguration() throws {
    try spoiling(
      llama, { try FileManager.default.removeItem(atPath: $0 + "/model/config.json") },
      naming: "model/config.json", "No such file")
  }

  @Test func missingWeights() throws {
    try spoiling(
      llama, { try FileManager.default.removeItem(atPath: $0 + "/model/model.safetensors") },
      naming: "model", "neither model.safetensors nor")
  }

  @Test func weightsOfAnotherShape() throws {
    try spoiling(
      llama,
      {
        try replace(
          "\"vocab_size\": 104", with: "\"vocab_size\": 105", in: $0 + "/model/config.json")
      }, naming: "model/model.safetensors",
      "model.embed_tokens.weight ([104, 32], expected [105, 32])")
  }

  @Test func truncatedWeights() throws {
    try spoiling(
      llama, { try truncate($0 + "/model/model.safetensors", to: 20_000) },
      naming: "model/model.safetensors", "do not lie within the file")
  }

  @Test func emptyWeights() throws {
    try spoiling(
      llama, { try truncate($0 + "/model/model.safetensors", to: 0) },
      naming: "model/model.safetensors", "too short for safetensors")
  }

  @Test func overlappingTensors() throws {
    try spoiling(
      llama,
      { place in
        let header = """
          {"input_ids":{"dtype":"I64","shape":[1,2],"data_offsets":[0,16]},\
          "labels":{"dtype":"I64","shape":[1,2],"data_offsets":[8,24]}}
          """
        var data = Data()
        withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
        data.append(contentsOf: header.utf8)
        data.append(contentsOf: [UInt8](repeating: 0, count: 24))
        try data.write(to: URL(filePath: place + "/inputs.safetensors"))
      }, naming: "inputs.safetensors", "overlaps input_ids")
  }

  @Test func featureLayerThatIsNotThere() throws {
    try spoiling(
      llava,
      {
        try replace(
          "\"vision_feature_layer\": -2", with: "\"vision_feature_layer\": -20",
          in: $0 + "/model/config.json")
      }, naming: "model/config.json", "vision_feature_layer [-20] is outside of")
  }

  @Test func adapterForAnotherModel() throws {
    try spoiling(
      "adapters/lora/seed-1",
      { place in
        try FileManager.default.removeItem(atPath: place + "/adapter")
        try FileManager.default.copyItem(
          atPath: Fixtures.path("adapters/lora/seed-2/adapter"), toPath: place + "/adapter")
      }, naming: "adapter/adapter_model.safetensors", "is this an adapter for another model?")
  }

  @Test func targetThatMatchesNothing() throws {
    try spoiling(
      "adapters/lora/seed-1",
      { place in
        let path = place + "/adapter/adapter_config.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let spoiled = text.replacing(/_proj"/, with: "_projection\"")
        try spoiled.write(toFile: path, atomically: true, encoding: .utf8)
      }, naming: "adapter/adapter_config.json", "match no linear layer of the model")
  }

  @Test func adapterOfAnotherKind() throws {
    try spoiling(
      "adapters/lora/seed-1",
      {
        try replace(
          "\"peft_type\": \"LORA\"", with: "\"peft_type\": \"LOHA\"",
          in: $0 + "/adapter/adapter_config.json")
      }, naming: "adapter/adapter_config.json",
      "LOHA is not supported; supported: LORA, IA3")
  }

  /// Names out of files neither break the line nor speak to the terminal.
  @Test func controlCharactersAreEscaped() throws {
    try spoiling(
      "adapters/lora/seed-1",
      {
        try replace(
          #""modules_to_save": null"#, with: #""modules_to_save": ["a\nb\u001b[31m"]"#,
          in: $0 + "/adapter/adapter_config.json")
      }, naming: "adapter/adapter_config.json", #"a\nb\u{1B}[31m"#)
  }

  @Test func tokenOutsideOfTheVocabulary() throws {
    for token in [-1, 104, 1 << 40] {
      try spoiling(
        llama, { try writeInputs($0 + "/inputs.safetensors", ["input_ids": [1, token, 2]]) },
        naming: "inputs.safetensors", "input_ids has \(token), outside of the vocabulary of 104")
    }
  }

  @Test func labelsThatDoNotFit() throws {
    try spoiling(
      llama,
      {
        try writeInputs(
          $0 + "/inputs.safetensors", ["input_ids": [1, 2, 3], "labels": [1, 2, 104]])
      }, naming: "inputs.safetensors", "labels has 104, outside of the vocabulary")
    try spoiling(
      llama,
      {
        try writeInputs($0 + "/inputs.safetensors", ["input_ids": [1, 2, 3], "labels": [1, 2]])
      },
      naming: "inputs.safetensors", "labels does not have the shape of input_ids")
    try spoiling(
      llama,
      {
        try writeInputs(
          $0 + "/inputs.safetensors", ["input_ids": [1, 2], "labels": [5, -100]])
      }, naming: "inputs.safetensors", "nothing to predict")
  }

  @Test func gradientsWithoutLabels() throws {
    try spoiling(
      llama, { try writeInputs($0 + "/inputs.safetensors", ["input_ids": [1, 2, 3]]) },
      naming: "inputs.safetensors", "has no labels", more: ["--gradients"])
    try spoiling(
      "models/dinov2/seed-1", { _ in }, naming: "inputs.safetensors", "need a language model",
      more: ["--gradients"])
  }

  @Test func generationFromMoreThanThereIs() throws {
    try spoiling(
      llama, { _ in }, naming: "inputs.safetensors", "after the first 15 inputs; rows have 14",
      more: ["--generate", "2", "--from", "15"])
  }

  @Test func generationFromInsideOfAnImage() throws {
    try spoiling(
      llava, { _ in }, naming: "inputs.safetensors", "end inside of an image",
      more: ["--generate", "2", "--from", "10"])
  }

  @Test func maskWithAHole() throws {
    try spoiling(
      llama,
      {
        try writeInputs(
          $0 + "/inputs.safetensors",
          ["input_ids": [1, 2, 3], "attention_mask": [1, 0, 1]])
      }, naming: "inputs.safetensors", "row 0 of attention_mask is not one run of ones")
  }

  @Test func imageTokensWithoutTheirFeatures() throws {
    try spoiling(
      llava,
      { place in
        let path = place + "/inputs.safetensors"
        let file = try SafetensorsFile(path: path)
        let pixels = try #require(file["pixel_values"]).tensor()
        let ids = try #require(file["input_ids"])
        let two = Tensor(pixels.values + pixels.values, [2, 3, pixels.shape[2], pixels.shape[3]])
        try SafetensorsFile.write(
          [("input_ids", ids), ("pixel_values", StoredTensor(two))], to: path + ".new")
        try FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: path + ".new", toPath: path)
      }, naming: "inputs.safetensors",
      "image features and image tokens do not match: 16 placeholders, 32 features")
  }

  @Test func picturesForAModelWithoutEyes() throws {
    try spoiling(
      llama,
      { place in
        try FileManager.default.removeItem(atPath: place + "/inputs.safetensors")
        try FileManager.default.copyItem(
          atPath: Fixtures.path("models/llava/seed-1/inputs.safetensors"),
          toPath: place + "/inputs.safetensors")
      }, naming: "inputs.safetensors", "the model has no image encoder")
  }

  @Test func outputsThatCannotBeWritten() throws {
    let reference = try ReferenceCase(llama)
    try expectFailure(
      [
        "debug", "forward", "--model", reference.modelDirectory, "--inputs",
        reference.directory + "/inputs.safetensors", "--outputs", "/nowhere/at/all.safetensors",
      ], naming: "/nowhere/at/all.safetensors", "cannot write: No such file")
  }

  @Test(arguments: [
    ("truncated.png", "truncated PNG"), ("truncated.jpg", "truncated JPEG"),
    ("text.png", "is not a PNG or JPEG picture"), ("empty.png", "the file is empty"),
    ("absent.png", "No such file"), ("huge.png", "60000 x 60000 pixels are too many"),
    ("directory.png", "is a directory"),
  ])
  func badPictures(name: String, cause: String) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/" + name
      func source(_ name: String) throws -> Data {
        try Data(contentsOf: URL(filePath: Fixtures.path("images/seed-2/" + name)))
      }
      switch name {
      case "truncated.png":
        let data = try source("wide.png")
        try data.prefix(data.count / 2).write(to: URL(filePath: path))
      case "truncated.jpg":
        let data = try source("rgb-444.jpg")
        try data.prefix(data.count / 2).write(to: URL(filePath: path))
      case "text.png": try Data("a parrot".utf8).write(to: URL(filePath: path))
      case "empty.png": try Data().write(to: URL(filePath: path))
      case "huge.png":
        var data = try source("rgb8.png")
        data.replaceSubrange(16..<24, with: [0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60])
        try data.write(to: URL(filePath: path))
      case "directory.png":
        try FileManager.default.createDirectory(
          atPath: path, withIntermediateDirectories: false)
      default: break
      }
      let good = Fixtures.path("images/seed-2/rgb8.png")
      let output = directory + "/out.safetensors"
      try expectFailure(
        ["debug", "preprocess", "--decode", good, path, "--output", output], naming: path, cause)
      #expect(!FileManager.default.fileExists(atPath: output))
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: directory)
          == (name == "absent.png" ? [] : [name]))
    }
  }

  /// `--output *.png` names the first picture, and what is read cannot be written.
  @Test func outputsThatWouldCostSomething() throws {
    try withTemporaryDirectory { directory in
      let names = ["a.png", "b.png"].map { directory + "/" + $0 }
      for name in names {
        try FileManager.default.copyItem(
          atPath: Fixtures.path("images/seed-2/rgb8.png"), toPath: name)
      }
      let before = try files(below: directory)
      let model = Fixtures.path("models/dual-clip/seed-1/model")
      try expectFailure(
        ["debug", "preprocess", "--decode", "--output"] + names, naming: names[0],
        "exists and is not a safetensors file")
      try expectFailure(
        ["debug", "preprocess", "--decode", names[1], "--output", names[1]], naming: names[1],
        "is read, expected another file to write")
      try expectFailure(
        ["embed", "--model", model, "--output"] + names, naming: names[0],
        "exists and is not a safetensors file")
      try expectFailure(
        ["debug", "preprocess", "--decode", names[0], "--output", directory], naming: directory,
        "exists and is not a regular file")
      let reference = try ReferenceCase(llama)
      let inputs = directory + "/inputs.safetensors"
      try FileManager.default.copyItem(
        atPath: reference.directory + "/inputs.safetensors", toPath: inputs)
      try expectFailure(
        [
          "debug", "forward", "--model", reference.modelDirectory, "--inputs", inputs,
          "--outputs", directory + "/./inputs.safetensors",
        ], naming: "inputs.safetensors", "is read")
      try FileManager.default.removeItem(atPath: inputs)
      #expect(try files(below: directory) == before)
      // An earlier result, or an empty file, is replaced.
      let output = directory + "/out"
      try Data().write(to: URL(filePath: output))
      for _ in 1...2 {
        let run = try Command.run("debug", "preprocess", "--decode", names[0], "--output", output)
        #expect(run.status == 0, "\(run.errors)")
      }
    }
  }

  /// Logits that are no numbers have no difference.
  @Test func mergingWhatIsTooLarge() throws {
    try withTemporaryDirectory { directory in
      let (model, adapter) = (directory + "/model", directory + "/adapter")
      try TinyModel.write(to: model, case: "adapters/llava-lora/seed-1")
      try FileManager.default.copyItem(
        atPath: Fixtures.path("adapters/llava-lora/seed-1/adapter"), toPath: adapter)
      let path = adapter + "/adapter_model.safetensors"
      let file = try SafetensorsFile(path: path)
      let tensors = try file.names.map { name in
        let tensor = try #require(file[name]).tensor()
        let isLarge = name.contains("language_model") && name.hasSuffix("lora_B.weight")
        let values = isLarge ? tensor.values.map { _ in Float(1e38) } : tensor.values
        return (name: name, tensor: StoredTensor(Tensor(values, tensor.shape)))
      }
      try FileManager.default.removeItem(atPath: path)
      try SafetensorsFile.write(tensors, to: path)
      let output = directory + "/merged"
      try expectFailure(
        ["merge", "--model", model, "--adapter", adapter, "--output", output],
        naming: "cannot merge", "the logits of the adapted model are not finite")
      #expect(!FileManager.default.fileExists(atPath: output))
      let picture = Fixtures.path("images/seed-2/rgb8.png")
      try expectFailure(
        ["caption", "--model", model, "--adapter", adapter, picture], naming: "model",
        "its hidden states overflow")
      try expectFailure(
        ["classify", "--model", model, "--adapter", adapter, "--labels", "a,b", picture],
        naming: "model", "its hidden states overflow")
    }
  }

  @Test func aPictureGivenTwice() throws {
    let good = Fixtures.path("images/seed-2/rgb8.png")
    try withTemporaryDirectory { directory in
      try expectFailure(
        ["debug", "preprocess", "--decode", good, good, "--output", directory + "/o"],
        naming: good, "is given twice")
    }
  }

  @Test func modelsWithoutATokenizerOrAPreprocessor() throws {
    let model = Fixtures.path("models/llama-tied/seed-1/model")
    try expectFailure(
      ["debug", "tokenize", "--model", model, "--text", "x"], naming: model + "/tokenizer.json",
      "No such file")
    try withTemporaryDirectory { directory in
      try expectFailure(
        [
          "debug", "preprocess", "--model", model, Fixtures.path("images/seed-2/rgb8.png"),
          "--output", directory + "/o",
        ], naming: model + "/preprocessor_config.json", "No such file")
    }
  }

  @Test func textsThatAreNotUTF8() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/latin1.txt"
      try Data([0x63, 0x61, 0x66, 0xE9, 0x0A]).write(to: URL(filePath: path))
      try expectFailure(
        [
          "debug", "tokenize", "--model", Fixtures.path("tokenizers/digits"), "--file", path,
        ], naming: path, "is not UTF-8")
    }
  }
}
