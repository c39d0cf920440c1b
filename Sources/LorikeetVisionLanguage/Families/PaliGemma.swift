// SPDX-License-Identifier: Apache-2.0

public import LorikeetLayers
internal import LorikeetProjectors
internal import LorikeetTextDecoders
internal import LorikeetVisionEncoders

extension ModelFamily<VisionLanguageConfiguration> {
  /// PaliGemma (Beyer et al., "PaliGemma: a versatile 3B VLM for transfer", 2024): SigLIP, one linear
  /// layer and Gemma, whose prompt sees itself both ways.
  public static var paligemma: Self {
    ModelFamily("paligemma") { values in
      let vision = try values.nested("vision_config")
      var text = try TextDecoderConfiguration.families.configuration(
        values.nested("text_config"), default: "gemma")
      if try values.value("tie_word_embeddings", default: true) { text.tiesEmbeddings = true }
      var layout = PictureLayout()
      layout.comesFirst = true
      return VisionLanguageConfiguration(
        // Its towers have no pooling head.
        vision: try VisionEncoderFamilies.all.configuration(vision, default: "siglip_vision_model"),
        text: text,
        imageToken: try values.optional("image_token_index")
          ?? values.value("image_token_id", default: 256_000),
        features: .last, promptSeesItself: true, layout: layout, names: .llava
      ) { LinearProjector($0, inputs: $1, outputs: $2, bias: true) }
    }
  }
}
