// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetLayers
internal import LorikeetTensors

/// The tokens that a vision transformer begins with: class token and registers, if it has them, and
/// the patches, with their positions.
struct PatchTokens {
  let patches: PatchEmbedding
  /// `[.., width]`, one row.
  let classToken: Parameter?
  /// `[.., registers, width]`; they have no positions.
  let registers: Parameter?
  /// `[.., class token + side x side, width]`; nil where positions come in elsewhere.
  let positions: Parameter?
  /// Rows and columns of the grid that the positions are for.
  let side: Int
  /// How the positions are interpolated to other grids.
  let interpolation: PositionInterpolation
  let width: Int

  /// Tokens before the patches.
  var prefixTokens: Int {
    (classToken == nil ? 0 : 1) + (registers?.shape.rows ?? 0)
  }

  /// - Parameter pixels: `[images, 3, height, width]`.
  /// - Returns: `[images x tokens, width]`.
  func callAsFunction(
    _ pixels: Tensor, grid: (rows: Int, columns: Int), _ tape: Tape
  ) -> Variable {
    let images = pixels.shape[0]
    let count = grid.rows * grid.columns
    let first = classToken == nil ? 0 : 1
    let embedded = patches(pixels, tape)
    guard let positions else { return embedded }
    let places = places(positions, grid, first, tape)  // [first + count, width]
    guard let classToken else {
      return tape.add(
        embedded,
        tape.joinRows(Array(repeating: (places, 0..<count), count: images), width: width))
    }
    let start = tape.add(
      tape.reshape(classToken.variable, [1, width]), tape.joinRows([(places, 0..<1)], width: width))
    let located = tape.add(
      embedded,
      tape.joinRows(Array(repeating: (places, 1..<count + 1), count: images), width: width))
    return tape.joinRows(
      (0..<images).flatMap { image -> [(source: Variable, rows: Range<Int>)] in
        var pieces: [(source: Variable, rows: Range<Int>)] = [(start, 0..<1)]
        if let registers { pieces.append((registers.variable, 0..<registers.shape.rows)) }
        pieces.append((located, image * count..<(image + 1) * count))
        return pieces
      }, width: width)
  }

  private func places(
    _ positions: Parameter, _ grid: (rows: Int, columns: Int), _ first: Int, _ tape: Tape
  ) -> Variable {
    guard grid.rows != side || grid.columns != side else { return positions.variable }
    let matrix = interpolation.matrix(side: side, rows: grid.rows, columns: grid.columns)
    let own = tape.joinRows([(positions.variable, first..<first + side * side)], width: width)
    let mixed = tape.mixRows(own, by: matrix)
    guard first > 0 else { return mixed }
    return tape.joinRows(
      [(positions.variable, 0..<first), (mixed, 0..<grid.rows * grid.columns)], width: width)
  }
}
