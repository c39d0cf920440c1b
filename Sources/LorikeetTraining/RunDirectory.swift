// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetCheckpoints
public import LorikeetDatasets
internal import LorikeetTensors
internal import LorikeetVisionLanguage

/// Where a run stands; stored with each checkpoint.
public struct TrainingState: Sendable, Equatable, Codable {
  /// Steps that are done.
  public var step = 0
  public var position = BatchSampler.Position()
  public var bestLoss: Double?
  public var bestStep = 0
  /// Evaluations since the best one.
  public var evaluationsWithoutGain = 0
  public var seconds = 0.0

  public init() {}
}

/// What a run leaves on disk: `recipe.yaml`, `adapter/` (or `model/`) of the best evaluation,
/// `metrics.jsonl`, `tensorboard/`, `checkpoints/step-N/`.
public struct RunDirectory: Sendable {
  public let path: String

  public init(_ path: String) { self.path = path }

  public var adapter: String { path + "/adapter" }
  public var model: String { path + "/model" }
  public var metrics: String { path + "/metrics.jsonl" }
  public var tensorboard: String { path + "/tensorboard" }
  private var checkpoints: String { path + "/checkpoints" }

  /// Steps of the checkpoints, ascending.
  public var steps: [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: checkpoints)) ?? []
    return names.compactMap { $0.hasPrefix("step-") ? Int($0.dropFirst(5)) : nil }.sorted()
  }

  /// - Throws: `TrainingError.run` if there is a run in the directory already, or nothing can be
  ///   written to it.
  public func requireFree() throws(TrainingError) {
    guard !FileManager.default.fileExists(atPath: path + "/recipe.yaml") else {
      throw .run(path: path, reason: "there is a run here already; --resume continues it")
    }
    try requireWritable()
  }

  /// - Throws: `TrainingError.run` if the directory, or the nearest above it that is there, cannot be
  ///   written to.
  func requireWritable() throws(TrainingError) {
    var place = URL(filePath: path).standardizedFileURL
    while !FileManager.default.fileExists(atPath: place.path), place.pathComponents.count > 1 {
      place.deleteLastPathComponent()
    }
    // A name in a directory that is none says so.
    guard access(place.path + "/.", W_OK) == 0 else {
      throw .run(
        path: path, reason: "cannot write: \(place.path): \(String(cString: strerror(errno)))")
    }
  }

  /// Makes sure that a run goes on with the recipe that it began with, but for what does not change
  /// its numbers.
  ///
  /// - Throws: `TrainingError.run` naming the first key that differs.
  public func requireSame(_ recipe: TrainingRecipe) throws {
    let file = path + "/recipe.yaml"
    guard FileManager.default.fileExists(atPath: file) else { return }
    func values(_ recipe: TrainingRecipe) throws -> [(key: String, value: String)] {
      var recipe = recipe
      let standard = TrainingRecipe()
      recipe.model = standard.model
      recipe.data = standard.data
      recipe.output = standard.output
      recipe.maxMinutes = standard.maxMinutes
      recipe.earlyStoppingPatience = standard.earlyStoppingPatience
      recipe.saveSteps = standard.saveSteps
      recipe.saveTotalLimit = standard.saveTotalLimit
      recipe.featureCache = standard.featureCache
      recipe.strict = standard.strict
      guard let node = try RecipeNodes.parse(try recipe.yaml(), file) else { return [] }
      return try RecipeNodes.pairs(node, file).map { ($0.key, RecipeNodes.text($0.value)) }
    }
    let (before, now) = (try values(try TrainingRecipe(path: file)), try values(recipe))
    // A value that is not given is not written.
    for (key, _) in before + now {
      func value(_ list: [(key: String, value: String)]) -> String {
        list.first { $0.key == key }?.value ?? "none"
      }
      guard value(before) == value(now) else {
        throw TrainingError.run(
          path: file,
          reason:
            "the run began with \(key): \(value(before)), not \(value(now)); a run goes on with its "
            + "own recipe")
      }
    }
  }

  /// Makes the directory for a new run.
  ///
  /// - Throws: `TrainingError.run` if there is a run in it already.
  public func create(recipe: TrainingRecipe) throws {
    try requireFree()
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true)
    try AtomicFile.write(try recipe.yaml(), to: path + "/recipe.yaml")
  }

  /// Writes a checkpoint and drops old ones beyond the limit.
  func save(
    _ state: TrainingState, parameters: [(name: String, tensor: StoredTensor)],
    optimizer: [(name: String, tensor: StoredTensor)], limit: Int
  ) throws {
    let target = checkpoints + "/step-\(state.step)"
    try FileManager.default.createDirectory(
      atPath: checkpoints, withIntermediateDirectories: true)
    try? FileManager.default.removeItem(atPath: target)
    try DirectoryWriter.write(to: target) { staging in
      try SafetensorsFile.write(parameters, to: staging + "/parameters.safetensors")
      try SafetensorsFile.write(optimizer, to: staging + "/optimizer.safetensors")
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try AtomicFile.write(
        String(decoding: try encoder.encode(state), as: UTF8.self) + "\n",
        to: staging + "/state.json")
    }
    for step in steps.dropLast(limit) {
      try? FileManager.default.removeItem(atPath: checkpoints + "/step-\(step)")
    }
  }

  /// The newest checkpoint, or nil if there is none.
  func load() throws -> (state: TrainingState, parameters: Checkpoint, optimizer: Checkpoint)? {
    guard let step = steps.last else { return nil }
    let directory = checkpoints + "/step-\(step)"
    return (
      try JSONFile.decode(TrainingState.self, from: directory + "/state.json"),
      try Checkpoint(file: directory + "/parameters.safetensors"),
      try Checkpoint(file: directory + "/optimizer.safetensors")
    )
  }

  /// Clears away what a killed process has left half done.
  func recover() {
    let manager = FileManager.default
    for target in [adapter, model] {
      // Killed between the two moves of `replace`.
      if !manager.fileExists(atPath: target) {
        try? manager.moveItem(atPath: target + ".old", toPath: target)
      }
      for end in [".new", ".old"] { try? manager.removeItem(atPath: target + end) }
    }
    for name in (try? manager.contentsOfDirectory(atPath: checkpoints)) ?? []
    where name.hasPrefix(".step-") {
      try? manager.removeItem(atPath: checkpoints + "/" + name)
    }
  }

  /// Puts a directory in the place of another. The old one stays beside it until the fresh one is in
  /// place; `recover` undoes what was interrupted.
  func replace(_ target: String, _ fill: (String) throws -> Void) throws {
    let manager = FileManager.default
    let (fresh, old) = (target + ".new", target + ".old")
    try? manager.removeItem(atPath: fresh)
    try? manager.removeItem(atPath: old)
    try fill(fresh)
    if manager.fileExists(atPath: target) { try manager.moveItem(atPath: target, toPath: old) }
    try manager.moveItem(atPath: fresh, toPath: target)
    try? manager.removeItem(atPath: old)
  }
}
