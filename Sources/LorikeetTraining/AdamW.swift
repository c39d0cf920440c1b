// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetTensors

/// Parameters that share a learning rate.
public struct ParameterGroup {
  public var name: String
  public var learningRate: Double
  public var parameters: [(name: String, parameter: Parameter)]

  public init(
    name: String, learningRate: Double, parameters: [(name: String, parameter: Parameter)]
  ) {
    self.name = name
    self.learningRate = learningRate
    self.parameters = parameters
  }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter, "Decoupled weight decay regularization",
/// 2019, algorithm 2). Vectors (biases, norms) are not decayed.
public final class AdamW {
  public let groups: [ParameterGroup]
  private let beta1: Float
  private let beta2: Float
  private let epsilon: Float
  private let weightDecay: Float
  /// First and second moments by parameter name, and the number of steps taken.
  private var moments: [String: (first: Tensor, second: Tensor, steps: Int)] = [:]

  public init(
    _ groups: [ParameterGroup], beta1: Double = 0.9, beta2: Double = 0.999,
    epsilon: Double = 1e-8, weightDecay: Double = 0.01
  ) {
    self.groups = groups
    self.beta1 = Float(beta1)
    self.beta2 = Float(beta2)
    self.epsilon = Float(epsilon)
    self.weightDecay = Float(weightDecay)
  }

  /// The norm of all gradients together.
  public func gradientNorm() -> Double {
    var sum = 0.0
    for group in groups {
      for (_, parameter) in group.parameters {
        guard parameter.isTrainable, let gradient = parameter.variable.gradient else { continue }
        sum += Kernels.sumOfSquares(gradient)
      }
    }
    return sum.squareRoot()
  }

  /// Moves every trainable parameter that has a gradient, and clears the gradients.
  ///
  /// - Parameters:
  ///   - factor: what the groups' learning rates are multiplied by.
  ///   - gradientScale: what gradients are multiplied by first, as clipping asks for.
  public func step(factor: Double, gradientScale: Double) {
    for group in groups {
      for (name, parameter) in group.parameters where parameter.isTrainable {
        let variable = parameter.variable
        guard let gradient = variable.gradient else { continue }
        // Taken out of the dictionary, so that the kernel writes in place.
        var (first, second, steps) =
          moments.removeValue(forKey: name)
          ?? (Tensor(repeating: 0, parameter.shape), Tensor(repeating: 0, parameter.shape), 0)
        steps += 1
        Kernels.adamW(
          &variable.value, gradient: gradient, first: &first, second: &second,
          rate: Float(group.learningRate * factor), beta1: beta1, beta2: beta2, epsilon: epsilon,
          decay: parameter.shape.rank > 1 ? weightDecay : 0, step: steps,
          gradientScale: Float(gradientScale))
        moments[name] = (first, second, steps)
        variable.clearGradient()
      }
    }
  }

  /// The moments and step counts as tensors, for a checkpoint.
  public var state: [(name: String, tensor: StoredTensor)] {
    moments.sorted { $0.key < $1.key }.flatMap { name, moment in
      [
        (name + ".first", StoredTensor(moment.first)),
        (name + ".second", StoredTensor(moment.second)),
        (name + ".steps", StoredTensor(Tensor([Float(moment.steps)], [1]))),
      ]
    }
  }

  /// Takes moments and step counts from a checkpoint.
  ///
  /// - Returns: the name of a parameter whose state is misshapen, or nil.
  public func restore(_ state: (String) -> StoredTensor?) -> String? {
    moments = [:]
    for group in groups {
      for (name, parameter) in group.parameters {
        guard let first = state(name + ".first"), let second = state(name + ".second"),
          let steps = state(name + ".steps")
        else { continue }
        guard first.shape == parameter.shape, second.shape == parameter.shape,
          steps.shape.count == 1, let count = Int(exactly: steps.tensor().values[0]), count >= 0
        else { return name }
        moments[name] = (first.tensor(), second.tensor(), count)
      }
    }
    return nil
  }
}
