// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// A model directory and a data set directory that are as small as they can be: the vision-language
/// model of Tests/Fixtures with random weights, a tokenizer of single characters, and pictures of
/// one colour each.
public struct TinySetup {
  public let directory: String
  public var model: String { directory + "/model" }
  public var data: String { directory + "/data" }

  /// What the pictures show.
  public static let colours: [(name: String, rgb: [UInt8])] = [
    ("red", [220, 30, 30]), ("green", [30, 200, 60]), ("blue", [40, 60, 220]),
  ]

  /// - Parameters:
  ///   - directory: where both directories are made.
  ///   - training: the number of training samples.
  ///   - validation: the number of validation samples.
  ///   - lines: more lines of metadata.jsonl.
  ///   - fixture: a model of Tests/Fixtures with tokenizer and image processor, to use instead.
  public init(
    in directory: String, training: Int = 12, validation: Int = 3, lines: [String] = [],
    model fixture: String? = nil
  ) throws {
    self.directory = directory
    let manager = FileManager.default
    try manager.copyItem(
      atPath: Fixtures.path(fixture ?? "models/llava/seed-1/model"), toPath: model)
    if fixture == nil {
      try Self.write(Self.tokenizer, to: model + "/tokenizer.json")
      try Self.write(
        #"{"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>", "#
          + #""unk_token": "<unk>", "pad_token": "<pad>"}"#, to: model + "/tokenizer_config.json")
      try Self.write(Self.preprocessor, to: model + "/preprocessor_config.json")
    }
    try manager.createDirectory(atPath: data, withIntermediateDirectories: true)
    var metadata: [String] = []
    for index in 0..<training + validation {
      let (name, rgb) = Self.colours[index % Self.colours.count]
      // Shades differ, so that no two pictures are alike.
      let shade = rgb.map { UInt8(clamping: Int($0) + index) }
      try Self.picture(shade).write(to: URL(filePath: data + "/\(index).png"))
      metadata.append(
        #"{"file_name": "\#(index).png", "text": "a \#(name) one", "label": "\#(name)", "#
          + #""split": "\#(index < training ? "train" : "validation")"}"#)
    }
    try Self.write((metadata + lines).joined(separator: "\n") + "\n", to: data + "/metadata.jsonl")
  }

  private static func write(_ text: String, to path: String) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
  }

  /// Byte-level BPE without merges: each character is a token.
  private static var tokenizer: String {
    let special = ["<unk>", "<s>", "</s>", "<pad>"]
    let letters = "abcdefghijklmnopqrstuvwxyz"
    let characters =
      ["Ġ", "Ċ"] + (letters + letters.uppercased() + "0123456789:,.!?-").map { String($0) }
    let added = special.enumerated().map { id, content in
      #"{"id": \#(id), "content": "\#(content)", "single_word": false, "lstrip": false, "#
        + #""rstrip": false, "normalized": false, "special": true}"#
    }
    let vocabulary = (special + characters).enumerated().map { "\"\($1)\": \($0)" }
    let byteLevel =
      #"{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true}"#
    return """
      {"version": "1.0", "added_tokens": [\(added.joined(separator: ", "))], "normalizer": null,
      "pre_tokenizer": \(byteLevel), "post_processor": null, "decoder": \(byteLevel),
      "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": false, "byte_fallback": false,
      "vocab": {\(vocabulary.joined(separator: ", "))}, "merges": []}}
      """
  }

  private static let preprocessor = """
    {"image_processor_type": "BitImageProcessor", "do_resize": true, "size": {"shortest_edge": 20},
    "do_center_crop": true, "crop_size": {"height": 20, "width": 20}, "resample": 3,
    "do_rescale": true, "rescale_factor": 0.00392156862745098, "do_normalize": true,
    "image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25]}
    """

  /// A PNG of 8 x 8 pixels, split into the colour and its half, stored without compression.
  private static func picture(_ rgb: [UInt8]) -> Data {
    var rows: [UInt8] = []
    for y in 0..<8 {
      rows.append(0)
      for x in 0..<8 { rows += x + y < 8 ? rgb : rgb.map { $0 / 2 } }
    }
    var (low, high): (UInt32, UInt32) = (1, 0)
    for byte in rows {
      low = (low + UInt32(byte)) % 65521
      high = (high + low) % 65521
    }
    let count = UInt16(rows.count)
    let length = [UInt8(count & 255), UInt8(count >> 8)]
    let stream: [UInt8] =
      [0x78, 0x01, 0x01] + length + length.map { ~$0 } + rows + bigEndian(high << 16 | low)
    var png: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    png += chunk("IHDR", bigEndian(8) + bigEndian(8) + [8, 2, 0, 0, 0])
    png += chunk("IDAT", stream) + chunk("IEND", [])
    return Data(png)
  }

  private static func chunk(_ name: String, _ content: [UInt8]) -> [UInt8] {
    let body = Array(name.utf8) + content
    var crc = UInt32.max
    for byte in body {
      crc ^= UInt32(byte)
      for _ in 0..<8 { crc = crc >> 1 ^ (crc & 1 == 1 ? 0xEDB8_8320 : 0) }
    }
    return bigEndian(UInt32(content.count)) + body + bigEndian(~crc)
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }
}

/// Every file below a directory by its path relative to it.
public func files(below directory: String) throws -> [String: Data] {
  var result: [String: Data] = [:]
  let names = try FileManager.default.subpathsOfDirectory(atPath: directory)
  for name in names {
    var isDirectory: ObjCBool = false
    let path = directory + "/" + name
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
      !isDirectory.boolValue
    {
      result[name] = try Data(contentsOf: URL(filePath: path))
    }
  }
  return result
}
