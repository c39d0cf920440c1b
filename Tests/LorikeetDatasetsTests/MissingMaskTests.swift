// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetDatasets
import Testing

@Suite struct MissingMaskTests {
  @Test(arguments: [0, 1, 7, 10, 333], [(0.0, 0.0), (0.3, 0.7), (0.5, 0.05), (1, 1), (0, 1)])
  func drawsExactlyTheRates(count: Int, rates: (Double, Double)) throws {
    let spec = try MissingSpec(image: rates.0, text: rates.1)
    let mask = try MissingMask(count: count, spec: spec, seed: 11)
    let images = mask.states.count { $0.isImageMissing }
    let texts = mask.states.count { $0.isTextMissing }
    #expect(images == Int((Double(count) * rates.0).rounded()))
    #expect(texts == Int((Double(count) * rates.1).rounded()))
    if count > 0 {
      #expect(mask.effective.image == Double(images) / Double(count))
      #expect(mask.effective.text == Double(texts) / Double(count))
    }
  }

  @Test func neverBothKeepsOneInput() throws {
    let spec = try MissingSpec(image: 0.3, text: 0.7)
    for seed in 0..<20 as Range<UInt64> {
      let mask = try MissingMask(count: 100, spec: spec, seed: seed, neverBoth: true)
      #expect(mask.count(of: .image) == 30)
      #expect(mask.count(of: .text) == 70)
      #expect(mask.count(of: .both) == 0)
    }
    let error = #expect(throws: DatasetError.self) {
      try MissingMask(count: 10, spec: MissingSpec(image: 0.6, text: 0.6), seed: 0, neverBoth: true)
    }
    #expect(
      error?.description == "missing: image=0.6,text=0.6, expected rates that sum to at most 1, as "
        + "no sample may lose both inputs")
  }

  @Test func theDrawsOfTheInputsAreIndependent() throws {
    let spec = try MissingSpec(image: 0.5, text: 0.5)
    let mask = try MissingMask(count: 4000, spec: spec, seed: 5)
    // A quarter loses both: hypergeometric with standard deviation 15.8.
    #expect(abs(mask.count(of: .both) - 1000) < 80)
    // Raising one rate does not redraw the other.
    let more = try MissingMask(count: 4000, spec: MissingSpec(image: 0.9, text: 0.5), seed: 5)
    #expect(mask.states.map(\.isTextMissing) == more.states.map(\.isTextMissing))
  }

  @Test func theSeedDecides() throws {
    let spec = try MissingSpec(image: 0.5)
    let first = try MissingMask(count: 50, spec: spec, seed: 1)
    #expect(try MissingMask(count: 50, spec: spec, seed: 1) == first)
    #expect(try MissingMask(count: 50, spec: spec, seed: 2) != first)
  }

  @Test func filesKeepEverything() throws {
    let spec = try MissingSpec(image: 0.25, text: 0.5)
    let mask = try MissingMask(count: 4, spec: spec, seed: .max)
    let scratch = try Scratch(["x": ""])
    try mask.write(to: scratch.path + "/mask.json")
    let read = try MissingMask(path: scratch.path + "/mask.json", count: 4)
    #expect(read == mask)
    #expect(
      mask.json.hasPrefix("{\"seed\": 18446744073709551615, \"requested\": {\"image\": 0.25, "))
    #expect(mask.json.contains("\"effective\": {\"image\": 0.25, \"text\": 0.5}"))
    #expect(throws: DatasetError.self) {
      try MissingMask(path: scratch.path + "/mask.json", count: 5)
    }
  }

  @Test(arguments: [
    ("nonsense", "m: not JSON: expected a mask with seed, requested and table"),
    ("{\"seed\": 1}", "m: has no requested"),
    (
      "{\"seed\": 1, \"requested\": {\"image\": 2, \"text\": 0}, "
        + "\"effective\": {\"image\": 0, \"text\": 0}, \"table\": [0]}",
      "m: requested rates are outside 0 ... 1"
    ),
    (
      "{\"seed\": 1, \"requested\": {\"image\": 0, \"text\": 0}, "
        + "\"effective\": {\"image\": 0, \"text\": 0}, \"table\": [0, 4]}",
      "m: table[1] is 4, expected 0 to 3"
    ),
  ])
  func refusesFiles(text: String, expected: String) throws {
    let scratch = try Scratch(["m": text])
    let error = #expect(throws: DatasetError.self) {
      try MissingMask(path: scratch.path + "/m")
    }
    #expect(error?.description.replacing(scratch.path + "/", with: "") == expected)
  }

  @Test func parsesRates() throws {
    let spec = try MissingSpec(parsing: "image=0.3, text=0.7")
    #expect(spec.image == 0.3 && spec.text == 0.7)
    #expect(spec.description == "image=0.3,text=0.7")
    #expect(try MissingSpec(parsing: "text=1") == MissingSpec(image: 0, text: 1))
    #expect(try MissingSpec(parsing: spec.description) == spec)
  }

  @Test(arguments: [
    "", "image", "image=", "image=x", "image=1.1", "image=-0.1", "image=nan", "sound=0.5",
    "image=0.1,image=0.2", "image=0.1,", "image=0.1=0.2",
  ])
  func refusesRates(text: String) {
    let error = #expect(throws: DatasetError.self) { try MissingSpec(parsing: text) }
    #expect(error?.description.hasPrefix("missing: \"\(text)\", expected ") == true)
  }
}
