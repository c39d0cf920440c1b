// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// One turn of a conversation.
public struct ChatMessage: Sendable, Equatable {
  /// Who speaks: `system`, `user`, `assistant`, ...
  public var role: String
  /// A string, or a list of parts as `{"type": "image"}` and `{"type": "text", "text": ...}`.
  public var content: TemplateValue
  /// Further members that templates may look at, as `tool_calls`.
  public var extra: TemplateObject

  public init(role: String, content: TemplateValue, extra: TemplateObject = TemplateObject()) {
    self.role = role
    self.content = content
    self.extra = extra
  }

  public init(role: String, text: String) { self.init(role: role, content: .string(text)) }

  /// The part of a message's content that stands for an image.
  public static let imagePart: TemplateValue = ["type": "image"]

  /// A part of a message's content that is text.
  public static func textPart(_ text: String) -> TemplateValue {
    ["type": "text", "text": .string(text)]
  }

  /// A message whose reasoning stands under the two names that templates read, whichever of three
  /// it came under; as the reference library passes it on.
  fileprivate static func withReasoning(_ message: TemplateValue) -> TemplateValue {
    guard let object = message.objectValue else { return message }
    let names = ["reasoning_content", "thinking", "reasoning"]
    let reasoning = names.compactMap { object[$0] }.first { $0 != .null }
    guard let reasoning else { return message }
    var members = TemplateObject([("thinking", object["thinking"] ?? reasoning)])
    for (key, value) in zip(object.keys, object.values)
    where key != "thinking" {
      members.append(key, key == "reasoning_content" ? reasoning : value)
    }
    if object["reasoning_content"] == nil { members.append("reasoning_content", reasoning) }
    return .object(members)
  }

  fileprivate var value: TemplateValue {
    var object = TemplateObject([("role", .string(role)), ("content", content)])
    for (key, value) in zip(extra.keys, extra.values) { object.append(key, value) }
    return .object(object)
  }
}

/// A template that writes a conversation as the prompt a model was trained on.
///
/// Templates are written in Jinja; this renders the part of the language that such templates use,
/// the way the reference library sets it up (`trim_blocks`, `lstrip_blocks`, its `tojson`,
/// `raise_exception` and `strftime_now`). What a template may use up is bounded, so one from an
/// unknown source can be rendered.
public struct ChatTemplate: Sendable {
  public let source: String
  /// What messages call the template.
  public let name: String
  /// Variables the template sees beside those given to `render`, as `bos_token`.
  package var variables: [String: TemplateValue]
  private let statements: Result<[JinjaStatement], TokenizerError>

  /// Parses a template.
  ///
  /// - Throws: `TokenizerError.template` with the line, if it is not Jinja or uses what is not
  ///   supported.
  public init(source: String, name: String) throws(TokenizerError) {
    self.init(unchecked: source, name: name, variables: [:])
    _ = try statements.get()
  }

  /// A template whose faults come out when it is rendered.
  init(unchecked source: String, name: String, variables: [String: TemplateValue]) {
    self.source = source
    self.name = name
    self.variables = variables
    statements = Result { () throws(TokenizerError) in try JinjaParser.parse(source, name: name) }
  }

  /// Writes a conversation.
  ///
  /// - Parameters:
  ///   - messages: the turns, in order.
  ///   - addGenerationPrompt: whether to end with the words that begin the assistant's turn.
  ///   - variables: more variables for the template, as `tools` or `enable_thinking`; they come
  ///     before the tokenizer's own, as `bos_token`.
  ///   - now: the time for `strftime_now`.
  /// - Throws: `TokenizerError.template` with the line, if the template refuses the conversation
  ///   (`raise_exception`), fails, or takes too much.
  public func render(
    messages: [ChatMessage], addGenerationPrompt: Bool,
    variables: [String: TemplateValue] = [:], now: Date = Date()
  ) throws(TokenizerError) -> String {
    var all = variables
    all["messages"] = .array(messages.map(\.value))
    all["add_generation_prompt"] = .bool(addGenerationPrompt)
    return try render(variables: all, now: now)
  }

  /// Writes a conversation that stands, as everything else the template shall see, among the
  /// variables: `messages`, `add_generation_prompt`, `tools`...
  ///
  /// - Throws: as `render(messages:addGenerationPrompt:variables:now:)`.
  public func render(
    variables: [String: TemplateValue], now: Date = Date()
  ) throws(TokenizerError) -> String {
    let statements = try statements.get()
    var all = self.variables.merging(variables) { _, new in new }
    if let messages = all["messages"]?.arrayValue {
      all["messages"] = .array(messages.map(ChatMessage.withReasoning))
    }
    // The reference library always passes these.
    for name in ["tools", "documents"] where all[name] == nil { all[name] = .null }
    if all["add_generation_prompt"] == nil { all["add_generation_prompt"] = .bool(false) }
    return try JinjaInterpreter.render(
      statements, name: name, variables: all.mapValues { JinjaValue($0) }, now: now)
  }
}
