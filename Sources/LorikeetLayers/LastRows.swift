// SPDX-License-Identifier: Apache-2.0

public import LorikeetAutograd
internal import LorikeetTensors

/// The end of each sequence of a batch, from the first row on that something is asked of. A model's
/// last block gives no other rows than these: keys and values it needs of all, queries and what
/// follows of these alone.
public struct LastRows {
  /// The rows in the batch, one run a sequence that has any.
  let runs: [Range<Int>]
  /// A pass over these rows one after the other; its sequences see the keys that they saw.
  public let context: ForwardContext
  /// Where each row that is asked for stands among these.
  public let places: [Int]

  /// Nil if there is nothing to be left out.
  ///
  /// - Parameter wanted: rows of the batch, in any order.
  public init?(_ wanted: [Int], in whole: ForwardContext) {
    guard !wanted.isEmpty else { return nil }
    var firsts = whole.segments.map(\.queries.upperBound)
    for row in wanted {
      guard let index = whole.segments.firstIndex(where: { $0.queries.contains(row) }) else {
        return nil
      }
      firsts[index] = min(firsts[index], row)
    }
    let ends = zip(firsts, whole.segments).map { $0..<$1.queries.upperBound }
    let count = ends.reduce(0) { $0 + $1.count }
    guard count < whole.positions.count else { return nil }
    var start = 0
    var starts: [Int] = []
    let segments = zip(ends, whole.segments).map { end, segment in
      defer { start += end.count }
      starts.append(start)
      return AttentionSegment(
        queries: start..<start + end.count, keys: segment.keys, prefix: segment.prefix)
    }
    places = wanted.map { row in
      let index = ends.firstIndex { $0.contains(row) } ?? 0
      return starts[index] + row - ends[index].lowerBound
    }
    runs = ends.filter { !$0.isEmpty }
    context = whole.of(runs, segments: segments)
  }

  /// These rows of a matrix with one row for each of the batch.
  public func of(_ x: Variable) -> Variable {
    context.tape.joinRows(runs.map { (x, $0) }, width: x.shape.width)
  }

  /// The angles of these rows.
  func of(_ table: RotaryTable) -> RotaryTable { table.rows(runs) }
}
