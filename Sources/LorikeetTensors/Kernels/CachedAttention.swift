// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

extension Kernels {
  /// Queries of a segment up to which keys are read where they lie.
  private static let fewQueries = 4

  /// `attention` of new tokens to those in a cache, where nothing but the output is asked for.
  ///
  /// A few queries a segment, as decoding has them, read keys and values straight from the cache, in
  /// the type in which it holds them; the heads that share keys read them together.
  ///
  /// - Parameters:
  ///   - q: `[queries, heads x headWidth]`.
  ///   - keys: and values: `[rows, keyHeads x headWidth]`, the new tokens' among them.
  package static func cachedAttention(
    _ q: Tensor, keys: RowBuffer, values: RowBuffer, segments: [AttentionSegment],
    shape: AttentionShape
  ) -> Tensor {
    let end = segments.reduce(0) { max($0, $1.keys.upperBound) }
    precondition(
      q.width == shape.heads * shape.headWidth && keys.width == shape.keyHeads * shape.headWidth
        && values.width == keys.width && keys.rows >= end && values.rows >= end
        && segments.allSatisfy { $0.queries.upperBound <= q.rows },
      "cachedAttention: q \(q.shape), \(keys.rows) x \(keys.width) for \(shape) in \(segments)")
    guard segments.allSatisfy({ $0.queries.count <= fewQueries }),
      let format = keys.dtype.kernelFormat
    else {
      var record = AttentionRecord()
      return attention(
        q, keys.values(0..<end), values.values(0..<end), segments: segments, shape: shape,
        record: &record)
    }
    let (qWidth, d, size) = (q.width, shape.headWidth, keys.dtype.blockBytes)
    let stride = keys.width * size
    let group = shape.heads / shape.keyHeads
    // One task for each group of heads, unless that is too few for the threads.
    let perTask =
      segments.count * shape.keyHeads < 2 * ThreadPool.shared.threads ? 1 : group
    let tasksPerSegment = shape.heads / perTask
    // Tasks that are worth waking a thread for: 2 flop for each of keys and values, some 20 a
    // nanosecond.
    let work = segments.reduce(0) { $0 + $1.keys.count * $1.queries.count } * shape.heads * d * 4
    let tasks = segments.count * tasksPerSegment
    let grain = work < 100_000 ? tasks : 1
    var output = Tensor(uninitialized: q.shape)
    q.withPointer { q in
      keys.withBytes { keys in
        values.withBytes { values in
          output.withMutablePointer { output in
            let (q, output) = (SharedPointer(q), SharedPointer(output))
            nonisolated(unsafe) let (keys, values) = (keys, values)
            parallelRows(tasks, grain: grain) { chosen in
              var scores: [Float] = []
              for task in chosen {
                let segment = segments[task / tasksPerSegment]
                let head = task % tasksPerSegment * perTask
                let first = segment.keys.lowerBound * stride + head / group * d * size
                for (index, row) in segment.queries.enumerated() {
                  let range = segment.keysSeen(by: index, shape)
                  let (seen, place) = (range.count, row * qWidth + head * d)
                  let from = first + range.lowerBound * stride
                  if scores.count < perTask * seen {
                    scores = Array(repeating: 0, count: perTask * segment.keys.count)
                  }
                  scores.withUnsafeMutableBufferPointer { scores in
                    guard let scores = scores.baseAddress else { return }
                    lk_thin(
                      format, 1, perTask, seen, d, shape.scale, q.raw + place, d, keys + from,
                      stride, 0, scores, seen)
                    if let cap = shape.softCap { lk_soft_cap(perTask * seen, cap, scores) }
                    for i in 0..<perTask { _ = lk_softmax(seen, scores + i * seen) }
                    lk_thin(
                      format, 0, perTask, seen, d, 1, scores, seen, values + from, stride, 0,
                      output.raw + place, d)
                  }
                }
              }
            }
          }
        }
      }
    }
    return output
  }
}
