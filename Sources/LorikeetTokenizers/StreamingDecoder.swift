// SPDX-License-Identifier: Apache-2.0

/// Decodes ids as they are generated, one at a time, and gives text only when its characters are
/// whole.
///
/// The texts given, one after another, are `decode` of all ids. A token may end within a character;
/// its bytes are held until the character is complete or `finish` is called.
public struct StreamingDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecialTokens: Bool
  /// The ids given last and those held. The ones given before are decoded again with the next,
  /// because the first token of a text can look different from the same token further on.
  private var window: [Int] = []
  private var givenCount = 0
  /// The end of the text, which spaces may still be removed from.
  private var uncleaned: [UInt8] = []

  public init(_ tokenizer: Tokenizer, skipSpecialTokens: Bool = true) {
    self.tokenizer = tokenizer
    self.skipSpecialTokens = skipSpecialTokens
  }

  /// Adds an id; gives the text that is complete with it, often empty. An id that the vocabulary
  /// lacks is left out.
  public mutating func append(_ id: Int) -> String {
    let new = appendPlain(id)
    guard tokenizer.cleansUpSpaces else { return new }
    uncleaned.append(contentsOf: new.utf8)
    let end = TextCleanup.stableEnd(of: uncleaned)
    defer { uncleaned.removeFirst(end) }
    return TextCleanup.apply(to: Array(uncleaned[..<end]).text)
  }

  private mutating func appendPlain(_ id: Int) -> String {
    if skipSpecialTokens, tokenizer.isSpecial(id) { return "" }
    window.append(id)
    // A run of bytes that turns out to be no UTF-8 is U+FFFD from its beginning.
    if tokenizer.joinsNext(id) { return "" }
    let (new, isWhole) = newText()
    guard isWhole, !new.isEmpty else { return "" }
    // What begins the window must have a text, or it would be taken for the beginning of all text,
    // where some decoders leave out spaces.
    if !text(of: window[givenCount...]).isEmpty { window.removeFirst(givenCount) }
    givenCount = window.count
    return new
  }

  /// The text held back, with U+FFFD for bytes that are no character; the decoder is then as new.
  public mutating func finish() -> String {
    let (new, _) = newText()
    window.removeAll()
    givenCount = 0
    guard tokenizer.cleansUpSpaces else { return new }
    defer { uncleaned.removeAll() }
    return TextCleanup.apply(to: uncleaned.text + new)
  }

  private func newText() -> (text: String, isWhole: Bool) {
    let given = text(of: window[..<givenCount])
    let all = text(of: window[...])
    // U+FFFD at the end: the bytes of a character that has more to come.
    let isWhole = !all.utf8.reversed().starts(with: [0xBD, 0xBF, 0xEF])
    return (String(decoding: all.utf8.dropFirst(given.utf8.count), as: UTF8.self), isWhole)
  }

  private func text(of ids: ArraySlice<Int>) -> String {
    tokenizer.decodePlain(Array(ids), skipSpecialTokens: skipSpecialTokens)
  }
}
