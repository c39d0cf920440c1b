// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// A server of HTTP on this computer, for tests: one request a connection, answered by a closure that
/// may also break the connection in the middle of an answer.
///
/// `@unchecked Sendable`: the requests are guarded by the lock, everything else is constant.
public final class LoopbackServer: @unchecked Sendable {
  public struct Request: Sendable {
    public let method: String
    /// As it was sent, percent-encoded.
    public let path: String
    /// By names in lower case.
    public let headers: [String: String]
  }

  public struct Response: Sendable {
    public var status: Int
    public var headers: [String: String]
    public var body: [UInt8]
    /// After how many bytes of the body the connection breaks.
    public var cut: Int?

    public init(
      _ status: Int, _ headers: [String: String] = [:], body: [UInt8] = [], cut: Int? = nil
    ) {
      self.status = status
      self.headers = headers
      self.body = body
      self.cut = cut
    }
  }

  public let port: Int
  public var address: String { "http://127.0.0.1:\(port)" }

  private let listener: Int32
  private let answer: @Sendable (Request) -> Response
  private let lock = NSLock()
  private var received: [Request] = []

  /// What was asked so far.
  public var requests: [Request] { lock.withLock { received } }

  public func forgetRequests() { lock.withLock { received = [] } }

  public init(_ answer: @escaping @Sendable (Request) -> Response) throws {
    self.answer = answer
    #if canImport(Darwin)
      listener = socket(AF_INET, SOCK_STREAM, 0)
    #else
      listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #endif
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let listener = listener
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && listen(listener, 16) == 0
          && getsockname(listener, $0, &size) == 0
      }
    }
    port = Int(UInt16(bigEndian: address.sin_port))
    guard isBound else { throw CocoaError(.fileReadUnknown) }
    Thread.detachNewThread { [weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0, let self else { break }
        self.serve(connection)
        close(connection)
      }
      close(listener)
    }
  }

  /// Ends the waiting for connections, so that the thread ends.
  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  private func serve(_ connection: Int32) {
    var head: [UInt8] = []
    var byte: UInt8 = 0
    let end = Array("\r\n\r\n".utf8)
    while !head.suffix(4).elementsEqual(end) {
      guard head.count < 1 << 16, recv(connection, &byte, 1, 0) == 1 else { return }
      head.append(byte)
    }
    let lines = String(decoding: head, as: UTF8.self).components(separatedBy: "\r\n")
    let words = lines[0].split(separator: " ").map(String.init)
    guard words.count == 3 else { return }
    var headers: [String: String] = [:]
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { continue }
      headers[line[..<colon].lowercased()] =
        line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
    }
    let request = Request(method: words[0], path: words[1], headers: headers)
    lock.withLock { received.append(request) }
    let response = answer(request)
    var text = "HTTP/1.1 \(response.status) Status\r\nConnection: close\r\n"
    for (name, value) in ["Content-Length": "\(response.body.count)"].merging(
      response.headers, uniquingKeysWith: { $1 })
    { text += "\(name): \(value)\r\n" }
    var bytes = Array((text + "\r\n").utf8)
    if request.method != "HEAD" { bytes += response.body.prefix(response.cut ?? .max) }
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes {
        send(connection, $0.baseAddress, $0.count, Self.quietly)
      }
      guard count > 0 else { return }
      done += count
    }
  }

  /// That the other side has gone is no reason to end the process.
  #if canImport(Darwin)
    private static let quietly: Int32 = 0
  #else
    private static let quietly = Int32(MSG_NOSIGNAL)
  #endif
}
