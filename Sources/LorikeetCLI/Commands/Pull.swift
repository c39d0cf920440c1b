// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import Lorikeet

struct Pull: WorkingCommand {
  static let configuration = CommandConfiguration(
    abstract: "Fetches models and data sets by name and makes directories of them.",
    discussion: """
      What can be pulled is listed in Models/registry.json and Datasets/registry.json, each with a \
      pinned SHA-256. Directories are kept under LORIKEET_HOME (default ~/.cache/lorikeet); --model \
      and --data of the other commands take the names.

      Examples:
        lorikeet pull --list
        lorikeet pull dinov2-small smollm2-135m-instruct tuxpaint-stamps
      """)

  @Argument(help: "Names of models and data sets.")
  var names: [String] = []

  @Flag(help: "List what can be pulled.")
  var list = false

  @Flag(help: "Fetch again what is already there.")
  var force = false

  @Option(
    help: "A file that is already on this computer, used instead of the download.",
    completion: .file())
  var file: String?

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func validate() throws {
    guard list || !names.isEmpty else { throw ValidationError("expected a NAME, or --list") }
    guard file == nil || names.count == 1 else {
      throw ValidationError("--file goes with one NAME")
    }
  }

  func work() throws {
    let registry = try Registry.bundled()
    if list {
      for name in registry.names() {
        guard let entry = registry[name] else { continue }
        try StandardOutput.line("\(name)\t\(entry.kind.rawValue)\t\(entry.license)\t\(entry.title)")
      }
      return
    }
    let puller = RegistryPuller(registry: registry, logger: Log.logger(quiet: common.quiet))
    for name in names {
      switch try puller.pull(name, force: force, file: file) {
      case .pulled(let directory): try StandardOutput.line("\(name): \(directory)")
      case .alreadyThere(let directory):
        try StandardOutput.line("\(name): \(directory) (already there)")
      }
    }
  }
}
