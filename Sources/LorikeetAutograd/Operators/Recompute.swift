// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

extension Tape {
  /// The result of a block of operators. Where the tape recomputes blocks, only x and the result are
  /// kept, and the block is run again when its gradient is needed (Chen et al., "Training deep nets
  /// with sublinear memory cost", 2016): gradient checkpointing.
  ///
  /// - Parameters:
  ///   - x: `[rows, width]`; it must not be used up by the block.
  ///   - block: applies operators of the tape that it is given; the same values come out each time.
  public func recompute(_ x: Variable, _ block: @escaping (Variable, Tape) -> Variable) -> Variable
  {
    guard isRecording, recomputesBlocks else { return block(x, self) }
    let input = x.value
    let needsInput = x.requiresGradient
    func run(computesLate: Bool) -> (tape: Tape, input: Variable, result: Variable) {
      let tape = inner(computesLate: computesLate)
      let copy = Variable(input, requiresGradient: needsInput)
      return (tape, copy, block(copy, tape))
    }
    let first = run(computesLate: false).result
    // The block may have parameters that train even where x needs no gradient.
    let needsBlock = first.requiresGradient
    let marker = Variable(Tensor(repeating: 0, []), requiresGradient: needsBlock)
    return output(first.value, from: [x, marker]) { g in
      // The result is known: what leads to nothing else is not computed again.
      let again = run(computesLate: true)
      again.tape.backward(from: again.result, seed: g)
      if let gradient = again.input.takeGradient() { x.accumulate(gradient) }
    }
  }
}
