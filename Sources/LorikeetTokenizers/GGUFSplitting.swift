// SPDX-License-Identifier: Apache-2.0

/// How the vocabulary of a name in `tokenizer.ggml.pre` splits texts.
///
/// Names and patterns are those of llama.cpp (`llama_vocab::impl::load`), which gives every name
/// what the tokenizer.json of its family says; the normalisation is the family's own, which
/// llama.cpp leaves out.
struct GGUFSplitting: Sendable {
  enum Step: Sendable {
    /// Each match of a regular expression is a piece, and so is what lies between.
    case pattern(String)
    /// Each digit is a piece.
    case digits
    /// Each run of punctuation is a piece.
    case punctuation
    /// Bytes are written as their printable stand-ins; what follows sees only these.
    case bytes
    /// Each run of digits is a piece.
    case numbers

    func preTokenizer(_ node: ConfigurationNode) throws(TokenizerError) -> any PreTokenizer {
      switch self {
      case .pattern(let source): try TokenizerComponents.split(source, node)
      case .digits:
        SplitPreTokenizer(
          pattern: ScalarPattern(matches: CharacterClass.isNumeric), behavior: .isolated)
      case .punctuation:
        SplitPreTokenizer(
          pattern: ScalarPattern { CharacterClass.of($0).contains(.punctuation) },
          behavior: .contiguous)
      case .bytes: ByteLevelPreTokenizer(addPrefixSpace: false, usesPattern: false)
      case .numbers:
        SplitPreTokenizer(
          pattern: ScalarPattern(matches: CharacterClass.isNumeric), behavior: .contiguous)
      }
    }
  }

  /// Ends with `bytes`, if that is not among them.
  var steps: [Step]
  /// Normalises texts to NFC.
  var composes = false
  /// A piece that is a token is not merged.
  var ignoresMerges = false

  static func named(
    _ name: String, in node: ConfigurationNode
  ) throws(TokenizerError) -> GGUFSplitting {
    guard let splitting = known[name] else {
      throw node.unsupported("pre", name, known.keys.sorted())
    }
    return splitting
  }

  func preTokenizer(_ node: ConfigurationNode) throws(TokenizerError) -> any PreTokenizer {
    var members = try steps.map { step throws(TokenizerError) in try step.preTokenizer(node) }
    if !steps.contains(where: { if case .bytes = $0 { true } else { false } }) {
      members.append(try Step.bytes.preTokenizer(node))
    }
    return SequencePreTokenizer(members: members)
  }

  /// Whether texts begin with bos if the file does not say.
  static func addsBOS(_ name: String) -> Bool { llama3Names.contains(name) || name == "tekken" }

  private static let llama3Names = [
    "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
    "jina-v5-nano",
  ]

