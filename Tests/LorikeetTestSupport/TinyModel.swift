// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A vision-language model small enough to run in every test: the random weights of a reference case
/// with a tokenizer that spells, letter by letter.
public enum TinyModel {
  /// The characters that the tokenizer knows; the space and the line feed are among them.
  private static let characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \n.,:;-'!?"

  /// Writes a model directory: 16 visual tokens a picture, 256 positions.
  ///
  /// - Parameter name: the reference case whose weights it has.
  public static func write(
    to directory: String, case name: String = "models/llava/seed-1"
  ) throws {
    try FileManager.default.copyItem(atPath: Fixtures.path(name + "/model"), toPath: directory)
    try write(tokenizer(), to: directory + "/tokenizer.json")
    try write(
      [
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
        "chat_template":
          "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}"
          + "{% if add_generation_prompt %}assistant:{% endif %}",
      ], to: directory + "/tokenizer_config.json")
    try write(
      [
        "image_processor_type": "BitImageProcessor", "do_resize": true, "do_center_crop": true,
        "do_rescale": true, "do_normalize": true, "do_convert_rgb": true, "resample": 3,
        "size": ["shortest_edge": 20], "crop_size": ["height": 20, "width": 20],
        "rescale_factor": 1.0 / 255, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5],
      ], to: directory + "/preprocessor_config.json")
  }

  private static func tokenizer() -> [String: Any] {
    var vocabulary: [String: Int] = [:]
    let special = ["<unk>", "<s>", "</s>", "<pad>"]
    for (id, token) in special.enumerated() { vocabulary[token] = id }
    for character in characters {
      // As byte-level models write them.
      let token = character == " " ? "\u{120}" : character == "\n" ? "\u{10A}" : String(character)
      vocabulary[token] = vocabulary.count
    }
    return [
      "version": "1.0",
      "added_tokens": special.enumerated().map { id, token in
        [
          "id": id, "content": token, "special": true, "single_word": false, "lstrip": false,
          "rstrip": false, "normalized": false,
        ] as [String: Any]
      },
      "pre_tokenizer": ["type": "ByteLevel", "add_prefix_space": false, "use_regex": true],
      "decoder": ["type": "ByteLevel"],
      "model": ["type": "BPE", "vocab": vocabulary, "merges": [String]()] as [String: Any],
    ]
  }

  private static func write(_ object: [String: Any], to path: String) throws {
    let data = try JSONSerialization.data(withJSONObject: object, options: [.sortedKeys])
    try data.write(to: URL(filePath: path))
  }
}

/// Pen drawings of the embedded set, copied out.
public enum TinyPictures {
  /// The names of the pictures, with their texts and labels.
  public static let all: [(name: String, text: String, label: String)] = [
    ("boat-18", "A red boat.", "vehicle"), ("car-18", "A brown car.", "vehicle"),
    ("truck-18", "A white truck.", "vehicle"), ("plane-18", "A purple plane.", "vehicle"),
    ("fish-18", "A white fish.", "animal"), ("bird-18", "A purple bird.", "animal"),
    ("cat-18", "A small cat.", "animal"), ("tree-18", "A blue tree.", "plant"),
    ("flower-18", "Two flowers.", "plant"), ("cactus-18", "A cactus.", "plant"),
  ]

  /// The path of a picture in the embedded set.
  public static func path(_ name: String) -> String {
    Fixtures.directory.deletingLastPathComponent().deletingLastPathComponent()
      .appending(path: "Datasets/tiny/test/\(name).png").path
  }

  /// Writes an imagefolder of all pictures, each in the split `test`.
  public static func writeDataset(to directory: String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    var lines = ""
    for (name, text, label) in all {
      try FileManager.default.copyItem(
        atPath: path(name), toPath: directory + "/\(name).png")
      lines +=
        "{\"file_name\": \"\(name).png\", \"text\": \"\(text)\", \"label\": \"\(label)\", "
        + "\"split\": \"test\"}\n"
    }
    try lines.write(toFile: directory + "/metadata.jsonl", atomically: true, encoding: .utf8)
  }
}
