// SPDX-License-Identifier: Apache-2.0

import Lorikeet

/// A small Llama with a tokenizer that knows the words of the data sets.
enum TinyDecoder {
  static let layers = 4
  /// One more than the tokenizer has: the last id stands for pictures.
  static let vocabulary = 592
  /// <|im_end|>
  static let end = 2
  static let specialTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]

  static let configuration: JSONValue = .object([
    ("architectures", ["LlamaForCausalLM"]),
    ("model_type", "llama"),
    ("dtype", "float32"),
    ("vocab_size", .integer(vocabulary)),
    ("hidden_size", 96),
    ("intermediate_size", 256),
    ("num_hidden_layers", .integer(layers)),
    ("num_attention_heads", 4),
    ("num_key_value_heads", 2),
    ("head_dim", 24),
    ("hidden_act", "silu"),
    ("max_position_embeddings", 512),
    ("rms_norm_eps", 1e-5),
    ("rope_parameters", .object([("rope_type", "default"), ("rope_theta", 10000.0)])),
    ("attention_bias", false),
    ("mlp_bias", false),
    ("tie_word_embeddings", true),
    ("bos_token_id", nil),
    ("eos_token_id", .integer(end)),
    ("pad_token_id", 0),
  ])

  static let generation: JSONValue = .object([
    ("do_sample", false),
    ("eos_token_id", .integer(end)),
    ("pad_token_id", 0),
    ("max_new_tokens", 40),
  ])

  static let tokenizerConfiguration: JSONValue = .object([
    ("tokenizer_class", "PreTrainedTokenizerFast"),
    ("model_max_length", 512),
    ("clean_up_tokenization_spaces", false),
    ("eos_token", "<|im_end|>"),
    ("pad_token", "<|endoftext|>"),
    (
      "chat_template",
      .string(
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' "
          + "+ message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
          + "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
    ),
  ])

  static func write(to directory: String, samples: [Sample], seed: UInt64) throws {
    let text = configuration.text
    let configuration = try JSONFile.decode(
      TextDecoderConfiguration.self, text: text, path: directory + "/config.json")
    let trainer = BPETrainer(vocabularySize: vocabulary - 1, specialTokens: specialTokens)
    let tokenizer = try trainer.train(texts(samples))
    let index = ModuleIndex()
    let root = LayerScope(.random(seed: seed), index: index)
    _ = TransformerDecoder(configuration, model: root.scoped("model"), head: root)
    index.scale(["o_proj.weight", "down_proj.weight"], by: 1 / Float(2 * layers).squareRoot())
    index.scale(["embed_tokens.weight"], by: 4)
    try DirectoryWriter.write(to: directory) { staging in
      try AtomicFile.write(text, to: staging + "/config.json")
      try AtomicFile.write(generation.text, to: staging + "/generation_config.json")
      try AtomicFile.write(tokenizer, to: staging + "/tokenizer.json")
      try AtomicFile.write(
        tokenizerConfiguration.text, to: staging + "/tokenizer_config.json")
      try ModelWriter.writeWeights(of: index, to: staging)
    }
  }

  /// The captions, the labels as answers, and the words that prompts are made of.
  private static func texts(_ samples: [Sample]) -> [String] {
    let captions = samples.compactMap(\.text)
    let labels = Set(samples.compactMap(\.label)).sorted()
    let words =
      labels.map { " " + $0 } + ["Caption:", "Category:", "Text:", "user", "assistant", "system"]
    return captions.flatMap { [" " + $0, $0] } + words.flatMap { Array(repeating: $0, count: 100) }
  }
}
