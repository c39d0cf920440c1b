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
  public init(
    _ routing: AdapterRouting, configurations: [String: any AdapterConfiguration],
    attachingTo index: ModuleIndex, seed: UInt64
  ) throws(AdapterError) {
    self.routing = routing
    var adapters: [Adapter] = []
    do throws(AdapterError) {
      for name in routing.names {
        guard let configuration = configurations[name] else {
          throw AdapterError.cannotAttach(
            source: "adapter \(name)", reason: "the routing names it, but it has no configuration")
        }
        adapters.append(
          try Adapter(
            name: name, configuration, attachingTo: index,
            modalities: routing.modalities(of: name), seed: seed))
      }
    } catch {
      for adapter in adapters.reversed() { adapter.detach() }
      throw error
    }
    self.adapters = adapters
  }

  /// Attaches what a directory holds: one PEFT adapter, or `adapter_routing.json` with one PEFT
  /// directory for each adapter that it names.
  public init(directory: String, attachingTo index: ModuleIndex) throws {
    let path = directory + "/" + Self.routingFile
    guard FileManager.default.fileExists(atPath: path) else {
      routing = AdapterRouting(.shared)
      adapters = [try Adapter(name: "default", directory: directory, attachingTo: index)]
      return
    }
    guard let data = FileManager.default.contents(atPath: path),
      let routing = try? JSONDecoder().decode(AdapterRouting.self, from: data),
      routing.names.allSatisfy({ !$0.contains("/") && $0 != ".." && !$0.isEmpty })
    else {
      throw AdapterError.configuration(
        path: path, reason: "expected {\"adapters\": {modality: adapter, ...}}")
    }
    self.routing = routing
    var adapters: [Adapter] = []
    do {
      for name in routing.names {
        adapters.append(
          try Adapter(
            name: name, directory: directory + "/" + name, attachingTo: index,
            modalities: routing.modalities(of: name)))
      }
    } catch {
      for adapter in adapters.reversed() { adapter.detach() }
      throw error
    }
    self.adapters = adapters
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

  /// Writes one PEFT directory, or one for each adapter with the routing beside them.
  public func save(to directory: String) throws {
    if routing.isShared, adapters.count == 1 { return try adapters[0].save(to: directory) }
    for adapter in adapters { try adapter.save(to: directory + "/" + adapter.name) }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let text = String(decoding: try encoder.encode(routing), as: UTF8.self)
    try AtomicFile.write(text + "\n", to: directory + "/" + Self.routingFile)
  }
}
