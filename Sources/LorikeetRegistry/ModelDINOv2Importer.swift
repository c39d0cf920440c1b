// SPDX-License-Identifier: Apache-2.0

internal import LorikeetCheckpoints
internal import LorikeetTensors

/// Makes a Hugging Face `dinov2` directory of an ONNX graph that holds a DINOv2 encoder under
/// `backbone.`, as exported from Hugging Face's `Dinov2Model`.
///
/// The exporter keeps the names of norms, biases and scales, and drops those of the matrices: it
/// folds their transposition into unnamed constants. The nodes that use them are still named after
/// the modules (`/backbone/encoder/layer.0/attention/attention/key/MatMul`), which gives the names
/// back. The position embeddings are two unnamed constants, one for the class token and one for the
/// grid of patches. The mask token is not in the graph, since inference never uses it: zeros.
///
/// Source: "DINOv2: Learning Robust Visual Features without Supervision", Oquab et al., 2023.
public enum DINOv2Importer {
  /// Converts a file.
  ///
  /// - Parameter destination: the directory to make.
  /// - Throws: `RegistryError` if the file is not such a graph, or cannot be written.
  public static func run(source: String, destination: String) throws(RegistryError) {
    do {
      let file = try ONNXFile(path: source)
      let tensors = try Graph(file: file).tensors()
      let model = try Model(Checkpoint(tensors, source: source))
      let directory = try ModelDirectory(path: destination)
      try directory.write(model.configuration, as: "config.json")
      try directory.write(preprocessing, as: "preprocessor_config.json")
      try directory.write(
        tensors.map { name, tensor in
          PendingTensor(name: name, dtype: tensor.dtype, shape: tensor.shape) { tensor }
        })
    } catch let error as CheckpointError {
      throw .checkpoint(error)
    } catch let error as RegistryError {
      throw error
    } catch {
      throw .tool(name: source, reason: "\(error)")
    }
  }

  /// How pictures are prepared: the published `preprocessor_config.json` of DINOv2.
  private static let preprocessing: JSONValue = [
    "crop_size": ["height": 224, "width": 224],
    "do_center_crop": true,
    "do_convert_rgb": true,
    "do_normalize": true,
    "do_rescale": true,
    "do_resize": true,
    "image_mean": [0.485, 0.456, 0.406],
    "image_processor_type": "BitImageProcessor",
    "image_std": [0.229, 0.224, 0.225],
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": ["shortest_edge": 256],
  ]

  /// The graph, from which names are recovered.
  private struct Graph {
    let file: ONNXFile
    private let prefix = "backbone."

    /// The tensors under their names in a checkpoint.
    func tensors() throws(CheckpointError) -> [String: StoredTensor] {
      var result: [String: StoredTensor] = [:]
      for name in file.names where name.hasPrefix(prefix) {
        result[String(name.dropFirst(prefix.count))] = file[name]
      }
      for node in file.nodes where node.operation == "MatMul" {
        // The product of two activations has no constant.
        guard let module = module(of: node), let constant = constant(of: node) else { continue }
        let name = module + ".weight"
        guard constant.shape.rank == 2, result[name] == nil else {
          throw problem(name, "is not the one matrix of its layer")
        }
        result[name] = transposed(constant)
      }
      result["embeddings.position_embeddings"] = try positions()
      guard let token = result["embeddings.cls_token"] else {
        throw problem("embeddings.cls_token", "is missing")
      }
      result["embeddings.mask_token"] = StoredTensor(Tensor(repeating: 0, [1, token.shape.width]))
      return result
    }

    /// The constants that are reshaped to a grid and set behind the class token's: `[1, 1 + N, D]`.
    private func positions() throws(CheckpointError) -> StoredTensor {
      let nodes = file.nodes.filter { module(of: $0) == "embeddings" }
      let name = "embeddings.position_embeddings"
      guard
        let first = nodes.filter({ $0.operation == "Concat" }).compactMap(constant).first(where: {
          $0.shape.rank == 3 && $0.shape.rows == 1
        }),
        let rest = nodes.filter({ $0.operation == "Reshape" }).compactMap(constant).first(where: {
          $0.shape.rank == 3 && $0.shape[0] == 1 && $0.shape.width == first.shape.width
        })
      else { throw problem(name, "is not in the graph in a known form") }
      return StoredTensor(
        Tensor(
          first.tensor().values + rest.tensor().values,
          [1, 1 + rest.shape[1], first.shape.width]))
    }

    /// The module that a node belongs to: `encoder.layer.0.mlp.fc1`; nil outside the encoder.
    private func module(of node: ONNXFile.Node) -> String? {
      let parts = node.name.split(separator: "/")
      guard parts.count > 1, parts[0] + "." == prefix else { return nil }
      return parts.dropFirst().dropLast().joined(separator: ".")
    }

