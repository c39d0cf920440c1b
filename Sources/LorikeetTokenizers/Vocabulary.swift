// SPDX-License-Identifier: Apache-2.0

/// A model's tokens and their ids.
struct Vocabulary: Sendable {
  /// Ids must be smaller; a hostile file could otherwise ask for any amount of memory.
  static let maximumSize = 1 << 24

  private var table: ByteStringTable
  private var ids: [Int32] = []
  /// Which string an id has, or -1.
  private var entries: [Int32] = []

  init(capacity: Int = 16) { table = ByteStringTable(capacity: capacity) }

  /// Adds a token, or gives a known one another id.
  ///
  /// - Returns: whether the id is in range and was free.
  mutating func insert(_ token: [UInt8], id: Int) -> Bool {
    guard id >= 0, id < Vocabulary.maximumSize, entry(of: id) == nil else { return false }
    let index: Int
    if let known = table.index(of: token) {
      entries[Int(ids[known])] = -1
      ids[known] = Int32(id)
      index = known
    } else {
      index = table.append(token, 0..<token.count)
      ids.append(Int32(id))
    }
    while entries.count <= id { entries.append(-1) }
    entries[id] = Int32(index)
    return true
  }

  /// One more than the highest id.
  var size: Int { entries.count }

  func id(of text: [UInt8], _ range: Range<Int>) -> Int? {
    table.index(of: text, range).map { Int(ids[$0]) }
  }

  func id(of text: [UInt8]) -> Int? { id(of: text, 0..<text.count) }

  func token(of id: Int) -> [UInt8]? { entry(of: id).map { table[$0] } }

  private func entry(of id: Int) -> Int? {
    guard entries.indices.contains(id), entries[id] >= 0 else { return nil }
    return Int(entries[id])
  }
}
