// SPDX-License-Identifier: Apache-2.0

internal import LorikeetCheckpoints
internal import LorikeetTensors

/// Makes a Hugging Face `llama` directory of a GGUF file with a model of the Llama family: weights
/// in float32, configuration, tokenizer and chat template.
///
/// Block formats are expanded to the values that they stand for; precision that quantisation took
/// does not come back.
public enum LlamaImporter {
  /// Converts a file.
  ///
  /// - Parameter destination: the directory to make.
  /// - Throws: `RegistryError` if the file is not such a model, or cannot be written.
  public static func run(source: String, destination: String) throws(RegistryError) {
    do {
      let file = try GGUFFile(path: source)
      let sizes = try Sizes(file)
      let tensors = try Weights(file: file, sizes: sizes).tensors()
      let tokenizer = try GGUFTokenizer(file)
      let directory = try ModelDirectory(path: destination)
      try directory.write(sizes.configuration, as: "config.json")
      try directory.write(sizes.generation, as: "generation_config.json")
      try tokenizer.write(to: directory, contextLength: sizes.context)
      try directory.write(tensors)
    } catch let error as CheckpointError {
      throw .checkpoint(error)
    } catch let error as RegistryError {
      throw error
    } catch {
      throw .tool(name: source, reason: "\(error)")
    }
  }

  /// The sizes and constants of the model.
  struct Sizes {
    let layers: Int
    let width: Int
    let hidden: Int
    let heads: Int
    let keyValueHeads: Int
    let headWidth: Int
    let context: Int
    let vocabulary: Int
    let epsilon: Double
    let ropeBase: Double
    let isTied: Bool
    let bos: Int?
    let eos: Int?
    let padding: Int?

    init(_ file: GGUFFile) throws(CheckpointError) {
      let architecture = try file.require("general.architecture", file.string)
      guard architecture == "llama" else {
        throw .configuration(
          path: file.path, key: "general.architecture", reason: "is \(architecture), expected llama"
        )
      }
      func size(_ key: String) throws(CheckpointError) -> Int {
        let value = try file.require(key, file.integer)
        guard value > 0, value < 1 << 24 else {
          throw .configuration(path: file.path, key: key, reason: "is \(value)")
        }
        return value
      }
      layers = try size("llama.block_count")
      width = try size("llama.embedding_length")
      hidden = try size("llama.feed_forward_length")
      heads = try size("llama.attention.head_count")
      let kv = "llama.attention.head_count_kv"
      keyValueHeads = file.values[kv] == nil ? heads : try size(kv)
      let key = "llama.attention.key_length"
      headWidth = file.values[key] == nil ? width / heads : try size(key)
      context = try size("llama.context_length")
      guard heads.isMultiple(of: keyValueHeads), headWidth.isMultiple(of: 2), headWidth > 0 else {
        throw .configuration(
          path: file.path, key: "llama.attention.head_count",
          reason: "is \(heads), which does not go with \(keyValueHeads) key-value heads and width "
            + "\(width)")
      }
      guard file.values["llama.expert_count"] == nil else {
        throw .configuration(path: file.path, key: "llama.expert_count", reason: "is not supported")
      }
      if let scaling = try file.string("llama.rope.scaling.type"), scaling != "none" {
        throw .configuration(
          path: file.path, key: "llama.rope.scaling.type", reason: "is \(scaling), not supported")
      }
      vocabulary = file["token_embd.weight"]?.shape.rows ?? 0
      epsilon = shortest(try file.require("llama.attention.layer_norm_rms_epsilon", file.number))
      ropeBase = shortest(try file.number("llama.rope.freq_base") ?? 10_000)
      isTied = file["output.weight"] == nil
      bos = try file.integer("tokenizer.ggml.bos_token_id")
      eos = try file.integer("tokenizer.ggml.eos_token_id")
      padding = try file.integer("tokenizer.ggml.padding_token_id")
    }

