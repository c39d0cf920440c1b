// SPDX-License-Identifier: Apache-2.0

/// What an image encoder does to a picture before it sees it: `preprocessor_config.json`.
///
/// In this order: pad to a square, resize, crop the middle, rescale to `0 ... 1`, normalise. The
/// numbers are those of transformers' processors that work on Pillow and numpy (`BitImageProcessor`,
/// `CLIPImageProcessor`, `SiglipImageProcessor`, `ViTImageProcessor`, `DeiTImageProcessor`,
/// `LlavaImageProcessor`). `PictureProcessors` reads those that do more: see `PictureProcessor`.
public struct ImageProcessor: Sendable, Equatable {
  /// The size to resize to.
  public enum Size: Sendable, Hashable {
    /// Both sides; the shape of the picture is not kept.
    case exact(width: Int, height: Int)
    /// The shorter side; the longer follows, rounded down. With `longest`, the longer side at most.
    case shortestEdge(Int, longest: Int?)
    /// The longer side; the shorter follows, rounded down, at least 1.
    case longestEdge(Int)
  }

  /// The processor's class in transformers, without the suffix of its backend.
  public var kind: Kind
  /// Whether to pad to a square of the longer side, in the colour of the mean, first.
  public var padsToSquare: Bool
  /// The size to resize to, or nil to keep the picture's own.
  public var size: Size?
  public var filter: ResamplingFilter
  /// The size of the middle part that is kept, or nil to keep all.
  public var cropSize: CropSize?
  /// What 8-bit values are multiplied by, or nil to leave them in `0 ... 255`.
  public var rescaleFactor: Double?
  /// What is taken off each channel and what it is then divided by, or nil to do neither.
  public var normalization: Normalization?
  /// Kept for writing back; pictures are RGB here in any case.
  public var convertsToRGB: Bool

  public struct CropSize: Sendable, Hashable {
    public var width: Int
    public var height: Int

    public init(width: Int, height: Int) {
      self.width = width
      self.height = height
    }
  }

  public struct Normalization: Sendable, Hashable {
    /// Of red, green and blue.
    public var mean: [Double]
    /// Of red, green and blue; not zero.
    public var standardDeviation: [Double]

    /// Traps unless both have three values.
    public init(mean: [Double], standardDeviation: [Double]) {
      precondition(
        mean.count == 3 && standardDeviation.count == 3, "Normalization: needs three channels")
      self.mean = mean
      self.standardDeviation = standardDeviation
    }

    /// Of ImageNet; DINOv2 uses it.
    public static let imageNet = Normalization(
      mean: [0.485, 0.456, 0.406], standardDeviation: [0.229, 0.224, 0.225])
    /// One half everywhere; SigLIP and ViT use it.
    public static let standard = Normalization(
      mean: [0.5, 0.5, 0.5], standardDeviation: [0.5, 0.5, 0.5])
    /// Of CLIP's training pictures.
    public static let clip = Normalization(
      mean: [0.48145466, 0.4578275, 0.40821073],
      standardDeviation: [0.26862954, 0.26130258, 0.27577711])
  }

  /// Whether all pictures come out in one size.
  package var givesOneSize: Bool {
    if case .exact = size { return true }
    return cropSize != nil || padsToSquare && size != nil
  }

  /// Makes a processor; the defaults are those of `kind`'s class.
  public init(_ kind: Kind = .bit) {
    self.kind = kind
    padsToSquare = false
    switch kind {
    case .vit: filter = .bilinear
    case .idefics3, .smolVLM: filter = .lanczos
    default: filter = .bicubic
    }
    rescaleFactor = 1.0 / 255
    convertsToRGB = kind != .vit && kind != .deit
    switch kind {
    case .bit, .clip, .llava, .llavaNext:
      size = .shortestEdge(224, longest: nil)
      cropSize = CropSize(width: 224, height: 224)
      normalization = .clip
    case .siglip, .vit:
      size = .exact(width: 224, height: 224)
      cropSize = nil
      normalization = .standard
    case .deit:
      size = .exact(width: 256, height: 256)
      cropSize = CropSize(width: 224, height: 224)
      normalization = .standard
    case .idefics3, .smolVLM:
      size = .longestEdge(4 * 364)
      cropSize = nil
      normalization = .standard
    case .qwen2VL:
      size = nil
      cropSize = nil
      normalization = .clip
    }
  }

  /// Classes of transformers whose configuration is read here; those after `llava` do more than this
  /// type and have types of their own.
  public enum Kind: String, Sendable, CaseIterable {
    case bit = "BitImageProcessor"
    case clip = "CLIPImageProcessor"
    case siglip = "SiglipImageProcessor"
    case vit = "ViTImageProcessor"
    case deit = "DeiTImageProcessor"
    case llava = "LlavaImageProcessor"
    case llavaNext = "LlavaNextImageProcessor"
    case idefics3 = "Idefics3ImageProcessor"
    case smolVLM = "SmolVLMImageProcessor"
    case qwen2VL = "Qwen2VLImageProcessor"

