// SPDX-License-Identifier: Apache-2.0

internal import LorikeetCheckpoints
public import LorikeetTensors

/// The inputs of one reference computation, read from a safetensors file under the names that
/// transformers' models give their arguments, and checked.
///
/// Other tensors in the file are ignored.
public struct ReferenceInputs {
  /// The file.
  public let path: String
  /// `input_ids` `[rows, tokens]`, or `[tokens]` for one row; nil if the file has none.
  public let ids: [[Int]]?
  /// The places of each row that are not padding: all, or what `attention_mask` marks with 1.
  public let present: [Range<Int>]
  /// `labels`, of the shape of `input_ids`; `ignoredLabel` where nothing is to be predicted.
  public let labels: [[Int]]?
  /// `pixel_values` `[images, 3, height, width]`; given as `[pictures, tiles, 3, height, width]` it has
  /// all tiles of all pictures, `tilesPerPicture` each.
  public let pixels: Tensor?
  /// `pixel_values` `[patches, width]`, where they are patches of pictures of any size.
  public let patches: Tensor?
  /// `image_grid_thw` `[pictures, 3]`: frames, rows and columns of patches.
  public let patchGrids: [[Int]]?
  /// nil where `pixel_values` has no axis for tiles.
  public let tilesPerPicture: Int?
  /// `image_sizes` `[pictures, 2]`, height and width in pixels.
  public let imageSizes: [[Int]]?
  /// For each row the tokens at its beginning that are of type 0 in `token_type_ids`, padding left out;
  /// nil if the file has none.
  public let prefixes: [Int]?

  /// The label of a token that does not count in the loss.
  public static let ignoredLabel = -100

  /// Reads and checks the file.
  ///
  /// - Throws: `CheckpointError` if it is not safetensors; `FileError` naming the tensor that is not
  ///   what it should be.
  public init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    self.path = path
    let ids = try Self.rows(file, "input_ids")
    let labels = try Self.rows(file, "labels")
    let mask = try Self.rows(file, "attention_mask")
    self.ids = ids
    self.labels = labels
    for (name, other) in [("labels", labels), ("attention_mask", mask)] {
      guard let other else { continue }
      guard let ids, other.map(\.count) == ids.map(\.count) else {
        throw FileError(path: path, reason: "\(name) does not have the shape of input_ids")
      }
    }
    let present = try (ids ?? []).enumerated().map { row, tokens in
      guard let mask else { return 0..<tokens.count }
      return try Self.unmasked(mask[row], row: row, path: path)
    }
    self.present = present
    let types = try Self.rows(file, "token_type_ids")
    guard types == nil || types?.map(\.count) == ids?.map(\.count) else {
      throw FileError(path: path, reason: "token_type_ids does not have the shape of input_ids")
    }
    prefixes = types.map { rows in
      zip(rows, present).map { row, range in row[range].prefix { $0 == 0 }.count }
    }
    let stored = file["pixel_values"]
    tilesPerPicture = stored?.shape.rank == 5 ? stored?.shape[1] : nil
    try Self.requireWholePictures(file)
    let isFlat = stored?.shape.rank == 2 && stored?.dtype.isFloatingPoint == true
    pixels = isFlat ? nil : try stored.map { try Self.pictures($0, path: path) }
    patches = isFlat ? stored?.tensor() : nil
    patchGrids = try Self.rows(file, "image_grid_thw")
    guard
      patchGrids?.allSatisfy({ $0.count == 3 && $0.allSatisfy { 1...65_536 ~= $0 } }) ?? !isFlat
    else {
      throw FileError(
        path: path, reason: "image_grid_thw is not [pictures, 3] of frames, rows and columns")
    }
    imageSizes = try Self.rows(file, "image_sizes")
    guard imageSizes?.allSatisfy({ $0.count == 2 && $0.allSatisfy { 1...65_536 ~= $0 } }) ?? true
    else { throw FileError(path: path, reason: "image_sizes is not [pictures, 2] of sides") }
  }

  /// What is wrong with the file.
  func failure(_ reason: String) -> FileError { FileError(path: path, reason: reason) }

  /// `pixel_attention_mask`, where there is one, must be 1 or 0 throughout in each picture.
  private static func requireWholePictures(_ file: SafetensorsFile) throws {
    guard let mask = file["pixel_attention_mask"] else { return }
    guard !mask.dtype.isFloatingPoint, mask.shape.rank >= 3, mask.shape.count > 0 else {
      throw FileError(
        path: file.path, reason: "pixel_attention_mask is not [pictures, tiles, height, width]")
    }
    let values = mask.integers()
    let extents = mask.shape.dimensions
    let size = extents[extents.count - 1] * extents[extents.count - 2]
    for start in stride(from: 0, to: values.count, by: size)
    where values[start..<start + size].contains(where: { $0 != values[start] }) {
      throw FileError(
        path: file.path,
        reason: "pixel_attention_mask hides a part of a picture, which is not supported")
    }
  }

  /// The first place that is 1 and the end of the ones.
  private static func unmasked(_ mask: [Int], row: Int, path: String) throws -> Range<Int> {
    let first = mask.firstIndex(of: 1) ?? 0
    let end = mask[first...].firstIndex { $0 != 1 } ?? mask.count
    guard end > first, mask.indices.allSatisfy({ (first..<end).contains($0) || mask[$0] == 0 })
    else {
      throw FileError(
        path: path,
        reason: "row \(row) of attention_mask is not one run of ones with zeros at the ends only")
    }
    return first..<end
  }

  /// A tensor of whole numbers as rows.
  private static func rows(_ file: SafetensorsFile, _ name: String) throws -> [[Int]]? {
    guard let stored = file[name] else { return nil }
    guard !stored.dtype.isFloatingPoint, (1...2).contains(stored.shape.rank),
      stored.shape.count > 0
    else {
      throw FileError(
        path: file.path,
        reason: "\(name) is \(stored.dtype.rawValue) \(stored.shape), expected whole numbers "
          + "[rows, tokens]")
    }
    let values = stored.integers()
    let width = stored.shape.width
    return (0..<stored.shape.rows).map { Array(values[$0 * width..<($0 + 1) * width]) }
  }

  private static func pictures(_ stored: StoredTensor, path: String) throws -> Tensor {
    let extents = stored.shape.dimensions
    let shape = Shape(
      extents.count == 3
        ? [1] + extents
        : extents.count == 5 ? [extents[0] * extents[1]] + extents.dropFirst(2) : extents)
    guard stored.dtype.isFloatingPoint, shape.rank == 4, shape[1] == 3, shape.count > 0 else {
      throw FileError(
        path: path,
        reason: "pixel_values is \(stored.dtype.rawValue) \(stored.shape), expected real numbers "
          + "[images, 3, height, width]")
    }
    return stored.tensor().reshaped(shape)
  }
}
