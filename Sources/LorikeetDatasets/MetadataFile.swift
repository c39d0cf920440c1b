// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// `metadata.jsonl` and `metadata.csv` of an imagefolder: one sample a line.
///
/// Columns: `file_name` (required; null or empty for an example of text alone), `text` or
/// `caption`, `label` (text or a whole number), `split`. Others are ignored.
public enum MetadataFile {
  static let names = ["metadata.jsonl", "metadata.csv"]

  static func isMetadata(_ path: String) -> Bool {
    ["jsonl", "csv"].contains((path as NSString).pathExtension.lowercased())
  }

  /// The metadata files of a directory: its own, or else those of its split directories.
  static func find(in directory: String) -> [(path: String, split: String?)] {
    for name in names where Disk.exists(directory + "/" + name) {
      return [(directory + "/" + name, nil)]
    }
    let entries = (try? Disk.list(directory)) ?? []
    return entries.filter(SplitName.isKnown).compactMap { entry in
      names.map { "\(directory)/\(entry)/\($0)" }.first(where: Disk.exists)
        .map { ($0, SplitName.canonical(entry)) }
    }
  }

  static func read(path: String) throws(DatasetError) -> [Sample] {
    guard Disk.isDirectory(path) else {
      var samples = try readFile(path, split: nil, prefix: "")
      makeUnique(&samples)
      return samples
    }
    let files = find(in: path)
    guard !files.isEmpty else {
      throw .malformed(
        file: path, line: nil, reason: "has no metadata.jsonl and no metadata.csv")
    }
    var samples: [Sample] = []
    for file in files {
      let folder = ((file.path as NSString).deletingLastPathComponent as NSString).lastPathComponent
      samples += try readFile(
        file.path, split: file.split, prefix: file.split == nil ? "" : folder + "/")
    }
    makeUnique(&samples)
    return samples
  }

  private static func readFile(
    _ path: String, split: String?, prefix: String
  ) throws(DatasetError) -> [Sample] {
    let directory = (path as NSString).deletingLastPathComponent
    let rows = path.lowercased().hasSuffix(".csv") ? try readCSV(path) : try readLines(path)
    var samples: [Sample] = []
    samples.reserveCapacity(rows.count)
    for (line, row) in rows {
      var image: String?
      if let name = row.fileName {
        image = try Disk.join(directory, name, file: path, line: line)
      } else if row.text == nil {
        throw .malformed(
          file: path, line: line, reason: "names neither a picture (file_name) nor a text")
      }
      samples.append(
        Sample(
          id: row.fileName.map { prefix + $0 } ?? "\(prefix)line-\(line)", imagePath: image,
          text: row.text, label: row.label, split: row.split.map(SplitName.canonical) ?? split))
    }
    guard !samples.isEmpty else {
      throw .malformed(file: path, line: nil, reason: "has no samples")
    }
    return samples
  }

  /// Several lines may name one picture: the later ones are called `name#2`, `name#3`.
  private static func makeUnique(_ samples: inout [Sample]) {
    var seen: [String: Int] = [:]
    for index in samples.indices {
      let id = samples[index].id
      let count = (seen[id] ?? 0) + 1
      seen[id] = count
      if count > 1 { samples[index].id = "\(id)#\(count)" }
    }
  }
}

// MARK: - Reading

extension MetadataFile {
  /// The columns of one line.
  struct Row: Decodable {
    var fileName: String?
    var text: String?
    var label: String?
    var split: String?

    enum CodingKeys: String, CodingKey {
      case fileName = "file_name"
      case text, caption, label, split
    }

    init(fileName: String?, text: String?, label: String?, split: String?) {
      self.fileName = fileName
      self.text = text
      self.label = label
      self.split = split
    }

    init(from decoder: any Decoder) throws {
      let columns = try decoder.container(keyedBy: CodingKeys.self)
      guard columns.contains(.fileName) else {
        throw DecodingError.keyNotFound(
          CodingKeys.fileName, .init(codingPath: [], debugDescription: ""))
      }
      fileName = try columns.decodeIfPresent(String.self, forKey: .fileName)
      text =
        try columns.decodeIfPresent(String.self, forKey: .text)
        ?? columns.decodeIfPresent(String.self, forKey: .caption)
      label = try columns.decodeIfPresent(Name.self, forKey: .label)?.text
      split = try columns.decodeIfPresent(String.self, forKey: .split)
    }
  }

  private static func readLines(_ path: String) throws(DatasetError) -> [(Int, Row)] {
    let decoder = JSONDecoder()
    var rows: [(Int, Row)] = []
    var data = try Disk.read(path)
    if data.starts(with: [0xEF, 0xBB, 0xBF]) { data = data.dropFirst(3) }
    let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
      guard line.contains(where: { !" \t\r".utf8.contains($0) }) else { continue }
      do {
        rows.append((index + 1, try decoder.decode(Row.self, from: Data(line))))
      } catch {
        let reason = JSONReason.describe(error, whole: "one object a line")
        throw .malformed(file: path, line: index + 1, reason: reason)
      }
    }
    return rows
  }

  private static func readCSV(_ path: String) throws(DatasetError) -> [(Int, Row)] {
    var records = try CSV.parse(try Disk.read(path), file: path)[...]
    guard let header = records.popFirst() else {
      throw .malformed(file: path, line: 1, reason: "is empty, expected a header with file_name")
    }
    guard header.fields.contains("file_name") else {
      throw .malformed(file: path, line: 1, reason: "the header has no file_name column")
    }
    var rows: [(Int, Row)] = []
    for record in records {
      guard record.fields.count == header.fields.count else {
        throw .malformed(
          file: path, line: record.line,
          reason: "has \(record.fields.count) fields, expected \(header.fields.count)")
      }
      func column(_ name: String) -> String? {
        guard let index = header.fields.firstIndex(of: name) else { return nil }
        let value = record.fields[index]
        return value.isEmpty ? nil : value
      }
      let row = Row(
        fileName: column("file_name"), text: column("text") ?? column("caption"),
        label: column("label"), split: column("split"))
      rows.append((record.line, row))
    }
    return rows
  }
}

// MARK: - Writing

extension MetadataFile {
  /// The text of a metadata.jsonl: keys in the order file_name, text, label, split, absent ones left out.
  ///
  /// - Parameter directory: what the pictures' paths are made relative to.
  /// - Throws: `DatasetError.invalid` for a picture outside the directory.
  public static func lines(
    _ samples: [Sample], relativeTo directory: String
  ) throws(DatasetError) -> String {
    let prefix = directory.hasSuffix("/") ? directory : directory + "/"
    var text = ""
    for sample in samples {
      var line = JSONLine()
      if let path = sample.imagePath {
        guard path.hasPrefix(prefix) else {
          throw .invalid(what: "picture", value: path, expected: "a path inside \(directory)")
        }
        line.append("file_name", .string(String(path.dropFirst(prefix.count))))
      } else {
        line.append("file_name", .null)
      }
      if let value = sample.text { line.append("text", .string(value)) }
      if let value = sample.label { line.append("label", .string(value)) }
      if let value = sample.split { line.append("split", .string(value)) }
      text += line.description + "\n"
    }
    return text
  }

  /// Writes `metadata.jsonl` into a directory, whole or not at all.
  public static func write(_ samples: [Sample], to directory: String) throws(DatasetError) {
    let text = try lines(samples, relativeTo: directory)
    do {
      try AtomicFile.write(text, to: directory + "/metadata.jsonl")
    } catch {
      throw .file(error)
    }
  }
}
