// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// A captioned or labelled set of pictures, in the order in which its files list them.
public struct Dataset: Sendable {
  /// The last component of the path.
  public let name: String
  /// The directory that the pictures' names are relative to.
  public let directory: String
  public let samples: [Sample]

  /// The distinct labels in alphabetical order.
  public var labels: [String] { Set(samples.lazy.compactMap(\.label)).sorted() }

  public init(name: String, directory: String, samples: [Sample]) {
    self.name = name
    self.directory = directory
    self.samples = samples
  }

  /// Opens a data set.
  ///
  /// Pictures are not opened: one that is missing shows when it is used, or at once with `verify`.
  ///
  /// - Parameters:
  ///   - path: a directory, or a metadata, LLaVA or COCO captions file.
  ///   - format: the layout; told from the path's contents when nil.
  ///   - imageDirectory: where LLaVA and COCO pictures are; when nil, the JSON file's directory or
  ///     an `images` directory beside it, whichever holds the first picture.
  ///   - verify: whether every named picture must exist.
  /// - Throws: `DatasetError`, naming the file and the line.
  public init(
    path: String, format: DatasetFormat? = nil, imageDirectory: String? = nil, verify: Bool = false
  ) throws(DatasetError) {
    var path = path
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard Disk.exists(path) else {
      throw .file(.init(path: path, reason: "cannot open: No such file or directory"))
    }
    let format = if let format { format } else { try DatasetFormat.detect(path: path) }
    let isDirectory = Disk.isDirectory(path)
    let directory = isDirectory ? path : (path as NSString).deletingLastPathComponent
    switch format {
    case .metadata: samples = try MetadataFile.read(path: path)
    case .imageFolder: samples = try ImageFolder.read(directory: path)
    case .llava: samples = try ConversationFile.read(path: path, imageDirectory: imageDirectory)
    case .coco: samples = try CaptionFile.read(path: path, imageDirectory: imageDirectory)
    }
    self.directory = imageDirectory ?? (directory.isEmpty ? "." : directory)
    let last = (path as NSString).lastPathComponent
    name =
      isDirectory
      ? ((path as NSString).standardizingPath as NSString).lastPathComponent
      : (last as NSString).deletingPathExtension
    if verify { try self.verify(source: path) }
  }

  /// The samples of one split; `val`, `valid` and `dev` mean `validation`.
  ///
  /// Samples that name no split count as `train`.
  public func split(_ name: String) -> Dataset {
    let name = SplitName.canonical(name)
    return filter { SplitName.canonical($0.split ?? "train") == name }
  }

  /// The samples that satisfy a condition, in the same order.
  public func filter(_ isIncluded: (Sample) -> Bool) -> Dataset {
    Dataset(name: name, directory: directory, samples: samples.filter(isIncluded))
  }

  /// How many samples each split holds, by canonical name.
  public var splitCounts: [String: Int] {
    samples.reduce(into: [:]) { $0[SplitName.canonical($1.split ?? "train"), default: 0] += 1 }
  }

  /// The paths of pictures that are named and not on the disk, in order.
  public func missingImages() -> [String] {
    samples.compactMap(\.imagePath).filter { !Disk.exists($0) }
  }

  private func verify(source: String) throws(DatasetError) {
    if let image = missingImages().first { throw .missingImage(file: source, image: image) }
  }
}
