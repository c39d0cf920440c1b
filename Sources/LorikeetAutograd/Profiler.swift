// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

/// Where the time of a computation goes, operator by operator.
///
/// A tape with a profiler reports each operator when it is done, forward and backward; the time since
/// the last report is that operator's. So every moment between the first report and the last belongs
/// to something, the work between operators to the one that follows.
public final class Profiler {
  /// What one operator took.
  public struct Entry: Sendable {
    /// The part of the work that it belongs to, as set in `section`.
    public var section: String
    /// The operator: the name of the tape's method.
    public var name: String
    public var forward = Cost()
    public var backward = Cost()
  }
  /// Time and work in one direction.
  public struct Cost: Sendable {
    public var seconds = 0.0
    public var calls = 0
    /// Floating-point operations of products and attention; those of element-wise work are not
    /// counted.
    public var operations = 0
  }
  public private(set) var entries: [Entry] = []
  /// The part of the work that operators belong to from now on.
  public var section: String
  private var places: [String: Int] = [:]
  private var last = ContinuousClock.now
  private var lastOperations = WorkCounter.operations

  public init(section: String = "") { self.section = section }

  /// Forgets what has been measured; the time from now on counts.
  public func restart() {
    entries = []
    places = [:]
    skip()
  }

  /// Leaves out the time since the last report.
  public func skip() {
    last = .now
    lastOperations = WorkCounter.operations
  }

  /// Gives the time since the last report to something that is no operator of a tape.
  public func mark(_ name: String) { forward(place(name)) }

  /// The place of an operator's entry.
  ///
  /// - Parameter function: a method's name as `#function` has it.
  func place(_ function: String) -> Int {
    let name = function.prefix { $0 != "(" }
    let key = "\(section)/\(name)"
    if let place = places[key] { return place }
    places[key] = entries.count
    entries.append(Entry(section: section, name: String(name)))
    return entries.count - 1
  }

  /// Gives the time since the last report to the forward pass of an operator.
  func forward(_ place: Int) {
    guard entries.indices.contains(place) else { return }
    add(to: &entries[place].forward)
  }

  /// Gives the time since the last report to the backward pass of an operator.
  func backward(_ place: Int) {
    guard entries.indices.contains(place) else { return }
    add(to: &entries[place].backward)
  }

  private func add(to cost: inout Cost) {
    let now = ContinuousClock.now
    let operations = WorkCounter.operations
    let passed = last.duration(to: now).components
    cost.seconds += Double(passed.seconds) + Double(passed.attoseconds) * 1e-18
    cost.operations += operations - lastOperations
    cost.calls += 1
    (last, lastOperations) = (now, operations)
  }
}
