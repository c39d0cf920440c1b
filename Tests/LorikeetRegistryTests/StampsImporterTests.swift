// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetDatasets
import LorikeetImages
import LorikeetRegistry
import LorikeetTensors
import Testing

/// The real package, when the environment names it: `LORIKEET_STAMPS=/path/to/package.deb`.
private let package = ProcessInfo.processInfo.environment["LORIKEET_STAMPS"]

@Suite struct StampsImporterTests {
  /// A directory laid out as the package is, with captions by path.
  private final class Tree {
    let root = FileManager.default.temporaryDirectory.path + "/stamps-\(UUID())"
    var stamps: String { root + "/usr/share/tuxpaint/stamps" }
    var destination: String { root + "/out" }

    init(_ captions: [String: String?]) throws {
      for (index, (path, caption)) in captions.sorted(by: { $0.key < $1.key }).enumerated() {
        let file = stamps + "/" + path
        try FileManager.default.createDirectory(
          atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        // Cells of random grey: no two pictures look alike.
        var random = RandomStream(seed: UInt64(index))
        let cells = (0..<64).map { _ in UInt8(random.index(below: 250)) }
        var pixels: [UInt8] = []
        for y in 0..<40 {
          for x in 0..<40 {
            let cell = y / 5 * 8 + x / 5
            for _ in 0..<3 { pixels.append(cells[cell]) }
          }
        }
        try Image(width: 40, height: 40, pixels: pixels).writePNG(to: file + ".png")
        if let caption { try Data(caption.utf8).write(to: URL(filePath: file + ".txt")) }
      }
      let doc = root + "/usr/share/doc/tuxpaint-stamps-default"
      try FileManager.default.createDirectory(atPath: doc, withIntermediateDirectories: true)
      try Data("GPL-2".utf8).write(to: URL(filePath: doc + "/copyright"))
    }

    deinit { try? FileManager.default.removeItem(atPath: root) }
  }

  private let captions: [String: String?] = [
    "animals/cat": "A cat.\nfr.utf8=Un chat.\n", "animals/cat_mirror": nil,
    "vehicles/car": "  A car. \r\nmore", "vehicles/empty": "\nA line too late.",
    "symbols/money/us/coins/001penny": "A penny.", "symbols/money/us/coins/005nickel": "A nickel.",
    "plants/flower1": "A rose.", "plants/flower2": "Another flower.",
    "food/apple": "A red apple.", "food/cartoon/fruit": "Apples!",
  ]

  @Test(arguments: [true, false]) func makesAnImageFolder(fromRoot: Bool) throws {
    let tree = try Tree(captions)
    let summary = try StampsImporter.run(
      source: fromRoot ? tree.root : tree.stamps, destination: tree.destination)
    let set = try Dataset(path: tree.destination, verify: true)
    #expect(set.samples == summary.dataset.samples)
    #expect(summary.withoutCaption == 2)
    #expect(
      set.samples.map(\.id) == [
        "animals/cat.png", "food/apple.png", "food/cartoon/fruit.png", "plants/flower1.png",
        "plants/flower2.png", "symbols/money/us/coins/001penny.png",
        "symbols/money/us/coins/005nickel.png", "vehicles/car.png",
      ])
    #expect(set.samples[0].text == "A cat.")
    #expect(set.samples.last?.text == "A car.")
    #expect(set.labels == ["animals", "food", "plants", "symbols", "vehicles"])
    #expect(summary.groupOfSample == [0, 1, 1, 2, 2, 3, 3, 4])
    #expect(summary.majorityShare == 0.25)
    #expect(FileManager.default.fileExists(atPath: tree.destination + "/COPYRIGHT"))
    let left = try FileManager.default.contentsOfDirectory(atPath: tree.root)
    #expect(left.sorted() == ["out", "usr"])
  }

  @Test func leavesNothingBehindOnFailure() throws {
    let tree = try Tree(captions)
    let broken = tree.stamps + "/vehicles/car.png"
    try Data("no picture".utf8).write(to: URL(filePath: broken))
    let error = #expect(throws: StampsError.self) {
      try StampsImporter.run(source: tree.root, destination: tree.destination)
    }
    #expect(error?.description.hasPrefix(broken + ": ") == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: tree.root) == ["usr"])
  }

  @Test func refusesOtherSources() throws {
    let tree = try Tree(captions)
    func message(_ source: String, to destination: String? = nil) -> String? {
      do {
        try StampsImporter.run(source: source, destination: destination ?? tree.destination)
        return nil
      } catch {
        return error.description
      }
    }
    #expect(
      message(tree.root + "/usr/share/doc")
        == "\(tree.root)/usr/share/doc: no stamps found; expected the package "
        + "tuxpaint-stamps-default or its directory usr/share/tuxpaint/stamps")
    #expect(message("/nowhere") == "/nowhere: cannot open: No such file or directory")
    #expect(message(tree.root, to: tree.root) == "\(tree.root): already exists")
    // A text file is no package: dpkg says so, or is not there.
    #expect(message(tree.stamps + "/animals/cat.txt")?.isEmpty == false)
    try Data([0xFF, 0xFE, 0x0A]).write(to: URL(filePath: tree.stamps + "/animals/cat.txt"))
    #expect(message(tree.root) == "\(tree.stamps)/animals/cat.txt: the caption is not UTF-8")
  }

  @Test(.enabled(if: package != nil)) func importsThePackage() throws {
    let destination = FileManager.default.temporaryDirectory.path + "/stamps-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: destination) }
    let summary = try StampsImporter.run(source: package ?? "", destination: destination)
    let set = summary.dataset
    #expect(set.samples.count == 785)
    #expect(summary.withoutCaption == 11)
    #expect(set.labels.count == 16)
    #expect(set.splitCounts == ["train": 628, "validation": 79, "test": 78])
    #expect(summary.largestGroup.count == 11)
    #expect(abs(summary.majorityShare - 0.315) < 0.001)
    #expect(summary.groups == 574)
    var sides: [Int: Set<String?>] = [:]
    for (sample, group) in zip(set.samples, summary.groupOfSample) {
      sides[group, default: []].insert(sample.split)
    }
    #expect(sides.values.allSatisfy { $0.count == 1 })
    // All dreidels, the coins of a currency, and the variants of a letter.
    for part in ["dreydl", "euro/coins", "/z_", "grave-"] {
      let found = Set(
        set.samples.filter { $0.id.lowercased().contains(part) && !$0.id.contains("asl") }.map(
          \.split))
      #expect(found.count == 1, "\(part)")
    }
  }
}
