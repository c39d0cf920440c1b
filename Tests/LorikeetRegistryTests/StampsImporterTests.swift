// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetDatasets
import LorikeetRegistry
import Testing

/// The real package, when the environment names it: `LORIKEET_STAMPS=/path/to/package.deb`.
private let package = ProcessInfo.processInfo.environment["LORIKEET_STAMPS"]

@Suite struct StampsImporterTests {
  @Test(.enabled(if: package != nil)) func importsThePackage() throws {
    let destination = FileManager.default.temporaryDirectory.path + "/stamps-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: destination) }
    let start = Date()
    let summary = try StampsImporter.run(source: package ?? "", destination: destination)
    let dataset = summary.dataset
    print("seconds", Date().timeIntervalSince(start))
    print(dataset.splitCounts, summary.groups, summary.largestGroup, summary.majorityShare)
    for label in dataset.labels {
      print(label, dataset.filter { $0.label == label }.splitCounts)
    }
    var members: [Int: [String]] = [:]
    for (index, group) in summary.groupOfSample.enumerated() {
      members[group, default: []].append(dataset.samples[index].id)
    }
    for group in members.values.sorted(by: { $0.count > $1.count }) where group.count > 1 {
      print(group.count, group)
    }
  }
}
