// SPDX-License-Identifier: Apache-2.0

import LorikeetImages
import Testing

@Suite struct CorruptionTests {
  @Test(arguments: Expected.seeds)
  func deterministicKindsFollowTheReference(seed: Int) throws {
    let expected = try Expected(seed: seed)
    let image = try expected.image("wide.png")
    var generator = SeededGenerator(state: 1)
    #expect(expected.manifest.corruptions.count == 10)
    for item in expected.manifest.corruptions {
      let corruption = try #require(Corruptions.named(item.name))
      let severity = try #require(Severity(rawValue: item.severity))
      let damaged = try corruption.apply(to: image, severity: severity, using: &generator)
      let found = difference(damaged.pixels, expected.bytes(item.offset, image.pixels.count))
      // Values are cut to whole levels, so sums in another order may fall on either side of one.
      #expect(found.largest <= 1, "\(item.name) \(item.severity)")
      #expect(found.count <= image.pixels.count / 200, "\(item.name) \(item.severity): \(found)")
    }
  }

  @Test func damageGrowsWithSeverityAndComesFromTheSeed() throws {
    let image = try Expected(seed: 2).image("tall.png")
    #expect(Set(Corruptions.all.map(\.name)).count == Corruptions.all.count)
    for corruption in Corruptions.all {
      var last = 0.0
      for severity in [Severity.one, .three, .five] {
        var (a, b) = (SeededGenerator(state: 9), SeededGenerator(state: 9))
        let damaged = try corruption.apply(to: image, severity: severity, using: &a)
        #expect(damaged == (try corruption.apply(to: image, severity: severity, using: &b)))
        let error =
          zip(damaged.pixels, image.pixels).map { abs(Double($0) - Double($1)) }.reduce(0, +)
          / Double(image.pixels.count)
        #expect(error > last, "\(corruption.name) \(severity)")
        last = error
      }
    }
  }

  @Test func noiseHasThePublishedDeviation() throws {
    // Middle gray, so that next to nothing is clipped at severity 1: 0.08 * 255 = 20.4 levels.
    let image = Image(width: 100, height: 100, color: RGB(red: 128, green: 128, blue: 128))
    var generator = SeededGenerator(state: 3)
    let noisy = GaussianNoise().apply(to: image, severity: .one, using: &generator)
    let values = noisy.pixels.map { Double($0) - 127.5 }  // cutting takes half a level off
    let mean = values.reduce(0, +) / 30_000
    let deviation = (values.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / 30_000).squareRoot()
    #expect(abs(mean) < 0.5 && abs(deviation - 20.4) < 0.4, "\(mean) \(deviation)")
  }
}
