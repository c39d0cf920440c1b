// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Foundation
import Lorikeet

struct DebugPreprocess: WorkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "preprocess",
    abstract: "Writes pictures as an image encoder would see them.",
    discussion: """
      By default the file holds pixel_values [images, 3, height, width], prepared as the model's \
      preprocessor_config.json says (NAME.pixel_values [3, height, width] for each picture where the \
      sizes differ). For models that cut pictures into tiles or patches it holds what transformers' \
      processor returns for one prompt with these pictures: also image_sizes, or \
      pixel_attention_mask, rows and cols, or image_grid_thw. With --decode, --resize, --shortest or \
      --crop it holds bytes [height, width, 3] \
      under each picture's file name instead, and no model is needed.

      Examples:
        lorikeet debug preprocess --model dinov2-small cat.png dog.jpg \\
          --output pixels.safetensors
        lorikeet debug preprocess --decode cat.png --output bytes.safetensors
        lorikeet debug preprocess --resize 56x40 --filter lanczos cat.png \\
          --output small.safetensors
        lorikeet debug preprocess --shortest 64 --crop 56 cat.png \\
          --output square.safetensors
      """)

  @Option(
    help: .init(
      "The model's directory; only its preprocessor_config.json is read.", valueName: "dir"),
    completion: .directory)
  var model: String?

  @Argument(
    help: .init("PNG and JPEG files.", valueName: "image"),
    completion: .file(extensions: ["png", "jpg", "jpeg"]))
  var images: [String]

  @Option(help: .init("The safetensors file to write.", valueName: "file"), completion: .file())
  var output: String

  @Flag(help: "Write the bytes as read: RGB, upright, transparency over white.")
  var decode = false

  @Option(help: .init("Write the bytes after resampling to this size.", valueName: "WxH"))
  var resize: PictureSize?

  @Option(
    help: .init("Write the bytes after resampling the shorter side to n pixels.", valueName: "n"))
  var shortest: Int?

  @Option(help: .init("Write the bytes of the square of n pixels in the middle.", valueName: "n"))
  var crop: Int?

  @Option(help: "The filter of --resize and --shortest.")
  var filter = FilterName.bicubic

  @OptionGroup
  var common: CommonOptions

  private var writesBytes: Bool { decode || resize != nil || shortest != nil || crop != nil }

  func validate() throws {
    if decode, resize != nil || shortest != nil || crop != nil {
      throw ValidationError("--decode is used without --resize, --shortest and --crop")
    }
    if resize != nil, shortest != nil {
      throw ValidationError("expected either --resize or --shortest")
    }
    for (name, value) in [("--shortest", shortest), ("--crop", crop)] {
      if let value, !(1...PictureSize.longestSide).contains(value) {
        throw ValidationError("\(name) is \(value), expected 1 to \(PictureSize.longestSide)")
      }
    }
    if model == nil, !writesBytes {
      throw ValidationError("expected --model, or one of --decode, --resize, --shortest and --crop")
    }
  }

  func work() throws {
    try OutputFile.requireReplaceable(output, inputs: images)
    let names = try names()
    let tensors = try writesBytes ? bytes(names) : pixelValues(names)
    try SafetensorsFile.write(tensors, to: output)
    note("\(output): \(tensors.map(\.name).joined(separator: ", "))")
  }

  /// The name of each picture in the output: its file's, or its path where two files share a name.
  private func names() throws -> [String] {
    let files = images.map { URL(filePath: $0).lastPathComponent }
    let names = Set(files).count == files.count ? files : images
    for (index, name) in names.enumerated() where names[..<index].contains(name) {
      throw FileError(path: name, reason: "is given twice")
    }
    return names
  }

  private func bytes(_ names: [String]) throws -> [(name: String, tensor: StoredTensor)] {
    try zip(names, images).map { name, path in
      var image = try Image(contentsOf: path)
      let size: ImageProcessor.Size? =
        resize.map { .exact(width: $0.width, height: $0.height) }
        ?? shortest.map { .shortestEdge($0, longest: nil) }
      if let size {
        let (width, height) = size.applied(to: (image.width, image.height))
        image = try image.resized(width: width, height: height, filter: filter.filter, name: path)
      }
      if let crop { image = image.centerCropped(width: crop, height: crop) }
      return (name, StoredTensor(image))
    }
  }

  private func pixelValues(_ names: [String]) throws -> [(name: String, tensor: StoredTensor)] {
    let directory = try ModelSource.directory(model ?? "")
    let processor: any PictureProcessor =
      try PictureProcessors.inDirectory(directory) ?? ImageProcessor(configuration: directory)
    let pictures = try images.map { path in
      try processor.prepare(try Image(contentsOf: path), name: path)
    }
    return pictures.isEmpty ? [] : processor.tensors(Array(zip(names, pictures)))
  }
}

/// WIDTHxHEIGHT in pixels.
struct PictureSize: ExpressibleByArgument {
  static let longestSide = 1 << 16
  let width: Int
  let height: Int

  init?(argument: String) {
    let sides = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard sides.count == 2, let width = sides[0], let height = sides[1],
      (1...Self.longestSide).contains(width), (1...Self.longestSide).contains(height)
    else { return nil }
    self.width = width
    self.height = height
  }
}

/// The filters by name.
enum FilterName: String, CaseIterable, ExpressibleByArgument {
  case bicubic, bilinear, lanczos, nearest, box, hamming

  var filter: ResamplingFilter { ResamplingFilter(name: rawValue) ?? .bicubic }
}

extension StoredTensor {
  /// The bytes of a picture, `[height, width, 3]`.
  fileprivate init(_ image: Image) {
    let storage = image.pixels.withUnsafeBytes { Storage(copying: $0) }
    self.init(
      dtype: .uint8, shape: [image.height, image.width, 3], storage: storage,
      bytes: 0..<image.pixels.count)
  }
}
