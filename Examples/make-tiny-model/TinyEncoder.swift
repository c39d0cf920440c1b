// SPDX-License-Identifier: Apache-2.0

import Lorikeet

/// A small DINOv2: pictures of 64 × 64 pixels as 8 × 8 patches.
enum TinyEncoder {
  static let side = 64
  static let layers = 4

  static let configuration: JSONValue = .object([
    ("architectures", ["Dinov2Model"]),
    ("model_type", "dinov2"),
    ("dtype", "float32"),
    ("hidden_size", 96),
    ("num_hidden_layers", .integer(layers)),
    ("num_attention_heads", 3),
    ("mlp_ratio", 4),
    ("image_size", .integer(side)),
    ("patch_size", 8),
    ("num_channels", 3),
    ("hidden_act", "gelu"),
    ("layer_norm_eps", 1e-6),
    ("layerscale_value", 1.0),
    ("qkv_bias", true),
    ("use_swiglu_ffn", false),
    ("use_mask_token", true),
  ])

  static func write(to directory: String, seed: UInt64) throws {
    let text = configuration.text
    let configuration = try JSONFile.decode(
      AnyVisionEncoderConfiguration.self, text: text, path: directory + "/config.json")
    let index = ModuleIndex()
    _ = configuration.value.makeEncoder(LayerScope(.random(seed: seed), index: index))
    EncoderStart.set(index)
    // Blocks add to the stream, so what they add begins small.
    index.scale(["output.dense.weight", "fc2.weight"], by: 1 / Float(2 * layers).squareRoot())

    var processor = ImageProcessor(.bit)
    processor.size = .exact(width: side, height: side)
    processor.cropSize = .init(width: side, height: side)
    processor.normalization = .imageNet
    let processorText = try processor.json()
    try DirectoryWriter.write(to: directory) { staging in
      try AtomicFile.write(text, to: staging + "/config.json")
      try AtomicFile.write(processorText, to: staging + "/preprocessor_config.json")
      try ModelWriter.writeWeights(of: index, to: staging)
    }
  }
}

extension ModuleIndex {
  /// Multiplies the parameters whose names end so.
  func scale(_ endings: [String], by factor: Float) {
    for parameter in parameters where endings.contains(where: parameter.name.hasSuffix) {
      var value = parameter.variable.value
      Kernels.scale(&value, by: factor)
      parameter.replace(with: value)
    }
  }
}
