// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// `lorikeet debug preprocess` against Pillow and transformers.
@Suite struct DebugPreprocessTests {
  private struct Manifest: Decodable {
    struct Decode: Decodable {
      let file: String
      let width, height, tolerance, offset: Int
    }
    struct Resize: Decodable {
      let source: String
      let width, height, filter, offset: Int
    }
    let decode: [Decode]
    let resize: [Resize]
  }
  private let pictures = Fixtures.path("images/seed-2")
  private let manifest: Manifest
  private let expected: [UInt8]

  init() throws {
    let json = try Data(contentsOf: URL(filePath: pictures + "/expected.json"))
    manifest = try JSONDecoder().decode(Manifest.self, from: json)
    expected = [UInt8](try Data(contentsOf: URL(filePath: pictures + "/expected.bin")))
  }

  /// Runs the command and reads what it wrote.
  private func preprocess(_ arguments: [String]) throws -> SafetensorsFile {
    try withTemporaryDirectory { directory in
      let output = directory + "/out.safetensors"
      let run = try Command.run(["debug", "preprocess", "--output", output] + arguments)
      #expect(run.status == 0, "\(run.errors)")
      return try SafetensorsFile(path: output)
    }
  }

  @Test func decodeWritesTheBytesAsPillowReadsThem() throws {
    let rows = manifest.decode
    #expect(rows.count > 50)
    let file = try preprocess(["--decode"] + rows.map { pictures + "/" + $0.file })
    #expect(file.names == rows.map(\.file).sorted())
    for row in rows {
      let tensor = try #require(file[row.file])
      #expect(tensor.dtype == .uint8)
      #expect(tensor.shape == [row.height, row.width, 3])
      let found = tensor.integers()
      let wanted = expected[row.offset..<row.offset + found.count]
      let worst = zip(found, wanted).map { abs($0 - Int($1)) }.max() ?? 0
      #expect(worst <= row.tolerance, "\(row.file)")
    }
  }

  @Test(arguments: [("bicubic", 3), ("bilinear", 2), ("lanczos", 1), ("nearest", 0)])
  func resizeWritesTheBytesThatPillowMakes(filter: String, number: Int) throws {
    let rows = manifest.resize.filter { $0.filter == number }
    #expect(!rows.isEmpty)
    for row in rows.prefix(3) {
      let size = "\(row.width)x\(row.height)"
      let file = try preprocess([
        pictures + "/" + row.source, "--resize", size, "--filter", filter,
      ])
      let found = try #require(file[row.source])
      #expect(found.shape == [row.height, row.width, 3])
      let count = row.width * row.height * 3
      #expect(
        found.integers() == expected[row.offset..<row.offset + count].map(Int.init),
        "\(row.source) \(size) \(filter)")
    }
  }

  @Test func shortestAndCropAgreeWithTheProcessor() throws {
    try withTemporaryDirectory { directory in
      // A processor without rescaling and normalisation gives the bytes as numbers.
      let configuration = """
        {"image_processor_type": "BitImageProcessor", "size": {"shortest_edge": 20},
         "crop_size": {"height": 16, "width": 16}, "do_rescale": false, "do_normalize": false}
        """
      try configuration.write(
        toFile: directory + "/preprocessor_config.json", atomically: true, encoding: .utf8)
      let paths = ["wide.png", "tall.png"].map { pictures + "/" + $0 }
      let bytes = try preprocess(["--shortest", "20", "--crop", "16"] + paths)
      let pixels = try preprocess(["--model", directory] + paths)
      #expect(pixels.names == ["pixel_values"])
      let tensor = try #require(pixels["pixel_values"])
      #expect(tensor.shape == [2, 3, 16, 16])
      let planes = tensor.tensor().values
      for (index, name) in ["wide.png", "tall.png"].enumerated() {
        let picture = try #require(bytes[name])
        #expect(picture.shape == [16, 16, 3])
        let interleaved = (0..<256 * 3).map { planes[index * 768 + $0 % 3 * 256 + $0 / 3] }
        #expect(picture.tensor().values == interleaved)
      }
    }
  }

  @Test func picturesOfSeveralSizesAreWrittenUnderTheirNames() throws {
    try withTemporaryDirectory { directory in
      try #"{"do_resize": false, "do_center_crop": false}"#.write(
        toFile: directory + "/preprocessor_config.json", atomically: true, encoding: .utf8)
      let file = try preprocess([
        "--model", directory, pictures + "/wide.png", pictures + "/tall.png",
      ])
      #expect(file.names == ["tall.png.pixel_values", "wide.png.pixel_values"])
      #expect(file["wide.png.pixel_values"]?.shape.rank == 3)
    }
  }
}
