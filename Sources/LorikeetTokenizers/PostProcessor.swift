// SPDX-License-Identifier: Apache-2.0

/// Lays special tokens around the ids of a text.
struct PostProcessor: Sendable {
  var before: [Int] = []
  var after: [Int] = []

  func process(_ ids: [Int]) -> [Int] {
    before.isEmpty && after.isEmpty ? ids : before + ids + after
  }

  /// The processor that does first this one's work, then the other's.
  func followed(by next: PostProcessor) -> PostProcessor {
    PostProcessor(before: next.before + before, after: after + next.after)
  }
}
