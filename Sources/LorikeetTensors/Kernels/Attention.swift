// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

/// The form of an attention layer.
public struct AttentionShape: Sendable, Equatable {
  /// The number of query heads; a multiple of `keyHeads`.
  public var heads: Int
  /// The number of key and value heads (fewer than `heads` in grouped-query attention).
  public var keyHeads: Int
  /// The width of one head, in channels.
  public var headWidth: Int
  /// What the dot products are multiplied by, 1 / sqrt(headWidth) as a rule.
  public var scale: Float
  /// Whether a query sees no keys after its own position.
  public var isCausal: Bool
  /// The number of keys that a query sees at the most, its own the last of them (Beltagy et al.,
  /// "Longformer", 2020); nil for all. Only with causal shapes.
  public var window: Int?
  /// The scores s become cap tanh(s / cap) (Gemma team, "Gemma 2", 2024, section 2); nil for none.
  public var softCap: Float?

  public init(
    heads: Int, keyHeads: Int, headWidth: Int, scale: Float? = nil, isCausal: Bool,
    window: Int? = nil, softCap: Float? = nil
  ) {
    precondition(
      keyHeads > 0 && heads.isMultiple(of: keyHeads), "AttentionShape: \(heads)/\(keyHeads)")
    precondition(
      (window == nil || isCausal) && (window ?? 1) > 0 && (softCap ?? 1) > 0,
      "AttentionShape: window \(window ?? 0), soft cap \(softCap ?? 0)")
    self.heads = heads
    self.keyHeads = keyHeads
    self.headWidth = headWidth
    self.scale = scale ?? 1 / Float(headWidth).squareRoot()
    self.isCausal = isCausal
    self.window = window
    self.softCap = softCap
  }
}

/// One sequence of a packed batch: its query rows and the key rows that they see.
///
/// With a causal shape the last query sees all keys, the one before it one key fewer, and so on.
public struct AttentionSegment: Sendable, Equatable {
  public var queries: Range<Int>
  public var keys: Range<Int>
  /// The number of keys at the beginning that see one another, whatever the shape says, as a prompt
  /// may.
  public var prefix: Int

  public init(queries: Range<Int>, keys: Range<Int>, prefix: Int = 0) {
    self.queries = queries
    self.keys = keys
    self.prefix = prefix
  }
}

/// What attention can report beside its output.
package struct AttentionRecord {
  /// Asks for the softmax probabilities themselves.
  package var keepsProbabilities = false
  /// Asks for the attention that each key receives.
  package var keepsColumnSums = false
  /// log(sum(exp(scores))) of each query, `[heads, queries]`; the backward pass needs it.
  package var logSums = Tensor(repeating: 0, [0])
  /// One tensor a segment, `[heads, queries, keys]`.
  package var probabilities: [Tensor] = []
  /// The probabilities summed over queries and averaged over heads, `[keys]`.
  package var columnSums: Tensor?

  package init(keepsProbabilities: Bool = false, keepsColumnSums: Bool = false) {
    self.keepsProbabilities = keepsProbabilities
    self.keepsColumnSums = keepsColumnSums
  }
}

extension Kernels {
  /// softmax(scale Q K^T) V for each head and segment (Vaswani et al., 2017, eq. 1).
  ///
  /// - Parameters:
  ///   - q: `[queries, heads x headWidth]`; k and v: `[keys, keyHeads x headWidth]`.
  ///   - record: filled with what it asks for, and with the log sums.
  /// - Returns: `[queries, heads x headWidth]`.
  package static func attention(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, segments: [AttentionSegment], shape: AttentionShape,
    record: inout AttentionRecord
  ) -> Tensor {
    check(q, k, v, segments, shape)
    WorkCounter.addAttention(products: 2, segments, shape)
    let (queries, keys) = (q.rows, k.rows)
    let products = AttentionProducts(shape)
    var output = Tensor(uninitialized: q.shape)
    var logSums = Tensor(repeating: 0, [shape.heads, queries])
    let sumsColumns = record.keepsColumnSums
    var sums = Tensor(repeating: 0, sumsColumns ? [shape.heads, keys] : [0])
    let wanted = record.keepsProbabilities
    var probabilities = segments.map {
      Tensor(repeating: 0, wanted ? [shape.heads, $0.queries.count, $0.keys.count] : [0])
    }
    withExtendedLifetime((q, k, v)) {
      let (q, k, v) = (SharedPointer(to: q), SharedPointer(to: k), SharedPointer(to: v))
      let (outputAt, logSumsAt) = (SharedPointer(into: &output), SharedPointer(into: &logSums))
      let sumsAt = SharedPointer(into: &sums)
      let kept = probabilities.indices.map { SharedPointer(into: &probabilities[$0]) }
      parallelRows(segments.count * shape.heads, grain: 1) { chosen in
        for task in chosen {
          let (index, head) = task.quotientAndRemainder(dividingBy: shape.heads)
          for block in AttentionBlock.all(of: segments[index], head, shape) {
            let visible = block.keys.count
            let scores = UnsafeMutablePointer<Float>.allocate(
              capacity: block.queries.count * max(visible, 1))
            defer { scores.deallocate() }
            products.scores(q, k, block, alpha: shape.scale, into: scores)
            for (i, query) in block.queries.enumerated() {
              let range = block.seen(query)
              let line = scores + i * visible
              let seen = line + range.lowerBound
              if let cap = shape.softCap { lk_soft_cap(range.count, cap, seen) }
              logSumsAt.raw[head * queries + block.firstQuery + i] =
                range.isEmpty ? 0 : lk_softmax(range.count, seen)
              clear(line, outside: range, of: visible)
              if sumsColumns {
                let key = block.firstKey + range.lowerBound
                lk_axpy(range.count, 1, seen, sumsAt.raw + head * keys + key)
              }
              if wanted {
                let row = head * block.segment.queries.count + query
                let first = row * block.segment.keys.count + block.keys.lowerBound
                (kept[index].raw + first).update(from: line, count: visible)
              }
            }
            products.sumOverKeys(scores, v, block, into: outputAt)
          }
        }
      }
    }
    record.logSums = logSums
    if wanted { record.probabilities = probabilities }
    if sumsColumns {
      var mean = sumOfRows(sums)
      scale(&mean, by: 1 / Float(shape.heads))
      record.columnSums = mean
    }
    return output
  }