    /// The fields as `LlamaForCausalLM` saves them.
    var configuration: JSONValue {
      [
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": false,
        "attention_dropout": 0.0,
        "bos_token_id": id(bos),
        "dtype": "float32",
        "eos_token_id": id(eos),
        "head_dim": .integer(headWidth),
        "hidden_act": "silu",
        "hidden_size": .integer(width),
        "initializer_range": 0.02,
        "intermediate_size": .integer(hidden),
        "max_position_embeddings": .integer(context),
        "mlp_bias": false,
        "model_type": "llama",
        "num_attention_heads": .integer(heads),
        "num_hidden_layers": .integer(layers),
        "num_key_value_heads": .integer(keyValueHeads),
        "pad_token_id": id(padding),
        "pretraining_tp": 1,
        "rms_norm_eps": .number(epsilon),
        "rope_scaling": nil,
        "rope_theta": .number(ropeBase),
        "tie_word_embeddings": .bool(isTied),
        "use_cache": true,
        "vocab_size": .integer(vocabulary),
      ]
    }

    var generation: JSONValue {
      [
        "_from_model_config": true,
        "bos_token_id": id(bos),
        "eos_token_id": id(eos),
        "pad_token_id": id(padding),
      ]
    }

    private func id(_ id: Int?) -> JSONValue { id.map(JSONValue.integer) ?? nil }
  }

  /// The tensors under their names at Hugging Face.
  private struct Weights {
    let file: GGUFFile
    let sizes: Sizes

    func tensors() throws(CheckpointError) -> [PendingTensor] {
      let (d, h, v) = (sizes.width, sizes.hidden, sizes.vocabulary)
      let queries = sizes.heads * sizes.headWidth
      let keys = sizes.keyValueHeads * sizes.headWidth
      var stored: [String: StoredTensor] = [:]
      for name in file.names { stored[name] = file[name] }
      let reader = CheckpointReader(Checkpoint(stored, source: file.path))
      // Factors of rotary scaling; Hugging Face computes them.
      reader.ignore { $0 == "rope_freqs.weight" }
      var result: [PendingTensor] = []
      func take(
        _ reader: CheckpointReader, _ name: String, as target: String, _ shape: Shape,
        heads: Int? = nil
      ) {
        guard let tensor = reader.tensor(name + ".weight", shape) else { return }
        result.append(
          PendingTensor(name: target + ".weight", dtype: .float32, shape: shape) {
            let values = tensor.tensor()
            return StoredTensor(heads.map { halved(values, heads: $0) } ?? values)
          })
      }
      take(reader, "token_embd", as: "model.embed_tokens", [v, d])
      take(reader, "output_norm", as: "model.norm", [d])
      if !sizes.isTied { take(reader, "output", as: "lm_head", [v, d]) }
      for layer in 0..<sizes.layers {
        let from = reader.scoped("blk.\(layer)")
        let to = "model.layers.\(layer)."
        take(from, "attn_norm", as: to + "input_layernorm", [d])
        take(from, "attn_q", as: to + "self_attn.q_proj", [queries, d], heads: sizes.heads)
        take(from, "attn_k", as: to + "self_attn.k_proj", [keys, d], heads: sizes.keyValueHeads)
        take(from, "attn_v", as: to + "self_attn.v_proj", [keys, d])
        take(from, "attn_output", as: to + "self_attn.o_proj", [d, queries])
        take(from, "ffn_norm", as: to + "post_attention_layernorm", [d])
        take(from, "ffn_gate", as: to + "mlp.gate_proj", [h, d])
        take(from, "ffn_up", as: to + "mlp.up_proj", [h, d])
        take(from, "ffn_down", as: to + "mlp.down_proj", [d, h])
      }
      try reader.finish(checkingFinite: true)
      return result
    }
  }

  /// Orders the rows of a query or key projection as Hugging Face does.
  ///
  /// Rotary positions turn pairs of rows of a head. In GGUF a pair lies side by side, `2 i` and
  /// `2 i + 1`; at Hugging Face in the two halves of the head, `i` and `i + width / 2`.
  static func halved(_ matrix: Tensor, heads: Int) -> Tensor {
    let (rows, columns) = (matrix.rows, matrix.width)
    let half = rows / heads / 2
    let values = matrix.values
    var result: [Float] = []
    result.reserveCapacity(values.count)
    for head in 0..<heads {
      for part in 0..<2 {
        for pair in 0..<half {
          let row = (head * half + pair) * 2 + part
          result += values[row * columns..<(row + 1) * columns]
        }
      }
    }
    return Tensor(result, matrix.shape)
  }
}

/// The shortest number that gives the same float32: GGUF stores 1e-5 as 9.999999747e-6.
private func shortest(_ value: Double) -> Double { Double(Float(value).description) ?? value }
