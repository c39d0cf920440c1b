// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// COCO captions: pictures listed once, captions that refer to them; one sample a caption.
enum CaptionFile {
  private struct Contents: Decodable {
    var images: [Picture]
    var annotations: [Annotation]

    struct Picture: Decodable {
      var id: Name
      var name: String
      var split: String?

      enum CodingKeys: String, CodingKey {
        case id
        case name = "file_name"
        case split
      }
    }

    struct Annotation: Decodable {
      var picture: Name
      var caption: String

      enum CodingKeys: String, CodingKey {
        case picture = "image_id"
        case caption
      }
    }
  }

  static func read(path: String, imageDirectory: String?) throws(DatasetError) -> [Sample] {
    let data = try Disk.read(path)
    let contents: Contents
    do {
      contents = try JSONDecoder().decode(Contents.self, from: data)
    } catch {
      let whole = "an object with \"images\" and \"annotations\""
      throw .malformed(
        file: path, line: nil, reason: JSONReason.describe(error, whole: whole))
    }
    let directory =
      imageDirectory ?? PictureDirectory.beside(path, first: contents.images.first?.name)
    let pictures = Dictionary(
      contents.images.map { ($0.id.text, $0) }, uniquingKeysWith: { first, _ in first })
    var counts: [String: Int] = [:]
    var samples: [Sample] = []
    for (index, annotation) in contents.annotations.enumerated() {
      guard let picture = pictures[annotation.picture.text] else {
        throw .malformed(
          file: path, line: nil,
          reason: "annotations[\(index)] refers to image \(annotation.picture.text), which is not "
            + "listed")
      }
      let count = (counts[picture.name] ?? 0) + 1
      counts[picture.name] = count
      samples.append(
        Sample(
          id: count == 1 ? picture.name : "\(picture.name)#\(count)",
          imagePath: try Disk.join(directory, picture.name, file: path, line: nil),
          text: annotation.caption.trimmingCharacters(in: .whitespacesAndNewlines),
          split: picture.split.map(SplitName.canonical)))
    }
    guard !samples.isEmpty else {
      throw .malformed(file: path, line: nil, reason: "has no captions")
    }
    return samples
  }
}