    /// Whether a picture goes in as a whole only.
    var isWhole: Bool { PictureProcessors.kinds[self] == nil }
  }
}

/// A picture as an image encoder takes it.
public struct PixelValues: Sendable, Equatable {
  public let height: Int
  public let width: Int
  /// `[3, height, width]`: red, green, blue planes, rows from the top.
  public let values: [Float]

  /// Traps unless there are `3 * height * width` values.
  public init(height: Int, width: Int, values: [Float]) {
    precondition(
      values.count == 3 * height * width,
      "PixelValues: \(values.count) values are not [3, \(height), \(width)]")
    self.height = height
    self.width = width
    self.values = values
  }
}

extension ImageProcessor {
  /// The numbers the encoder takes.
  ///
  /// - Parameter name: what errors call the picture.
  /// - Throws: `ImageError.tooLarge` if a very long and narrow picture grows beyond the limits.
  public func pixelValues(
    _ image: Image, name: String = "picture"
  ) throws(ImageError) -> PixelValues {
    let resized = try resized(image, name: name)
    let rect = cropRect(in: resized)
    try ImageLimits.default.check(width: rect.width, height: rect.height, name: name)
    return PixelValues(
      height: rect.height, width: rect.width, values: resized.planes(of: rect, table: table()))
  }

  /// The picture the encoder sees, before its colours are normalised: padded, resized and cropped.
  ///
  /// Patch (i, j) of an encoder with patches of p pixels covers columns `j * p ..< (j + 1) * p` and
  /// rows `i * p ..< (i + 1) * p` of it.
  public func displayed(_ image: Image, name: String = "picture") throws(ImageError) -> Image {
    let resized = try resized(image, name: name)
    let rect = cropRect(in: resized)
    try ImageLimits.default.check(width: rect.width, height: rect.height, name: name)
    return resized.cropped(to: rect)
  }

  private func resized(_ image: Image, name: String) throws(ImageError) -> Image {
    var image = image
    if padsToSquare {
      let side = max(image.width, image.height)
      try ImageLimits.default.check(width: side, height: side, name: name)
      image = image.paddedToSquare(color: padColor)
    }
    guard let size else { return image }
    let target = size.applied(to: (image.width, image.height))
    return try image.resized(
      width: target.width, height: target.height, filter: filter, name: name)
  }

  private func cropRect(in image: Image) -> PixelRect {
    guard let cropSize else {
      return PixelRect(x: 0, y: 0, width: image.width, height: image.height)
    }
    return image.centerCropRect(width: cropSize.width, height: cropSize.height)
  }

  /// The mean as a colour, rounded down; black without a mean.
  package var padColor: RGB {
    guard let mean = normalization?.mean else { return .black }
    let bytes = mean.map { UInt8(min(max($0 * 255, 0), 255)) }
    return RGB(red: bytes[0], green: bytes[1], blue: bytes[2])
  }

  /// The value that each of the 256 levels of each channel becomes, `[3, 256]`.
  ///
  /// Rescaled in double precision, rounded to single, then normalised in single precision, as numpy
  /// does it.
  package func table() -> [Float] {
    (0..<768).map { index in
      let (channel, level) = (index / 256, Double(index % 256))
      let value = Float(level * (rescaleFactor ?? 1))
      guard let normalization else { return value }
      return (value - Float(normalization.mean[channel]))
        / Float(normalization.standardDeviation[channel])
    }
  }
}

extension ImageProcessor.Size {
  /// The width and height a picture is resized to.
  ///
  /// Source: `get_resize_output_image_size` and `get_size_with_aspect_ratio` of transformers'
  /// image_transforms.py; quotients are cut, not rounded.
  public func applied(to old: (width: Int, height: Int)) -> (width: Int, height: Int) {
    let (short, long) = (min(old.width, old.height), max(old.width, old.height))
    func upright(short: Int, long: Int) -> (width: Int, height: Int) {
      old.width <= old.height ? (short, long) : (long, short)
    }
    switch self {
    case .exact(let width, let height):
      return (width, height)
    case .shortestEdge(let edge, nil):
      return upright(short: edge, long: Int(Double(edge * long) / Double(short)))
    case .shortestEdge(let edge, let longest?):
      var (edge, exact) = (edge, Double(edge))
      if Double(long) / Double(short) * exact > Double(longest) {
        exact = Double(longest) * Double(short) / Double(long)
        edge = Int(exact.rounded(.toNearestOrEven))
        if short == edge { return old }
        return upright(short: edge, long: Int(exact * Double(long) / Double(short)))
      }
      if short == edge { return old }
      return upright(short: edge, long: Int(Double(edge * long) / Double(short)))
    case .longestEdge(let edge):
      return upright(short: max(Int(Double(edge * short) / Double(long)), 1), long: edge)
    }
  }
}
