// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

extension Kernels {
  /// -log softmax(hidden W^T)[target] for each row, and its gradient.
  ///
  /// Logits exist for one block of rows at a time.
  ///
  /// - Parameters:
  ///   - hidden: `[rows, width]`.
  ///   - head: `[vocabulary, width]`.
  ///   - targets: one index a row.
  ///   - weights: what each row's gradient is multiplied by.
  ///   - softCap: the logits z become cap tanh(z / cap) before the softmax; nil for none.
  /// - Returns: the losses of the rows; the weighted gradient by `hidden` and by `head`, if asked for.
  package static func linearCrossEntropy(
    _ hidden: Tensor, head: WeightMatrix, targets: [Int], weights: [Float], softCap: Float? = nil,
    needsHidden: Bool, needsHead: Bool
  ) -> (losses: [Float], hidden: Tensor?, head: Tensor?) {
    let (rows, width, vocabulary) = (hidden.rows, hidden.width, head.outputs)
    precondition(
      targets.count == rows && weights.count == rows && head.inputs == width
        && targets.allSatisfy { $0 >= 0 && $0 < vocabulary },
      "linearCrossEntropy: \(targets.count) targets, hidden \(hidden.shape), head \(head.shape)")
    var losses = [Float](repeating: 0, count: rows)
    var gradient = needsHidden ? Tensor(uninitialized: hidden.shape) : nil
    var headGradient = needsHead ? Tensor(repeating: 0, head.shape) : nil
    let blockRows = max(16, min(256, 8_388_608 / max(vocabulary, 1)))
    for start in stride(from: 0, to: rows, by: blockRows) {
      let block = start..<min(start + blockRows, rows)
      let input = hidden.rows(block)
      var logits = head.multiply(input)
      crossEntropy(
        &logits, targets: targets[block], weights: weights[block], softCap: softCap,
        needsGradient: needsHidden || needsHead, into: &losses[block])
      if needsHidden {
        let part = head.multiplyTransposed(logits)
        gradient?.withMutablePointer { target in
          part.withPointer { (target + start * width).update(from: $0, count: part.count) }
        }
      }
      if headGradient != nil {
        product(logits, input, transposeA: true, into: &headGradient!, beta: 1)
      }
    }
    return (losses, gradient, headGradient)
  }

  /// -log softmax(logits)[target] for each row; the logits become their weighted gradient, if asked for,
  /// and are used up if not.
  ///
  /// - Parameters:
  ///   - logits: `[rows, vocabulary]`.
  ///   - targets: one index a row; weights: what each row's gradient is multiplied by.
  ///   - softCap: the logits z become cap tanh(z / cap) before the softmax; nil for none.
  package static func crossEntropy(
    _ logits: inout Tensor, targets: ArraySlice<Int>, weights: ArraySlice<Float>, softCap: Float?,
    needsGradient: Bool, into losses: inout ArraySlice<Float>
  ) {
    let (rows, vocabulary) = (logits.rows, logits.width)
    precondition(
      targets.count == rows && weights.count == rows && losses.count == rows
        && targets.allSatisfy { $0 >= 0 && $0 < vocabulary },
      "crossEntropy: \(targets.count) targets, logits \(logits.shape)")
    logits.withMutablePointer { logits in
      losses.withUnsafeMutableBufferPointer { buffer in
        guard let base = buffer.baseAddress else { return }
        let (logits, losses) = (SharedPointer(logits), SharedPointer(base))
        parallelRows(rows, grain: 1) { chosen in
          for row in chosen {
            let line = logits.raw + row * vocabulary
            let (target, weight) = (
              targets[targets.startIndex + row], weights[weights.startIndex + row]
            )
            var capped: [Float] = []
            if let softCap {
              lk_soft_cap(vocabulary, softCap, line)
              capped = Array(UnsafeBufferPointer(start: line, count: vocabulary))
            }
            let logit = line[target]
            losses.raw[row] = lk_softmax(vocabulary, line) - logit
            if needsGradient {
              // d loss / d logit = softmax - onehot
              line[target] -= 1
              lk_scale(vocabulary, weight, line)
              if let softCap { lk_soft_cap_backward(vocabulary, softCap, capped, line) }
            }
          }
        }
      }
    }
  }

  /// cap tanh(x / cap), element by element.
  package static func softCap(_ x: Tensor, _ cap: Float) -> Tensor {
    var y = x
    let count = x.count
    y.withMutablePointer { y in
      let y = SharedPointer(y)
      parallelRows(count, grain: grain) { range in
        lk_soft_cap(range.count, cap, y.raw + range.lowerBound)
      }
    }
    return y
  }

  /// The gradient of `softCap` from its output y.
  package static func softCapBackward(_ gradient: Tensor, y: Tensor, _ cap: Float) -> Tensor {
    var g = gradient
    g.withMutablePointer { g in y.withPointer { lk_soft_cap_backward(y.count, cap, $0, g) } }
    return g
  }

  /// The log probabilities of the softmax of each row, in place.
  package static func logSoftmax(_ x: inout Tensor) {
    let (rows, width) = (x.rows, x.width)
    guard width > 0 else { return }
    x.withMutablePointer { x in
      for row in 0..<rows {
        let line = x + row * width
        var copy = [Float](UnsafeBufferPointer(start: line, count: width))
        let logSum = copy.withUnsafeMutableBufferPointer { lk_softmax(width, $0.baseAddress!) }
        for i in 0..<width { line[i] -= logSum }
      }
    }
  }
}
