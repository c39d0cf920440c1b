// SPDX-License-Identifier: Apache-2.0

/// Pictures in a directory for each class, the classes perhaps in a directory for each split.
enum ImageFolder {
  /// Reads `directory/<class>/…` or, when every directory is named as a split,
  /// `directory/<split>/<class>/…`; pictures may lie deeper, the label is the class directory.
  static func read(directory: String) throws(DatasetError) -> [Sample] {
    let folders = try Disk.list(directory).filter { Disk.isDirectory(directory + "/" + $0) }
    let root: Set = [Disk.resolved(directory)]
    let hasSplits = !folders.isEmpty && folders.allSatisfy(SplitName.isKnown)
    var samples: [Sample] = []
    for folder in folders {
      if hasSplits {
        for label in try Disk.list(directory + "/" + folder) {
          samples += try pictures(
            directory, folder + "/" + label, label: label, split: SplitName.canonical(folder),
            inside: root)
        }
      } else {
        samples += try pictures(directory, folder, label: folder, split: nil, inside: root)
      }
    }
    guard !samples.isEmpty else { throw .unrecognized(path: directory) }
    return samples
  }

  private static func pictures(
    _ root: String, _ path: String, label: String, split: String?, inside directories: Set<String>
  ) throws(DatasetError) -> [Sample] {
    // A link may point back up the tree, to pictures of other classes and to itself.
    let place = Disk.resolved(root + "/" + path)
    guard !directories.contains(place), Disk.isDirectory(place) else { return [] }
    var samples: [Sample] = []
    for name in try Disk.list(root + "/" + path) {
      let inner = path + "/" + name
      if Disk.isDirectory(root + "/" + inner) {
        samples += try pictures(
          root, inner, label: label, split: split, inside: directories.union([place]))
      } else if Disk.isImage(name) {
        samples.append(
          Sample(id: inner, imagePath: root + "/" + inner, label: label, split: split))
      }
    }
    return samples
  }
}
