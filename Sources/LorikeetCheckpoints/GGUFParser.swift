// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

/// Reads the settings and the table of tensors of a GGUF file, and checks them against its length.
struct GGUFParser {
  var values: [String: GGUFValue] = [:]
  var tensors: [String: StoredTensor] = [:]

  /// What the table says of a tensor.
  private struct Entry {
    let name: String
    let dtype: DType
    let shape: Shape
    let byteCount: Int
    let offset: Int
  }

  mutating func parse(
    _ bytes: UnsafeRawBufferPointer, _ storage: Storage
  ) throws(GGUFCursor.Failure) {
    var cursor = GGUFCursor(bytes)
    guard bytes.count >= 8, try cursor.scalar(UInt32.self) == 0x4655_4747 else {
      throw GGUFCursor.Failure("does not begin with GGUF")
    }
    let version = try cursor.scalar(UInt32.self)
    guard version == 2 || version == 3 else {
      throw GGUFCursor.Failure(
        "is of GGUF version \(version); versions 2 and 3, little-endian, are read")
    }
    let tensorCount = try cursor.count()
    let valueCount = try cursor.count()
    for _ in 0..<valueCount {
      let key = try cursor.string()
      let type = try cursor.scalar(UInt32.self)
      guard values.updateValue(try cursor.value(type, depth: 0), forKey: key) == nil else {
        throw GGUFCursor.Failure("has the key \(key) twice")
      }
    }
    var entries: [Entry] = []
    for _ in 0..<tensorCount { entries.append(try entry(&cursor)) }
    try place(entries, after: cursor.position, storage)
  }

  private func entry(_ cursor: inout GGUFCursor) throws(GGUFCursor.Failure) -> Entry {
    let name = try cursor.string()
    let rank = try cursor.scalar(UInt32.self)
    guard rank <= 8 else { throw GGUFCursor.Failure("has \(rank) extents", tensor: name) }
    var extents: [Int] = []
    for _ in 0..<rank { extents.append(try cursor.count()) }
    let type = try cursor.scalar(UInt32.self)
    let offset = try cursor.count()
    guard let dtype = Self.types[type] else {
      throw GGUFCursor.Failure(
        "is of type \(type), which is not read (F32, F16, BF16, Q8_0, Q4_0, Q4_1 are)",
        tensor: name)
    }
    guard (extents.first ?? 1).isMultiple(of: dtype.blockElements) else {
      throw GGUFCursor.Failure(
        "has rows of \(extents.first ?? 1), no multiple of \(dtype.blockElements)", tensor: name)
    }
    // GGUF writes the fastest extent first.
    let dimensions = Array(extents.reversed())
    guard let count = Shape.checkedCount(dimensions), let size = dtype.byteCount(elements: count)
    else { throw GGUFCursor.Failure("has a shape that is too large: \(extents)", tensor: name) }
    return Entry(
      name: name, dtype: dtype, shape: Shape(dimensions), byteCount: size, offset: offset)
  }

  /// Turns the table into tensors; the data begins at the next multiple of the alignment.
  private mutating func place(
    _ entries: [Entry], after end: Int, _ storage: Storage
  ) throws(GGUFCursor.Failure) {
    var alignment = 32
    if let value = values["general.alignment"] {
      guard case .integer(let given) = value, given >= 1, given <= 1 << 20, given & (given - 1) == 0
      else { throw GGUFCursor.Failure("general.alignment is not a power of two up to 2^20") }
      alignment = given
    }
    let start = (end + alignment - 1) / alignment * alignment
    let available = storage.byteCount - start
    for entry in entries {
      guard entry.offset.isMultiple(of: alignment) else {
        throw GGUFCursor.Failure(
          "its offset \(entry.offset) is no multiple of \(alignment)", tensor: entry.name)
      }
      guard entry.offset <= available, entry.byteCount <= available - entry.offset else {
        throw GGUFCursor.Failure(
          "its \(entry.byteCount) bytes at offset \(entry.offset) lie beyond the end of the file",
          tensor: entry.name)
      }
      let first = start + entry.offset
      let tensor = StoredTensor(
        dtype: entry.dtype, shape: entry.shape, storage: storage,
        bytes: first..<first + entry.byteCount)
      guard tensors.updateValue(tensor, forKey: entry.name) == nil else {
        throw GGUFCursor.Failure("is in the table twice", tensor: entry.name)
      }
    }
    var previous: Entry?
    for entry in entries.sorted(by: { ($0.offset, $0.byteCount) < ($1.offset, $1.byteCount) }) {
      if let previous, previous.offset + previous.byteCount > entry.offset {
        throw GGUFCursor.Failure("overlaps \(previous.name)", tensor: entry.name)
      }
      previous = entry
    }
  }