    /// The first input that is an unnamed floating-point constant.
    private func constant(of node: ONNXFile.Node) -> StoredTensor? {
      node.inputs.lazy.filter { !$0.hasPrefix(prefix) }.compactMap { file[$0] }
        .first { $0.dtype.isFloatingPoint && $0.shape.rank >= 2 }
    }

    private func transposed(_ matrix: StoredTensor) -> StoredTensor {
      let (rows, columns) = (matrix.shape[0], matrix.shape[1])
      let values = matrix.tensor().values
      var result = [Float](repeating: 0, count: values.count)
      for row in 0..<rows {
        for column in 0..<columns { result[column * rows + row] = values[row * columns + column] }
      }
      return StoredTensor(Tensor(result, [columns, rows]))
    }

    private func problem(_ tensor: String, _ reason: String) -> CheckpointError {
      .malformed(path: file.path, tensor: tensor, reason: reason)
    }
  }

  /// The sizes of the model, from the shapes, and a check that all tensors are there.
  private struct Model {
    let width: Int
    let layers: Int
    let hidden: Int
    let patch: Int
    let side: Int

    /// - Throws: `CheckpointError` that names the tensors that are missing, unexpected or misshapen.
    init(_ checkpoint: Checkpoint) throws(CheckpointError) {
      let reader = CheckpointReader(checkpoint)
      let patches = "embeddings.patch_embeddings.projection.weight"
      guard let kernel = reader.shape(of: patches), kernel.rank == 4, kernel[2] == kernel[3],
        let positions = reader.shape(of: "embeddings.position_embeddings"),
        let fc1 = reader.shape(of: "encoder.layer.0.mlp.fc1.weight"), fc1.rank == 2
      else {
        throw .malformed(path: checkpoint.source, reason: "holds no DINOv2 encoder")
      }
      (width, patch, hidden) = (kernel[0], kernel[2], fc1[0])
      side = Int(Double(positions[1] - 1).squareRoot().rounded())
      var count = 0
      while reader.contains("encoder.layer.\(count).norm1.weight") { count += 1 }
      layers = count
      guard side * side == positions[1] - 1, width > 0, width.isMultiple(of: 64) || width < 64,
        hidden.isMultiple(of: width)
      else { throw .malformed(path: checkpoint.source, reason: "has sizes that DINOv2 has not") }
      let (d, h) = (width, hidden)
      _ = reader.tensor(patches, [d, kernel[1], patch, patch])
      let fixed: [(String, Shape)] = [
        ("embeddings.patch_embeddings.projection.bias", [d]), ("embeddings.cls_token", [1, 1, d]),
        ("embeddings.mask_token", [1, d]),
        ("embeddings.position_embeddings", [1, 1 + side * side, d]), ("layernorm.weight", [d]),
        ("layernorm.bias", [d]),
      ]
      for (name, shape) in fixed { _ = reader.tensor(name, shape) }
      for layer in 0..<layers {
        let scope = reader.scoped("encoder.layer.\(layer)")
        for name in ["norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"] {
          _ = scope.tensor(name, [d])
        }
        for name in ["layer_scale1.lambda1", "layer_scale2.lambda1"] { _ = scope.tensor(name, [d]) }
        for name in ["attention.query", "attention.key", "attention.value", "output.dense"] {
          _ = scope.tensor("attention.\(name).weight", [d, d])
          _ = scope.tensor("attention.\(name).bias", [d])
        }
        for (name, shape) in [("mlp.fc1", [h, d]), ("mlp.fc2", [d, h])] {
          _ = scope.tensor(name + ".weight", Shape(shape))
          _ = scope.tensor(name + ".bias", [shape[0]])
        }
      }
      try reader.finish(checkingFinite: true)
    }

    /// The fields as `Dinov2Config` saves them. Every published DINOv2 has heads 64 wide.
    var configuration: JSONValue {
      [
        "apply_layernorm": true,
        "architectures": ["Dinov2Model"],
        "attention_probs_dropout_prob": 0.0,
        "drop_path_rate": 0.0,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "hidden_size": .integer(width),
        "image_size": .integer(side * patch),
        "initializer_range": 0.02,
        "layer_norm_eps": 1e-06,
        "layerscale_value": 1.0,
        "mlp_ratio": .integer(hidden / width),
        "model_type": "dinov2",
        "num_attention_heads": .integer(max(1, width / 64)),
        "num_channels": 3,
        "num_hidden_layers": .integer(layers),
        "out_features": [.string("stage\(layers)")],
        "out_indices": [.integer(layers)],
        "patch_size": .integer(patch),
        "qkv_bias": true,
        "reshape_hidden_states": true,
        "stage_names": .array(
          [.string("stem")] + (0..<layers).map { .string("stage\($0 + 1)") }),
        "use_mask_token": true,
        "use_swiglu_ffn": false,
      ]
    }
  }
}
