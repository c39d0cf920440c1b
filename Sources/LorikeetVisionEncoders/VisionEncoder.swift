// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetLayers
public import LorikeetTensors

/// What a caller wants from an encoder beside the last hidden state.
public struct EncoderRequest: Sendable, Equatable {
  /// Hidden states by index: 0 after the embeddings, i after block i.
  public var hiddenLayers: Set<Int> = []
  /// Blocks, from 0, whose attention probabilities are wanted.
  public var attentionLayers: Set<Int> = []
  /// Blocks, from 0, for which the attention that each token receives is wanted.
  public var significanceLayers: Set<Int> = []
  /// Whether the blocks after the last one asked for, and the final norm, are to be run.
  public var needsLastHiddenState = true
  /// Whether one row for each picture is wanted, from encoders that have one.
  public var needsPooled = false

  public init() {}
}

/// What an encoder gives back. Rows are tokens, the images of the batch one after the other.
public struct EncoderOutput {
  /// After all blocks and the final norm, `[images x tokens, width]`.
  public var lastHiddenState: Variable?
  /// One row for each picture, `[images, width]`.
  public var pooled: Variable?
  public var hidden: [Int: Variable] = [:]
  /// Probabilities, one tensor an image, `[heads, tokens, tokens]`.
  public var attention: [Int: [Tensor]] = [:]
  /// Column sums of the probabilities, averaged over heads, `[images x tokens]`.
  public var significance: [Int: Tensor] = [:]
  /// Tokens of one image, prefix tokens included.
  public var tokens: Int
  /// Rows and columns of patches.
  public var grid: (rows: Int, columns: Int)
}

/// A vision transformer that turns pictures into patch features.
public protocol VisionEncoder: AnyObject {
  var width: Int { get }
  var layerCount: Int { get }
  /// The side of a patch, in pixels.
  var patchSize: Int { get }
  /// The side of the pictures that the model was made for, in pixels.
  var imageSize: Int { get }
  /// Tokens before the patches (the class token, registers).
  var prefixTokens: Int { get }
  /// Whether the encoder gives one row for each picture.
  var pools: Bool { get }
  /// Frames that a patch spans; a picture is so many equal ones.
  var frames: Int { get }

  /// - Parameter pixels: `[images, 3, height, width]`, both sides multiples of the patch size or
  ///   cut down to one; or `[images, 3 x frames, height, width]`, the frames of a channel together.
  func encode(
    _ pixels: Tensor, request: EncoderRequest, tape: Tape, isTraining: Bool, random: RandomStream
  ) -> EncoderOutput
}
