// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Which of several adapters a model works with.
///
/// Every directory gives an adapter: the one in it and, if the directory was given without a name, those
/// in directories below it, called like these, as PEFT saves several.
public struct AdapterSelection: Sendable, CustomStringConvertible {
  /// Where an adapter lies.
  public struct Source: Sendable, Equatable {
    /// What it is called; nil for "default".
    public var name: String?
    public var directory: String

    public init(name: String? = nil, directory: String) {
      self.name = name
      self.directory = directory
    }

    /// `NAME=DIRECTORY`, or a directory alone.
    public init(text: String) {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let isPath = FileManager.default.fileExists(atPath: text)
      if parts.count == 2, !parts[0].isEmpty, !parts[0].contains("/"), !isPath {
        self.init(name: String(parts[0]), directory: String(parts[1]))
      } else {
        self.init(directory: text)
      }
    }
  }
  /// An adapter that acts.
  public struct Active: Sendable, Equatable {
    public var name: String
    /// What its term is multiplied by; nil for 1.
    public var weight: Double?

    public init(name: String, weight: Double? = nil) {
      self.name = name
      self.weight = weight
    }

    /// `NAME`, or `NAME=WEIGHT`; nil for anything else.
    public init?(text: String) {
      let parts = text.split(separator: "=", omittingEmptySubsequences: false)
      guard let name = parts.first, !name.isEmpty, parts.count <= 2 else { return nil }
      self.init(name: String(name))
      guard parts.count == 2 else { return }
      guard let weight = Double(parts[1]), weight.isFinite else { return nil }
      self.weight = weight
    }
  }

  public var sources: [Source]
  /// Those that act; empty for the only one, or the one at the top of a directory.
  public var active: [Active]
  /// How they become one; nil for `cat` if there are weights, else side by side.
  public var combination: AdapterCombination?

  public init(
    _ sources: [Source], active: [Active] = [], combination: AdapterCombination? = nil
  ) {
    self.sources = sources
    self.active = active
    self.combination = combination
  }

  /// The adapter in a directory.
  public init(directory: String) { self.init([Source(directory: directory)]) }

  public var description: String {
    let names = active.map { entry in
      entry.name + (entry.weight.map { "=\($0)" } ?? "")
    }
    let paths = sources.map { source in (source.name.map { $0 + "=" } ?? "") + source.directory }
    return paths.joined(separator: ", ")
      + (names.isEmpty ? "" : " (\(names.joined(separator: ", ")))")
  }

  /// The adapters that are there, in order.
  public func candidates() throws(AdapterError) -> [(name: String, directory: String)] {
    let manager = FileManager.default
    func holds(_ directory: String, _ file: String) -> Bool {
      manager.fileExists(atPath: directory + "/" + file)
    }
    var found: [(name: String, directory: String)] = []
    for source in sources {
      let isRouted = holds(source.directory, "adapter_routing.json")
      let isAdapter = isRouted || holds(source.directory, "adapter_config.json")
      var below: [(name: String, directory: String)] = []
      if source.name == nil, !isRouted {
        let names = (try? manager.contentsOfDirectory(atPath: source.directory)) ?? []
        below = names.sorted().map { ($0, source.directory + "/" + $0) }
          .filter { holds($0.directory, "adapter_config.json") }
      }
      if isAdapter || below.isEmpty { found.append((source.name ?? "default", source.directory)) }
      found += below
    }
    var seen: Set<String> = []
    for entry in found where !seen.insert(entry.name).inserted {
      throw .selection(
        reason: "two are called \(entry.name) (\(entry.directory)); give them names: NAME=DIRECTORY"
      )
    }
    return found
  }

  /// The adapters that act, with their directories.
  ///
  /// - Throws: `AdapterError.selection` for names that are not there, and where it is not clear which is
  ///   meant.
  public func chosen() throws(AdapterError) -> [(
    name: String, directory: String, weight: Double?
  )] {
    let found = try candidates()
    let names = found.map(\.name).joined(separator: ", ")
    guard !active.isEmpty else {
      // As PEFT opens a directory with several: the one at the top.
      let top = sources.count == 1 && found.first?.directory == sources.first?.directory
      guard let first = found.first, found.count == 1 || top else {
        throw .selection(reason: "there are \(names); say which of them are active")
      }
      return [(first.name, first.directory, combination == nil ? nil : 1)]
    }
    var seen: Set<String> = []
    return try active.map { entry throws(AdapterError) in
      guard let place = found.first(where: { $0.name == entry.name }) else {
        throw .selection(reason: "there is none called \(entry.name); there are \(names)")
      }
      guard seen.insert(entry.name).inserted else {
        throw .selection(reason: "\(entry.name) is named twice")
      }
      let isOne = active.count == 1 && combination != nil
      return (place.name, place.directory, entry.weight ?? (isOne ? 1 : nil))
    }
  }

  /// How adapters that act become one; nil if they stay side by side.
  func combination(
    of active: [(name: String, directory: String, weight: Double?)]
  ) -> AdapterCombination? {
    combination ?? (active.contains { $0.weight != nil } ? .cat : nil)
  }
}
