// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetDatasets
internal import LorikeetTensors
internal import LorikeetVisionLanguage

/// The directory that an evaluation leaves: `results.json`, `samples.jsonl`, `masks/`, `report.html`,
/// `plots/`.
public struct EvaluationDirectory: Sendable {
  public let path: String
  private static let resultsFile = "results.json"

  public init(_ path: String) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    self.path = path
  }

  private var existing: [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
  }

  /// Makes sure, before hours of work, that the directory can be written: it must be new, empty, or
  /// an evaluation that may be replaced.
  public func requireWritable() throws {
    guard existing.isEmpty || existing.contains(Self.resultsFile) else {
      throw EvaluationError.reportDirectory(path: path)
    }
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
      !isDirectory.boolValue
    {
      throw FileError(path: path, reason: "is not a directory")
    }
    // A file that is never finished leaves nothing behind.
    let parent = URL(filePath: path).deletingLastPathComponent().path
    do {
      try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    } catch {
      throw FileError(path: parent, reason: "cannot be created")
    }
    _ = try AtomicFile(path: parent + "/lorikeet-report")
  }

  /// Writes everything; the directory appears, or is replaced, as a whole.
  public func write(
    _ evaluation: Evaluation, _ results: EvaluationResults, _ report: Report
  ) throws {
    try requireWritable()
    let manager = FileManager.default
    var old: String?
    if !existing.isEmpty {
      let away = path + ".\(ProcessInfo.processInfo.processIdentifier).old"
      try manager.moveItem(atPath: path, toPath: away)
      old = away
    }
    do {
      try DirectoryWriter.write(to: path) { staging in
        try AtomicFile.write(try results.json(), to: staging + "/" + Self.resultsFile)
        try AtomicFile.write(try evaluation.sampleLines(), to: staging + "/samples.jsonl")
        try report.write(to: staging + "/report.html")
        func folder(_ name: String, isNeeded: Bool) throws {
          guard isNeeded else { return }
          try manager.createDirectory(
            atPath: staging + "/" + name, withIntermediateDirectories: true)
        }
        let plots = report.plots
        try folder("plots", isNeeded: !plots.isEmpty)
        for plot in plots {
          try AtomicFile.write(plot.svg(), to: staging + "/plots/" + plot.fileName)
        }
        try folder("masks", isNeeded: !evaluation.masks.isEmpty)
        for (spec, mask) in evaluation.masks {
          try mask.write(to: staging + "/" + Evaluation.maskName(spec))
        }
      }
    } catch {
      if let old { try? manager.moveItem(atPath: old, toPath: path) }
      throw error
    }
    if let old { try? manager.removeItem(atPath: old) }
  }
}
