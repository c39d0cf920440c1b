// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The layouts on disk that `Dataset` reads.
public enum DatasetFormat: String, Sendable, CaseIterable, Codable {
  /// Pictures beside a `metadata.jsonl` or `metadata.csv` with `file_name`, `text` or `caption`,
  /// `label`, `split`; the file may also stand in each of `train/`, `validation/`, `test/`.
  case metadata
  /// `folder/<class>/*.png` or `folder/<split>/<class>/*.png`: the directory names the label.
  case imageFolder = "imagefolder"
  /// LLaVA's JSON: an array of `{"id", "image", "conversations"}`.
  case llava
  /// COCO captions: `{"images": [{"id", "file_name"}], "annotations": [{"image_id", "caption"}]}`.
  case coco
}

extension DatasetFormat {
  /// Tells the format from the names in a directory, or from the first character of a JSON file.
  static func detect(path: String) throws(DatasetError) -> DatasetFormat {
    if !Disk.isDirectory(path) {
      if MetadataFile.isMetadata(path) { return .metadata }
      let first = try Disk.read(path).first { !" \t\r\n\u{FEFF}".utf8.contains($0) }
      switch first {
      case UInt8(ascii: "["): return .llava
      case UInt8(ascii: "{"): return .coco
      default:
        throw .malformed(
          file: path, line: nil,
          reason: "not JSON: expected a LLaVA array or a COCO captions object")
      }
    }
    if !MetadataFile.find(in: path).isEmpty { return .metadata }
    let directories = try Disk.list(path).filter { Disk.isDirectory(path + "/" + $0) }
    guard !directories.isEmpty else { throw .unrecognized(path: path) }
    return .imageFolder
  }
}

/// Names of splits: what data sets call them, and what Lorikeet does.
enum SplitName {
  /// `val`, `valid`, `dev` and `eval` become `validation`; other names are only lowercased.
  static func canonical(_ name: String) -> String {
    let name = name.lowercased()
    switch name {
    case "training": return "train"
    case "val", "valid", "dev", "eval": return "validation"
    case "testing": return "test"
    default: return name
    }
  }

  static func isKnown(_ name: String) -> Bool {
    ["train", "validation", "test"].contains(canonical(name))
  }
}
