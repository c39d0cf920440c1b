// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

/// Which inputs of a sample are absent; raw values as in the tables of missing-modality papers.
public enum MissingState: Int, Sendable, Codable, CaseIterable {
  case complete = 0
  case text = 1
  case image = 2
  case both = 3

  /// Whether the picture is absent.
  public var isImageMissing: Bool { self == .image || self == .both }
  /// Whether the text is absent.
  public var isTextMissing: Bool { self == .text || self == .both }
}

/// Which inputs of which samples are absent, drawn once by seed and kept with the results.
///
/// Of n samples exactly `round(n η)` lose the picture and exactly `round(n η)` the text, at the
/// rate η of each; which ones is drawn without replacement.
///
/// Source: the tables of Lee et al., "Multimodal Prompting with Missing Modalities for Visual
/// Recognition", CVPR 2023. Unlike theirs the two rates are independent, and the file records the
/// seed.
public struct MissingMask: Sendable, Hashable {
  /// The rates asked for.
  public let requested: MissingSpec
  public let seed: UInt64
  /// One state for each sample, in the order of the set.
  public let states: [MissingState]

  /// Draws a mask.
  ///
  /// - Parameter neverBoth: whether every sample must keep one input.
  /// - Throws: `DatasetError.invalid` if the rates leave too few samples for `neverBoth`.
  public init(
    count: Int, spec: MissingSpec, seed: UInt64, neverBoth: Bool = false
  ) throws(DatasetError) {
    guard count >= 0 else {
      throw .invalid(what: "samples", value: "\(count)", expected: "at least 0")
    }
    let images = Int((Double(count) * spec.image).rounded())
    let texts = Int((Double(count) * spec.text).rounded())
    guard !neverBoth || images + texts <= count else {
      throw .invalid(
        what: "missing", value: spec.description,
        expected: "rates that sum to at most 1, as no sample may lose both inputs")
    }
    var order = Array(0..<count)
    var random = RandomStream.derive(seed: seed, label: "missing image")
    random.shuffle(&order)
    var states = [MissingState](repeating: .complete, count: count)
    for index in order.prefix(images) { states[index] = .image }
    var candidates = neverBoth ? order.dropFirst(images).sorted() : Array(0..<count)
    var other = RandomStream.derive(seed: seed, label: "missing text")
    other.shuffle(&candidates)
    for index in candidates.prefix(texts) {
      states[index] = states[index] == .image ? .both : .text
    }
    self.states = states
    self.seed = seed
    requested = spec
  }

  public var count: Int { states.count }

  public subscript(index: Int) -> MissingState { states[index] }

  /// The rates that the mask really has; they differ from `requested` by rounding.
  public var effective: MissingSpec {
    let total = Double(max(states.count, 1))
    return MissingSpec(
      checkedImage: Double(states.count(where: \.isImageMissing)) / total,
      text: Double(states.count(where: \.isTextMissing)) / total)
  }

  /// How many samples are in a state.
  public func count(of state: MissingState) -> Int { states.count { $0 == state } }
}

// MARK: - File

extension MissingMask {
  private struct Contents: Codable {
    var seed: UInt64
    var requested: Rates
    var effective: Rates
    var table: [Int]

    struct Rates: Codable {
      var image: Double
      var text: Double
    }
  }

  /// One JSON object: `seed`, `requested` and `effective` rates, and `table`, an integer a sample.
  public var json: String {
    func rates(_ spec: MissingSpec) -> String {
      "{\"image\": \(spec.image), \"text\": \(spec.text)}"
    }
    let table = states.map { String($0.rawValue) }.joined(separator: ", ")
    return "{\"seed\": \(seed), \"requested\": \(rates(requested)), "
      + "\"effective\": \(rates(effective)), \"table\": [\(table)]}\n"
  }

  /// Writes the mask, whole or not at all.
  public func write(to path: String) throws(DatasetError) {
    do { try AtomicFile.write(json, to: path) } catch { throw .file(error) }
  }

  /// Reads a mask.
  ///
  /// - Parameter count: how many samples it must be for; not checked when nil.
  /// - Throws: `DatasetError` if the file is no mask, or one for another number of samples.
  public init(path: String, count: Int? = nil) throws(DatasetError) {
    let data = try Disk.read(path)
    let contents: Contents
    do {
      contents = try JSONDecoder().decode(Contents.self, from: data)
    } catch {
      throw .malformed(
        file: path, line: nil,
        reason: JSONReason.describe(error, whole: "a mask with seed, requested and table"))
    }
    var states: [MissingState] = []
    for (index, value) in contents.table.enumerated() {
      guard let state = MissingState(rawValue: value) else {
        throw .malformed(
          file: path, line: nil, reason: "table[\(index)] is \(value), expected 0 to 3")
      }
      states.append(state)
    }
    if let count, count != states.count {
      throw .malformed(
        file: path, line: nil, reason: "is for \(states.count) samples, expected \(count)")
    }
    do {
      requested = try MissingSpec(image: contents.requested.image, text: contents.requested.text)
    } catch {
      throw .malformed(file: path, line: nil, reason: "requested rates are outside 0 ... 1")
    }
    seed = contents.seed
    self.states = states
  }
}