  private static let types: [UInt32: DType] = [
    0: .float32, 1: .float16, 2: .q4_0, 3: .q4_1, 8: .q8_0, 24: .int8, 25: .int16, 26: .int32,
    27: .int64, 28: .float64, 30: .bfloat16,
  ]
}

/// A cursor over the bytes of a GGUF file; each read is checked against their end.
struct GGUFCursor {
  struct Failure: Error {
    let tensor: String?
    let reason: String

    init(_ reason: String, tensor: String? = nil) {
      self.reason = reason
      self.tensor = tensor
    }
  }

  private let bytes: UnsafeRawBufferPointer
  private(set) var position = 0

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// A number as it lies in the file.
  mutating func scalar<T: BitwiseCopyable>(_: T.Type) throws(Failure) -> T {
    let size = MemoryLayout<T>.size
    guard size <= bytes.count - position else { throw truncated() }
    defer { position += size }
    return bytes.loadUnaligned(fromByteOffset: position, as: T.self)
  }

  /// A 64-bit count that fits an Int.
  mutating func count() throws(Failure) -> Int {
    let value = try scalar(UInt64.self)
    guard let count = Int(exactly: value) else {
      throw Failure("has the count \(value) at byte \(position - 8)")
    }
    return count
  }

  /// A string: a 64-bit length, then UTF-8.
  mutating func string() throws(Failure) -> String {
    let start = position
    let length = try count()
    guard length <= bytes.count - position else { throw truncated() }
    defer { position += length }
    let text = String(validating: bytes[position..<position + length], as: UTF8.self)
    guard let text else { throw Failure("has a string at byte \(start) that is not UTF-8") }
    return text
  }

  /// A value of the type with this number.
  mutating func value(_ type: UInt32, depth: Int) throws(Failure) -> GGUFValue {
    switch type {
    case 0...5, 10, 11: .integer(try integer(type))
    case 6, 12: .number(try number(type))
    case 7: .bool(try scalar(UInt8.self) != 0)
    case 8: .string(try string())
    case 9: try array(depth: depth)
    default: throw Failure("has a value of the unknown type \(type) at byte \(position)")
    }
  }

  private mutating func array(depth: Int) throws(Failure) -> GGUFValue {
    let type = try scalar(UInt32.self)
    let length = try count()
    // Every element takes at least a byte, which bounds what a false length can cost.
    guard length <= bytes.count - position else { throw truncated() }
    guard depth < 4 else { throw Failure("has arrays nested too deeply at byte \(position)") }
    switch type {
    case 0...5, 10, 11:
      return .integers(try list(length) { cursor throws(Failure) in try cursor.integer(type) })
    case 6, 12:
      return .numbers(try list(length) { cursor throws(Failure) in try cursor.number(type) })
    case 7:
      return .bools(
        try list(length) { cursor throws(Failure) in try cursor.scalar(UInt8.self) != 0 })
    case 8: return .strings(try list(length) { cursor throws(Failure) in try cursor.string() })
    case 9:
      return .arrays(
        try list(length) { cursor throws(Failure) in try cursor.array(depth: depth + 1) })
    default: throw Failure("has an array of the unknown type \(type) at byte \(position)")
    }
  }

  private mutating func list<Element>(
    _ length: Int, _ element: (inout GGUFCursor) throws(Failure) -> Element
  ) throws(Failure) -> [Element] {
    var result: [Element] = []
    for _ in 0..<length { result.append(try element(&self)) }
    return result
  }

  private mutating func integer(_ type: UInt32) throws(Failure) -> Int {
    switch type {
    case 0: Int(try scalar(UInt8.self))
    case 1: Int(try scalar(Int8.self))
    case 2: Int(try scalar(UInt16.self))
    case 3: Int(try scalar(Int16.self))
    case 4: Int(try scalar(UInt32.self))
    case 5: Int(try scalar(Int32.self))
    case 10: try count()
    default: Int(try scalar(Int64.self))
    }
  }

  private mutating func number(_ type: UInt32) throws(Failure) -> Double {
    type == 6 ? Double(try scalar(Float.self)) : try scalar(Double.self)
  }

  private func truncated() -> Failure {
    Failure("ends too early: more was expected at byte \(position) of \(bytes.count)")
  }
}
