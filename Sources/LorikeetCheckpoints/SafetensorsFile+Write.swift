// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

extension SafetensorsFile {
  /// Writes tensors to a file that appears under its name when it is complete.
  ///
  /// The tensors are ordered like those of the reference library, by falling size of their type,
  /// then by name, so that the same tensors give the same bytes as there.
  ///
  /// - Throws: `CheckpointError` for a name that occurs twice, for a block format, which safetensors
  ///   does not know, and if the file cannot be written.
  public static func write(
    _ tensors: [(name: String, tensor: StoredTensor)],
    metadata: [String: String] = ["format": "pt"], to path: String
  ) throws(CheckpointError) {
    let ordered = tensors.map { (name: $0.name, tensor: $0.tensor, rank: rank($0.tensor.dtype)) }
      .sorted { ($0.rank ?? 0, $0.name) < ($1.rank ?? 0, $1.name) }
    var entries: [String] = []
    if !metadata.isEmpty {
      let pairs = metadata.sorted { $0.key < $1.key }.map {
        "\(quoted($0.key)):\(quoted($0.value))"
      }
      entries.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
    }
    var end = 0
    var seen: Set<String> = ["__metadata__"]
    for (name, tensor, rank) in ordered {
      guard rank != nil else {
        throw .malformed(
          path: path, tensor: name, reason: "safetensors has no type \(tensor.dtype.rawValue)")
      }
      guard seen.insert(name).inserted else {
        throw .malformed(path: path, tensor: name, reason: "the name cannot be written twice")
      }
      let shape = tensor.shape.dimensions.map(String.init).joined(separator: ",")
      entries.append(
        "\(quoted(name)):{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],"
          + "\"data_offsets\":[\(end),\(end + tensor.bytes.count)]}")
      end += tensor.bytes.count
    }
    var header = Array("{\(entries.joined(separator: ","))}".utf8)
    header += Array(repeating: 0x20, count: (8 - header.count % 8) % 8)
    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    try files { () throws(FileError) in
      let file = try AtomicFile(path: path)
      try file.write(length + header)
      for entry in ordered {
        try entry.tensor.withBytes { bytes throws(FileError) in try file.write(bytes) }
      }
      try file.commit()
    }
  }

  /// The place of a type in a file, or nil for a type that safetensors does not have.
  private static func rank(_ dtype: DType) -> Int? {
    let order: [DType] = [
      .int64, .float64, .float32, .int32, .bfloat16, .float16, .int16, .int8, .uint8, .bool,
    ]
    return order.firstIndex(of: dtype)
  }

  /// A JSON string.
  private static func quoted(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case "\u{08}": result += "\\b"
      case "\u{0C}": result += "\\f"
      case ..<" ":
        let digits = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
