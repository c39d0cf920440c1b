// SPDX-License-Identifier: Apache-2.0

/// The extents of a tensor, slowest first.
///
/// Vectors and matrices, which every operator makes, need no memory on the heap.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral, CustomStringConvertible {
  public let rank: Int
  /// The product of all extents but the last.
  public let rows: Int
  /// The last extent; 1 for a scalar.
  public let width: Int
  /// All extents, where there are more than two.
  private let extents: [Int]?

  /// Traps on a negative extent.
  public init(_ dimensions: [Int]) {
    precondition(dimensions.allSatisfy { $0 >= 0 }, "Shape: negative extent in \(dimensions)")
    rank = dimensions.count
    // A product that does not fit is as good as none: `count` traps.
    rows = dimensions.dropLast().reduce(1) {
      let (product, overflow) = $0.multipliedReportingOverflow(by: $1)
      return overflow ? .max : product
    }
    width = dimensions.last ?? 1
    extents = rank > 2 ? dimensions : nil
  }

  /// A matrix. Traps on a negative extent.
  public init(_ rows: Int, _ width: Int) {
    precondition(rows >= 0 && width >= 0, "Shape: negative extent in [\(rows), \(width)]")
    (rank, self.rows, self.width, extents) = (2, rows, width, nil)
  }

  public init(arrayLiteral elements: Int...) { self.init(elements) }

  public var dimensions: [Int] { extents ?? Array([rows, width].suffix(rank)) }

  /// The number of elements; 1 for a scalar.
  public var count: Int { rows * width }

  public subscript(_ axis: Int) -> Int {
    if let extents { return extents[axis] }
    precondition(axis >= 0 && axis < rank, "Shape: axis \(axis) of \(self)")
    return axis == rank - 1 ? width : rows
  }

  public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
