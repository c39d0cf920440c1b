// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// A weight of a model or an adapter, under the name that it has in the checkpoint.
///
/// A frozen parameter stays as it is stored: mapped, in its own type. It becomes a float32 variable
/// when someone asks for one, as training it does.
public final class Parameter {
  private enum Content {
    case stored(StoredTensor)
    case variable(Variable)
  }
  private var content: Content
  public let name: String
  public let shape: Shape

  public init(name: String, _ stored: StoredTensor) {
    self.name = name
    shape = stored.shape
    content = .stored(stored)
  }

  public init(name: String, _ value: Tensor, isTrainable: Bool = false) {
    self.name = name
    shape = value.shape
    content = .variable(Variable(value, requiresGradient: isTrainable))
  }

  /// A parameter whose value an operator gives, and which passes its gradient on to that.
  package init(name: String, computed variable: Variable) {
    self.name = name
    shape = variable.shape
    content = .variable(variable)
  }

  public var isTrainable: Bool {
    get {
      if case .variable(let variable) = content { variable.requiresGradient } else { false }
    }
    set { if newValue || isTrainable { variable.requiresGradient = newValue } }
  }

  /// The parameter as float32. The first call converts what is stored in another type.
  public var variable: Variable {
    switch content {
    case .variable(let variable): return variable
    case .stored(let stored):
      let variable = Variable(stored.tensor())
      content = .variable(variable)
      return variable
    }
  }

  /// The parameter as the weight of a product. Traps unless it is a matrix.
  package var matrix: WeightMatrix {
    switch content {
    case .variable(let variable): WeightMatrix(variable.value)
    case .stored(let stored): WeightMatrix(stored)
    }
  }

  /// Some rows of a matrix, as float32.
  package func rows(_ range: Range<Int>) -> Tensor { matrix.rows(range) }

  /// Rows of a matrix with the given indices, as float32.
  package func rows(of indices: [Int]) -> Tensor { matrix.lookUp(indices) }

  /// The parameter as it would be saved.
  public var stored: StoredTensor {
    switch content {
    case .variable(let variable): StoredTensor(variable.value)
    case .stored(let stored): stored
    }
  }

  /// Keeps the value in another type from now on, and lets go of what it came from.
  ///
  /// Traps if the parameter trains or cannot be stored so: see `StoredTensor.canConvert`.
  public func store(as dtype: DType) {
    precondition(!isTrainable, "Parameter \(name): trains, so it stays float32")
    let before = stored
    guard before.dtype != dtype else { return }
    content = .stored(before.converted(to: dtype))
    before.storage.forgetPages(of: before.bytes)
  }

  /// Puts another value in place of the present one. Traps if the shapes differ.
  public func replace(with value: Tensor) {
    precondition(value.shape == shape, "Parameter \(name): \(value.shape) for \(shape)")
    variable.value = value
  }
}
