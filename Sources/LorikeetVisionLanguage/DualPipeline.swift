// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetAdapters
internal import LorikeetLayers
public import LorikeetTensors
public import LorikeetTokenizers
internal import LorikeetVisionEncoders

/// A dual encoder ready for work: with its tokenizer and image processor.
public final class DualPipeline {
  public let model: DualEncoder
  private let directory: String
  /// What embeds pictures.
  public let pictures: PictureEmbedder
  private let adapters: AdapterSet?

  /// Opens a model directory and, if given, what is chosen of some adapters.
  public init(model directory: String, adapters selection: AdapterSelection? = nil) throws {
    let loaded = try ModelDirectory(directory).load()
    guard case .dual(let model) = loaded else {
      throw ConfigurationError(
        path: directory + "/config.json",
        "is no dual encoder; expected model_type "
          + DualEncoderConfiguration.families.modelTypes.joined(separator: " or "))
    }
    self.model = model
    self.directory = directory
    adapters = try selection.map { try AdapterSet($0, attachingTo: model.index) }
    pictures = try PictureEmbedder(loaded, directory: directory)
  }

  /// Reads the tokenizer; pictures alone need none.
  public func makeTokenizer() throws -> Tokenizer { try Tokenizer(directory: directory) }

  /// Token ids of a text as the tower wants them: cut to its positions, the end token kept, and filled
  /// up where the tower was trained on full texts.
  ///
  /// - Throws: `ConfigurationError` for tokens that the tower has no embedding of.
  public func tokens(_ text: String, _ tokenizer: Tokenizer) throws -> [Int] {
    let tower = model.tower.configuration
    var ids = tokenizer.encode(text, addSpecialTokens: true)
    if ids.count > tower.maxPositions {
      ids = ids.prefix(tower.maxPositions - 1) + ids.suffix(1)
    }
    if case .last = tower.pooling {
      let pad = tokenizer.padToken ?? tower.padToken
      ids += Array(repeating: pad, count: tower.maxPositions - ids.count)
    }
    guard !ids.isEmpty, ids.allSatisfy({ $0 >= 0 && $0 < tower.vocabulary }) else {
      throw ConfigurationError(
        path: "text \"\(text)\"",
        "has tokens \(ids.prefix(8)), and the text tower has \(tower.vocabulary) embeddings")
    }
    return ids
  }

  /// Unit vectors of texts, `[texts, width]`.
  public func textEmbeddings(_ texts: [String]) throws -> Tensor {
    let tokenizer = try makeTokenizer()
    let ids = try texts.map { try tokens($0, tokenizer) }
    let parts = stride(from: 0, to: ids.count, by: 32).map {
      model.textEmbeddings(Array(ids[$0..<min($0 + 32, ids.count)]))
    }
    return Kernels.gatherRows(
      parts.map { ($0, 0..<$0.rows) }, width: parts.first?.width ?? 0)
  }

  /// A unit vector for each label, the mean of its sentences' unit vectors (Radford et al., 2021,
  /// section 3.1.4).
  ///
  /// - Parameter templates: sentences with `{}` where the label goes.
  public func labelEmbeddings(_ labels: [String], templates: [String]) throws -> Tensor {
    let all = try textEmbeddings(
      labels.flatMap { label in templates.map { PromptTemplates.fill($0, with: label) } })
    var means = Tensor(repeating: 0, [0, all.width])
    for label in labels.indices {
      let rows = label * templates.count..<(label + 1) * templates.count
      let sum = Kernels.sumOfRows(all.rows(rows)).reshaped([1, all.width])
      means = Kernels.gatherRows([(means, 0..<label), (sum, 0..<1)], width: all.width)
    }
    return DualEncoder.unit(means)
  }

  /// The sentence that labels go into where no other is asked for, as each family's authors have it.
  public var standardTemplate: String {
    model.competes ? "a photo of a {}." : "This is a photo of {}."
  }

  /// What logits of one picture say of each label: probabilities that add up to 1, or one for each
  /// label that stands alone.
  public func probabilities(_ logits: [Float]) -> [Float] {
    model.competes ? Likelihood.softmax(logits) : logits.map { 1 / (1 + exp(-$0)) }
  }
}
