// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// `Kernels.attention` against softmax(scale Q K^T) V written as plain loops in double precision.
@Suite struct AttentionKernelTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let heads: Int
    let keyHeads: Int
    let headWidth: Int
    let isCausal: Bool
    /// Queries and keys of each segment.
    let lengths: [(queries: Int, keys: Int)]

    var testDescription: String {
      "\(heads)/\(keyHeads) heads of \(headWidth)\(isCausal ? ", causal" : ""), \(lengths)"
    }
    var segments: [AttentionSegment] {
      var (query, key) = (0, 0)
      return lengths.map { length in
        defer { (query, key) = (query + length.queries, key + length.keys) }
        return AttentionSegment(
          queries: query..<query + length.queries, keys: key..<key + length.keys)
      }
    }
    var shape: AttentionShape {
      AttentionShape(heads: heads, keyHeads: keyHeads, headWidth: headWidth, isCausal: isCausal)
    }
  }

  static let cases: [Case] = [
    Case(heads: 1, keyHeads: 1, headWidth: 1, isCausal: false, lengths: [(1, 1)]),
    Case(heads: 1, keyHeads: 1, headWidth: 3, isCausal: true, lengths: [(5, 5)]),
    Case(heads: 2, keyHeads: 2, headWidth: 8, isCausal: false, lengths: [(7, 7), (1, 1), (0, 0)]),
    Case(heads: 4, keyHeads: 2, headWidth: 5, isCausal: true, lengths: [(6, 6), (0, 0), (1, 1)]),
    Case(heads: 3, keyHeads: 1, headWidth: 12, isCausal: true, lengths: [(2, 9), (1, 4), (3, 3)]),
    Case(heads: 6, keyHeads: 3, headWidth: 4, isCausal: false, lengths: [(3, 8), (4, 2)]),
    // More than one block of queries.
    Case(heads: 2, keyHeads: 1, headWidth: 16, isCausal: true, lengths: [(130, 150)]),
    Case(heads: 1, keyHeads: 1, headWidth: 17, isCausal: false, lengths: [(67, 33), (65, 65)]),
  ]

  @Test(arguments: cases) func outputsProbabilitiesAndColumnSums(c: Case) {
    let queries = c.lengths.reduce(0) { $0 + $1.queries }
    let keys = c.lengths.reduce(0) { $0 + $1.keys }
    let q = Tensor.random([queries, c.heads * c.headWidth], seed: 1)
    let k = Tensor.random([keys, c.keyHeads * c.headWidth], seed: 2)
    let v = Tensor.random([keys, c.keyHeads * c.headWidth], seed: 3)
    var record = AttentionRecord(keepsProbabilities: true, keepsColumnSums: true)
    let output = Kernels.attention(
      q, k, v, segments: c.segments, shape: c.shape, record: &record)

    let (d, group) = (c.headWidth, c.heads / c.keyHeads)
    var expected = [Float](repeating: 0, count: q.count)
    var columns = [Double](repeating: 0, count: keys)
    var probabilities: [[Float]] = []
    let (qv, kv, vv) = (q.values, k.values, v.values)
    for segment in c.segments {
      var kept: [Float] = []
      for head in 0..<c.heads {
        for i in segment.queries {
          let fromEnd = segment.queries.upperBound - 1 - i
          let seen = segment.keys.count - (c.isCausal ? fromEnd : 0)
          let scores = segment.keys.prefix(seen).map { j in
            (0..<d).reduce(0.0) {
              $0 + Double(qv[i * q.width + head * d + $1])
                * Double(kv[j * k.width + head / group * d + $1])
            } / Double(d).squareRoot()
          }
          let sum = scores.reduce(0) { $0 + exp($1) }
          for (offset, score) in scores.enumerated() {
            let p = exp(score) / sum
            let j = segment.keys.lowerBound + offset
            kept.append(Float(p))
            columns[j] += p / Double(c.heads)
            for x in 0..<d {
              expected[i * q.width + head * d + x] += Float(
                p * Double(vv[j * v.width + head / group * d + x]))
            }
          }
          kept += Array(repeating: 0, count: segment.keys.count - seen)
        }
      }
      probabilities.append(kept)
    }
    expectClose(output.values, expected, tolerance: 1e-5, "output")
    #expect(record.probabilities.count == c.lengths.count)
    for (index, found) in record.probabilities.enumerated() {
      #expect(found.shape == [c.heads, c.lengths[index].queries, c.lengths[index].keys])
      expectClose(found.values, probabilities[index], tolerance: 1e-5, "probabilities \(index)")
    }
    expectClose(
      record.columnSums?.values ?? [], columns.map { Float($0) }, tolerance: 1e-5, "column sums")
  }

  @Test func nothingIsKeptUnlessAskedFor() {
    var record = AttentionRecord()
    let x = Tensor.random([4, 4], seed: 1)
    let segment = AttentionSegment(queries: 0..<4, keys: 0..<4)
    _ = Kernels.attention(
      x, x, x, segments: [segment],
      shape: AttentionShape(heads: 1, keyHeads: 1, headWidth: 4, isCausal: true), record: &record)
    #expect(record.probabilities.isEmpty)
    #expect(record.columnSums == nil)
  }

  /// Queries before the first key of a segment, and segments without keys, give zeros, not what was
  /// in the memory.
  @Test func queriesWithoutKeysGiveZeros() {
    let q = Tensor.random([3, 4], seed: 1)
    let none = Tensor([], [0, 4])
    var record = AttentionRecord()
    let output = Kernels.attention(
      q, none, none, segments: [AttentionSegment(queries: 0..<3, keys: 0..<0)],
      shape: AttentionShape(heads: 1, keyHeads: 1, headWidth: 4, isCausal: false), record: &record)
    #expect(output.values == Array(repeating: 0, count: 12))
  }
}
