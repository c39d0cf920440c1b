// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

extension Kernels {
  /// Queries of a segment up to which keys are read where they lie.
  private static let fewQueries = 4

  /// `attention` of new tokens to those in a cache, where nothing but the output is asked for.
  ///
  /// A few queries a segment, as decoding has them, read keys and values straight from the cache, in
  /// the type in which it holds them.
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
    return CachedAttention(shape, segments).run(q, keys, values, format)
  }
}

/// Attention of single queries, cut along the keys: each part reads its keys and values in the order
/// in which they lie, once for all heads, and gives a softmax of its own; the parts of a query are
/// then weighted by their sums of exponentials (Dao et al., "Flash-Decoding for long-context
/// inference", 2023). Where it is cut does not depend on the number of threads.
private struct CachedAttention {
  /// Keys of a part, at the most.
  private static let size = 32

  private struct Part {
    let query: Int
    /// Rows of the cache.
    let keys: Range<Int>
  }

  private let shape: AttentionShape
  private let parts: [Part]
  /// The parts of each query that has any.
  private let queries: [Range<Int>]

  init(_ shape: AttentionShape, _ segments: [AttentionSegment]) {
    self.shape = shape
    var parts: [Part] = []
    var queries: [Range<Int>] = []
    for segment in segments {
      for (index, query) in segment.queries.enumerated() {
        let seen = segment.keysSeen(by: index, shape)
        let (first, start) = (parts.count, segment.keys.lowerBound)
        for key in stride(from: seen.lowerBound, to: seen.upperBound, by: Self.size) {
          let end = min(key + Self.size, seen.upperBound)
          parts.append(Part(query: query, keys: start + key..<start + end))
        }
        if first < parts.count { queries.append(first..<parts.count) }
      }
    }
    (self.parts, self.queries) = (parts, queries)
  }

  /// What parts read and write: disjoint elements, of memory that `run` keeps alive.
  private struct Operands: @unchecked Sendable {
    let q: UnsafePointer<Float>
    let keys: UnsafeRawPointer
    let values: UnsafeRawPointer
    let format: lk_format
    /// Bytes from token to token of keys and values.
    let stride: Int
    /// The output of each part, `[parts, heads x headWidth]`.
    let mixed: UnsafeMutablePointer<Float>
    /// Logarithms of sums of exponentials, `[heads, parts]`.
    let sums: UnsafeMutablePointer<Float>
    let output: UnsafeMutablePointer<Float>
  }

  func run(_ q: Tensor, _ keys: RowBuffer, _ values: RowBuffer, _ format: lk_format) -> Tensor {
    var output = Tensor(uninitialized: q.shape)
    var mixed = Tensor(uninitialized: Shape(parts.count, q.width))
    var sums = Tensor(uninitialized: Shape(shape.heads, parts.count))
    let written = (
      output: SharedPointer(into: &output), mixed: SharedPointer(into: &mixed),
      sums: SharedPointer(into: &sums)
    )
    withExtendedLifetime((q, keys, values, output, mixed, sums)) {
      let operands = Operands(
        q: SharedPointer(to: q).raw, keys: keys.withBytes { $0 }, values: values.withBytes { $0 },
        format: format, stride: keys.width * keys.dtype.blockBytes, mixed: written.mixed.raw,
        sums: written.sums.raw, output: written.output.raw)
      // Two parts are some microseconds of work.
      parallelRows(parts.count, grain: 2) { for part in $0 { attend(part, operands) } }
      for range in queries { combine(range, operands) }
    }
    return output
  }

  /// A part's own attention, and its sums. Memory is asked for while other work is done: the part's
  /// values during its scores, the keys of the part after it during its sums.
  private func attend(_ index: Int, _ operands: Operands) {
    let (part, heads, width) = (parts[index], shape.heads, shape.heads * shape.headWidth)
    let (count, start) = (part.keys.count, part.keys.lowerBound * operands.stride)
    let (keys, values) = (operands.keys + start, operands.values + start)
    var cached = lk_cached(
      format: operands.format, tokens: count, stride: operands.stride, heads: shape.keyHeads,
      width: shape.headWidth)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: heads * count) { scores in
      guard let scores = scores.baseAddress else { return }
      lk_score(&cached, heads, shape.scale, operands.q + part.query * width, keys, values, scores)
      if let cap = shape.softCap { lk_soft_cap(heads * count, cap, scores) }
      for head in 0..<heads {
        operands.sums[head * parts.count + index] = lk_softmax(count, scores + head * count)
      }
      lk_mix(
        &cached, heads, scores, values, keys + count * operands.stride,
        operands.mixed + index * width)
    }
  }

  /// A query's output from its parts, each weighted by its share of the exponentials.
  private func combine(_ range: Range<Int>, _ operands: Operands) {
    let (d, width) = (shape.headWidth, shape.heads * shape.headWidth)
    let mixed = operands.mixed + range.lowerBound * width
    let output = operands.output + parts[range.lowerBound].query * width
    for head in 0..<shape.heads {
      let shares = operands.sums + head * parts.count + range.lowerBound
      _ = lk_softmax(range.count, shares)
      lk_thin(
        LK_F32, 0, 1, range.count, d, 1, shares, range.count, mixed + head * d, width * 4, 0,
        output + head * d, d)
    }
  }
}
