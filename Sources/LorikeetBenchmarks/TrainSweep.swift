// SPDX-License-Identifier: Apache-2.0

/// One size of the training work that grows while the others stay.
package enum TrainSweep: String, CaseIterable, Sendable {
  case tokens, batch, rank, layers

  /// The sizes, ascending, so that memory that is kept from one does not count for the next.
  package var sizes: [Int] {
    switch self {
    case .tokens: [64, 128, 256, 512, 1024, 2048]
    case .batch: [1, 2, 4, 8, 16]
    case .rank: [1, 2, 4, 8, 16, 32, 64]
    case .layers: [5, 10, 15, 20, 25, 30]
    }
  }

  /// The work at one size. Visual and text tokens together are `tokens` of the sweep over them.
  package func apply(
    _ size: Int, _ model: inout BenchmarkModel, _ options: inout TrainBenchmark.Options
  ) throws {
    switch self {
    case .tokens:
      guard size > options.textTokens else {
        throw BenchmarkError("\(size) tokens", "\(options.textTokens) of them are text")
      }
      options.visualTokens = size - options.textTokens
    case .batch:
      guard size <= 4096 else { throw BenchmarkError("batch \(size)", "expected 1 to 4096") }
      options.batch = size
    case .rank:
      guard size <= 4096 else { throw BenchmarkError("rank \(size)", "expected 1 to 4096") }
      options.rank = size
    case .layers:
      guard case .random(let shape, _) = model.source else {
        throw BenchmarkError(model.description, "its number of layers cannot be changed")
      }
      model.source = .random(shape, layers: size)
    }
  }
}
