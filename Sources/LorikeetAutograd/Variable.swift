// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// A tensor in a computation, with a gradient if it needs one.
public final class Variable {
  private var content: Tensor?
  /// Gives a value that is not there: one that nobody has read yet, or one that was forgotten.
  private var compute: (() -> Tensor)?
  /// Whether the value can be computed again and again.
  private var isForgettable = false
  public let shape: Shape
  /// The sum of the gradients that reached the variable; nil before any has.
  public private(set) var gradient: Tensor?
  public var requiresGradient: Bool

  public init(_ value: Tensor, requiresGradient: Bool = false) {
    content = value
    shape = value.shape
    self.requiresGradient = requiresGradient
  }

  /// A value that is computed when it is first read.
  init(_ shape: Shape, requiresGradient: Bool, compute: @escaping () -> Tensor) {
    self.shape = shape
    self.compute = compute
    self.requiresGradient = requiresGradient
  }

  /// The value. Traps if an operator has computed in its place, or on a new value of another shape.
  public var value: Tensor {
    get {
      if let content { return content }
      guard let compute else {
        preconditionFailure("Variable: the value \(shape) was used up")
      }
      let value = compute()
      if !isForgettable { self.compute = nil }
      content = value
      return value
    }
    _modify {
      guard content != nil else { preconditionFailure("Variable: the value \(shape) was used up") }
      yield &content!
      precondition(content!.shape == shape, "Variable: \(content!.shape) in place of \(shape)")
    }
  }

  /// Makes the value one that can be forgotten.
  func setRecompute(_ recompute: @escaping () -> Tensor) {
    compute = recompute
    isForgettable = true
  }

  /// Lets the memory of the value go if it can be computed again, as whoever asks for it then makes
  /// happen. For values that are cheap to compute, once those who used them in the forward pass are
  /// done.
  public func forget() { if isForgettable { content = nil } }

  /// What gives the value later: by computing it, or from where it is kept.
  package var later: () -> Tensor {
    if compute != nil { return { self.value } }
    let kept = value
    return { kept }
  }

  /// Adds to the gradient. Does nothing for a variable that needs none.
  package func accumulate(_ addition: consuming Tensor) {
    guard requiresGradient else { return }
    if gradient == nil {
      gradient = addition.shape == shape ? addition : addition.reshaped(shape)
    } else {
      Kernels.accumulate(addition, into: &gradient!)
    }
  }

  /// Adds rows to the gradient at the place where they stand in the value.
  package func accumulate(_ addition: Tensor, rows: Range<Int>) {
    guard requiresGradient else { return }
    if rows == 0..<shape.rows { return accumulate(addition) }
    if gradient == nil { gradient = Tensor(repeating: 0, shape) }
    Kernels.addRows(addition, into: &gradient!, rows: rows)
  }

  /// Adds rows that stand one after the other to the runs of rows of the gradient that they belong to.
  package func accumulate(_ addition: Tensor, runs: [Range<Int>]) {
    guard requiresGradient else { return }
    if runs == [0..<shape.rows] { return accumulate(addition) }
    if gradient == nil { gradient = Tensor(repeating: 0, shape) }
    Kernels.scatterRows(addition, into: &gradient!, runs: runs)
  }

  /// Lets a function add to the gradient where it lies.
  ///
  /// - Parameters:
  ///   - whole: whether the function writes every element; then a first gradient need not be zeros.
  ///   - body: is given the gradient, nil if none is needed, and whether to write over what is there
  ///     instead of adding to it.
  package func updateGradient<Result>(
    whole: Bool, _ body: (UnsafeMutablePointer<Float>?, _ isFresh: Bool) -> Result
  ) -> Result {
    guard requiresGradient else { return body(nil, false) }
    let isFresh = gradient == nil
    if isFresh { gradient = whole ? Tensor(uninitialized: shape) : Tensor(repeating: 0, shape) }
    return gradient!.withMutablePointer { body($0, isFresh && whole) }
  }

  /// Adds columns to the gradient at the place where they stand in the value.
  package func accumulate(_ addition: Tensor, columns: Range<Int>) {
    guard requiresGradient else { return }
    if gradient == nil { gradient = Tensor(repeating: 0, shape) }
    Kernels.addColumns(addition, into: &gradient!, columns: columns)
  }

  /// Takes the gradient away, leaving none.
  package func takeGradient() -> Tensor? {
    defer { gradient = nil }
    return gradient
  }

  /// Gives the memory of the value away, for an operator that computes in place. The variable can
  /// still receive a gradient; its value is gone.
  package func takeValue() -> Tensor {
    defer { content = nil }
    return value
  }

  public func clearGradient() { gradient = nil }

  /// Replaces the gradient, as clipping and averaging do.
  public func setGradient(_ tensor: Tensor?) { gradient = tensor }
}
