// SPDX-License-Identifier: Apache-2.0

internal import Foundation
public import LorikeetTensors

/// One safetensors file: a length, a JSON header and the bytes of the tensors, mapped.
///
/// Format: 8 bytes header length (little endian), the header `{name: {dtype, shape, data_offsets}}`
/// with an optional `__metadata__`, then the data, without holes or overlaps.
public struct SafetensorsFile: Sendable {
  public let path: String
  public let metadata: [String: String]
  private let tensors: [String: StoredTensor]

  /// The longest header that is read, as in the reference implementation.
  private static let headerLimit = 100_000_000

  /// Maps a file and checks its header.
  ///
  /// - Throws: `CheckpointError` naming the file, and the tensor where one is at fault.
  public init(path: String) throws(CheckpointError) {
    func fail(_ reason: String) -> CheckpointError { .malformed(path: path, reason: reason) }
    let storage: Storage
    do { storage = try Storage.mapping(path: path) } catch { throw .file(error) }
    guard storage.byteCount >= 8 else {
      throw fail("not a safetensors file: it has \(storage.byteCount) bytes, fewer than 8")
    }
    let length = storage.withBytes { $0.loadUnaligned(as: UInt64.self).littleEndian }
    guard length <= Self.headerLimit, length <= UInt64(storage.byteCount - 8) else {
      throw fail("not a safetensors file, or truncated: it claims a header of \(length) bytes")
    }
    let start = 8 + Int(length)
    let header = storage.withBytes { Data($0[8..<start]) }
    guard let parsed = try? JSONSerialization.jsonObject(with: header),
      let object = parsed as? [String: Any]
    else { throw fail("the header is not a JSON object") }

    var tensors: [String: StoredTensor] = [:]
    tensors.reserveCapacity(object.count)
    var spans: [(range: Range<Int>, name: String)] = []
    for (name, value) in object where name != "__metadata__" {
      func fail(_ reason: String) -> CheckpointError {
        .malformedTensor(path: path, name: name, reason: reason)
      }
      guard let entry = value as? [String: Any], let type = entry["dtype"] as? String,
        let shape = entry["shape"] as? [Int], let offsets = entry["data_offsets"] as? [Int]
      else { throw fail("the entry lacks dtype, shape or data_offsets") }
      guard let dtype = DType(rawValue: type), dtype.blockElements == 1 else {
        throw fail("the type \(type) is not supported")
      }
      guard shape.allSatisfy({ $0 >= 0 }), let count = Self.product(shape),
        let bytes = dtype.byteCount(elements: count)
      else { throw fail("the shape \(shape) is not possible") }
      guard offsets.count == 2, offsets[0] >= 0, offsets[0] <= offsets[1],
        offsets[1] <= storage.byteCount - start
      else { throw fail("the offsets \(offsets) are outside of the file; is it truncated?") }
      guard offsets[1] - offsets[0] == bytes else {
        throw fail("\(type) \(shape) takes \(bytes) bytes, but the offsets are \(offsets)")
      }
      tensors[name] = StoredTensor(
        dtype: dtype, shape: Shape(shape), storage: storage,
        bytes: start + offsets[0]..<start + offsets[1])
      spans.append((offsets[0]..<offsets[1], name))
    }
    spans.sort {
      ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound)
    }
    var end = 0
    for (range, name) in spans {
      guard range.lowerBound == end else {
        throw .malformedTensor(
          path: path, name: name,
          reason: range.lowerBound < end
            ? "its bytes overlap those of another tensor" : "there is a hole before its bytes")
      }
      end = range.upperBound
    }
    guard end == storage.byteCount - start else {
      throw fail("\(storage.byteCount - start - end) bytes after the last tensor")
    }
    self.path = path
    self.tensors = tensors
    metadata = (object["__metadata__"] as? [String: String]) ?? [:]
  }

  /// All names, sorted.
  public var names: [String] { tensors.keys.sorted() }

  public subscript(name: String) -> StoredTensor? { tensors[name] }

  /// Writes tensors, one after the other, and puts the file in place when it is whole.
  ///
  /// Tensors stand by descending element size, then by name, as the reference implementation has it,
  /// so that all of them are aligned.
  public static func write(
    _ tensors: [(name: String, tensor: StoredTensor)],
    metadata: [String: String] = ["format": "pt"], to path: String
  ) throws(CheckpointError) {
    let ordered = tensors.sorted {
      ($1.tensor.dtype.blockBytes, $0.name) < ($0.tensor.dtype.blockBytes, $1.name)
    }
    func quote(_ text: String) -> String {
      (try? JSONEncoder().encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
    var entries: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map { quote($0.key) + ":" + quote($0.value) }
      entries.append("\"__metadata__\":{" + pairs.joined(separator: ",") + "}")
    }
    var offset = 0
    for (name, tensor) in ordered {
      guard tensor.dtype.blockElements == 1 else {
        throw .malformedTensor(
          path: path, name: name, reason: "\(tensor.dtype.rawValue) has no place in safetensors")
      }
      let shape = tensor.shape.dimensions.map(String.init).joined(separator: ",")
      let end = offset + tensor.bytes.count
      entries.append(
        "\(quote(name)):{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(offset),\(end)]}")
      offset = end
    }
    var header = Array(("{" + entries.joined(separator: ",") + "}").utf8)
    header += Array(repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    do {
      let file = try AtomicFile(path: path)
      var length = UInt64(header.count).littleEndian
      try withUnsafeBytes(of: &length) { try file.write($0) }
      try file.write(header)
      for (_, tensor) in ordered { try tensor.withBytes { try file.write($0) } }
      try file.commit()
    } catch let error as FileError {
      throw .file(error)
    } catch {
      throw .malformed(path: path, reason: "cannot write: \(error)")
    }
  }

  private static func product(_ shape: [Int]) -> Int? {
    var count = 1
    for extent in shape {
      let (next, overflow) = count.multipliedReportingOverflow(by: extent)
      if overflow { return nil }
      count = next
    }
    return count
  }
}