  /// The gradients of `attention` by q, k and v.
  ///
  /// With P = softmax(S), O = P V and D_i = dO_i . O_i (Dao et al., "FlashAttention", 2022, app. B):
  /// dV = P^T dO, dS = scale P (dO V^T - D), dQ = dS K, dK = dS^T Q. The probabilities are computed
  /// again from the log sums.
  package static func attentionBackward(
    _ gradient: Tensor, _ q: Tensor, _ k: Tensor, _ v: Tensor, output: Tensor, logSums: Tensor,
    segments: [AttentionSegment], shape: AttentionShape
  ) -> (q: Tensor, k: Tensor, v: Tensor) {
    check(q, k, v, segments, shape)
    WorkCounter.addAttention(products: 5, segments, shape)
    let (queries, qWidth, d) = (q.rows, q.width, shape.headWidth)
    let group = shape.heads / shape.keyHeads
    let products = AttentionProducts(shape)
    var gradients = (
      q: Tensor(repeating: 0, q.shape), k: Tensor(repeating: 0, k.shape),
      v: Tensor(repeating: 0, v.shape)
    )
    withExtendedLifetime((gradient, q, k, v, output, logSums)) {
      let (q, k, v) = (SharedPointer(to: q), SharedPointer(to: k), SharedPointer(to: v))
      let (g, output) = (SharedPointer(to: gradient), SharedPointer(to: output))
      let logSums = SharedPointer(to: logSums)
      let gq = SharedPointer(into: &gradients.q)
      let (gk, gv) = (SharedPointer(into: &gradients.k), SharedPointer(into: &gradients.v))
      /// One block of queries; they add to the gradients of the keys that they see.
      @Sendable func differentiate(_ block: AttentionBlock) {
        let visible = block.keys.count
        let size = block.queries.count * max(visible, 1)
        let p = UnsafeMutablePointer<Float>.allocate(
          capacity: shape.softCap == nil ? 2 * size : 3 * size)
        defer { p.deallocate() }
        let (dp, capped) = (p + size, p + 2 * size)
        products.scores(q, k, block, alpha: shape.scale, into: p)
        products.scores(g, v, block, alpha: 1, into: dp)
        for (i, query) in block.queries.enumerated() {
          let range = block.seen(query)
          let line = p + i * visible
          if let cap = shape.softCap {
            lk_soft_cap(range.count, cap, line + range.lowerBound)
            (capped + i * visible).update(from: line, count: visible)
          }
          let logSum = logSums.raw[block.head * queries + block.firstQuery + i]
          lk_exp_minus(range.count, logSum, line + range.lowerBound)
          clear(line, outside: range, of: visible)
        }
        products.addOverQueries(p, g, block, to: gv)
        for (i, query) in block.queries.enumerated() {
          let row = (block.firstQuery + i) * qWidth + block.head * d
          let dot = lk_dot(d, g.raw + row, output.raw + row)
          lk_softmax_backward(visible, dp + i * visible, dot, shape.scale, p + i * visible)
          if let cap = shape.softCap {
            let range = block.seen(query)
            let place = i * visible + range.lowerBound
            lk_soft_cap_backward(range.count, cap, capped + place, p + place)
          }
        }
        products.sumOverKeys(p, k, block, into: gq)
        products.addOverQueries(p, q, block, to: gk)
      }
      // Queries of one key head share its gradients, so they stay in one task.
      parallelRows(segments.count * shape.keyHeads, grain: 1) { chosen in
        for task in chosen {
          let (index, keyHead) = task.quotientAndRemainder(dividingBy: shape.keyHeads)
          for head in keyHead * group..<(keyHead + 1) * group {
            AttentionBlock.all(of: segments[index], head, shape).forEach(differentiate)
          }
        }
      }
    }
    return gradients
  }

  /// Sets what stands before and after a range of a line to 0.
  private static func clear(
    _ line: UnsafeMutablePointer<Float>, outside range: Range<Int>, of count: Int
  ) {
    line.update(repeating: 0, count: range.lowerBound)
    (line + range.upperBound).update(repeating: 0, count: count - range.upperBound)
  }

  private static func check(
    _ q: Tensor, _ k: Tensor, _ v: Tensor, _ segments: [AttentionSegment], _ shape: AttentionShape
  ) {
    precondition(
      q.width == shape.heads * shape.headWidth && k.width == shape.keyHeads * shape.headWidth
        && k.shape == v.shape
        && segments.allSatisfy {
          $0.queries.upperBound <= q.rows && $0.keys.upperBound <= k.rows
            && (!shape.isCausal || $0.queries.count <= $0.keys.count)
        }, "attention: q \(q.shape), k \(k.shape), v \(v.shape) for \(shape) in \(segments)")
  }
}
