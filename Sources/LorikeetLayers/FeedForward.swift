// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetTensors

/// The part of a block that treats each row alone.
public protocol FeedForwarding {
  func callAsFunction(_ x: Variable, _ context: ForwardContext) -> Variable
}

/// down(f(gate(x)) up(x)), the gated feed-forward block of Llama and its relatives.
public struct GatedFeedForward: FeedForwarding {
  /// How gate and up come about.
  public enum Projections {
    case separate(gate: Linear, up: Linear)
    /// One layer that gives both, side by side.
    case fused(Linear)
  }
  public let projections: Projections
  public let down: Linear
  public let activation: Activation

  public init(_ projections: Projections, down: Linear, activation: Activation) {
    self.projections = projections
    self.down = down
    self.activation = activation
  }

  public init(gate: Linear, up: Linear, down: Linear, activation: Activation) {
    self.init(.separate(gate: gate, up: up), down: down, activation: activation)
  }

  public func callAsFunction(_ x: Variable, _ context: ForwardContext) -> Variable {
    let tape = context.tape
    let gated: Variable
    switch projections {
    case .separate(let gate, let up):
      let both = Linear.each([gate, up], x, context)
      gated = tape.gated(activation, gate: both[0], up: both[1])
    case .fused(let layer):
      let (both, inner) = (layer(x, context), layer.outputs / 2)
      gated = tape.gated(
        activation, gate: tape.columns(both, 0..<inner), up: tape.columns(both, inner..<2 * inner))
    }
    x.forget()
    defer { gated.forget() }
    return down(gated, context)
  }
}

/// second(f(first(x))), the feed-forward block of ViT and its relatives.
public struct FeedForward: FeedForwarding {
  public let first: Linear
  public let second: Linear
  public let activation: Activation

  public init(first: Linear, second: Linear, activation: Activation) {
    self.first = first
    self.second = second
    self.activation = activation
  }

  public func callAsFunction(_ x: Variable, _ context: ForwardContext) -> Variable {
    second(context.tape.activate(first(x, context), activation), context)
  }
}
