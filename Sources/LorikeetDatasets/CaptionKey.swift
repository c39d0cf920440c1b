// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// A caption without what variants of one picture differ in.
public enum CaptionKey {
  /// Lowercases, drops punctuation, articles, colours, counting words, digits and words such as
  /// `outline`, `mirrored`, `left`, and strips plurals: `Two red apples.` and `An apple.` agree.
  ///
  /// A caption of nothing else (`Red.`) keeps its words. Words after `letter` and
  /// `number` stand for themselves, so the letter a is not an article.
  public static func make(_ caption: String) -> String {
    let words = caption.lowercased().split { !$0.isLetter && !$0.isNumber }.map(String.init)
    var kept: [String] = []
    var isName = false
    for word in words {
      let dropped = ignored.contains(word) || word.allSatisfy(\.isNumber)
      if isName || !dropped { kept.append(isName ? word : singular(word)) }
      isName = word == "letter" || word == "number"
    }
    return (kept.isEmpty ? words : kept).joined(separator: " ")
  }

  private static let ignored: Set<String> = [
    "a", "an", "the", "some", "another", "its", "pair", "of",
    "black", "blue", "brown", "golden", "gray", "green", "grey", "pink", "purple", "red", "silver",
    "white", "yellow", "colorful", "colourful", "colored", "coloured",
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "outline", "outlined", "filled", "mirrored", "mirror", "left", "right",
  ]

  private static func singular(_ word: String) -> String {
    if word.count > 4, word.hasSuffix("ies") { return word.dropLast(3) + "y" }
    if word.count > 3, word.hasSuffix("s"), !word.hasSuffix("ss") { return String(word.dropLast()) }
    return word
  }
}
