// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

/// The order of training: batches of sample indices, every sample once an epoch.
///
/// The order of an epoch depends on the seed and the epoch's number alone, so a run resumes at
/// `position` with the batches that an uninterrupted one would have had.
public struct BatchSampler: Sendable {
  /// A place in the order, to be stored with a checkpoint.
  public struct Position: Sendable, Codable, Hashable {
    /// The epoch, from 0.
    public var epoch: Int
    /// How many samples of the epoch's order are behind.
    public var offset: Int

    public init(epoch: Int = 0, offset: Int = 0) {
      self.epoch = epoch
      self.offset = offset
    }
  }

  /// What may differ from plain shuffled batches.
  public struct Options: Sendable, Hashable {
    /// Whether epochs are shuffled; otherwise samples come in the set's order.
    public var shuffles = true
    /// Whether an epoch's last, smaller batch is left out.
    public var dropsLast = false
    /// Whether the last batch of an epoch is filled up from the next one.
    public var crossesEpochs = false

    public init(shuffles: Bool = true, dropsLast: Bool = false, crossesEpochs: Bool = false) {
      self.shuffles = shuffles
      self.dropsLast = dropsLast
      self.crossesEpochs = crossesEpochs
    }
  }

  public let count: Int
  public let batchSize: Int
  public let seed: UInt64
  public let options: Options
  /// Where the next batch begins.
  public private(set) var position: Position
  private let lengths: [Int]?
  private var order: [Int]

  /// - Parameters:
  ///   - count: how many samples there are.
  ///   - lengths: a length for each sample; when given, batches hold samples of like length.
  ///   - position: where to go on.
  /// - Throws: `DatasetError.invalid` for an empty set, a batch size below 1, lengths that do not
  ///   match, or a position outside the epoch.
  public init(
    count: Int, batchSize: Int, seed: UInt64, options: Options = .init(), lengths: [Int]? = nil,
    position: Position = .init()
  ) throws(DatasetError) {
    guard count > 0 else {
      throw .invalid(what: "samples", value: "\(count)", expected: "at least 1")
    }
    guard batchSize > 0 else {
      throw .invalid(what: "batch size", value: "\(batchSize)", expected: "at least 1")
    }
    guard !options.dropsLast || batchSize <= count else {
      throw .invalid(
        what: "batch size", value: "\(batchSize)",
        expected: "at most \(count), the number of samples, as short batches are dropped")
    }
    if let lengths, lengths.count != count {
      throw .invalid(
        what: "lengths", value: "\(lengths.count)", expected: "one for each of \(count) samples")
    }
    guard position.epoch >= 0, (0...count).contains(position.offset) else {
      throw .invalid(
        what: "position", value: "epoch \(position.epoch), offset \(position.offset)",
        expected: "an epoch of at least 0 and an offset of at most \(count)")
    }
    self.count = count
    self.batchSize = batchSize
    self.seed = seed
    self.options = options
    self.lengths = lengths
    self.position = position
    order = []
    order = makeOrder(epoch: position.epoch)
  }

  /// How many batches an epoch has when batches stay inside it.
  public var batchesPerEpoch: Int {
    options.dropsLast ? count / batchSize : (count - 1) / batchSize + 1
  }

  /// The next batch, and the epoch in which it begins.
  public mutating func next() -> (epoch: Int, indices: [Int]) {
    let left = count - position.offset
    if left == 0 || (left < batchSize && options.dropsLast && !options.crossesEpochs) { advance() }
    let epoch = position.epoch
    var batch: [Int] = []
    repeat {
      if position.offset == count { advance() }
      let end = position.offset + min(batchSize - batch.count, count - position.offset)
      batch += order[position.offset..<end]
      position.offset = end
    } while options.crossesEpochs && batch.count < batchSize
    return (epoch, batch)
  }

  /// All batches of one epoch, in order, whatever the position.
  public func batches(epoch: Int) -> [[Int]] {
    let order = makeOrder(epoch: epoch)
    return (0..<batchesPerEpoch).map { batch in
      Array(order[batch * batchSize..<min(count, batch * batchSize + batchSize)])
    }
  }

  private mutating func advance() {
    position = Position(epoch: position.epoch + 1, offset: 0)
    order = makeOrder(epoch: position.epoch)
  }

  /// The permutation of an epoch.
  private func makeOrder(epoch: Int) -> [Int] {
    var order = Array(0..<count)
    var random = RandomStream.derive(seed: seed, label: "epoch \(epoch)")
    if options.shuffles { random.shuffle(&order) }
    guard let lengths else { return order }
    // Sort inside windows of fifty batches: like lengths meet, and chance still mixes the set.
    var batches: [[Int]] = []
    let window = batchSize.multipliedReportingOverflow(by: 50)
    let step = window.overflow ? count : min(window.partialValue, count)
    for start in stride(from: 0, to: count, by: step) {
      let part = order[start..<min(count, start + step)].sorted { lengths[$0] > lengths[$1] }
      for first in stride(from: 0, to: part.count, by: batchSize) {
        batches.append(Array(part[first..<min(part.count, first + batchSize)]))
      }
    }
    // The short batch stays last, so that offsets fall on the ends of batches.
    let short = batches.last.map { $0.count < batchSize } == true ? batches.removeLast() : []
    if options.shuffles { random.shuffle(&batches) }
    return batches.flatMap { $0 } + short
  }
}
