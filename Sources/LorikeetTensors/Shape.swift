// SPDX-License-Identifier: Apache-2.0

/// The extents of a tensor, slowest first.
public struct Shape: Sendable, Hashable, ExpressibleByArrayLiteral, CustomStringConvertible {
  public let dimensions: [Int]

  /// Traps on a negative extent.
  public init(_ dimensions: [Int]) {
    precondition(dimensions.allSatisfy { $0 >= 0 }, "Shape: negative extent in \(dimensions)")
    self.dimensions = dimensions
  }

  public init(arrayLiteral elements: Int...) { self.init(elements) }

  /// The number of elements; 1 for a scalar.
  public var count: Int { dimensions.reduce(1, *) }
  public var rank: Int { dimensions.count }
  /// The last extent; 1 for a scalar.
  public var width: Int { dimensions.last ?? 1 }
  /// The product of all extents but the last.
  public var rows: Int { dimensions.dropLast().reduce(1, *) }

  public subscript(_ axis: Int) -> Int { dimensions[axis] }

  public var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}