  private static let known: [String: GGUFSplitting] = {
    var known: [String: GGUFSplitting] = [:]
    func add(_ names: [String], _ splitting: GGUFSplitting) {
      for name in names { known[name] = splitting }
    }
    let gpt2 = Step.pattern(SplitSource.gpt2)
    add(
      [
        "gpt2", "gpt-2", "phi-2", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de", "jina-v1-en",
        "jina-v2-code", "roberta-bpe", "gigachat", "a.x-4.0", "mellum", "exaone4", "jais",
        "trillion", "granite-docling",
      ], GGUFSplitting(steps: [gpt2]))
    add(["mpt", "olmo", "modern-bert"], GGUFSplitting(steps: [gpt2], composes: true))
    add(
      ["smollm", "starcoder", "refact", "codeshell", "exaone", "minerva-7b", "mellum2"],
      GGUFSplitting(steps: [.digits, gpt2]))
    add(["command-r"], GGUFSplitting(steps: [.digits, gpt2], composes: true))
    let llama3 = Step.pattern(SplitSource.llama3)
    add(llama3Names + ["glm4", "glm5"], GGUFSplitting(steps: [llama3], ignoresMerges: true))
    add(["dbrx", "smaug-bpe", "chatglm-bpe"], GGUFSplitting(steps: [llama3]))
    let qwen2 = Step.pattern(SplitSource.qwen2)
    add(["qwen2", "megrez"], GGUFSplitting(steps: [qwen2], composes: true))
    add(["deepseek-r1-qwen", "hunyuan", "stablelm2"], GGUFSplitting(steps: [qwen2]))
    add(["qwen35"], GGUFSplitting(steps: [.pattern(SplitSource.qwen35)], composes: true))
    add(["tekken"], GGUFSplitting(steps: [.pattern(SplitSource.tekken)], ignoresMerges: true))
    add(["gpt-4o", "llama4"], GGUFSplitting(steps: [.pattern(SplitSource.o200k)]))
    let three = Step.pattern("[0-9][0-9][0-9]")
    add(["falcon"], GGUFSplitting(steps: [.punctuation, gpt2, .bytes, .numbers, three]))
    // What llama.cpp does with files that give no name.
    add(
      ["default"],
      GGUFSplitting(
        steps: [.pattern(#"[\p{P}\$\+<=>\^~\|]+"#), gpt2, .pattern(#"\p{N}+"#), three]))
    add(
      ["deepseek-llm"],
      GGUFSplitting(
        steps: [
          .pattern("[\r\n]"), .pattern(SplitSource.deepSeekLetters),
          .pattern(SplitSource.deepSeekSigns), .pattern(#"\s+$"#), .pattern(SplitSource.asian),
          .digits,
        ]))
    add(
      ["deepseek-coder"],
      GGUFSplitting(
        steps: [
          .pattern("[\r\n]"), .pattern(#"\s?\p{L}+"#), .pattern(#"\s?\p{P}+"#),
          .pattern(SplitSource.asian), .digits,
        ]))
    add(
      ["deepseek-v3"],
      GGUFSplitting(
        steps: [
          .pattern(#"\p{N}{1,3}"#),
          .pattern("[\u{4E00}-\u{9FA5}\u{3040}-\u{309F}\u{30A0}-\u{30FF}]+"),
          .pattern(SplitSource.deepSeekV3),
        ]))
    return known
  }()
}

/// The names that GGUF files give to ways of splitting.
package enum GGUFPreTokenizerName {
  /// The name for a vocabulary whose texts are split by a regular expression alone, as written in
  /// its tokenizer.json; nil for one that has no name.
  ///
  /// - Parameter composes: whether texts are normalised to NFC before.
  package static func forPattern(_ source: String, composes: Bool) -> String? {
    switch source {
    case SplitSource.llama3: composes ? nil : "llama-bpe"
    case SplitSource.gpt4: composes ? nil : "dbrx"
    case SplitSource.qwen2: composes ? "qwen2" : "deepseek-r1-qwen"
    case SplitSource.qwen35: composes ? "qwen35" : nil
    case SplitSource.tekken: composes ? nil : "tekken"
    case SplitSource.o200k: composes ? nil : "gpt-4o"
    default: nil
    }
  }
}

/// The regular expressions that published vocabularies split texts by.
enum SplitSource {
  static let gpt2 =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
  static let llama3 =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"#
    + #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// As llama3, written otherwise.
  static let gpt4 =
    #"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*"#
    + #"|\s*[\r\n]|\s+(?!\S)|\s+"#
  static let qwen2 =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"#
    + #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
  static let qwen35 =
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"#
    + #"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  private static let upper = #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
  private static let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
  private static let rest = #"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  static let tekken = "\(upper)*\(lower)+|\(upper)+\(lower)*" + #"|\p{N}"# + rest
  private static let endings = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
  static let o200k =
    "\(upper)*\(lower)+\(endings)|\(upper)+\(lower)*\(endings)" + #"|\p{N}{1,3}"# + rest
  static let asian = "[\u{4E00}-\u{9FA5}\u{0800}-\u{4E00}\u{AC00}-\u{D7FF}]+"
  static let deepSeekSigns =
    #"\s?[!-/:-~"# + "\u{FF01}-\u{FF0F}\u{FF1A}-\u{FF5E}\u{2018}-\u{201F}\u{3000}-\u{3002}]+"
  static let deepSeekV3 =
    ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##
    + #"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
  /// Letters of two cases.
  static let deepSeekLetters =
    #"\s?"#
    + "[A-Za-z\u{B5}\u{C0}-\u{D6}\u{D8}-\u{F6}\u{F8}-\u{1BA}\u{1BC}-\u{1BF}\u{1C4}-\u{293}"
    + "\u{295}-\u{2AF}\u{370}-\u{373}\u{376}\u{377}\u{37B}-\u{37D}\u{37F}\u{386}\u{388}-\u{38A}"
    + "\u{38C}\u{38E}-\u{3A1}\u{3A3}-\u{3F5}\u{3F7}-\u{481}\u{48A}-\u{52F}\u{531}-\u{556}"
    + "\u{10A0}-\u{10C5}\u{13A0}-\u{13F5}\u{13F8}-\u{13FD}\u{1C90}-\u{1CBA}\u{1CBD}-\u{1CBF}"
    + "\u{1D00}-\u{1D2B}\u{1D6B}-\u{1D77}\u{1D79}-\u{1D9A}\u{1E00}-\u{1F15}\u{1F18}-\u{1F1D}"
    + "\u{1F20}-\u{1F45}\u{1F48}-\u{1F4D}\u{1F50}-\u{1F57}\u{1F59}\u{1F5B}\u{1F5D}\u{1F5F}-"
    + "\u{1F7D}\u{1F80}-\u{1FB4}\u{1FB6}-\u{1FBC}\u{1FBE}\u{1FC2}-\u{1FC4}\u{1FC6}-\u{1FCC}"
    + "\u{1FD0}-\u{1FD3}\u{1FD6}-\u{1FDB}\u{1FE0}-\u{1FEC}\u{1FF2}-\u{1FF4}\u{1FF6}-\u{1FFC}"
    + "\u{2102}\u{2107}\u{210A}-\u{2113}\u{2115}\u{2119}-\u{211D}\u{2124}\u{2126}\u{2128}"
    + "\u{212A}-\u{212D}\u{212F}-\u{2134}\u{2139}\u{213C}-\u{213F}\u{2145}-\u{2149}\u{214E}"
    + "\u{2183}\u{2184}\u{2C00}-\u{2C7B}\u{2C7E}-\u{2CE4}\u{2CEB}-\u{2CEE}\u{2CF2}\u{2CF3}"
    + "\u{A640}-\u{A66D}\u{A680}-\u{A69B}\u{A722}-\u{A76F}\u{A771}-\u{A787}\u{A78B}-\u{A78E}"
    + "\u{AB70}-\u{ABBF}\u{FB00}-\u{FB06}\u{FB13}-\u{FB17}\u{FF21}-\u{FF3A}\u{FF41}-\u{FF5A}"
    + "\u{10400}-\u{1044F}\u{104B0}-\u{104D3}\u{104D8}-\u{104FB}\u{10C80}-\u{10CB2}\u{10CC0}-"
    + "\u{10CF2}\u{118A0}-\u{118DF}\u{1E900}-\u{1E943}]+"
}
