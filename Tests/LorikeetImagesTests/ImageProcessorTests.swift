// SPDX-License-Identifier: Apache-2.0

import LorikeetImages
import Testing

@Suite struct ImageProcessorTests {
  func processor(_ json: String) throws(ImageError) -> ImageProcessor {
    try ImageProcessor(json: Array(json.utf8), path: "preprocessor_config.json")
  }

  func problem(_ json: String) -> String {
    do throws(ImageError) {
      _ = try processor(json)
      return "no error"
    } catch {
      return error.description
    }
  }

  @Test(arguments: Expected.seeds)
  func pixelValuesAreTransformers(seed: Int) throws {
    let expected = try Expected(seed: seed)
    #expect(expected.manifest.processors.count == 20)
    for item in expected.manifest.processors {
      let processor = try processor(item.config)
      let image = try expected.image(item.source)
      let found = try processor.pixelValues(image)
      guard found.width == item.width, found.height == item.height else {
        Issue.record("\(item.config): \(found.width) x \(found.height)")
        continue
      }
      let wanted = expected.floats(item.offset, 3 * item.width * item.height)
      let largest = zip(found.values, wanted).map { abs($0 - $1) }.max() ?? 0
      #expect(largest <= 1e-6, "\(item.source) \(item.config)")

      // What is displayed is what was normalised.
      let displayed = try processor.displayed(image)
      let all = PixelRect(x: 0, y: 0, width: item.width, height: item.height)
      #expect(displayed.planes(of: all, table: processor.table()) == found.values)
      // Written back, it is the same processor.
      let again = try self.processor(processor.json())
      #expect(try again.pixelValues(image) == found)
    }
  }

  @Test func sizesFollowTransformers() {
    typealias Size = ImageProcessor.Size
    #expect(Size.shortestEdge(64, longest: nil).applied(to: (311, 120)) == (165, 64))
    #expect(Size.shortestEdge(64, longest: nil).applied(to: (90, 233)) == (64, 165))
    #expect(Size.shortestEdge(64, longest: nil).applied(to: (50, 50)) == (64, 64))
    // 800 over 1333: the longer side decides for a picture of 3 to 1.
    #expect(Size.shortestEdge(800, longest: 1333).applied(to: (1500, 500)) == (1333, 444))
    #expect(Size.shortestEdge(800, longest: 1333).applied(to: (640, 480)) == (1066, 800))
    #expect(Size.longestEdge(100).applied(to: (300, 199)) == (100, 66))
    #expect(Size.longestEdge(100).applied(to: (1, 3000)) == (1, 100))
    #expect(Size.exact(width: 3, height: 4).applied(to: (9, 9)) == (3, 4))
  }

  @Test func absentKeysHaveTheDefaultsOfTheClass() throws {
    let bit = try processor("{}")
    #expect(bit.kind == .bit)
    #expect(bit.size == .shortestEdge(224, longest: nil))
    #expect(bit.cropSize == .init(width: 224, height: 224))
    #expect(bit.normalization == .clip)
    let old = try processor(#"{"feature_extractor_type": "CLIPFeatureExtractor", "size": 336}"#)
    #expect(old.kind == .clip)
    #expect(old.size == .shortestEdge(336, longest: nil))
    let vit = try processor(#"{"image_processor_type": "ViTImageProcessorFast", "size": 384}"#)
    #expect(vit.size == .exact(width: 384, height: 384))
    #expect(vit.filter == .bilinear)
    #expect(vit.cropSize == nil)
    let nested = try processor(
      #"{"image_processor": {"image_processor_type": "SiglipImageProcessor", "crop_size": null}}"#)
    #expect(nested.normalization == .standard)
    let llava = try processor(#"{"image_aspect_ratio": "pad", "image_mean": 0.5, "unknown": [1]}"#)
    #expect(llava.padsToSquare)
    #expect(llava.padColor == RGB(red: 127, green: 127, blue: 127))
  }

  @Test func wrongValuesAreNamed() {
    let file = "preprocessor_config.json: "
    #expect(problem("{") == file + "JSON: the file is not a valid JSON object")
    #expect(problem("[1]") == file + "JSON: has a value of the wrong type")
    #expect(
      problem(#"{"resample": 6}"#) == file + "resample: 6 is not a filter, expected 0 to 5")
    #expect(
      problem(#"{"image_processor_type": "Idefics3ImageProcessor"}"#).hasPrefix(
        file + "image_processor_type: \"Idefics3ImageProcessor\" is not supported, expected one of")
    )
    #expect(problem(#"{"do_resize": 1}"#) == file + "do_resize: has a value of the wrong type")
    #expect(
      problem(#"{"size": {"width": 3}}"#)
        == file + "size: has the keys width, expected a number, height and width, shortest_edge, "
        + "or longest_edge")
    #expect(problem(#"{"size": "big"}"#) == file + "size: has a value of the wrong type")
    #expect(
      problem(#"{"size": {"shortest_edge": 0}}"#)
        == file + "size.shortest_edge: 0 is not a side, expected 1 to 65500")
    #expect(
      problem(#"{"crop_size": {"shortest_edge": 5}}"#)
        == file + "crop_size: expected a number, or height and width")
    #expect(
      problem(#"{"image_mean": [0.5]}"#) == file + "image_mean: [0.5] are not three finite numbers")
    #expect(
      problem(#"{"image_std": [0.5, 0, 0.5]}"#)
        == file + "image_std: [0.5, 0.0, 0.5] are not all positive")
    #expect(problem(#"{"rescale_factor": -1}"#) == file + "rescale_factor: -1.0 is not positive")
    #expect(problem(#"{"image_aspect_ratio": "anyres"}"#).hasPrefix(file + "image_aspect_ratio: "))
    #expect(problem(#"{"size": 1e300}"#).hasPrefix(file + "size: "))
  }

  @Test func aLongNarrowPictureIsRefusedRatherThanGrown() throws {
    let strip = Image(width: 1, height: 60_000)
    #expect(
      throws: ImageError.tooLarge(
        name: "strip.png", width: 224, height: 13_440_000, limits: .default)
    ) {
      try ImageProcessor(.clip).pixelValues(strip, name: "strip.png")
    }
  }

  @Test func aConfigurationIsFoundInAModelsDirectory() throws {
    try withTemporaryPath("preprocessor_config.json") { path in
      let directory = String(path.dropLast("/preprocessor_config.json".count))
      #expect(throws: ImageError.self) { try ImageProcessor(configuration: directory) }
      var processor = ImageProcessor(.siglip)
      processor.filter = .lanczos
      try processor.write(to: path)
      #expect(try ImageProcessor(configuration: directory) == processor)
      #expect(try ImageProcessor(configuration: path) == processor)
    }
  }
}
