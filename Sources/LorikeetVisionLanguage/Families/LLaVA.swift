// SPDX-License-Identifier: Apache-2.0

internal import LorikeetImages
public import LorikeetLayers
internal import LorikeetProjectors
internal import LorikeetTensors
internal import LorikeetTextDecoders
internal import LorikeetVisionEncoders

extension ModelFamily<VisionLanguageConfiguration> {
  /// LLaVA (Liu et al., "Visual instruction tuning", 2023), with any encoder and any decoder.
  public static var llava: Self {
    ModelFamily("llava") { try VisionLanguageConfiguration(llava: $0) }
  }

  /// LLaVA-NeXT (Liu et al., "LLaVA-NeXT: improved reasoning, OCR, and world knowledge", 2024).
  public static var llavaNext: Self {
    ModelFamily("llava_next") { values in
      var c = try VisionLanguageConfiguration(llava: values)
      let key = "image_grid_pinpoints"
      guard let grids = TileGrids(try values.value(key, default: TileGrids.standard)) else {
        throw values.refusal(key, "expected a list of [height, width], 1 to 16384 each")
      }
      c.arrangement = .anyResolution(grids)
      return c
    }
  }
}

extension VisionLanguageConfiguration {
  /// What LLaVA and LLaVA-NeXT have in common.
  init(llava values: ConfigurationValues) throws {
    let vision = try VisionEncoderFamilies.all.configuration(
      values.nested("vision_config"), default: "clip_vision_model")
    var text = try TextDecoderConfiguration.families.configuration(
      values.nested("text_config"), default: "llama")
    try text.requireCausal(values)
    // transformers ties the embeddings if either level says so.
    if try values.value("tie_word_embeddings", default: false) { text.tiesEmbeddings = true }
    // Nor does its LLaVA cap the logits, whatever the decoder does on its own.
    text.logitSoftCap = nil
    let layers = try values.oneOrSeveral("vision_feature_layer")
    let kind: ProjectorKind = try values.value("projector_type", default: .mlp)
    let activation: Activation = try values.value("projector_hidden_act", default: .gelu)
    let bias = try values.value("multimodal_projector_bias", default: true)
    self.init(
      vision: vision, text: text,
      imageToken: try values.optional("image_token_index")
        ?? values.value("image_token_id", default: 32_000),
      features: .hidden(layers.isEmpty ? [-2] : layers),
      selection: try values.value("vision_feature_select_strategy", default: .patches),
      names: .llava
    ) { kind.make($0, inputs: $1, outputs: $2, activation: activation, bias: bias) }
  }
}

extension VisionLanguageConfiguration.Names {
  /// The published names, which transformers still writes. Also in circulation: those of its modules, a
  /// decoder without its head, and towers of CLIP and SigLIP one level down.
  static let llava = Self(
    model: "", encoder: "vision_tower", projector: "multi_modal_projector",
    text: "language_model", storedText: "language_model.model", head: "language_model",
    aliases: [
      ("language_model.model", "model.language_model"), ("language_model.lm_head", "lm_head"),
      ("vision_tower", "model.vision_tower"), ("vision_tower", "vision_tower.vision_model"),
      ("vision_tower", "model.vision_tower.vision_model"),
      ("multi_modal_projector", "model.multi_modal_projector"),
      ("image_newline", "model.image_newline"), ("language_model.model", "language_model"),
    ])
}
