// SPDX-License-Identifier: Apache-2.0

/// A regular expression of the kind that tokenizers split texts by, matched on UTF-8 bytes.
///
/// It knows sets of characters by category, range and white space, greedy and possessive
/// repetition, groups, `(?i:...)` and looking ahead, with the meaning that the reference library's
/// engine gives them: alternatives in their order, the first way that works. Anything else is left
/// to `RegexPattern`.
struct SplitRegex: SplitPattern {
  /// What matches at a place, and how often in a row.
  struct Item: Sendable {
    var atom: Atom
    var minimum = 1
    var maximum = 1
    var isPossessive = false
  }

  /// Items in a row, and what their match can begin with.
  struct Alternative: Sendable {
    var items: [Item] = []
    /// nil if the match can be empty or begins with a look ahead.
    var lead: ScalarSetUnion?
  }

  enum Atom: Sendable {
    case set(ScalarSet)
    case group([Alternative])
    case ahead([Alternative], negated: Bool)
    /// The end of the text or of a line.
    case end
  }

  /// Groups are repeated at most so often, which bounds the stack.
  static let maximumGroupCount = 32
  private let alternatives: [Alternative]

  /// nil if the source holds something that this does not know.
  init?(_ source: String) {
    var parser = SplitRegexParser(source)
    guard let alternatives = parser.parse() else { return nil }
    self.alternatives = alternatives
  }

  /// Empty matches are found too: they are places to split at.
  func forEachMatch(in text: [UInt8], _ range: Range<Int>, _ found: (Range<Int>) -> Void) {
    let budget = SplitRegexBudget()
    let matcher = SplitRegexMatcher(text: text, end: range.upperBound, budget: budget)
    var index = range.lowerBound
    var lastEnd: Int?
    while index < range.upperBound {
      budget.renew()
      let end = matcher.match(alternatives, at: index) { $0 }
      if let end, end > index {
        found(index..<end)
        (index, lastEnd) = (end, end)
      } else {
        // An empty match right behind another one does not count.
        if end == index, lastEnd != index { found(index..<index) }
        index = text.scalar(at: index, end: range.upperBound).next
      }
    }
  }
}

/// What one match may cost; beyond, nothing matches at that place.
private final class SplitRegexBudget {
  private(set) var steps = 0
  var depth = 0

  func renew() { (steps, depth) = (1_000_000, 0) }

  /// Whether there is something left after so much work.
  func charge(_ amount: Int) -> Bool {
    steps -= amount
    return steps > 0
  }
}

/// Matches at a place; `next` matches what follows, and gives the end of the whole.
private struct SplitRegexMatcher {
  let text: [UInt8]
  let end: Int
  let budget: SplitRegexBudget

  typealias Next = (Int) -> Int?

  private static let maximumDepth = 2000

  /// The end of the match of the first alternative with which what follows matches too.
  func match(_ alternatives: [SplitRegex.Alternative], at position: Int, _ next: Next) -> Int? {
    let scalar = position < end ? text.scalar(at: position, end: end).scalar : nil
    for index in alternatives.indices {
      if let lead = alternatives[index].lead {
        guard let scalar, lead.contains(scalar) else { continue }
      }
      if let result = match(alternatives[index].items, 0, at: position, next) { return result }
    }
    return nil
  }

  private func match(
    _ items: [SplitRegex.Item], _ index: Int, at position: Int, _ next: Next
  ) -> Int? {
    guard index < items.count else { return next(position) }
    guard budget.charge(1) else { return nil }
    switch items[index].atom {
    case .set(let set): return matchSet(set, items, index, at: position, next)
    case .end:
      let holds = position == end || text[position] == 0x0A
      return holds ? match(items, index + 1, at: position, next) : nil
    case .ahead(let alternatives, let negated):
      let holds = match(alternatives, at: position) { $0 } != nil
      return holds != negated ? match(items, index + 1, at: position, next) : nil
    case .group(let alternatives):
      return matchGroup(alternatives, items, index, count: 0, at: position, next)
    }
  }

  private func matchSet(
    _ set: ScalarSet, _ items: [SplitRegex.Item], _ index: Int, at start: Int, _ next: Next
  ) -> Int? {
    let (minimum, maximum) = (items[index].minimum, items[index].maximum)
    var position = start
    var count = 0
    while count < maximum, position < end {
      let (scalar, after) = text.scalar(at: position, end: end)
      guard set.contains(scalar) else { break }
      (position, count) = (after, count + 1)
    }
    guard count >= minimum, budget.charge(count >> 6) else { return nil }
    let isPossessive = items[index].isPossessive
    while true {
      if let result = match(items, index + 1, at: position, next) { return result }
      guard count > minimum, !isPossessive, budget.charge(1) else { return nil }
      position = text.scalar(before: position, start: start).previous
      count -= 1
    }
  }

  private func matchGroup(
    _ alternatives: [SplitRegex.Alternative], _ items: [SplitRegex.Item], _ index: Int, count: Int,
    at position: Int, _ next: Next
  ) -> Int? {
    budget.depth += 1
    defer { budget.depth -= 1 }
    guard budget.depth < SplitRegexMatcher.maximumDepth else { return nil }
    let item = items[index]
    if count < item.maximum {
      let result = match(alternatives, at: position) { reached in
        if reached == position, count >= item.minimum { return nil }
        return matchGroup(alternatives, items, index, count: count + 1, at: reached, next)
      }
      if let result { return result }
    }
    return count >= item.minimum ? match(items, index + 1, at: position, next) : nil
  }
}
