// SPDX-License-Identifier: Apache-2.0

internal import LorikeetDatasets
public import LorikeetImages

/// Makes the pictures of a report: small, whatever the size of the originals.
public struct ReportPictures {
  private let processor: (any PictureProcessor)?

  /// - Parameter processor: the model's, to show pictures as the encoder sees them.
  public init(processor: (any PictureProcessor)?) { self.processor = processor }

  /// The picture of a sample, 240 pixels on its longer side at the most; nil if it cannot be read.
  func thumbnail(_ sample: Sample) -> Report.Picture? {
    guard let path = sample.imagePath, let image = try? Image(contentsOf: path) else { return nil }
    return picture(image, of: sample)
  }

  /// The picture of a sample as the encoder sees it, with the patches that were kept.
  func patches(_ sample: Sample, _ item: Evaluation.KeptPatches) -> Report.PatchPicture? {
    guard let path = sample.imagePath, let processor,
      let image = try? processor.displayed(Image(contentsOf: path), name: path),
      let picture = picture(image, of: sample)
    else { return nil }
    return Report.PatchPicture(
      picture: picture, rows: item.rows, columns: item.columns, kept: item.kept,
      label: item.pruning)
  }

  private func picture(_ image: Image, of sample: Sample) -> Report.Picture? {
    let longest = 240.0
    let scale = min(1, longest / Double(max(image.width, image.height)))
    let small =
      scale < 1
      ? try? image.resized(
        width: max(1, Int((Double(image.width) * scale).rounded())),
        height: max(1, Int((Double(image.height) * scale).rounded())), filter: .bicubic,
        name: sample.id)
      : image
    guard let bytes = try? small?.jpegBytes(quality: 85) else { return nil }
    return Report.Picture(bytes: bytes, description: sample.text ?? sample.id)
  }
}
