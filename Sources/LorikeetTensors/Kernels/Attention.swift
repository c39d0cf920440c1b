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
  /// Queries that are handled together; scores of one block are all that exists at a time.
  private static let queryBlock = 64

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
    let (qWidth, kWidth, d) = (q.width, k.width, shape.headWidth)
    var output = Tensor(uninitialized: q.shape)
    var logSums = Tensor(repeating: 0, [shape.heads, queries])
    var sums = Tensor(repeating: 0, record.keepsColumnSums ? [shape.heads, keys] : [0])
    let wanted = record.keepsProbabilities
    var probabilities = segments.map {
      Tensor(repeating: 0, wanted ? [shape.heads, $0.queries.count, $0.keys.count] : [0])
    }
    let sumsColumns = record.keepsColumnSums
    let kept = probabilities.indices.map { i in
      probabilities[i].withMutablePointer { SharedPointer($0) }
    }
    let tasks = segments.count * shape.heads
    q.withPointer { q in
      k.withPointer { k in
        v.withPointer { v in
          output.withMutablePointer { output in
            logSums.withMutablePointer { logSums in
              sums.withMutablePointer { sums in
                let (q, k, v) = (SharedPointer(q), SharedPointer(k), SharedPointer(v))
                let (output, logSums) = (SharedPointer(output), SharedPointer(logSums))
                let sums = SharedPointer(sums)
                parallelRows(tasks, grain: 1) { chosen in
                  for task in chosen {
                    let (index, head) = (task / shape.heads, task % shape.heads)
                    let segment = segments[index]
                    let keyHead = head / (shape.heads / shape.keyHeads)
                    let keyCount = segment.keys.count
                    forEachBlock(segment, shape) { block, seenByAny in
                      let firstKey = segment.keys.lowerBound + seenByAny.lowerBound
                      let first = firstKey * kWidth + keyHead * d
                      let visible = seenByAny.count
                      let scores = UnsafeMutablePointer<Float>.allocate(
                        capacity: block.count * max(visible, 1))
                      defer { scores.deallocate() }
                      let row = (segment.queries.lowerBound + block.lowerBound) * qWidth + head * d
                      serialMatrixProduct(
                        q.raw + row, lda: qWidth, transposed: false, k.raw + first, ldb: kWidth,
                        transposed: true, into: scores, ldc: visible, m: block.count, n: visible,
                        k: d, alpha: shape.scale, beta: 0)
                      for i in 0..<block.count {
                        let range = seen(block.lowerBound + i, segment, shape)
                        let start = range.lowerBound - seenByAny.lowerBound
                        let (limit, end) = (range.count, start + range.count)
                        let line = scores + i * visible
                        let query = segment.queries.lowerBound + block.lowerBound + i
                        if let cap = shape.softCap { lk_soft_cap(limit, cap, line + start) }
                        logSums.raw[head * queries + query] =
                          limit > 0 ? lk_softmax(limit, line + start) : 0
                        line.update(repeating: 0, count: start)
                        (line + end).update(repeating: 0, count: visible - end)
                        if sumsColumns {
                          lk_axpy(
                            limit, 1, line + start, sums.raw + head * keys + firstKey + start)
                        }
                        if wanted {
                          let place =
                            (head * segment.queries.count + block.lowerBound + i) * keyCount
                          (kept[index].raw + place + range.lowerBound).update(
                            from: line + start, count: limit)
                        }
                      }
                      serialMatrixProduct(
                        scores, lda: visible, transposed: false, v.raw + first, ldb: kWidth,
                        transposed: false, into: output.raw + row, ldc: qWidth, m: block.count,
                        n: d, k: visible, alpha: 1, beta: 0)
                    }
                  }
                }
              }
            }
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
    let queries = q.rows
    let (qWidth, kWidth, d) = (q.width, k.width, shape.headWidth)
    let group = shape.heads / shape.keyHeads
    var gq = Tensor(repeating: 0, q.shape)
    var gk = Tensor(repeating: 0, k.shape)
    var gv = Tensor(repeating: 0, v.shape)
    let tasks = segments.count * shape.keyHeads
    q.withPointer { q in
      k.withPointer { k in
        v.withPointer { v in
          gradient.withPointer { g in
            output.withPointer { output in
              logSums.withPointer { logSums in
                gq.withMutablePointer { gq in
                  gk.withMutablePointer { gk in
                    gv.withMutablePointer { gv in
                      let (q, k, v) = (SharedPointer(q), SharedPointer(k), SharedPointer(v))
                      let (g, output) = (SharedPointer(g), SharedPointer(output))
                      let logSums = SharedPointer(logSums)
                      let (gq, gk, gv) = (SharedPointer(gq), SharedPointer(gk), SharedPointer(gv))
                      // Queries of one key head share its gradients, so they stay in one task.
                      parallelRows(tasks, grain: 1) { chosen in
                        for task in chosen {
                          let segment = segments[task / shape.keyHeads]
                          let keyHead = task % shape.keyHeads
                          for head in keyHead * group..<(keyHead + 1) * group {
                            forEachBlock(segment, shape) { block, seenByAny in
                              let firstKey = segment.keys.lowerBound + seenByAny.lowerBound
                              let first = firstKey * kWidth + keyHead * d
                              let visible = seenByAny.count
                              let size = block.count * max(visible, 1)
                              let p = UnsafeMutablePointer<Float>.allocate(
                                capacity: shape.softCap == nil ? 2 * size : 3 * size)
                              defer { p.deallocate() }
                              let (dp, capped) = (p + size, p + 2 * size)
                              let start = segment.queries.lowerBound + block.lowerBound
                              let row = start * qWidth + head * d
                              serialMatrixProduct(
                                q.raw + row, lda: qWidth, transposed: false, k.raw + first,
                                ldb: kWidth, transposed: true, into: p, ldc: visible,
                                m: block.count, n: visible, k: d, alpha: shape.scale, beta: 0)
                              serialMatrixProduct(
                                g.raw + row, lda: qWidth, transposed: false, v.raw + first,
                                ldb: kWidth, transposed: true, into: dp, ldc: visible,
                                m: block.count, n: visible, k: d, alpha: 1, beta: 0)
                              for i in 0..<block.count {
                                let range = seen(block.lowerBound + i, segment, shape)
                                let before = range.lowerBound - seenByAny.lowerBound
                                let end = before + range.count
                                let line = p + i * visible
                                if let cap = shape.softCap {
                                  lk_soft_cap(range.count, cap, line + before)
                                  (capped + i * visible).update(from: line, count: visible)
                                }
                                lk_exp_minus(
                                  range.count, logSums.raw[head * queries + start + i],
                                  line + before)
                                line.update(repeating: 0, count: before)
                                (line + end).update(repeating: 0, count: visible - end)
                              }
                              serialMatrixProduct(
                                p, lda: visible, transposed: true, g.raw + row, ldb: qWidth,
                                transposed: false, into: gv.raw + first, ldc: kWidth, m: visible,
                                n: d, k: block.count, alpha: 1, beta: 1)
                              for i in 0..<block.count {
                                let dot = lk_dot(
                                  d, g.raw + row + i * qWidth, output.raw + row + i * qWidth)
                                lk_softmax_backward(
                                  visible, dp + i * visible, dot, shape.scale, p + i * visible)
                                if let cap = shape.softCap {
                                  let range = seen(block.lowerBound + i, segment, shape)
                                  let place =
                                    i * visible + range.lowerBound - seenByAny.lowerBound
                                  lk_soft_cap_backward(range.count, cap, capped + place, p + place)
                                }
                              }
                              serialMatrixProduct(
                                p, lda: visible, transposed: false, k.raw + first, ldb: kWidth,
                                transposed: false, into: gq.raw + row, ldc: qWidth,
                                m: block.count, n: d, k: visible, alpha: 1, beta: 0)
                              serialMatrixProduct(
                                p, lda: visible, transposed: true, q.raw + row, ldb: qWidth,
                                transposed: false, into: gk.raw + first, ldc: kWidth, m: visible,
                                n: d, k: block.count, alpha: 1, beta: 1)
                            }
                          }
                        }
                      }
                    }
                  }
                }
              }
            }
          }
        }
      }
    }
    return (gq, gk, gv)
  }

  /// The keys of its segment that query `i` sees, both counted within the segment.
  static func seen(
    _ i: Int, _ segment: AttentionSegment, _ shape: AttentionShape
  ) -> Range<Int> {
    guard shape.isCausal else { return 0..<segment.keys.count }
    let next = max(0, segment.keys.count - segment.queries.count + i + 1)
    let first = shape.window.map { max(0, next - $0) } ?? 0
    return next > segment.prefix ? first..<next : 0..<min(segment.prefix, segment.keys.count)
  }

  /// Blocks of queries, counted within the segment, each with the keys that any of it sees.
  private static func forEachBlock(
    _ segment: AttentionSegment, _ shape: AttentionShape, _ body: (Range<Int>, Range<Int>) -> Void
  ) {
    for start in stride(from: 0, to: segment.queries.count, by: queryBlock) {
      let block = start..<min(start + queryBlock, segment.queries.count)
      let (first, last) = (
        seen(block.lowerBound, segment, shape), seen(block.upperBound - 1, segment, shape)
      )
      body(block, first.lowerBound..<last.upperBound)
    }
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
