// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// `lorikeet debug forward` against transformers and PEFT.
@Suite struct DebugForwardTests {
  static let cases = [
    "models/llama-tied/seed-1", "models/llama-untied/seed-2", "models/llama-biased/seed-1",
    "models/dinov2/seed-2", "models/dinov2-interpolated/seed-1", "models/llava/seed-1",
    "models/llava-full/seed-1", "models/llava-two-images/seed-2", "adapters/lora/seed-1",
    "adapters/lora-bias/seed-2", "adapters/lora-rslora-patterns/seed-1",
    "adapters/llava-lora/seed-2", "adapters/llava-lora-projector/seed-1",
  ]

  @Test(arguments: cases) func outputsAreTheReference(name: String) throws {
    let reference = try ReferenceCase(name)
    try withTemporaryDirectory { directory in
      let outputs = directory + "/out.safetensors"
      var arguments = [
        "debug", "forward", "--model", reference.modelDirectory, "--inputs",
        reference.directory + "/inputs.safetensors", "--outputs", outputs,
      ]
      if name.hasPrefix("adapters/") { arguments += ["--adapter", reference.adapterDirectory] }
      if reference.hasExpected("loss") { arguments += ["--gradients"] }
      if reference.hasExpected("greedy_ids") {
        arguments += [
          "--generate", String(try reference.expectedIntegers("greedy_ids").count), "--from",
          String(try reference.greedyPromptLength()),
        ]
      }
      let run = try Command.run(arguments)
      #expect(run.status == 0)
      #expect(run.output == "")
      #expect(run.errorLines.count == 1 && run.errors.hasPrefix(outputs), "\(run.errors)")

      let found = try SafetensorsFile(path: outputs)
      for key in reference.expectedNames where !key.hasPrefix("last_hidden_state.") {
        let tensor = try #require(found[key], "\(key) was not written")
        if tensor.dtype == .int64 {
          #expect(tensor.integers() == (try reference.expectedIntegers(key)), "\(key)")
          continue
        }
        let isGradient = key.hasPrefix("grad.")
        expectClose(
          tensor.tensor(), try reference.expected(key), tolerance: isGradient ? 1e-3 : 1e-4,
          floor: 1e-3, key)
      }
      // The case with every gradient says that there are no others.
      if name == "models/llava/seed-1" || name.hasPrefix("adapters/") {
        #expect(
          found.names.filter { $0.hasPrefix("grad.") }
            == reference.expectedNames.filter { $0.hasPrefix("grad.") })
      }
    }
  }

  @Test func quietPrintsNothing() throws {
    let reference = try ReferenceCase("models/llama-tied/seed-1")
    try withTemporaryDirectory { directory in
      let run = try Command.run(
        "debug", "forward", "--model", reference.modelDirectory, "--inputs",
        reference.directory + "/inputs.safetensors", "--outputs", directory + "/o", "--quiet",
        "--threads", "1")
      #expect(run.status == 0)
      #expect(run.output + run.errors == "")
    }
  }
}
