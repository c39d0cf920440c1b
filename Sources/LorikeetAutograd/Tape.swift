// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// The record of a computation, from which gradients are computed backwards.
///
/// A tape that does not record computes values only and keeps nothing, as inference wants it.
public final class Tape {
  /// Whether operators leave what their gradients need.
  public let isRecording: Bool
  /// Told of every operator, if there is one.
  public let profiler: Profiler?
  /// Whether blocks are computed again for their gradients instead of kept: see `recompute`.
  public let recomputesBlocks: Bool
  /// Whether products are computed once their value is read, which for the last ones of a block that
  /// runs again for its gradient never happens.
  private var computesLate = false

  public init(isRecording: Bool, recomputesBlocks: Bool = false, profiler: Profiler? = nil) {
    self.isRecording = isRecording
    self.recomputesBlocks = recomputesBlocks
    self.profiler = profiler
  }

  private var steps: [(output: Variable, profile: Int, backward: (Tensor) -> Void)] = []

  /// Whether all that is wanted of an operator is its value: small ones then take no more time than that.
  var wantsValuesOnly: Bool { !isRecording && profiler == nil }

  /// A tape for a block within this one.
  ///
  /// - Parameter computesLate: whether what nobody reads need not be computed.
  func inner(computesLate: Bool) -> Tape {
    let tape = Tape(isRecording: true, profiler: profiler)
    tape.computesLate = computesLate
    return tape
  }

  /// A tape for inference.
  public static var inference: Tape { Tape(isRecording: false) }

  /// Wraps the result of an operator.
  ///
  /// - Parameters:
  ///   - value: the result.
  ///   - inputs: the variables that the result depends on.
  ///   - function: the operator, for the profiler.
  ///   - recompute: gives the result again, for results that are cheaper to compute than to keep.
  ///   - backward: takes the gradient by the result and accumulates those by the inputs; kept only
  ///     if some input needs a gradient.
  package func output(
    _ value: Tensor, from inputs: [Variable?], function: StaticString = #function,
    recompute: (() -> Tensor)? = nil, backward: @escaping (Tensor) -> Void
  ) -> Variable {
    let profile = profiler?.place(function.description) ?? -1
    profiler?.forward(profile)
    let output = Variable(value, requiresGradient: needsGradient(inputs))
    record(output, profile, recompute, backward)
    return output
  }

  /// Wraps the result of an operator that may be computed only once it is read.
  ///
  /// - Parameters:
  ///   - shape: that of the result.
  ///   - value: gives the result. What it reads must still be there later.
  package func output(
    _ shape: Shape, from inputs: [Variable?], function: StaticString = #function,
    recompute: (() -> Tensor)? = nil, value: @escaping () -> Tensor,
    backward: @escaping (Tensor) -> Void
  ) -> Variable {
    guard computesLate else {
      return output(
        value(), from: inputs, function: function, recompute: recompute, backward: backward)
    }
    let profile = profiler?.place(function.description) ?? -1
    let output = Variable(shape, requiresGradient: needsGradient(inputs)) { [profiler] in
      defer { profiler?.forward(profile) }
      return value()
    }
    record(output, profile, recompute, backward)
    return output
  }

  private func record(
    _ output: Variable, _ profile: Int, _ recompute: (() -> Tensor)?,
    _ backward: @escaping (Tensor) -> Void
  ) {
    guard output.requiresGradient else { return }
    steps.append((output, profile, backward))
    if let recompute { output.setRecompute(recompute) }
  }

  /// Whether an operator on these inputs has to prepare for gradients.
  package func needsGradient(_ inputs: [Variable?]) -> Bool {
    isRecording && inputs.contains { $0?.requiresGradient ?? false }
  }

  /// Propagates gradients from a loss to everything that it depends on, and empties the tape.
  ///
  /// - Parameters:
  ///   - loss: a variable of one element, or of any shape if a seed is given.
  ///   - seed: the gradient by `loss`, ones by default.
  public func backward(from loss: Variable, seed: Tensor? = nil) {
    loss.accumulate(seed ?? Tensor(repeating: 1, loss.shape))
    while let step = steps.popLast() {
      if let gradient = step.output.takeGradient() { step.backward(gradient) }
      step.output.forget()
      profiler?.backward(step.profile)
    }
  }
}
