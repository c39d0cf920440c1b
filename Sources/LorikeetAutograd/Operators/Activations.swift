// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

extension Tape {
  /// f(x), element by element.
  public func activate(_ x: Variable, _ activation: Activation) -> Variable {
    let input = x.value
    return output(Kernels.apply(activation, input), from: [x]) { g in
      // y = f(x): dx = g f'(x)
      x.accumulate(Kernels.activationBackward(activation, x: input, gradient: g))
    }
  }

  /// cap tanh(x / cap), element by element (Gemma team, "Gemma 2", 2024, section 2).
  public func softCap(_ x: Variable, _ cap: Float) -> Variable {
    let value = Kernels.softCap(x.value, cap)
    return output(value, from: [x]) { g in
      // y = c tanh(x / c): dx = g (1 - (y / c)^2)
      x.accumulate(Kernels.softCapBackward(g, y: value, cap))
    }
  }

  /// f(gate) up, the gated linear unit (Shazeer, "GLU variants improve transformer", 2020).
  public func gated(_ activation: Activation, gate: Variable, up: Variable) -> Variable {
    let (gateValue, upValue) = (gate.value, up.value)
    let compute = { Kernels.gated(activation, gate: gateValue, up: upValue) }
    if wantsValuesOnly { return Variable(compute()) }
    return output(gate.shape, from: [gate, up], recompute: compute, value: compute) { g in
      // y = f(gate) up: dgate = g up f'(gate), dup = g f(gate)
      let parts = Kernels.gatedBackward(activation, gate: gateValue, up: upValue, gradient: g)
      gate.accumulate(parts.gate)
      up.accumulate(parts.up)
    }
  }
}
