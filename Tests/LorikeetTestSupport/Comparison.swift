// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors
public import Testing

/// Records an issue unless each value is within `tolerance` times the largest expected one.
///
/// - Parameter floor: what the largest expected value counts as at the least, for expectations that
///   are all but zero.
@discardableResult
public func expectClose(
  _ found: [Float], _ expected: [Float], tolerance: Float, floor: Float = 1e-6, _ name: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) -> Bool {
  guard found.count == expected.count else {
    Issue.record(
      "\(name): \(found.count) values, expected \(expected.count)", sourceLocation: sourceLocation)
    return false
  }
  let largest = expected.reduce(floor) { max($0, abs($1)) }
  var worst: (index: Int, difference: Float)?
  for index in found.indices {
    let difference = abs(found[index] - expected[index])
    // Not-a-number compares false and must not pass.
    if !(difference <= tolerance * largest), !((worst?.difference ?? 0) >= difference) {
      worst = (index, difference)
    }
  }
  guard let worst else { return true }
  Issue.record(
    """
    \(name): value \(worst.index) of \(found.count) is \(found[worst.index]), expected \
    \(expected[worst.index]); the difference \(worst.difference) exceeds \(tolerance) x \(largest)
    """, sourceLocation: sourceLocation)
  return false
}

/// `expectClose` for tensors: shapes must be equal, too.
@discardableResult
public func expectClose(
  _ found: Tensor, _ expected: Tensor, tolerance: Float, floor: Float = 1e-6, _ name: String = "",
  sourceLocation: SourceLocation = #_sourceLocation
) -> Bool {
  guard found.shape == expected.shape else {
    Issue.record(
      "\(name): the shape is \(found.shape), expected \(expected.shape)",
      sourceLocation: sourceLocation)
    return false
  }
  return expectClose(
    found.values, expected.values, tolerance: tolerance, floor: floor, name,
    sourceLocation: sourceLocation)
}

extension Tensor {
  /// Normal values, the same for the same seed.
  public static func random(_ shape: Shape, seed: UInt64, deviation: Float = 1) -> Tensor {
    var stream = RandomStream(seed: seed)
    return Tensor((0..<shape.count).map { _ in deviation * stream.normal() }, shape)
  }
}
