// SPDX-License-Identifier: Apache-2.0

import LorikeetLayers
import LorikeetTextDecoders
import LorikeetVisionLanguage
import Testing

@Suite struct GenerationMemoryTests {
  private func memory(_ type: KeyValueCacheType = .float32) throws -> GenerationMemory {
    GenerationMemory(try Llava().model, cacheType: type)
  }

  private func refusal(
    _ memory: GenerationMemory, _ prompts: [Int], more: Int, available: Int?
  ) -> String? {
    do {
      try memory.require(prompts: prompts, more: more, available: available)
      return nil
    } catch { return "\(error)" }
  }

  @Test func aTokenHasItsKeysAndValues() throws {
    let decoder = try #require(try Llava().model.decoder as? TransformerDecoder)
    let c = decoder.configuration
    let values = c.layers * 2 * c.keyHeads * c.headWidth
    #expect(try memory().cacheToken == 4 * values)
    #expect(try memory(.float16).cacheToken == 2 * values)
    // Activations are float32 whatever the cache is.
    #expect(try memory(.float16).promptRow == memory().promptRow)
  }

  @Test func whatJustFitsIsTaken() throws {
    let memory = try memory()
    // Two answers of up to 15 tokens with their prompts, and 8 rows of prompts.
    let needed = 2 * 15 * memory.cacheToken + 8 * memory.promptRow
    #expect(refusal(memory, [3, 5], more: 10, available: needed) == nil)
    #expect(refusal(memory, [3, 5], more: 10, available: nil) == nil)
    let refused = try #require(refusal(memory, [3, 5], more: 10, available: needed - 1))
    #expect(refused.hasPrefix("max_tokens: 2 prompts of up to 5 tokens and up to 10 more need"))
    #expect(refused.hasSuffix("are available; 14 tokens for each would fit"))
    #expect(refusal(memory, [3, 5], more: 9, available: needed - 1) == nil)
  }

  @Test func whatFitsIsSaidOfPromptsToo() throws {
    let memory = try memory()
    let each = memory.cacheToken + memory.promptRow
    let refused = try #require(refusal(memory, [100], more: 1, available: 40 * each))
    #expect(refused.hasPrefix("max_tokens: a prompt of 100 tokens and up to 1 more need about 0"))
    #expect(refused.hasSuffix("; 40 tokens in all would fit"))
    #expect(refusal(memory, [39], more: 1, available: 40 * each) == nil)
  }

  @Test func numbersOfAnySizeAreRefused() throws {
    let llava = try Llava()
    #expect(refusal(try memory(), [5], more: .max, available: nil) != nil)
    #expect(refusal(try memory(), [5], more: .max, available: 0) != nil)
    var options = GenerationOptions()
    for tokens in [1 << 48, .max] {
      options.maxTokens = tokens
      #expect(throws: ConfigurationError.self) {
        try llava.model.generate([TokenSequence(parts: [.tokens([1, 2])])], options)
      }
    }
  }
}
