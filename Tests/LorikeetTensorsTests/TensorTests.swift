// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct TensorTests {
  private func address(_ tensor: Tensor) -> Int { tensor.withPointer { Int(bitPattern: $0) } }

  @Test func shapesCountRowsAndWidth() {
    let shape: Shape = [2, 3, 4]
    #expect((shape.count, shape.rank, shape.rows, shape.width) == (24, 3, 6, 4))
    let scalar: Shape = []
    #expect((scalar.count, scalar.rows, scalar.width) == (1, 1, 1))
    let none: Shape = [0, 5]
    #expect((none.count, none.rows, none.width) == (0, 0, 5))
    #expect(shape.description == "[2, 3, 4]")
  }

  @Test func writingToACopyLeavesTheOriginalAlone() {
    let original = Tensor([1, 2, 3, 4, 5, 6], [3, 2])
    var copy = original
    copy[flat: 0] = 9
    #expect(original.values == [1, 2, 3, 4, 5, 6])
    #expect(copy.values == [9, 2, 3, 4, 5, 6])
    var slice = original.rows(1..<3)
    #expect(slice.shape == [2, 2])
    slice[flat: 3] = 7
    #expect(slice.values == [3, 4, 5, 7])
    #expect(original.values == [1, 2, 3, 4, 5, 6])
    var reshaped = original.reshaped([6])
    reshaped[flat: 5] = 8
    #expect(reshaped.values == [1, 2, 3, 4, 5, 8])
    #expect(original.values == [1, 2, 3, 4, 5, 6])
  }

  @Test func slicesAndReshapesShareMemoryUntilThen() {
    var original = Tensor([1, 2, 3, 4, 5, 6], [3, 2])
    let slice = original.rows(1..<2)
    let shared = !original.isUniquelyOwned()
    #expect(shared)
    #expect(address(slice) == address(original) + 8)
    #expect(address(original.reshaped([2, 3])) == address(original))
    // The slice keeps its values when the whole is written to.
    original[flat: 2] = 0
    #expect(slice.values == [3, 4])
  }

  @Test func aUniqueOwnerWritesInPlace() {
    var tensor = Tensor(repeating: 1, [100])
    let before = address(tensor)
    tensor[flat: 50] = 2
    #expect(address(tensor) == before)
    var other = Tensor([1, 2, 3], [3])
    let place = address(other)
    other[flat: 1] = 7
    #expect(address(other) == place)
    #expect(other.values == [1, 7, 3])
  }

  @Test func mappedTensorsAreCopiedBeforeTheyAreWritten() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/floats"
      let values: [Float] = [1, -2, 3]
      try AtomicFile.write(values.withUnsafeBytes { [UInt8]($0) }, to: path)
      let storage = try Storage.mapping(path: path)
      let stored = StoredTensor(dtype: .float32, shape: [3], storage: storage, bytes: 0..<12)
      var tensor = stored.tensor()
      #expect(tensor.values == values)
      tensor[flat: 1] = 5
      #expect(tensor.values == [1, 5, 3])
      #expect(stored.tensor().values == values)
    }
  }

  @Test func emptyTensorsAndSlicesWork() {
    let empty = Tensor([], [0, 4])
    #expect(empty.values.isEmpty)
    #expect(empty.rows(0..<0).shape == [0, 4])
    let tensor = Tensor([1, 2], [2, 1])
    #expect(tensor.rows(2..<2).values.isEmpty)
    #expect(Tensor([3], []).scalar == 3)
    #expect(Kernels.add(empty, empty).shape == [0, 4])
    #expect(Kernels.sumOfRows(empty).values == [0, 0, 0, 0])
  }

  @Test func rowsAreGatheredAddedAndCopied() {
    let a = Tensor([1, 2, 3, 4, 5, 6], [3, 2])
    let b = Tensor([10, 20], [1, 2])
    let gathered = Kernels.gatherRows([(a, 1..<3), (b, 0..<1), (a, 0..<0), (a, 0..<1)], width: 2)
    #expect(gathered.values == [3, 4, 5, 6, 10, 20, 1, 2])
    var sum = a
    Kernels.addRows(b, into: &sum, rows: 2..<3)
    #expect(sum.values == [1, 2, 3, 4, 15, 26])
    Kernels.copyRows(b, into: &sum, at: 0)
    #expect(sum.values == [10, 20, 3, 4, 15, 26])
    #expect(a.values == [1, 2, 3, 4, 5, 6])
  }

  @Test func lookUpsOutOfRangeTrap() async {
    await #expect(processExitsWith: .failure) {
      let table = Tensor([1, 2, 3, 4], [2, 2])
      _ = Kernels.gatherRows([(table, -1..<0)], width: 2)
    }
    await #expect(processExitsWith: .failure) {
      let table = Tensor([1, 2, 3, 4], [2, 2])
      _ = WeightMatrix(table).lookUp([2])
    }
  }

  @Test func finitenessAndSquaresLookAtEveryElement() {
    for count in [1, 3, 17, 33, 67] {
      for place in [0, count / 2, count - 1] {
        var x = Tensor(repeating: 2, [count])
        #expect(Kernels.isFinite(x))
        #expect(Kernels.sumOfSquares(x) == Double(4 * count))
        x[flat: place] = .nan
        #expect(!Kernels.isFinite(x))
        x[flat: place] = -.infinity
        #expect(!Kernels.isFinite(x))
      }
    }
    #expect(Kernels.isFinite(Tensor([], [0])))
  }

  @Test func patchesRunRowByRowWithChannelsOutermost() {
    // 2 images, 3 channels, 5 x 4 pixels, patches of 2: the fifth row is dropped.
    let pixels = Tensor((0..<120).map(Float.init), [2, 3, 5, 4])
    let patches = Kernels.patches(pixels, size: 2)
    #expect(patches.shape == [8, 12])
    var expected: [Float] = []
    for image in 0..<2 {
      for row in 0..<2 {
        for column in 0..<2 {
          for channel in 0..<3 {
            for y in 0..<2 {
              for x in 0..<2 {
                expected.append(
                  Float(((image * 3 + channel) * 5 + row * 2 + y) * 4 + column * 2 + x))
              }
            }
          }
        }
      }
    }
    #expect(patches.values == expected)
  }
}
