// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Which hub is asked, with which token, and where its files are kept: the environment variables of
/// Hugging Face's own client, so that both share one cache.
public struct HubSettings: Sendable, Equatable {
  /// The hub's address: `HF_ENDPOINT`.
  public var endpoint: String
  /// Who asks: `HF_TOKEN`, or the content of `HF_TOKEN_PATH` (default `$HF_HOME/token`).
  public var token: String?
  /// `HF_HUB_CACHE`, or `$HF_HOME/hub`; `HF_HOME` is `~/.cache/huggingface` unless told otherwise.
  public var cache: String
  /// Nothing is fetched: `HF_HUB_OFFLINE`.
  public var isOffline: Bool

  /// The settings of this process.
  public static var standard: HubSettings {
    HubSettings(environment: ProcessInfo.processInfo.environment)
  }

  public init(environment: [String: String]) {
    func value(_ keys: String...) -> String? {
      keys.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
    }
    let user = environment["HOME"] ?? NSHomeDirectory()
    func path(_ keys: String...) -> String? {
      let path = keys.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
      return path.map { $0 == "~" || $0.hasPrefix("~/") ? user + $0.dropFirst() : $0 }
    }
    func isSet(_ keys: String...) -> Bool {
      keys.contains { ["1", "ON", "YES", "TRUE"].contains(environment[$0]?.uppercased() ?? "") }
    }
    let caches = path("XDG_CACHE_HOME") ?? user + "/.cache"
    let home = path("HF_HOME") ?? caches + "/huggingface"
    var endpoint = value("HF_ENDPOINT") ?? "https://huggingface.co"
    while endpoint.hasSuffix("/") { endpoint.removeLast() }
    self.endpoint = endpoint
    cache = path("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? home + "/hub"
    isOffline = isSet("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    guard !isSet("HF_HUB_DISABLE_IMPLICIT_TOKEN") else { return }
    let file = path("HF_TOKEN_PATH") ?? home + "/token"
    token =
      Self.cleaned(value("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"))
      ?? Self.cleaned(try? String(contentsOfFile: file, encoding: .utf8))
  }

  /// A token without the line breaks that come with files; nil if nothing is left.
  private static func cleaned(_ token: String?) -> String? {
    let kept = token.map { $0.filter { !$0.isNewline }.trimmingCharacters(in: .whitespaces) }
    return kept?.isEmpty == false ? kept : nil
  }
}
