// SPDX-License-Identifier: Apache-2.0

internal import Foundation
package import LorikeetTensors

/// Weights in the 4-bit normal float as bitsandbytes and transformers save them in safetensors.
///
/// A weight is stored as `NAME` (two places in the code a byte, the first in the high half), with
/// `NAME.absmax` (magnitudes of blocks; 8-bit places with double quantisation, else float32),
/// `NAME.quant_map` (the sixteen values), `NAME.quant_state.bitsandbytes__nf4` (a JSON text in bytes)
/// and, with double quantisation, `NAME.nested_absmax` and `NAME.nested_quant_map`.
enum NormalFloat4Tensors {
  static let stateSuffix = ".quant_state.bitsandbytes__"

  /// What the JSON text says.
  private struct State: Decodable {
    var quantType: String
    var blockSize: Int
    var shape: [Int]
    var nestedBlockSize: Int?
    var nestedOffset: Double?

    enum CodingKeys: String, CodingKey {
      case quantType = "quant_type"
      case blockSize = "blocksize"
      case shape
      case nestedBlockSize = "nested_blocksize"
      case nestedOffset = "nested_offset"
    }
  }

  /// Puts one tensor in the place of those that belong to a quantised weight.
  ///
  /// - Throws: `CheckpointError` for another 4-bit type, and where the tensors do not fit each other.
  static func join(
    _ tensors: inout [String: StoredTensor], source: String
  ) throws(CheckpointError) {
    for state in tensors.keys.filter({ $0.contains(stateSuffix) }).sorted() {
      guard let range = state.range(of: stateSuffix), let text = tensors[state] else { continue }
      let name = String(state[..<range.lowerBound])
      func wrong(_ reason: String) -> CheckpointError {
        .malformed(path: source, tensor: name, reason: reason)
      }
      guard state[range.upperBound...] == "nf4" else {
        throw wrong("is quantised as \(state[range.upperBound...]), of 4-bit types nf4 is read")
      }
      guard text.dtype == .uint8 else { throw wrong("\(state) is \(text.dtype.rawValue), not U8") }
      let json = text.withBytes { String(decoding: $0, as: UTF8.self) }
      let value = try JSONFile.decode(State.self, text: json, path: "\(source): \(state)")
      guard let packed = tensors[name], packed.dtype == .uint8,
        let absmax = tensors[name + ".absmax"], let map = tensors[name + ".quant_map"]
      else { throw wrong("lacks its bytes, .absmax or .quant_map") }
      guard value.quantType == "nf4", value.blockSize == 64,
        let count = Shape.checkedCount(value.shape), value.shape.count == 2,
        map.tensorValues == NormalFloat4.codes
      else {
        throw wrong("is not nf4 with blocks of 64 and the published values")
      }
      let shape = Shape(value.shape)
      let blocks = (count + 63) / 64
      var magnitudes: [Float]
      if absmax.dtype == .uint8 {
        guard let nested = tensors[name + ".nested_absmax"], nested.dtype == .float32,
          let code = tensors[name + ".nested_quant_map"], code.dtype == .float32,
          code.shape.count == 256, value.nestedBlockSize == 256, let offset = value.nestedOffset,
          absmax.shape.count == blocks, nested.shape.count == (blocks + 255) / 256
        else { throw wrong("the magnitudes do not fit \(shape)") }
        magnitudes =
          NormalFloat4.Magnitudes(
            places: absmax.withBytes { Array($0) }, nested: nested.tensorValues,
            code: code.tensorValues, offset: Float(offset)
          ).values
      } else {
        guard absmax.dtype == .float32, absmax.shape.count == blocks else {
          throw wrong("the magnitudes do not fit \(shape)")
        }
        magnitudes = absmax.tensorValues
      }
      guard packed.shape.count == (count + 1) / 2 else {
        throw wrong("\(packed.shape.count) bytes do not hold \(shape)")
      }
      guard
        let joined = NormalFloat4.tensor(
          packed: packed.withBytes { Array($0) }, magnitudes: magnitudes, shape: shape)
      else { throw wrong("\(shape) does not fill blocks of 64, which is not supported") }
      for suffix in [".absmax", ".quant_map", ".nested_absmax", ".nested_quant_map"] {
        tensors[name + suffix] = nil
      }
      tensors[state] = nil
      tensors[name] = joined
    }
  }
}

extension SafetensorsFile {
  /// `normalFloat4`, ready to be written.
  package static func pendingNormalFloat4(
    _ name: String, _ tensor: StoredTensor
  ) -> [PendingTensor] {
    normalFloat4(name, tensor).map { part in
      PendingTensor(name: part.0, dtype: part.1.dtype, shape: part.1.shape) { part.1 }
    }
  }

  /// The tensors that stand for a weight in the 4-bit normal float, under bitsandbytes' names.
  ///
  /// Magnitudes are quantised too, unless the weight is in the 4-bit normal float already: then they
  /// are kept as they are.
  package static func normalFloat4(
    _ name: String, _ tensor: StoredTensor
  ) -> [(String, StoredTensor)] {
    let isQuantised = tensor.dtype == .nf4
    let tensor = tensor.convertedToBlocks(of: .nf4)
    let exact = NormalFloat4.magnitudes(of: tensor)
    let shape = tensor.shape.dimensions.map(String.init).joined(separator: ", ")
    var state =
      "{\"quant_type\": \"nf4\", \"blocksize\": 64, \"dtype\": \"bfloat16\", \"shape\": [\(shape)]"
    func bytes(_ values: [UInt8], _ shape: Shape) -> StoredTensor {
      values.withUnsafeBytes {
        StoredTensor(
          dtype: .uint8, shape: shape, storage: Storage(copying: $0), bytes: 0..<values.count)
      }
    }
    func floats(_ values: [Float]) -> StoredTensor { StoredTensor(Tensor(values, [values.count])) }
    let packed = NormalFloat4.packed(tensor)
    var result = [
      (name, bytes(packed, [packed.count, 1])), (name + ".quant_map", floats(NormalFloat4.codes)),
    ]
    if isQuantised {
      result.append((name + ".absmax", floats(exact)))
    } else {
      let magnitudes = NormalFloat4.Magnitudes(exact)
      result += [
        (name + ".absmax", bytes(magnitudes.places, [magnitudes.places.count])),
        (name + ".nested_absmax", floats(magnitudes.nested)),
        (name + ".nested_quant_map", floats(magnitudes.code)),
      ]
      state +=
        ", \"nested_blocksize\": 256, \"nested_dtype\": \"float32\", "
        + "\"nested_offset\": \(magnitudes.offset)"
    }
    state += "}"
    result.append(
      (name + NormalFloat4Tensors.stateSuffix + "nf4", bytes(Array(state.utf8), [state.utf8.count]))
    )
    return result
  }
}

extension StoredTensor {
  /// The values as float32.
  fileprivate var tensorValues: [Float] { tensor().values }
}
