// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// A hub of one repository on this computer, and the other host to which it redirects for large files.
///
/// `@unchecked Sendable`: what changes is guarded by the lock.
public final class FakeHub: @unchecked Sendable {
  public struct File: Sendable, Decodable {
    public let name: String
    public let length: Int
    /// Whether the content lies on the other host.
    public let isLarge: Bool
    public let etag: String

    public init(name: String, length: Int, isLarge: Bool, etag: String) {
      self.name = name
      self.length = length
      self.isLarge = isLarge
      self.etag = etag
    }
  }

  /// What a hub does instead of giving a file, for one request.
  public enum Fault: Sendable {
    case status(Int, [String: String] = [:])
    /// Sends so many bytes and breaks.
    case cut(Int)
    /// Sends other bytes.
    case garbage
    /// Sends the whole file whatever part was asked for.
    case whole
  }

  public static let commit = "0123456789abcdef0123456789abcdef01234567"

  /// `ORG/NAME`, with `datasets/` before it for a data set.
  public let repository: String
  public let files: [File]
  private let contents: @Sendable (File) -> [UInt8]
  private let lock = NSLock()
  private var faults: [String: [Fault]] = [:]
  private var token: String?
  private var siblings: [String]
  private var servers: [LoopbackServer] = []

  /// - Parameter contents: the bytes of a file, if not those of `content`.
  public init(
    _ repository: String, _ files: [File],
    contents: @escaping @Sendable (File) -> [UInt8] = { FakeHub.content($0.length) }
  ) throws {
    self.repository = repository
    self.files = files
    self.contents = contents
    siblings = files.map(\.name)
    let other = try LoopbackServer { [unowned self] in otherAnswer($0) }
    let hub = try LoopbackServer { [unowned self] in answer($0, other: other.address) }
    servers = [hub, other]
  }

  /// The hub of Tests/Fixtures/hub/files.json.
  public convenience init() throws {
    let data = try Data(contentsOf: URL(filePath: Fixtures.path("hub/files.json")))
    try self.init("acme/tiny", JSONDecoder().decode([File].self, from: data))
  }

  public static func content(_ length: Int) -> [UInt8] {
    (0..<length).map { UInt8($0 * $0 / 7 % 251) }
  }

  public var endpoint: String { servers[0].address }
  /// What the hub was asked.
  public var requests: [LoopbackServer.Request] { servers[0].requests }
  /// What the other host was asked.
  public var otherRequests: [LoopbackServer.Request] { servers[1].requests }

  public func forgetRequests() { for server in servers { server.forgetRequests() } }

  /// Lets the next requests for a path of either host go wrong, one after another. The path of the
  /// large file NAME on the other host is `/large/NAME`.
  public func plan(_ path: String, _ planned: Fault...) {
    lock.withLock { faults[path] = planned }
  }

  /// Answers only who has this token.
  public func require(token: String) { lock.withLock { self.token = token } }

  /// Lists these files.
  public func list(_ names: [String]) { lock.withLock { siblings = names } }

  private func nextFault(_ path: String) -> Fault? {
    lock.withLock {
      guard var planned = faults[path], !planned.isEmpty else { return nil }
      let fault = planned.removeFirst()
      faults[path] = planned
      return fault
    }
  }

  private func answer(
    _ request: LoopbackServer.Request, other: String
  ) -> LoopbackServer.Response {
    let fault = nextFault(request.path)
    if case .status(let status, let headers)? = fault { return .init(status, headers) }
    let (token, names) = lock.withLock { (self.token, self.siblings) }
    if let token, request.headers["authorization"] != "Bearer \(token)" { return .init(401) }
    let isModel = !repository.hasPrefix("datasets/")
    let list = "/api/\(isModel ? "models/" : "")\(repository)/revision/"
    if request.path.hasPrefix(list) {
      let listed: [String: Any] = [
        "sha": Self.commit, "siblings": names.map { ["rfilename": $0] },
      ]
      guard request.path.dropFirst(list.count) != "none",
        let data = try? JSONSerialization.data(withJSONObject: listed)
      else { return .init(404) }
      return .init(200, ["Content-Type": "application/json"], body: Array(data))
    }
    let resolve = "/\(repository)/resolve/\(Self.commit)/"
    guard request.path.hasPrefix(resolve),
      let file = file(request.path.dropFirst(resolve.count))
    else { return .init(404) }
    var headers = ["X-Repo-Commit": Self.commit]
    guard file.isLarge else {
      headers["ETag"] = "\"\(file.etag)\""
      return content(of: file, request, fault, headers)
    }
    headers["X-Linked-Etag"] = "\"\(file.etag)\""
    headers["X-Linked-Size"] = "\(file.length)"
    headers["ETag"] = "W/\"of the redirect\""
    headers["Location"] = other + "/large/" + request.path.dropFirst(resolve.count)
    return .init(302, headers)
  }

  private func otherAnswer(_ request: LoopbackServer.Request) -> LoopbackServer.Response {
    let fault = nextFault(request.path)
    if case .status(let status, let headers)? = fault { return .init(status, headers) }
    guard request.path.hasPrefix("/large/"), let file = file(request.path.dropFirst(7)) else {
      return .init(404)
    }
    return content(of: file, request, fault, ["ETag": "\"of the other host\""])
  }

  private func file(_ path: Substring) -> File? {
    files.first { $0.name == path.removingPercentEncoding }
  }

  private func content(
    of file: File, _ request: LoopbackServer.Request, _ fault: Fault?, _ headers: [String: String]
  ) -> LoopbackServer.Response {
    var bytes = contents(file)
    if case .garbage? = fault { bytes = bytes.map { $0 ^ 1 } }
    var response = LoopbackServer.Response(200, headers, body: bytes)
    if case .cut(let count)? = fault { response.cut = count }
    if case .whole? = fault { return response }
    if let range = request.headers["range"], range.hasPrefix("bytes="), range.hasSuffix("-"),
      let start = Int(range.dropFirst(6).dropLast())
    {
      guard start < bytes.count else { return .init(416) }
      response.status = 206
      response.headers["Content-Range"] = "bytes \(start)-\(bytes.count - 1)/\(bytes.count)"
      response.body = Array(bytes[start...])
    }
    return response
  }
}
