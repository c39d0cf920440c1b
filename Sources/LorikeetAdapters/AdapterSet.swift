// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetAutograd
public import LorikeetLayers
internal import LorikeetTensors

/// The adapters of a model, with their routing.
public final class AdapterSet {
  public let routing: AdapterRouting
  public let adapters: [Adapter]

  private static let routingFile = "adapter_routing.json"

  /// Attaches new adapters.
  ///
  /// - Parameter configurations: one for each adapter that the routing names.
  /// - Throws: `AdapterError` if one of them is missing or matches nothing.
  public convenience init(
    _ routing: AdapterRouting, configurations: [String: any AdapterConfiguration],
    attachingTo index: ModuleIndex, seed: UInt64
  ) throws(AdapterError) {
    let adapters = try Self.attaching(routing.names) { name throws(AdapterError) in
      guard let configuration = configurations[name] else {
        throw AdapterError.cannotAttach(
          source: "adapter \(name)", reason: "the routing names it, but it has no configuration")
      }
      return try Adapter(
        name: name, configuration, attachingTo: index,
        modalities: routing.modalities(of: name), seed: seed)
    }
    self.init(routing, adapters)
  }

  /// Attaches what a directory holds: one adapter of PEFT or MLX, or `adapter_routing.json` with one
  /// directory for each adapter that it names.
  ///
  /// - Parameter name: what the adapter is called where there is one.
  public convenience init(
    directory: String, name: String = "default", attachingTo index: ModuleIndex
  ) throws {
    guard let routing = try Self.routing(in: directory) else {
      self.init([try Adapter(name: name, directory: directory, attachingTo: index)])
      return
    }
    let adapters = try Self.attaching(routing.names) { name in
      try Adapter(
        name: name, directory: directory + "/" + name, attachingTo: index,
        modalities: routing.modalities(of: name))
    }
    self.init(routing, adapters)
  }

  /// Attaches what is chosen of several adapters.
  ///
  /// Without weights they act side by side, each adding its term (PEFT's `set_adapter` with a list); with
  /// weights or a combination they become one.
  ///
  /// - Throws: `AdapterError`: names that are not there, adapters that act on rows of one modality, that
  ///   cannot be added up, or that train the same weight; and what opening one throws.
  public convenience init(_ selection: AdapterSelection, attachingTo index: ModuleIndex) throws {
    let active = try selection.chosen()
    if active.count == 1, let only = active.first, only.weight == nil {
      try self.init(directory: only.directory, name: only.name, attachingTo: index)
      return
    }
    for entry in active where try Self.routing(in: entry.directory) != nil {
      throw AdapterError.selection(
        reason:
          "\(entry.name) acts by modality (\(entry.directory)/\(Self.routingFile)) and cannot be "
          + "combined with others")
    }
    let adapters = try Self.attaching(active) {
      try Adapter(name: $0.name, directory: $0.directory, attachingTo: index)
    }
    do {
      try Self.requireOwnWeights(adapters)
      guard let combination = selection.combination(of: active) else {
        self.init(adapters)
        return
      }
      let weights = try combination.combine(
        zip(adapters, active).map { ($0, Float($1.weight ?? 1)) })
      for adapter in adapters.reversed() { adapter.detach() }
      let name = active.map(\.name).joined(separator: "+")
      self.init([
        try Adapter(name: name, weights, attachingTo: index, source: "adapter \(name)")
      ])
    } catch {
      for adapter in adapters.reversed() { adapter.detach() }
      throw error
    }
  }

  /// Adapters that are attached and act on all rows.
  private convenience init(_ adapters: [Adapter]) {
    self.init(AdapterRouting(adapters: ["*": adapters.first?.name ?? "default"]), adapters)
  }

  private init(_ routing: AdapterRouting, _ adapters: [Adapter]) {
    self.routing = routing
    self.adapters = adapters
  }

  /// Attaches one adapter after the other; all are taken off again if one cannot be.
  private static func attaching<Item, Failure: Error>(
    _ items: [Item], _ attach: (Item) throws(Failure) -> Adapter
  ) throws(Failure) -> [Adapter] {
    var adapters: [Adapter] = []
    do throws(Failure) {
      for item in items { adapters.append(try attach(item)) }
    } catch {
      for adapter in adapters.reversed() { adapter.detach() }
      throw error
    }
    return adapters
  }

  /// A weight cannot have two values.
  private static func requireOwnWeights(_ adapters: [Adapter]) throws(AdapterError) {
    var owners: [ObjectIdentifier: String] = [:]
    for adapter in adapters {
      for entry in adapter.replaced where !entry.isUnchanged {
        let key = ObjectIdentifier(entry.parameter)
        if let other = owners[key], other != adapter.name {
          throw .selection(
            reason: "\(other) and \(adapter.name) both hold \(entry.key), and only one can act")
        }
        owners[key] = adapter.name
      }
    }
  }

  private static func routing(in directory: String) throws(AdapterError) -> AdapterRouting? {
    let path = directory + "/" + routingFile
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    guard let data = FileManager.default.contents(atPath: path),
      let routing = try? JSONDecoder().decode(AdapterRouting.self, from: data),
      routing.names.allSatisfy({ !$0.contains("/") && $0 != ".." && !$0.isEmpty })
    else {
      throw .configuration(
        path: path, reason: "expected {\"adapters\": {modality: adapter, ...}}")
    }
    let known = AdapterRouting.modalities
    if let stray = routing.adapters.keys.sorted().first(where: { !known.contains($0) }) {
      throw .configuration(
        path: path,
        reason: "\(stray) is no modality; there are \(known.joined(separator: ", "))")
    }
    return routing
  }

  /// The parameters of all adapters; with several adapters the name of the adapter stands before.
  public var parameters: [(name: String, parameter: Parameter)] {
    if routing.isShared, adapters.count == 1 { return adapters[0].parameters }
    return adapters.flatMap { adapter in
      adapter.parameters.map { ("\(adapter.name)/\($0.name)", $0.parameter) }
    }
  }

  /// Takes all adapters off, the last one first: what two of them replaced gets its first value back.
  public func detach() { for adapter in adapters.reversed() { adapter.detach() } }

  /// Folds all adapters into the weights.
  public func merge() throws(AdapterError) { for adapter in adapters { try adapter.merge() } }

  /// Writes one PEFT directory, or one for each adapter below it, with the routing beside them if there
  /// is one.
  public func save(to directory: String) throws {
    try write(to: directory) { try $0.save(to: $1) }
  }

  /// Writes a directory for each adapter as `save` lays them out.
  ///
  /// - Parameter body: writes one adapter into a directory.
  public func write(
    to directory: String, _ body: (_ adapter: Adapter, _ directory: String) throws -> Void
  ) throws {
    if routing.isShared, adapters.count == 1 { return try body(adapters[0], directory) }
    for adapter in adapters { try body(adapter, directory + "/" + adapter.name) }
    if routing.isShared { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let text = String(decoding: try encoder.encode(routing), as: UTF8.self)
    try AtomicFile.write(text + "\n", to: directory + "/" + Self.routingFile)
  }
}
