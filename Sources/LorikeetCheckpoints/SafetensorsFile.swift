// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// A file in the safetensors format, mapped: 8 bytes with the length of the header (little-endian),
/// a JSON header that says each tensor's type, shape and place, then the bytes of the tensors.
///
/// Source: the format section of the safetensors README, Hugging Face. As there, the tensors fill
/// the bytes behind the header without gap or overlap.
public struct SafetensorsFile: Sendable {
  public let path: String
  /// The strings under `__metadata__`.
  public let metadata: [String: String]
  private let tensors: [String: StoredTensor]

  /// The longest header that is read, the same bound as in the reference library.
  package static let longestHeader = 100_000_000

  /// Maps a file and checks its header.
  ///
  /// - Throws: `CheckpointError` if the file cannot be mapped or its header does not describe it.
  public init(path: String) throws(CheckpointError) {
    let storage = try files { () throws(FileError) in try Storage.mapping(path: path) }
    let header: [UInt8]? = storage.withBytes { bytes in
      guard bytes.count >= 8 else { return nil }
      let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
      guard length <= Self.longestHeader, length <= bytes.count - 8 else { return [] }
      return Array(bytes[8..<8 + Int(length)])
    }
    guard let header else {
      throw .malformed(
        path: path, reason: "is \(storage.byteCount) bytes long, too short for safetensors")
    }
    guard header.first == UInt8(ascii: "{") else {
      throw .malformed(
        path: path,
        reason: header.isEmpty
          ? "the length of the header is 0, beyond the file or over 100 MB (is it safetensors?)"
          : "the header is not a JSON object (is it safetensors?)")
    }
    var parser = HeaderParser(path: path, storage: storage, dataStart: 8 + header.count)
    try parser.parse(header)
    self.path = path
    metadata = parser.metadata
    tensors = parser.tensors
  }

  /// The names of the tensors, sorted.
  public var names: [String] { tensors.keys.sorted() }

  /// A tensor by its name.
  public subscript(name: String) -> StoredTensor? { tensors[name] }
}

/// Reads the header and checks what it says against the file.
private struct HeaderParser {
  let path: String
  let storage: Storage
  let dataStart: Int
  var metadata: [String: String] = [:]
  var tensors: [String: StoredTensor] = [:]
  private var places: [(name: String, range: Range<Int>)] = []

  init(path: String, storage: Storage, dataStart: Int) {
    self.path = path
    self.storage = storage
    self.dataStart = dataStart
  }

  mutating func parse(_ header: [UInt8]) throws(CheckpointError) {
    var scanner = JSONScanner(header)
    var seenMetadata = false
    try scanner.object(failing: malformed) { scanner, name throws(CheckpointError) in
      if name == "__metadata__" {
        guard !seenMetadata else { throw problem("the header has two __metadata__") }
        seenMetadata = true
        try parseMetadata(&scanner)
      } else {
        guard tensors[name] == nil else { throw problem("the header has the name twice", name) }
        try parseTensor(name, &scanner)
      }
    }
    guard scanner.isAtEnd() else { throw malformed(scanner.failure("the end of the header")) }
    try checkPlaces()
  }

  private mutating func parseMetadata(_ scanner: inout JSONScanner) throws(CheckpointError) {
    try scanner.object(failing: malformed) { scanner, key throws(CheckpointError) in
      do throws(JSONScanner.Failure) { metadata[key] = try scanner.string() } catch {
        throw malformed(error)
      }
    }
  }

  private mutating func parseTensor(
    _ name: String, _ scanner: inout JSONScanner
  ) throws(CheckpointError) {
    var type: String?
    var dimensions: [Int]?
    var offsets: [Int]?
    let wrap = { (failure: JSONScanner.Failure) in malformed(failure, name) }
    try scanner.object(failing: wrap) { scanner, key throws(CheckpointError) in
      do throws(JSONScanner.Failure) {
        switch key {
        case "dtype" where type == nil: type = try scanner.string()
        case "shape" where dimensions == nil: dimensions = try scanner.counts()
        case "data_offsets" where offsets == nil: offsets = try scanner.counts()
        default: throw scanner.failure("one dtype, shape and data_offsets, not \(key)")
        }
      } catch { throw malformed(error, name) }
    }
    guard let type, let dimensions, let offsets else {
      throw problem("the header lacks dtype, shape or data_offsets", name)
    }
    guard let dtype = DType(rawValue: type), dtype.blockElements == 1 else {
      throw problem("the type \(type) is not supported", name)
    }
    guard offsets.count == 2, offsets[0] <= offsets[1], offsets[1] <= storage.byteCount - dataStart
    else {
      throw problem(
        "the offsets \(offsets) do not lie within the file's "
          + "\(storage.byteCount - dataStart) bytes of data", name)
    }
    guard let count = Shape.checkedCount(dimensions), let needed = dtype.byteCount(elements: count)
    else { throw problem("the shape \(dimensions) is too large", name) }
    let shape = Shape(dimensions)
    guard needed == offsets[1] - offsets[0] else {
      throw problem(
        "\(type) \(shape) takes \(needed) bytes, the offsets give \(offsets[1] - offsets[0])", name)
    }
    tensors[name] = StoredTensor(
      dtype: dtype, shape: shape, storage: storage,
      bytes: dataStart + offsets[0]..<dataStart + offsets[1])
    places.append((name, offsets[0]..<offsets[1]))
  }

  /// The tensors must lie one behind the other, from the first byte of the data to the last.
  private func checkPlaces() throws(CheckpointError) {
    let ordered = places.sorted {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    var end = 0
    var previous = "the header"
    for (name, range) in ordered {
      guard range.lowerBound == end else {
        let what = range.lowerBound < end ? "overlaps" : "leaves a gap after"
        throw problem(
          "its place \(range) \(what) \(previous)", name)
      }
      (end, previous) = (range.upperBound, name)
    }
    guard end == storage.byteCount - dataStart else {
      throw problem("\(storage.byteCount - dataStart - end) bytes of data belong to no tensor")
    }
  }

  private func problem(_ reason: String, _ tensor: String? = nil) -> CheckpointError {
    .malformed(path: path, tensor: tensor, reason: reason)
  }

  private func malformed(_ failure: JSONScanner.Failure) -> CheckpointError {
    malformed(failure, nil)
  }

  private func malformed(_ failure: JSONScanner.Failure, _ tensor: String?) -> CheckpointError {
    problem(
      "the header is not as expected at byte \(8 + failure.offset): expected \(failure.expected)",
      tensor)
  }
}

extension Shape {
  /// The number of elements of hostile extents, or nil if one is negative or the product overflows.
  package static func checkedCount(_ dimensions: [Int]) -> Int? {
    var count = 1
    for extent in dimensions {
      let (product, overflow) = count.multipliedReportingOverflow(by: extent)
      guard extent >= 0, !overflow else { return nil }
      count = product
    }
    return count
  }
}
