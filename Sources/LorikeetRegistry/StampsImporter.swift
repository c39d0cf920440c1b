// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetDatasets
internal import LorikeetTensors

/// Makes an imagefolder of the stamps of Tux Paint, as Debian packs them (`tuxpaint-stamps-default`).
///
/// A stamp is a picture with a caption file beside it, whose first line is English. The label is the
/// top folder. Pictures without a caption are mirror images of others and are left out.
public enum StampsImporter {
  /// What an import brought.
  public struct Summary: Sendable {
    public var dataset: Dataset
    /// Pictures left out because they have no caption.
    public var withoutCaption: Int
    /// How many groups of variants there are, single stamps included.
    public var groups: Int
    /// The ids of the largest group.
    public var largestGroup: [String]
    /// For each sample the number of its group.
    public var groupOfSample: [Int]

    /// The share of the most frequent label: what guessing it would score.
    public var majorityShare: Double {
      let counts = dataset.samples.reduce(into: [String: Int]()) {
        $0[$1.label ?? "", default: 0] += 1
      }
      return Double(counts.values.max() ?? 0) / Double(max(dataset.samples.count, 1))
    }
  }

  /// The shares of validation and test; the rest is for training.
  static let shares = (validation: 0.1, test: 0.1)

  /// Imports the stamps.
  ///
  /// The destination appears whole, with `metadata.jsonl` and the package's `COPYRIGHT`, or not at
  /// all. The split depends on the seed alone and keeps variants of one picture on one side.
  ///
  /// - Parameters:
  ///   - source: the package file, a directory that it was unpacked into, or the directory
  ///     `usr/share/tuxpaint/stamps` itself.
  ///   - destination: the directory to make.
  /// - Throws: `StampsError`, naming the file.
  @discardableResult
  public static func run(
    source: String, destination: String, seed: UInt64 = 0
  ) throws(StampsError) -> Summary {
    guard !FileManager.default.fileExists(atPath: destination) else {
      throw .file(FileError(path: destination, reason: "already exists"))
    }
    let tree = try StampsSource.open(source)
    defer {
      if let path = tree.temporary { try? FileManager.default.removeItem(atPath: path) }
    }
    let pictures = try list(tree.stamps)
    var samples: [Sample] = []
    for picture in pictures {
      guard let caption = try caption(of: tree.stamps + "/" + picture) else { continue }
      samples.append(
        Sample(
          id: picture, imagePath: tree.stamps + "/" + picture, text: caption,
          label: picture.split(separator: "/").first.map(String.init)))
    }
    guard !samples.isEmpty else { throw .noStamps(source: source) }

    var signatures: [PictureSignature?] = []
    for sample in samples {
      do {
        signatures.append(try PictureSignature(contentsOf: sample.imagePath ?? ""))
      } catch {
        throw .image(error)
      }
    }
    let groups = NearDuplicates.groups(
      keys: samples.map { StampsGrouping.keys(path: $0.id, caption: $0.text ?? "") },
      signatures: signatures,
      series: samples.map { ($0.id as NSString).deletingLastPathComponent })

    let staged = destination + ".partial-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: staged) }
    let split: Dataset
    do {
      for index in samples.indices { samples[index].imagePath = staged + "/" + samples[index].id }
      split = try Dataset(name: "tuxpaint-stamps", directory: staged, samples: samples)
        .splitting(validation: shares.validation, test: shares.test, seed: seed, groups: groups)
      try copy(samples.map(\.id), from: tree.stamps, to: staged)
      try MetadataFile.write(split.samples, to: staged)
    } catch let error as DatasetError {
      throw .dataset(error)
    } catch {
      throw .file(FileError(path: staged, reason: "\(error)"))
    }
    try? FileManager.default.copyItem(atPath: tree.copyright, toPath: staged + "/COPYRIGHT")
    guard rename(staged, destination) == 0 else {
      throw .file(FileError(path: destination, errno: errno, action: "write"))
    }

    var final = split.samples
    for index in final.indices { final[index].imagePath = destination + "/" + final[index].id }
    var members: [Int: [String]] = [:]
    for (index, group) in groups.enumerated() {
      members[group, default: []].append(final[index].id)
    }
    return Summary(
      dataset: Dataset(name: "tuxpaint-stamps", directory: destination, samples: final),
      withoutCaption: pictures.count - samples.count, groups: members.count,
      largestGroup: members.values.max { ($0.count, $1[0]) < ($1.count, $0[0]) } ?? [],
      groupOfSample: groups)
  }

  /// The PNGs below a directory, by path, in order.
  private static func list(_ directory: String) throws(StampsError) -> [String] {
    guard let files = FileManager.default.enumerator(atPath: directory) else {
      throw .file(FileError(path: directory, reason: "cannot list the directory"))
    }
    var pictures: [String] = []
    while let name = files.nextObject() as? String {
      // A picture at the top would have no label.
      if name.hasSuffix(".png"), name.contains("/") { pictures.append(name) }
    }
    return pictures.sorted()
  }

  /// The first line of the caption file; nil if there is no file or the line is empty.
  private static func caption(of picture: String) throws(StampsError) -> String? {
    let path = (picture as NSString).deletingPathExtension + ".txt"
    guard let data = FileManager.default.contents(atPath: path) else { return nil }
    let line = data.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard let text = String(validating: line, as: UTF8.self) else { throw .caption(file: path) }
    let caption = text.trimmingCharacters(in: .whitespacesAndNewlines.union(["\u{FEFF}"]))
    return caption.isEmpty ? nil : caption
  }

  private static func copy(
    _ names: [String], from source: String, to destination: String
  ) throws(StampsError) {
    for name in names {
      let target = destination + "/" + name
      do {
        try FileManager.default.createDirectory(
          atPath: (target as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: source + "/" + name, toPath: target)
      } catch {
        throw .file(FileError(path: target, reason: "cannot write: \(error.localizedDescription)"))
      }
    }
  }
}
