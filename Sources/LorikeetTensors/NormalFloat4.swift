// SPDX-License-Identifier: Apache-2.0

/// The 4-bit normal float (T. Dettmers, A. Pagnoni, A. Holtzman, L. Zettlemoyer, "QLoRA: Efficient
/// Finetuning of Quantized LLMs", 2023, sections 3 and appendix E).
///
/// A block of 64 values is divided by its largest magnitude, and each goes to the nearest of sixteen
/// quantiles of a normal distribution. Double quantisation then stores those magnitudes in 8 bits:
/// their mean is taken off, blocks of 256 are divided by their own largest magnitude, and each goes
/// to the nearest of 256 values of a dynamic code. In memory magnitudes are float32, with the
/// values that double quantisation gives them.
package enum NormalFloat4 {
  /// The sixteen values, ascending.
  package static let codes: [Float] = [
    -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
    -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
    0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941,
    0.7229568362236023, 1.0,
  ]

  /// Halfway between neighbouring values.
  private static let thresholds: [Float] = (0..<15).map {
    Float((Double(codes[$0]) + Double(codes[$0 + 1])) / 2)
  }

  /// The place of the value that is nearest to x, which lies in -1 ... 1.
  @inline(__always)
  static func place(_ x: Float, _ thresholds: UnsafePointer<Float>) -> UInt8 {
    var place = 0
    for i in 0..<15 { place += x > thresholds[i] ? 1 : 0 }
    return UInt8(place)
  }

  /// Quantises one block of 64 values: a float32 magnitude, then twice 16 bytes of two places.
  static func quantise(_ x: UnsafePointer<Float>, _ output: UnsafeMutableRawPointer) {
    var largest: Float = 0
    for i in 0..<64 { largest = max(largest, abs(x[i])) }
    output.storeBytes(of: largest, as: Float.self)
    let factor = largest > 0 ? 1 / largest : 0
    thresholds.withUnsafeBufferPointer { thresholds in
      guard let thresholds = thresholds.baseAddress else { return }
      for i in 0..<32 {
        let first = (i & 16) * 2 + (i & 15)
        let byte =
          place(x[first] * factor, thresholds) | place(x[first + 16] * factor, thresholds) << 4
        output.storeBytes(of: byte, toByteOffset: 4 + i, as: UInt8.self)
      }
    }
  }

  // MARK: double quantisation

  /// The magnitudes of blocks in 8 bits, as bitsandbytes stores them.
  package struct Magnitudes: Sendable {
    /// One place in `code` a block.
    package var places: [UInt8]
    /// The largest magnitude of each 256 blocks, after the offset was taken off.
    package var nested: [Float]
    package var code: [Float]
    package var offset: Float
    /// Blocks that share a nested magnitude.
    package var nestedBlock = 256

    package init(places: [UInt8], nested: [Float], code: [Float], offset: Float) {
      self.places = places
      self.nested = nested
      self.code = code
      self.offset = offset
    }

    /// Quantises magnitudes.
    package init(_ magnitudes: [Float]) {
      let sum = magnitudes.reduce(0.0) { $0 + Double($1) }
      offset = Float(sum / Double(max(magnitudes.count, 1)))
      code = NormalFloat4.dynamicCode
      nested = []
      places = []
      places.reserveCapacity(magnitudes.count)
      for start in stride(from: 0, to: magnitudes.count, by: nestedBlock) {
        let block = magnitudes[start..<min(start + nestedBlock, magnitudes.count)]
          .map { $0 - offset }
        let largest = block.reduce(Float(0)) { max($0, abs($1)) }
        nested.append(largest)
        let factor = largest > 0 ? 1 / largest : 0
        places += block.map { Self.nearest($0 * factor, code) }
      }
    }

    /// The magnitudes as float32.
    package var values: [Float] {
      places.indices.map { code[Int(places[$0])] * nested[$0 / nestedBlock] + offset }
    }

    /// The place of the value of an ascending code that is nearest to x.
    private static func nearest(_ x: Float, _ code: [Float]) -> UInt8 {
      var (low, high) = (0, code.count - 1)
      while high - low > 1 {
        let middle = (low + high) / 2
        if code[middle] <= x { low = middle } else { high = middle }
      }
      return UInt8(x - code[low] <= code[high] - x ? low : high)
    }
  }

  /// The 256 values of the signed dynamic 8-bit code, ascending (T. Dettmers, M. Lewis, S. Shleifer,
  /// L. Zettlemoyer, "8-bit Optimizers via Block-wise Quantization", 2022, section 1.2): 0, 1, and for
  /// each power of ten from 10^-6 to 1 twice as many values as for the one before, both signs.
  ///
  /// Rounded as torch rounds, in whose arithmetic the code is defined.
  package static let dynamicCode: [Float] = {
    var code: [Float] = [0, 1]
    for (exponent, scale) in [Float(1e-6), 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1].enumerated() {
      let count = 1 << exponent
      let step = (1 - Float(0.1)) / Float(count)
      let bounds = (0...count).map { i in
        i < (count + 1) / 2
          ? Float(0.1).addingProduct(step, Float(i))
          : Float(1).addingProduct(-step, Float(count - i))
      }
      for i in 0..<count {
        let value = scale * ((bounds[i] + bounds[i + 1]) / 2)
        code += [value, -value]
      }
    }
    return code.sorted()
  }()

  // MARK: whole tensors

  /// Sends the magnitudes of blocks through double quantisation, in place.
  static func quantiseMagnitudes(_ storage: Storage, blocks: Int) {
    let exact = (0..<blocks).map { storage.base.load(fromByteOffset: 36 * $0, as: Float.self) }
    for (block, value) in Magnitudes(exact).values.enumerated() {
      storage.base.storeBytes(of: value, toByteOffset: 36 * block, as: Float.self)
    }
  }

  /// The magnitude of each block.
  package static func magnitudes(of tensor: StoredTensor) -> [Float] {
    precondition(tensor.dtype == .nf4, "NormalFloat4: the tensor is \(tensor.dtype.rawValue)")
    return tensor.withBytes { bytes in
      stride(from: 0, to: bytes.count, by: 36).map {
        bytes.loadUnaligned(fromByteOffset: $0, as: Float.self)
      }
    }
  }

  /// Takes what bitsandbytes stores apart into our blocks.
  ///
  /// - Parameters:
  ///   - packed: two places a byte, the first in the high half; a whole number of blocks of 64.
  ///   - magnitudes: one a block.
  /// - Returns: nil unless the counts fit the shape.
  package static func tensor(
    packed: [UInt8], magnitudes: [Float], shape: Shape
  ) -> StoredTensor? {
    guard shape.count.isMultiple(of: 64), packed.count == shape.count / 2,
      magnitudes.count == shape.count / 64
    else { return nil }
    let storage = Storage(byteCount: shape.count / 64 * 36)
    for block in magnitudes.indices {
      let output = storage.base + 36 * block
      output.storeBytes(of: magnitudes[block], as: Float.self)
      func place(_ index: Int) -> UInt8 {
        let byte = packed[block * 32 + index / 2]
        return index.isMultiple(of: 2) ? byte >> 4 : byte & 0xF
      }
      for i in 0..<32 {
        let first = (i & 16) * 2 + (i & 15)
        output.storeBytes(
          of: place(first) | place(first + 16) << 4, toByteOffset: 4 + i, as: UInt8.self)
      }
    }
    return StoredTensor(
      dtype: .nf4, shape: shape, storage: storage, bytes: 0..<shape.count / 64 * 36)
  }

  /// The places of a tensor as bitsandbytes packs them.
  package static func packed(_ tensor: StoredTensor) -> [UInt8] {
    tensor.withBytes { bytes in
      (0..<tensor.shape.count / 2).map { pair in
        let (block, index) = (pair / 32, pair % 32 * 2)
        func place(_ index: Int) -> UInt8 {
          // Of 32 values, the first 16 lie in low halves, the others in high ones.
          let byte = bytes[36 * block + 4 + index / 32 * 16 + index % 16]
          return index % 32 < 16 ? byte & 0xF : byte >> 4
        }
        return place(index) << 4 | place(index + 1)
      }
    }
  }
}
