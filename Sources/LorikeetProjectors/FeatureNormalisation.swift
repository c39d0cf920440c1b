// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetLayers
public import LorikeetTensors

/// Brings features to mean 0 and deviation 1 a channel before a projector: (x - mean) / deviation.
///
/// An aid to training only: encoders such as DINOv2 have a few channels that dwarf the others. A
/// projector with it equals one without it whose first layer has other weights, and is saved as such.
public struct FeatureNormalisation: Sendable {
  /// `[width]`.
  public let mean: Tensor
  /// 1 / deviation, `[width]`.
  public let scale: Tensor

  /// The mean and deviation of some features, `[rows, width]` each; deviations below a thousandth of
  /// their mean count as that much.
  public init(_ features: [Tensor]) {
    let width = features.first?.width ?? 0
    var sum = [Double](repeating: 0, count: width)
    var squares = sum
    var rows = 0
    for tensor in features {
      rows += tensor.rows
      tensor.withValues { values in
        for (i, value) in values.enumerated() {
          sum[i % width] += Double(value)
          squares[i % width] += Double(value) * Double(value)
        }
      }
    }
    let count = Double(max(rows, 1))
    let means = sum.map { $0 / count }
    let deviations = zip(squares, means).map { max($0 / count - $1 * $1, 0).squareRoot() }
    let floor = 1e-3 * (deviations.reduce(0, +) / Double(max(width, 1))) + 1e-12
    mean = Tensor(means.map { Float($0) }, [width])
    scale = Tensor(deviations.map { Float(1 / max($0, floor)) }, [width])
  }

  public init(mean: Tensor, scale: Tensor) {
    self.mean = mean
    self.scale = scale
  }

  /// The weight and bias that do to raw features what these do to normalised ones:
  /// W' = W diag(scale), b' = b - W' mean.
  func folded(_ linear: Linear) -> (weight: Tensor, bias: Tensor?) {
    let weight = Kernels.scaleColumns(linear.weight.variable.value, by: scale)
    guard let bias = linear.bias else { return (weight, nil) }
    let shift = Kernels.product(mean.reshaped([1, mean.count]), weight, transposeB: true)
    var folded = bias.variable.value
    Kernels.accumulate(shift.reshaped(folded.shape), scale: -1, into: &folded)
    return (weight, folded)
  }
}

extension Projector {
  /// Runs a closure while the normalisation stands in the first layer's weights, as it is saved.
  public func withFoldedNormalisation<Result>(_ body: () throws -> Result) rethrows -> Result {
    guard let normalisation else { return try body() }
    let linear = inputLayer
    let (weight, bias) = (linear.weight.variable.value, linear.bias?.variable.value)
    let folded = normalisation.folded(linear)
    linear.weight.replace(with: folded.weight)
    if let value = folded.bias { linear.bias?.replace(with: value) }
    self.normalisation = nil
    defer {
      linear.weight.replace(with: weight)
      if let bias { linear.bias?.replace(with: bias) }
      self.normalisation = normalisation
    }
    return try body()
  }
}
