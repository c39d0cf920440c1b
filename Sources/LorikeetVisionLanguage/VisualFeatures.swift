// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetTensors

/// The visual tokens of one picture, before the projector.
public struct VisualFeatures {
  /// The tiles of a picture whose tokens stand apart in a prompt, the whole picture the last of them.
  public struct Tiles: Equatable, Sendable {
    /// Rows and columns of tiles; none if there is the whole picture only.
    public var rows: Int
    public var columns: Int
    /// The row at which each tile's tokens end.
    public var ends: [Int]
    /// Unpruned tokens of a tile.
    public var each: Int

    public init(rows: Int, columns: Int, ends: [Int], each: Int) {
      self.rows = rows
      self.columns = columns
      self.ends = ends
      self.each = each
    }
  }

  /// `[rows, encoder width x feature layers]`.
  public var features: Variable
  /// The rows of `features` that are meant: all but in a tile of a picture.
  public var span: Range<Int>
  /// The rows before which a newline stands, ascending; a newline is a token, too.
  public var newlines: [Int] = []
  /// The place of each token among the unpruned ones, ascending.
  public var positions: [Int]
  /// The number of unpruned tokens.
  public var total: Int
  /// Rows of the grid of patches and its columns; of one tile where there are several.
  public var grid: (rows: Int, columns: Int)
  /// Tiles whose tokens stand apart; nil where a picture's tokens are one run.
  public var tiles: Tiles?

  public init(
    features: Variable, newlines: [Int] = [], positions: [Int], total: Int,
    grid: (rows: Int, columns: Int), tiles: Tiles? = nil
  ) {
    self.features = features
    span = 0..<features.shape.rows
    self.newlines = newlines
    self.positions = positions
    self.total = total
    self.grid = grid
    self.tiles = tiles
  }

  /// Tokens that the picture has in a sequence.
  public var tokens: Int { span.count + newlines.count }

  /// Patches that are left, counted without prefix tokens; those of the whole where there are tiles.
  public var patches: [Int] {
    guard let tiles else {
      let prefix = total - grid.rows * grid.columns
      return positions.filter { $0 >= prefix }.map { $0 - prefix }
    }
    return tile(tiles.ends.count - 1).patches
  }

  /// The tokens of one tile, as a picture of its own; a picture without tiles is its only tile. Traps
  /// on an index out of range.
  public func tile(_ index: Int) -> VisualFeatures {
    guard let tiles else { return self }
    var part = self
    part.tiles = nil
    part.span = (index == 0 ? 0 : tiles.ends[index - 1])..<tiles.ends[index]
    part.positions = positions[part.span].map { $0 - index * tiles.each }
    part.total = tiles.each
    return part
  }
}
