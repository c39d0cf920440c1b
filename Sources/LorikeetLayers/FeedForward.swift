// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
public import LorikeetTensors

/// down(f(gate(x)) up(x)), the gated feed-forward block of Llama and its relatives.
public struct GatedFeedForward {
  public let gate: Linear
  public let up: Linear
  public let down: Linear
  public let activation: Activation

  public init(gate: Linear, up: Linear, down: Linear, activation: Activation) {
    self.gate = gate
    self.up = up
    self.down = down
    self.activation = activation
  }

  public func callAsFunction(_ x: Variable, _ context: ForwardContext) -> Variable {
    down(context.tape.gated(activation, gate: gate(x, context), up: up(x, context)), context)
  }
}

/// second(f(first(x))), the feed-forward block of ViT and its relatives.
public struct FeedForward {
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
