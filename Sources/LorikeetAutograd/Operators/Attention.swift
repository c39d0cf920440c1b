// SPDX-License-Identifier: Apache-2.0

package import LorikeetTensors

extension Tape {
  /// softmax(scale Q K^T) V within each segment (Vaswani et al., 2017, eq. 1).
  ///
  /// - Parameters:
  ///   - q: `[queries, heads x headWidth]`; k and v: `[keys, keyHeads x headWidth]`.
  ///   - segments: which queries see which keys.
  ///   - record: asks for probabilities or column sums, and receives them.
  /// - Returns: `[queries, heads x headWidth]`.
  package func attention(
    _ q: Variable, _ k: Variable, _ v: Variable, segments: [AttentionSegment],
    shape: AttentionShape, record: inout AttentionRecord
  ) -> Variable {
    let (qValue, kValue, vValue) = (q.value, k.value, v.value)
    let value = Kernels.attention(
      qValue, kValue, vValue, segments: segments, shape: shape, record: &record)
    let logSums = record.logSums
    return output(value, from: [q, k, v]) { g in
      let gradients = Kernels.attentionBackward(
        g, qValue, kValue, vValue, output: value, logSums: logSums, segments: segments,
        shape: shape)
      q.accumulate(gradients.q)
      k.accumulate(gradients.k)
      v.accumulate(gradients.v)
    }
  }
}
