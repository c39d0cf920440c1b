// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers
internal import LorikeetProjectors
internal import LorikeetTextDecoders
internal import LorikeetVisionEncoders

extension ModelFamily<VisionLanguageConfiguration> {
  /// Qwen2-VL (Wang et al., "Qwen2-VL: enhancing vision-language model's perception of the world at any
  /// resolution", 2024), for pictures.
  public static var qwen2VL: Self {
    ModelFamily("qwen2_vl") { try VisionLanguageConfiguration(qwenVL: $0, isSecond: false) }
  }

  /// Qwen2.5-VL (Bai et al., "Qwen2.5-VL technical report", 2025), for pictures.
  public static var qwen25VL: Self {
    ModelFamily("qwen2_5_vl") { try VisionLanguageConfiguration(qwenVL: $0, isSecond: true) }
  }
}

extension VisionLanguageConfiguration {
  /// What Qwen2-VL and Qwen2.5-VL have in common.
  fileprivate init(qwenVL values: ConfigurationValues, isSecond: Bool) throws {
    let vision = try Qwen2VLVisionConfiguration(
      values.nested("vision_config"), isSecond: isSecond)
    // Published files have the decoder's keys beside the others.
    let isNested = try values.isObject("text_config")
    var text = try ModelFamily<TextDecoderConfiguration>.qwen2VLText.configuration(
      isNested ? values.nested("text_config") : values)
    if try values.value("tie_word_embeddings", default: false) { text.tiesEmbeddings = true }
    var layout = PictureLayout()
    layout.opening = "<|vision_start|>"
    layout.closing = "<|vision_end|>"
    let side = vision.mergeSize
    self.init(
      vision: vision, text: text,
      imageToken: try values.value("image_token_id", default: 151_655),
      features: .hidden([-1]), arrangement: .pixelShuffle(side), layout: layout,
      names: .init(
        model: "", encoder: "visual", projector: "visual.merger", text: "language_model",
        storedText: "model", head: "",
        aliases: [("visual", "model.visual"), ("model", "model.language_model")])
    ) {
      PatchMerger($0, inputs: $1, patches: side * side, outputs: $2, takesMean: !isSecond)
    }
  }
}
