// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Logging
import Lorikeet

struct Pull: WorkingCommand {
  static let computes = false
  static let configuration = CommandConfiguration(
    abstract: "Fetches models and data sets by name and makes directories of them.",
    discussion: """
      A name is one of Models/registry.json and Datasets/registry.json, each with a pinned SHA-256, \
      or one of a hub: hf:ORG/NAME, hf:datasets/ORG/NAME, with @REVISION if not main. The former are \
      kept under LORIKEET_HOME (default ~/.cache/lorikeet), the latter in the cache of Hugging Face's \
      client, whose variables are heeded: HF_ENDPOINT, HF_TOKEN, HF_HOME, HF_HUB_CACHE, \
      HF_HUB_OFFLINE. --model, --adapter and --data of the other commands take the names.

      Of a model on a hub come json, safetensors, tokenizer, jinja and txt files, unless --include \
      says otherwise; of a data set comes everything. A download that broke off is gone on with.

      Examples:
        lorikeet pull --list
        lorikeet pull dinov2-small smollm2-135m-instruct tuxpaint-stamps
        lorikeet pull hf:HuggingFaceTB/SmolLM2-135M-Instruct
        lorikeet pull hf:datasets/ORG/NAME@v1.0 --include 'train/*'
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

  @Option(
    help: ArgumentHelp(
      "Of a hub's files, fetch those that match, as '*.gguf'; may be repeated.",
      valueName: "pattern"))
  var include: [String] = []

  @Option(
    help: ArgumentHelp(
      "Of a hub's files, leave out those that match; may be repeated.", valueName: "pattern"))
  var exclude: [String] = []

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func validate() throws {
    guard list || !names.isEmpty else { throw ValidationError("expected a NAME, or --list") }
    guard file == nil || names.count == 1 else {
      throw ValidationError("--file goes with one NAME")
    }
    let hubNames = names.filter { $0.hasPrefix(HubName.scheme) }
    guard file == nil || hubNames.isEmpty else {
      throw ValidationError("--file does not go with names of a hub")
    }
    guard include.isEmpty && exclude.isEmpty || hubNames.count == names.count else {
      throw ValidationError("--include and --exclude go with names of a hub: hf:ORG/NAME")
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
      let outcome =
        name.hasPrefix(HubName.scheme)
        ? try pullFromHub(HubName(name)) : try puller.pull(name, force: force, file: file)
      switch outcome {
      case .pulled(let directory): try StandardOutput.line("\(name): \(directory)")
      case .alreadyThere(let directory):
        try StandardOutput.line("\(name): \(directory) (already there)")
      }
    }
  }

  private func pullFromHub(_ name: HubName) throws -> RegistryPuller.Outcome {
    let bar = common.quiet ? nil : LazyBar(label: name.description)
    defer { bar?.finish() }
    return try HubPuller(logger: Log.logger(quiet: common.quiet)).pull(
      name, HubSelection(include: include, exclude: exclude), force: force
    ) { progress in
      let (size, unit) = progress.total < 10_000_000 ? (1_000, "kB") : (1_000_000, "MB")
      bar?.update(
        done: (progress.done + size - 1) / size, total: (progress.total + size - 1) / size,
        unit: unit)
    }
  }
}
