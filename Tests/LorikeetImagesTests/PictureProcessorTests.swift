// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetImages
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// Processors that cut pictures into tiles or patches, against transformers.
@Suite struct PictureProcessorTests {
  private struct Manifest: Decodable {
    struct Case: Decodable {
      let config: String
      let images: [String]
    }
    let cases: [Case]
  }

  private func read(_ json: String) throws(ImageError) -> any PictureProcessor {
    try PictureProcessors.read(json: Array(json.utf8), path: "preprocessor_config.json")
  }

  @Test(arguments: [1, 2]) func tensorsAreTransformers(seed: Int) throws {
    let directory = Fixtures.path("processors/preprocess/seed-\(seed)")
    let manifest = try JSONDecoder().decode(
      Manifest.self, from: Data(contentsOf: URL(filePath: directory + "/case.json")))
    let expected = try SafetensorsFile(path: directory + "/expected.safetensors")
    #expect(manifest.cases.count == 14)
    for (index, item) in manifest.cases.enumerated() {
      let processor = try read(item.config)
      let pictures = try item.images.map { name in
        let path = Fixtures.path("images/seed-\(seed)/\(name)")
        return (
          name: name, pixels: try processor.prepare(Image(contentsOf: path), name: name)
        )
      }
      let found = processor.tensors(pictures)
      for name in expected.names where name.hasPrefix("\(index).") {
        let key = String(name.dropFirst("\(index).".count))
        let wanted = try #require(expected[name])
        let tensor = try #require(found.first { $0.name == key }?.tensor, "no \(key)")
        #expect(tensor.shape == wanted.shape, "\(index) \(key)")
        guard tensor.shape == wanted.shape else { continue }
        if wanted.dtype.isFloatingPoint {
          let worst = zip(tensor.tensor().values, wanted.tensor().values).map { abs($0 - $1) }.max()
          #expect((worst ?? 1) <= 1e-6, "\(index) \(key) \(item.config)")
        } else {
          #expect(tensor.integers() == wanted.integers(), "\(index) \(key)")
        }
      }
      #expect(
        found.map(\.name).filter { $0 != "pixel_attention_mask" }.sorted()
          == expected.names.filter { $0.hasPrefix("\(index).") }
          .map { String($0.dropFirst("\(index).".count)) }.sorted())
      if let mask = found.first(where: { $0.name == "pixel_attention_mask" })?.tensor {
        let pixels = try #require(found.first { $0.name == "pixel_values" }).tensor.shape
        #expect(mask.shape == [1, pixels[1], pixels[3], pixels[4]])
        #expect(mask.integers().allSatisfy { $0 == 1 })
      }
    }
  }

  @Test func thePictureThatIsShownIsThePictureThatIsPrepared() throws {
    let picture = try Image(contentsOf: Fixtures.path("images/seed-1/wide.png"))
    let plain = #""do_rescale": false, "do_normalize": false"#
    for (json, isLast) in [
      (#""LlavaNextImageProcessor", "size": {"shortest_edge": 20}, "crop_size": 20"#, false),
      (
        #""Idefics3ImageProcessor", "size": {"longest_edge": 40}, "#
          + #""max_image_size": {"longest_edge": 16}"#, true
      ),
      (#""Qwen2VLImageProcessor", "patch_size": 4, "max_pixels": 4000"#, true),
    ] {
      let processor = try read(#"{"image_processor_type": \#(json), \#(plain)}"#)
      let shown = try processor.displayed(picture, name: "wide.png")
      let tiles = try processor.prepare(picture, name: "wide.png").tiles
      let size = tiles.count / tiles.shape[0]
      let whole = (isLast ? tiles.shape[0] - 1 : 0) * size
      let values = Array(tiles.values[whole..<whole + size])
      #expect(tiles.shape[2] == shown.height && tiles.shape[3] == shown.width)
      #expect(values[0] == Float(shown[0, 0].red))
      #expect(values[size - 1] == Float(shown[shown.width - 1, shown.height - 1].blue))
    }
  }

  @Test func patchesMakeThePictureAgain() throws {
    let layout = FlattenedPatches(patchSize: 2, mergeSize: 2, frames: 3)
    let patches = Tensor.random([24, layout.width], seed: 1)
    let picture = layout.picture(patches, grid: (4, 6))
    #expect(picture.shape == [1, 9, 8, 12])
    // The fourth patch of the first line is the second of the second square.
    #expect(picture.values[6] == patches.values[5 * layout.width])
    // One line lower, in the last frame of the last channel.
    #expect(picture.values[8 * 96 + 12 + 7] == patches.values[5 * layout.width + 8 * 4 + 3])
  }

  @Test func processorsAreToldApartByTheirNumbers() throws {
    let json = #"{"image_processor_type": "Qwen2VLImageProcessor", "max_pixels": 4000}"#
    #expect(try read(json).fingerprint == read(json).fingerprint)
    #expect(
      try read(json).fingerprint != read(json.replacing("4000", with: "4001")).fingerprint)
  }

  @Test(arguments: [
    (#""LlavaNextImageProcessor", "image_grid_pinpoints": [[20]]"#, "image_grid_pinpoints: "),
    (#""LlavaNextImageProcessor", "image_grid_pinpoints": [[0, 5]]"#, "image_grid_pinpoints: "),
    (#""LlavaNextImageProcessor", "image_grid_pinpoints": []"#, "image_grid_pinpoints: "),
    (#""LlavaNextImageProcessor", "image_grid_pinpoints": "all""#, "image_grid_pinpoints: "),
    (#""LlavaNextImageProcessor", "do_resize": false"#, "do_resize: "),
    (
      #""Idefics3ImageProcessor", "max_image_size": {"longest_edge": 0}"#,
      "max_image_size.longest_edge: 0 is out of range"
    ),
    (#""SmolVLMImageProcessor", "max_image_size": 5"#, "max_image_size: "),
    (#""SmolVLMImageProcessor", "do_image_splitting": 1"#, "do_image_splitting: "),
    (#""Qwen2VLImageProcessor", "patch_size": -1"#, "patch_size: -1 is out of range"),
    (#""Qwen2VLImageProcessor", "merge_size": 1e30"#, "merge_size: "),
    (
      #""Qwen2VLImageProcessor", "size": {"longest_edge": 1}, "min_pixels": 9"#,
      "min_pixels: 9 is more than"
    ),
    (#""Qwen2VLImageProcessor", "max_pixels": 999999999999"#, "max_pixels: "),
    (#""MagicImageProcessor""#, "image_processor_type: \"MagicImageProcessor\" is not supported"),
  ])
  func wrongValuesAreNamed(json: String, cause: String) {
    do throws(ImageError) {
      _ = try read(#"{"image_processor_type": \#(json)}"#)
      Issue.record("\(json) was read")
    } catch {
      #expect(
        error.description.hasPrefix("preprocessor_config.json: " + cause), "\(error.description)")
    }
  }

  @Test func picturesThatCannotBeTaken() throws {
    func problem(_ json: String, _ width: Int, _ height: Int) -> String {
      do throws(ImageError) {
        let processor = try read(#"{"image_processor_type": \#(json)}"#)
        _ = try processor.prepare(Image(width: width, height: height), name: "a.png")
        return "none"
      } catch {
        return error.description
      }
    }
    #expect(
      problem(#""Qwen2VLImageProcessor""#, 201, 1)
        == "a.png: one side is more than 200 times the other, 201 x 1")
    #expect(problem(#""Qwen2VLImageProcessor", "max_pixels": 4000"#, 200, 1) == "none")
    #expect(
      problem(#""Qwen2VLImageProcessor", "do_resize": false"#, 30, 28).hasPrefix(
        "a.png: 30 x 28 pixels are not multiples of 28"))
    #expect(
      problem(#""Idefics3ImageProcessor", "max_image_size": {"longest_edge": 2}"#, 50, 50)
        .hasPrefix(
          "a.png: the picture would be cut into"))
    #expect(
      problem(
        #""LlavaNextImageProcessor", "size": 2, "crop_size": 2, "image_grid_pinpoints": [[99, 99]]"#,
        5, 5
      ).hasPrefix("a.png: the picture would be cut into"))
    #expect(
      problem(#""LlavaNextImageProcessor", "image_grid_pinpoints": [[16384, 16384]]"#, 5, 5)
        .contains("are too many"))
  }
}
