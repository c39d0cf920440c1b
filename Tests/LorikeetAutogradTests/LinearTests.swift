// SPDX-License-Identifier: Apache-2.0

import LorikeetAutograd
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct LinearTests {
  static let widths = [1, 3, 17, 33, 67]

  @Test(arguments: widths, [0, 1, 5]) func linearHasItsGradients(width: Int, rows: Int) {
    for (seed, outputs) in [(1, 4), (2, 19)] {
      let seed = UInt64(seed)
      let x = Tensor.random([rows, width], seed: seed)
      let w = Tensor.random([outputs, width], seed: seed + 10)
      let b = Tensor.random([outputs], seed: seed + 20)
      checkGradients([x], parameters: [w, b], sample: 24, seed: seed, "linear") { tape, x, p in
        tape.linear(x[0], p[0], bias: p[1])
      }
      checkGradients([x], parameters: [w], sample: 24, seed: seed, "linear") { tape, x, p in
        tape.linear(x[0], p[0])
      }
    }
  }

  /// y = x W^T + b with numbers that can be done in the head.
  @Test func linearIsXTimesWTransposedPlusB() {
    let w = Parameter(name: "w", Tensor([1, 2, 3, 4, 5, 6], [3, 2]))
    let b = Parameter(name: "b", Tensor([0, 10, 20], [3]))
    let x = Variable(Tensor([1, 1, 2, -1], [2, 2]))
    #expect(Tape.inference.linear(x, w, bias: b).value.values == [3, 17, 31, 0, 12, 24])
  }

  @Test func frozenWeightsPassTheGradientOnAndGetNone() {
    let w = Parameter(name: "w", Tensor.random([4, 3], seed: 1))
    let b = Parameter(name: "b", Tensor.random([4], seed: 2))
    checkGradients([.random([5, 3], seed: 3)]) { tape, x, _ in tape.linear(x[0], w, bias: b) }
    #expect(w.variable.gradient == nil)
    #expect(b.variable.gradient == nil)
  }

  /// Bytes that hold a weight in each stored type; scales are kept small and finite.
  static func stored(_ dtype: DType, _ shape: Shape, seed: UInt64) -> StoredTensor {
    var stream = RandomStream(seed: seed)
    var bytes: [UInt8] = []
    func half() -> [UInt8] {
      // Sign and fraction at random, exponents from 2^-4 to 2^-1.
      let r = UInt16(truncatingIfNeeded: stream.next())
      let bits = (r & 0x83FF) | UInt16(11 + stream.index(below: 4)) << 10
      return [UInt8(bits & 0xFF), UInt8(bits >> 8)]
    }
    for _ in 0..<shape.count / dtype.blockElements {
      switch dtype {
      case .bfloat16:
        let bits = Float(stream.normal()).bitPattern >> 16
        bytes += [UInt8(bits & 0xFF), UInt8(bits >> 8)]
      case .float16: bytes += half()
      default:
        let header = dtype == .q4_1 ? 4 : 2
        for _ in 0..<header / 2 { bytes += half() }
        bytes += (0..<dtype.blockBytes - header).map { _ in
          UInt8(truncatingIfNeeded: stream.next())
        }
      }
    }
    return bytes.withUnsafeBytes {
      StoredTensor(
        dtype: dtype, shape: shape, storage: Storage(copying: $0), bytes: 0..<bytes.count)
    }
  }

  @Test(arguments: [DType.bfloat16, .float16, .q8_0, .q4_0, .q4_1])
  func storedWeightsActAsTheirFloat32Values(dtype: DType) {
    for (rows, outputs, inputs) in [(0, 4, 32), (1, 3, 64), (5, 33, 96), (17, 40, 32)] {
      let stored = Self.stored(dtype, [outputs, inputs], seed: 5)
      let bias = Parameter(name: "b", Tensor.random([outputs], seed: 6))
      let value = Tensor.random([rows, inputs], seed: 7)
      let gradient = Tensor.random([rows, outputs], seed: 8)
      func run(_ weight: Parameter) -> (Tensor, Tensor) {
        let tape = Tape(isRecording: true)
        let x = Variable(value, requiresGradient: true)
        let y = tape.linear(x, weight, bias: bias)
        tape.backward(from: y, seed: gradient)
        return (y.value, x.gradient ?? Tensor(repeating: .nan, [1]))
      }
      let kept = Parameter(name: "w", stored)
      let (y, gx) = run(kept)
      let (yDense, gxDense) = run(Parameter(name: "w", stored.tensor()))
      expectClose(y, yDense, tolerance: 2e-6, "\(dtype) output")
      expectClose(gx, gxDense, tolerance: 2e-6, "\(dtype) input gradient")
      #expect(kept.stored.dtype == dtype)
    }
  }

  @Test func patchesTrainTheirKernel() {
    for (patches, size) in [(0, 2), (1, 1), (6, 3)] {
      let input = Tensor.random([patches, 3 * size * size], seed: 1)
      checkGradients(
        [], parameters: [.random([5, 3, size, size], seed: 2), .random([5], seed: 3)], sample: 30,
        "patchLinear"
      ) { tape, _, p in tape.patchLinear(input, p[0], bias: p[1]) }
    }
    let kernel = Parameter(name: "w", Tensor.random([5, 3, 2, 2], seed: 2))
    let y = Tape.inference.patchLinear(Tensor.random([4, 12], seed: 1), kernel, bias: nil)
    let flat = Parameter(name: "w", kernel.variable.value.reshaped([5, 12]))
    let expected = Tape.inference.linear(Variable(Tensor.random([4, 12], seed: 1)), flat)
    expectClose(y.value, expected.value, tolerance: 1e-6)
  }
}
