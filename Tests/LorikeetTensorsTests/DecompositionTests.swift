// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct DecompositionTests {
  private func product(_ d: SingularValues) -> Tensor {
    Kernels.product(
      Kernels.scaleColumns(d.u, by: Tensor(d.values, [d.values.count])), d.v)
  }

  private func expectOrthonormal(_ rows: Tensor) {
    let gram = Kernels.product(rows, rows, transposeB: true)
    let identity = (0..<gram.count).map { Float($0 / gram.width == $0 % gram.width ? 1 : 0) }
    expectClose(gram.values, identity, tolerance: 1e-5)
  }

  @Test(arguments: [(1, 1), (1, 7), (6, 1), (5, 5), (9, 4), (4, 9), (70, 131)])
  func factorsMultiplyToTheMatrix(rows: Int, width: Int) throws {
    let x = Tensor.random([rows, width], seed: 3)
    let found = try #require(Kernels.singularValues(x))
    expectClose(product(found).values, x.values, tolerance: 1e-5)
    expectOrthonormal(Kernels.transposed(found.u))
    expectOrthonormal(found.v)
    #expect(found.values == found.values.sorted(by: >) && found.values.allSatisfy { $0 >= 0 })
  }

  /// [[3, 0], [4, 5]] has the singular values 3 sqrt 5 and sqrt 5.
  @Test func knownValues() throws {
    let found = try #require(Kernels.singularValues(Tensor([3, 0, 4, 5], [2, 2])))
    expectClose(found.values, [6.708_204, 2.236_068], tolerance: 1e-6)
  }

  @Test(arguments: [(20, 3, 31), (8, 8, 8), (5, 12, 9), (64, 63, 65), (7, 1, 1)])
  func aProductIsDecomposedThroughItsFactors(rows: Int, rank: Int, width: Int) throws {
    let (b, a) = (Tensor.random([rows, rank], seed: 1), Tensor.random([rank, width], seed: 2))
    let found = try #require(Kernels.singularValues(of: b, times: a))
    let whole = try #require(Kernels.singularValues(Kernels.product(b, a)))
    #expect(found.values.count == min(rows, rank, width))
    expectClose(
      found.values, Array(whole.values.prefix(found.values.count)), tolerance: 1e-5)
    expectClose(product(found).values, Kernels.product(b, a).values, tolerance: 1e-5)
    expectOrthonormal(found.v)
    expectOrthonormal(Kernels.transposed(found.u))
  }

  @Test func nothingAndWhatIsNoNumber() throws {
    let empty = try #require(Kernels.singularValues(Tensor(repeating: 0, [0, 4])))
    #expect(empty.values.isEmpty && empty.v.shape == [0, 4])
    let zero = try #require(Kernels.singularValues(Tensor(repeating: 0, [3, 4])))
    #expect(zero.values == [0, 0, 0])
    #expect(Kernels.singularValues(Tensor([1, .nan, 0, 1], [2, 2])) == nil)
    #expect(
      Kernels.singularValues(
        of: Tensor([.infinity, 1, 1], [3, 1]), times: Tensor([1, 2, 3], [1, 3]))
        == nil)
  }
}
