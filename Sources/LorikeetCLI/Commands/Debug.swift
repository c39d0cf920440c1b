// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `lorikeet debug ...`: numbers to hold against a reference.
struct Debug: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Writes a model's numbers, to hold Lorikeet against a reference.",
    subcommands: [DebugForward.self, DebugPreprocess.self, DebugTokenize.self, DebugTemplate.self])
}
