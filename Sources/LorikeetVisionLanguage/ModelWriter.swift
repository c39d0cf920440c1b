// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetAutograd
internal import LorikeetCheckpoints
public import LorikeetLayers
internal import LorikeetTensors

/// Writes Hugging Face model directories.
public enum ModelWriter {
  /// The files of a tokenizer and of generation, as far as a directory has them.
  public static let tokenizerFiles = [
    "tokenizer.json", "tokenizer.model", "spiece.model", "added_tokens.json",
    "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja",
    "chat_template.json",
    "generation_config.json",
  ]

  /// The files of the image processor, as far as a directory has them.
  public static let processorFiles = ["preprocessor_config.json", "processor_config.json"]

  /// Writes `model.safetensors` with every parameter of a model.
  public static func writeWeights(of index: ModuleIndex, to directory: String) throws {
    try SafetensorsFile.write(
      index.parameters.map { ($0.name, $0.stored) }, to: directory + "/model.safetensors")
  }

  /// Writes a model whose weights have changed: the directory that it came from with other weights.
  public static func write(
    _ index: ModuleIndex, from source: String, to output: String
  ) throws {
    try DirectoryWriter.write(to: output) { staging in
      try writeWeights(of: index, to: staging)
      for name in ["config.json"] + processorFiles + tokenizerFiles {
        guard let data = FileManager.default.contents(atPath: source + "/" + name) else { continue }
        try AtomicFile.write(Array(data), to: staging + "/" + name)
      }
    }
  }
}

/// Writes directories that appear whole or not at all.
public enum DirectoryWriter {
  /// Fills a hidden directory beside `path` and renames it; refuses to replace what is there unless
  /// it is an empty directory.
  ///
  /// - Throws: `FileError` naming the directory, or a file in it by the name that it would have had;
  ///   what `fill` throws.
  public static func write(to path: String, _ fill: (String) throws -> Void) throws {
    let manager = FileManager.default
    guard !path.isEmpty else {
      throw FileError(path: "\"\"", reason: "expected the name of a directory to be written")
    }
    // A link that leads nowhere is something too.
    let kind = try? manager.attributesOfItem(atPath: path)[.type] as? FileAttributeType
    if let kind {
      guard kind == .typeDirectory else {
        throw FileError(path: path, reason: "exists and is not a directory")
      }
      guard try manager.contentsOfDirectory(atPath: path).isEmpty else {
        throw FileError(path: path, reason: "the directory exists and is not empty")
      }
    }
    let url = URL(filePath: path)
    let staging =
      url.deletingLastPathComponent().path + "/." + url.lastPathComponent
      + ".\(ProcessInfo.processInfo.processIdentifier).partial"
    UnfinishedFiles.enter(staging)
    defer { UnfinishedFiles.leave(staging) }
    do {
      do {
        try manager.createDirectory(atPath: staging, withIntermediateDirectories: true)
        try fill(staging)
        if kind != nil { try manager.removeItem(atPath: path) }
        try manager.moveItem(atPath: staging, toPath: path)
      } catch {
        try? manager.removeItem(atPath: staging)
        throw error
      }
    } catch let error as CocoaError where error.filePath?.hasPrefix(staging) == true {
      let code = (error.underlying as? POSIXError)?.code.rawValue
      throw code.map { FileError(path: path, errno: $0, action: "write") }
        ?? FileError(path: path, reason: error.localizedDescription)
    } catch {
      // `FILE: reason`, whatever the error's type.
      let parts = "\(error)".split(separator: ": ", maxSplits: 1)
      guard parts.count == 2, parts[0].hasPrefix(staging) else { throw error }
      throw FileError(path: path + parts[0].dropFirst(staging.count), reason: String(parts[1]))
    }
  }
}
