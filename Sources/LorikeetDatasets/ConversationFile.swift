// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// LLaVA's JSON: `[{"id", "image", "conversations": [{"from": "human", "value": "<image>\n…"}, …]}]`.
enum ConversationFile {
  private struct Entry: Decodable {
    var id: Name?
    var image: String?
    var label: Name?
    var split: String?
    var conversations: [Line]

    struct Line: Decodable {
      var from: String
      var value: String
    }
  }

  static func read(path: String, imageDirectory: String?) throws(DatasetError) -> [Sample] {
    let data = try Disk.read(path)
    let entries: [Entry]
    do {
      entries = try JSONDecoder().decode([Entry].self, from: data)
    } catch {
      let whole = "an array of {\"id\", \"image\", \"conversations\"}"
      throw .malformed(
        file: path, line: nil, reason: JSONReason.describe(error, whole: whole))
    }
    guard !entries.isEmpty else {
      throw .malformed(file: path, line: nil, reason: "has no samples")
    }
    let directory =
      imageDirectory
      ?? PictureDirectory.beside(path, first: entries.lazy.compactMap(\.image).first)
    var samples: [Sample] = []
    var seen: Set<String> = []
    for (index, entry) in entries.enumerated() {
      let image: String? =
        if let name = entry.image {
          try Disk.join(directory, name, file: path, line: nil)
        } else { nil }
      var turns: [Turn] = []
      for line in entry.conversations {
        guard let role = Turn.Role(named: line.from) else {
          throw .malformed(
            file: path, line: nil,
            reason: "[\(index)].conversations has a turn from \"\(line.from)\", expected human, "
              + "gpt or system")
        }
        turns.append(Turn(role: role, text: line.value))
      }
      guard turns.contains(where: { $0.role == .assistant }) else {
        throw .malformed(
          file: path, line: nil, reason: "[\(index)].conversations has no turn from gpt")
      }
      var id = entry.id?.text ?? entry.image ?? "sample-\(index)"
      if !seen.insert(id).inserted {
        id += "#\(index)"
        seen.insert(id)
      }
      samples.append(
        Sample(
          id: id, imagePath: image, text: turns.first { $0.role == .assistant }?.text,
          label: entry.label?.text, split: entry.split.map(SplitName.canonical),
          conversation: turns))
    }
    return samples
  }
}

/// Where the pictures of a JSON file lie when nobody says.
enum PictureDirectory {
  /// The file's own directory, `images` in it or beside it: the first that holds the first picture.
  static func beside(_ file: String, first picture: String?) -> String {
    let own = (file as NSString).deletingLastPathComponent
    let directory = own.isEmpty ? "." : own
    let images = directory + "/images"
    let candidates = [directory, images, directory + "/../images"]
    if let picture, let found = candidates.first(where: { Disk.exists($0 + "/" + picture) }) {
      return found
    }
    return Disk.isDirectory(images) ? images : directory
  }
}
