// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
public import LorikeetLayers
internal import LorikeetProjectors
internal import LorikeetTextDecoders
internal import LorikeetVisionEncoders

extension ModelFamily<VisionLanguageConfiguration> {
  /// Idefics3 (Laurencon et al., "Building and better understanding vision-language models", 2024) and
  /// SmolVLM (Marafioti et al., 2025): a SigLIP-like encoder, squares of patches joined, one linear
  /// layer, Llama.
  public static var idefics3: Self {
    ModelFamily("idefics3", "smolvlm") { values in
      var text = try TextDecoderConfiguration.families.configuration(
        values.nested("text_config"), default: "llama")
      try text.requireCausal(values)
      if try values.value("tie_word_embeddings", default: false) { text.tiesEmbeddings = true }
      let scale = try values.whole("scale_factor", default: 2, most: 64)
      let vision = try VisionEncoderFamilies.all.configuration(
        values.nested("vision_config"), default: "idefics3_vision")
      return VisionLanguageConfiguration(
        vision: vision, text: text,
        imageToken: try values.value("image_token_id", default: 128_257),
        features: .last, arrangement: .pixelShuffle(scale), layout: .idefics3,
        names: .init(
          model: "model", encoder: "vision_model", projector: "connector.modality_projection",
          text: "text_model", storedText: "text_model", head: "", aliases: [])
      ) { LinearProjector($0, inputs: $1, outputs: $2, bias: false, name: "proj") }
    }
  }
}

extension PictureLayout {
  /// Tiles row by row, a tag before each and a line's end after each row, then the whole picture.
  ///
  /// Source: `Idefics3Processor.replace_image_token` of transformers.
  static var idefics3: Self {
    var layout = PictureLayout()
    layout.pieces = { tiles in
      let edge = "<fake_token_around_image>"
      let (rows, columns) = (tiles?.rows ?? 0, tiles?.columns ?? 0)
      var pieces: [Piece] = []
      for row in 0..<rows {
        for column in 0..<columns {
          pieces.append(.words("\(edge)<row_\(row + 1)_col_\(column + 1)>"))
          pieces.append(.tile(row * columns + column))
        }
        pieces.append(.words("\n"))
      }
      return pieces + [
        .words("\(rows > 0 ? "\n" : "")\(edge)<global-img>"), .tile(rows * columns), .words(edge),
      ]
    }
    return layout
  }
}
