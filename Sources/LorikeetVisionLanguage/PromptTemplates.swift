// SPDX-License-Identifier: Apache-2.0

/// Sentences that a label is put into before a text tower sees it; `{}` is the place of the label.
public enum PromptTemplates {
  /// The text of a template with a label in it.
  public static func fill(_ template: String, with label: String) -> String {
    template.replacing("{}", with: label)
  }

  /// The 80 sentences that CLIP's authors put ImageNet's labels into (Radford et al., "Learning
  /// transferable visual models from natural language supervision", 2021, section 3.1.4).
  public static let imageNet: [String] =
    sentences(article: "a") + sentences(article: "the")
    + ["a photo of many {}.", "a photo of my {}.", "a photo of one {}.", "itap of my {}."]

  private static func sentences(article: String) -> [String] {
    var all = pictures.map { "a \($0) of \(article) {}." }
    all += ["graffiti", "art", "itap"].map { "\($0) of \(article) {}." }
    all += conditions.map { "a photo of \(article) \($0) {}." }
    all += materials.map { "\(article) \($0) {}." }
    return all + ["\(article) {} in a video game."]
  }

  private static let pictures = [
    "photo", "bad photo", "good photo", "cropped photo", "bright photo", "dark photo",
    "close-up photo", "blurry photo", "low resolution photo", "pixelated photo",
    "jpeg corrupted photo", "black and white photo", "drawing", "painting", "sketch", "doodle",
    "sculpture", "tattoo", "rendering", "rendition",
  ]
  private static let conditions = [
    "hard to see", "clean", "dirty", "cool", "nice", "weird", "large", "small",
  ]
  private static let materials = [
    "embroidered", "plastic", "origami", "toy", "cartoon", "plushie",
  ]
}
