// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

/// Dropout on the input of a low-rank term: a probability and the key that its mask is drawn from.
public struct DropoutMask: Sendable, Equatable {
  public var probability: Float
  public var key: UInt64

  public init(probability: Float, key: UInt64) {
    self.probability = probability
    self.key = key
  }
}

/// The low-rank term s B A dropout(x) on some rows (Hu et al., "LoRA", 2021, eq. 3).
///
/// Rows are worked through in blocks that stay in the second-level cache, all products of a block
/// together, so that x and y are visited once.
package struct LowRankTerm {
  /// `[r, in]`.
  package let a: Tensor
  /// `[out, r]`.
  package let b: Tensor
  package let scale: Float
  /// The rows on which it acts, ascending.
  package let runs: [Range<Int>]
  package let dropout: DropoutMask?

  private var rank: Int { a.rows }
  private var inputs: Int { a.width }
  private var outputs: Int { b.rows }
  /// The number of rows on which it acts.
  private var count: Int { runs.reduce(0) { $0 + $1.count } }

  package init(
    a: Tensor, b: Tensor, scale: Float, runs: [Range<Int>], dropout: DropoutMask? = nil
  ) {
    precondition(b.width == a.rows, "LowRankTerm: A \(a.shape), B \(b.shape)")
    self.a = a
    self.b = b
    self.scale = scale
    self.runs = runs.filter { !$0.isEmpty }
    self.dropout = dropout.flatMap { $0.probability > 0 ? $0 : nil }
  }

  /// Whether it acts on all of some rows.
  package func coversAll(of rows: Int) -> Bool { runs == [0..<rows] || rows == 0 }

  /// Some rows: where they stand in x and y, and where among the rows that the term acts on.
  private struct Block {
    let row: Int
    let place: Int
    let count: Int
  }

  private var blocks: [Block] {
    let most = 128
    var blocks: [Block] = []
    var place = 0
    for run in runs {
      for start in stride(from: run.lowerBound, to: run.upperBound, by: most) {
        let count = min(most, run.upperBound - start)
        blocks.append(Block(row: start, place: place, count: count))
        place += count
      }
    }
    return blocks
  }

  /// Adds the term to y.
  ///
  /// - Parameters:
  ///   - y: `[rows, out]`; x: `[rows, in]`.
  /// - Returns: A dropout(x) of the rows, `[count, r]`, for the backward pass.
  package func add(to y: inout Tensor, _ x: Tensor) -> Tensor {
    check(x, y)
    WorkCounter.addProduct(m: count, n: rank, k: inputs + outputs)
    let blocks = blocks
    var hidden = Tensor(uninitialized: Shape(count, rank))
    y.withMutablePointer { y in
      hidden.withMutablePointer { hidden in
        x.withPointer { x in
          a.withPointer { a in
            b.withPointer { b in
              let (x, y, hidden) = (SharedPointer(x), SharedPointer(y), SharedPointer(hidden))
              let (a, b) = (SharedPointer(a), SharedPointer(b))
              parallelRows(blocks.count, grain: 1) { chosen in
                withScratch { scratch in
                  for block in blocks[chosen] {
                    let h = hidden.raw + block.place * rank
                    project(input(x.raw, block, scratch), block, a.raw, into: h)
                    serialMatrixProduct(
                      h, lda: rank, transposed: false, b.raw, ldb: rank, transposed: true,
                      into: y.raw + block.row * outputs, ldc: outputs, m: block.count, n: outputs,
                      k: rank, alpha: scale, beta: 1)
                  }
                }
              }
            }
          }
        }
      }
    }
    return hidden
  }

  /// The gradients by A and B, and that by x, which is added to what is there.
  ///
  /// y' = y + s (x A^T) B^T: dh = s g B, dB = s g^T h, dA = dh^T x, dx = dh A.
  ///
  /// - Parameters:
  ///   - gradient: by the output, `[rows, out]`.
  ///   - hidden: what `add` returned; nil to compute it again.
  ///   - inputGradient: `[rows, in]`; nil if it is not needed.
  ///   - isFresh: whether the rows of `inputGradient` are to be overwritten instead.
  package func backward(
    _ gradient: Tensor, _ x: Tensor, hidden: Tensor?, inputGradient: UnsafeMutablePointer<Float>?,
    isFresh: Bool
  ) -> (a: Tensor, b: Tensor) {
    check(x, gradient)
    let visits = 1 + (hidden == nil ? 1 : 0) + (inputGradient == nil ? 0 : 1)
    WorkCounter.addProduct(m: count, n: rank, k: 2 * outputs + visits * inputs)
    let blocks = blocks
    // Each part sums up its own gradients of A and B; they are added in the order of the parts.
    let parts = max(1, min(blocks.count, 2 * ThreadPool.shared.threads))
    let width = inputs + outputs
    var sums = Tensor(repeating: 0, [parts * rank, width])
    let dx = inputGradient.map { SharedPointer($0) }
    withExtendedLifetime(hidden) {
      let hidden = hidden.map { $0.withPointer { SharedPointer($0) } }
      gradient.withPointer { g in
        x.withPointer { x in
          a.withPointer { a in
            b.withPointer { b in
              sums.withMutablePointer { sums in
                let (g, x) = (SharedPointer(g), SharedPointer(x))
                let (a, b, sums) = (SharedPointer(a), SharedPointer(b), SharedPointer(sums))
                ThreadPool.shared.run(parts) { part in
                  withScratch { scratch in
                    let own = sums.raw + part * rank * width
                    for block in blocks[ThreadPool.part(part, of: parts, count: blocks.count)] {
                      backward(
                        block, g.raw, x.raw, hidden?.raw, a.raw, b.raw, dx?.raw, isFresh, own,
                        scratch)
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    var total = sums.rows(0..<rank)
    for part in 1..<max(parts, 1) {
      Kernels.accumulate(sums.rows(part * rank..<(part + 1) * rank), into: &total)
    }
    return (
      Kernels.columns(total, 0..<inputs),
      Kernels.transposed(Kernels.columns(total, inputs..<width))
    )
  }

  /// One block of `backward`: dA^T and dB^T side by side are added to `sums`, `[r, in + out]`.
  private func backward(
    _ block: Block, _ g: UnsafePointer<Float>, _ x: UnsafePointer<Float>,
    _ hidden: UnsafePointer<Float>?, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    _ dx: UnsafeMutablePointer<Float>?, _ isFresh: Bool, _ sums: UnsafeMutablePointer<Float>,
    _ scratch: UnsafeMutablePointer<Float>
  ) {
    let (count, width) = (block.count, inputs + outputs)
    let (dh, again) = (scratch + 128 * inputs, scratch + 128 * (inputs + rank))
    let rows = g + block.row * outputs
    let x = input(x, block, scratch)
    if hidden == nil { project(x, block, a, into: again) }
    serialMatrixProduct(
      rows, lda: outputs, transposed: false, b, ldb: rank, transposed: false, into: dh, ldc: rank,
      m: count, n: rank, k: outputs, alpha: scale)
    serialMatrixProduct(
      hidden.map { $0 + block.place * rank } ?? UnsafePointer(again), lda: rank,
      transposed: true, rows, ldb: outputs, transposed: false, into: sums + inputs, ldc: width,
      m: rank, n: outputs, k: count,
      alpha: scale, beta: 1)
    serialMatrixProduct(
      dh, lda: rank, transposed: true, x, ldb: inputs, transposed: false, into: sums, ldc: width,
      m: rank, n: inputs, k: count, beta: 1)
    guard let dx else { return }
    let target = dx + block.row * inputs
    if let dropout {
      serialMatrixProduct(
        dh, lda: rank, transposed: false, a, ldb: inputs, transposed: false, into: scratch,
        ldc: inputs, m: count, n: inputs, k: rank)
      (isFresh ? lk_dropout : lk_dropout_add)(
        count * inputs, block.place * inputs, dropout.key, dropout.probability, scratch, target)
    } else {
      serialMatrixProduct(
        dh, lda: rank, transposed: false, a, ldb: inputs, transposed: false, into: target,
        ldc: inputs, m: count, n: inputs, k: rank, beta: isFresh ? 0 : 1)
    }
  }

  /// A dropout(x) of a block.
  private func project(
    _ x: UnsafePointer<Float>, _ block: Block, _ a: UnsafePointer<Float>,
    into hidden: UnsafeMutablePointer<Float>
  ) {
    serialMatrixProduct(
      x, lda: inputs, transposed: false, a, ldb: inputs, transposed: true, into: hidden, ldc: rank,
      m: block.count, n: rank, k: inputs)
  }

  /// dropout(x) of a block.
  private func input(
    _ x: UnsafePointer<Float>, _ block: Block, _ scratch: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    let rows = x + block.row * inputs
    guard let dropout else { return rows }
    lk_dropout(
      block.count * inputs, block.place * inputs, dropout.key, dropout.probability, rows, scratch)
    return UnsafePointer(scratch)
  }

  /// Room for a block of inputs and, after it, two blocks of hidden rows.
  private func withScratch(_ body: (UnsafeMutablePointer<Float>) -> Void) {
    let scratch = UnsafeMutableRawPointer.allocate(
      byteCount: 128 * (inputs + 2 * rank) * 4, alignment: 64)
    defer { scratch.deallocate() }
    body(scratch.assumingMemoryBound(to: Float.self))
  }

  private func check(_ x: Tensor, _ y: Tensor) {
    precondition(
      x.width == inputs && y.width == outputs && x.rows == y.rows
        && (runs.last?.upperBound ?? 0) <= x.rows && (runs.first?.lowerBound ?? 0) >= 0,
      "LowRankTerm: x \(x.shape), A \(a.shape), B \(b.shape), y \(y.shape)")
  }
}
