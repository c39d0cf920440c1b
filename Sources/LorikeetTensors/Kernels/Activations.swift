// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

/// An element-wise non-linearity; raw values are the names in Hugging Face configurations.
public enum Activation: String, Sendable, Codable, CaseIterable {
  /// x Phi(x), by the error function (Hendrycks and Gimpel, 2016).
  case gelu
  /// The tanh approximation of gelu.
  case geluTanh = "gelu_pytorch_tanh"
  /// x sigmoid(1.702 x).
  case quickGelu = "quick_gelu"
  /// x sigmoid(x).
  case silu
  case relu

  var kind: Int32 {
    switch self {
    case .gelu: 0
    case .geluTanh: 1
    case .quickGelu: 2
    case .silu: 3
    case .relu: 4
    }
  }
}

extension Kernels {
  package static func apply(_ activation: Activation, _ x: Tensor) -> Tensor {
    let kind = activation.kind
    return map(x.shape, x) { n, x, _, y in lk_activation(kind, n, x, y) }
  }

  /// gradient f'(x).
  package static func activationBackward(
    _ activation: Activation, x: Tensor, gradient: Tensor
  ) -> Tensor {
    let kind = activation.kind
    return map(x.shape, x, gradient) { n, x, g, gx in lk_activation_backward(kind, n, x, g, gx) }
  }

  /// f(gate) up, as gated linear units have it (Shazeer, 2020).
  package static func gated(_ activation: Activation, gate: Tensor, up: Tensor) -> Tensor {
    let kind = activation.kind
    return map(gate.shape, gate, up) { n, gate, up, y in lk_gated(kind, n, gate, up, y) }
  }

  /// The gradients of `gated` by gate and up.
  package static func gatedBackward(
    _ activation: Activation, gate: Tensor, up: Tensor, gradient: Tensor
  ) -> (gate: Tensor, up: Tensor) {
    let kind = activation.kind
    var gup = Tensor(uninitialized: up.shape)
    var ggate = Tensor(uninitialized: gate.shape)
    let count = gate.count
    gup.withMutablePointer { gup in
      ggate.withMutablePointer { ggate in
        gate.withPointer { gate in
          up.withPointer { up in
            gradient.withPointer { g in
              let (gate, up, g) = (SharedPointer(gate), SharedPointer(up), SharedPointer(g))
              let (ggate, gup) = (SharedPointer(ggate), SharedPointer(gup))
              parallelRows(count, grain: grain) { range in
                let i = range.lowerBound
                lk_gated_backward(
                  kind, range.count, gate.raw + i, up.raw + i, g.raw + i, ggate.raw + i,
                  gup.raw + i)
              }
            }
          }
        }
      }
    }
    return (ggate, gup)
  }
}
