// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetTensors
public import Testing

/// Compares the gradients that a tape computes with finite differences.
///
/// The output y is reduced to a number by a random linear form, L = sum c_i y_i, in double
/// precision. Differences are central and of fourth order,
/// (8 (L(h) - L(-h)) - (L(2h) - L(-2h))) / 12 h, so that h can be large enough for float32.
///
/// - Parameters:
///   - inputs: values that become variables; parameters: values that become trainable parameters.
///   - sample: the number of elements of each tensor that are tried; nil for all.
///   - step: h, relative to the largest value of the tensor (or 1 where that is greater).
///   - tolerance: relative to the largest gradient of the tensor.
///   - function: the operator; it may use up its inputs.
public func checkGradients(
  _ inputs: [Tensor], parameters: [Tensor] = [], sample: Int? = nil, seed: UInt64 = 1,
  step: Float = 0.02, tolerance: Float = 2e-3, floor: Float = 1e-2, _ name: String = "",
  sourceLocation: SourceLocation = #_sourceLocation,
  _ function: (Tape, [Variable], [Parameter]) -> Variable
) {
  let all = inputs + parameters
  let split = inputs.count

  func evaluate(_ values: [Tensor], _ form: [Double]) -> Double {
    let y = function(
      .inference, values[..<split].map { Variable($0) },
      values[split...].enumerated().map { Parameter(name: "p\($0.offset)", $0.element) })
    return zip(form, y.value.values).reduce(0) { $0 + $1.0 * Double($1.1) }
  }

  let variables = inputs.map { Variable($0, requiresGradient: true) }
  let trained = parameters.enumerated().map {
    Parameter(name: "p\($0.offset)", $0.element, isTrainable: true)
  }
  let tape = Tape(isRecording: true)
  let output = function(tape, variables, trained)
  let seedGradient = Tensor.random(output.shape, seed: seed &+ 1000)
  tape.backward(from: output, seed: seedGradient)
  let form = seedGradient.values.map(Double.init)

  var stream = RandomStream(seed: seed &+ 2000)
  for (index, variable) in (variables + trained.map(\.variable)).enumerated() {
    let value = all[index]
    var places = Array(0..<value.count)
    if let sample, sample < places.count {
      stream.shuffle(&places)
      places = Array(places.prefix(sample))
    }
    let h = step * value.values.reduce(1) { max($0, abs($1)) }
    func moved(_ place: Int, _ by: Float) -> (Double, Double) {
      var values = all
      let other = value.values[place] + by
      values[index] = value
      values[index][flat: place] = other
      // The step that float32 has really made.
      return (evaluate(values, form), Double(other) - Double(value.values[place]))
    }
    let gradient = variable.gradient?.values ?? Array(repeating: 0, count: value.count)
    let differences = places.map { place in
      let (a, b) = (moved(place, h), moved(place, -h))
      let (c, d) = (moved(place, 2 * h), moved(place, -2 * h))
      let near = (a.0 - b.0) / (a.1 - b.1)
      let far = (c.0 - d.0) / (c.1 - d.1)
      return Float((4 * near - far) / 3)
    }
    expectClose(
      places.map { gradient[$0] }, differences, tolerance: tolerance, floor: floor,
      "\(name) gradient \(index) \(value.shape) (seed \(seed))", sourceLocation: sourceLocation)
  }
}
