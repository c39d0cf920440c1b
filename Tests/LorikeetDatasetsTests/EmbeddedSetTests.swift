// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetDatasets
import LorikeetImages
import LorikeetTestSupport
import Testing

/// The set that comes with Lorikeet, `Datasets/tiny`.
@Suite struct EmbeddedSetTests {
  private let path = Fixtures.directory
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Datasets/tiny").path

  @Test func isWholeAndBalanced() throws {
    let set = try Dataset(path: path, verify: true)
    #expect(set.name == "tiny")
    #expect(set.splitCounts == ["train": 480, "validation": 96, "test": 96])
    #expect(set.labels.count == 8)
    for split in ["train", "validation", "test"] {
      let part = set.split(split)
      for label in set.labels {
        #expect(part.samples.count { $0.label == label } == part.samples.count / 8)
      }
    }
    for sample in set.samples {
      let image = try Image(contentsOf: sample.imagePath ?? "")
      #expect(image.width == 64 && image.height == 64)
      #expect(sample.text?.contains(" pen drawing of ") == true)
      // The label must be inferred, never read.
      #expect(sample.text?.contains(sample.label ?? "") == false)
    }
  }
}
