// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTestSupport
import LorikeetVisionLanguage
import Testing

@Suite struct MissingWeightsTests {
  /// A configuration may ask for far more than the file has; that must not take the memory for it.
  @Test func weightsThatAreMissingTakeLittleMemory() throws {
    try withTemporaryDirectory { directory in
      let source = Fixtures.path("models/llama-tied/seed-1/model")
      try FileManager.default.copyItem(
        atPath: source + "/model.safetensors", toPath: directory + "/model.safetensors")
      try #"""
      {"model_type": "llama", "hidden_size": 8192, "intermediate_size": 29568, "vocab_size": 32000,
       "num_hidden_layers": 4096, "num_attention_heads": 64, "max_position_embeddings": 256}
      """#.write(toFile: directory + "/config.json", atomically: true, encoding: .utf8)
      #expect(throws: CheckpointError.self) { try ModelDirectory(directory).load() }
    }
  }
}
