// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

#if canImport(FoundationNetworking)
  internal import FoundationNetworking
#endif

/// Requests to a hub, one after another, each waited for. Redirects are followed here, because the
/// token must not follow them to another host.
final class HubConnection {
  /// Why a request brought no reply.
  enum Failure: Error {
    /// Another try may do, perhaps after some seconds that the hub asks for.
    case lost(HubError, after: Double? = nil)
    /// The content does not have the bytes from the offset on.
    case noSuchRange
    case final(HubError)
  }

  private let endpoint: URL
  private let token: String?
  private let session: URLSession
  private let exchange = Exchange()

  init(_ settings: HubSettings) throws(HubError) {
    guard let url = URL(string: settings.endpoint), url.host != nil,
      ["http", "https"].contains(url.scheme?.lowercased())
    else {
      throw .setting(
        key: "HF_ENDPOINT", value: settings.endpoint,
        reason: "is no address; expected one such as https://huggingface.co")
    }
    endpoint = url
    token = settings.token
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = 30
    configuration.httpShouldSetCookies = false
    configuration.urlCache = nil
    session = URLSession(configuration: configuration, delegate: exchange, delegateQueue: nil)
  }

  deinit { session.invalidateAndCancel() }

  /// Sends a request for a path below the endpoint.
  ///
  /// - Parameters:
  ///   - path: percent-encoded, with a slash at its beginning.
  ///   - offset: the first byte of the content that is wanted.
  ///   - isLast: whether a redirect is not to be followed.
  ///   - receive: takes the content piece by piece.
  /// - Returns: the last reply: a success, or the redirect that is not to be followed.
  func send(
    _ method: String, _ path: String, offset: Int = 0,
    isLast: (HTTPURLResponse) -> Bool = { _ in false },
    receive: @escaping (HTTPURLResponse, Data) throws -> Void
  ) throws(Failure) -> HTTPURLResponse {
    guard var url = URL(string: endpoint.absoluteString + path) else {
      throw .final(.answer(path: path, reason: "is no path of an address"))
    }
    for _ in 0..<10 {
      var request = URLRequest(url: url)
      request.httpMethod = method
      request.setValue("lorikeet", forHTTPHeaderField: "User-Agent")
      // Sizes and ranges are to be those of the file itself.
      request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
      if offset > 0 { request.setValue("bytes=\(offset)-", forHTTPHeaderField: "Range") }
      if let token, Self.origin(url) == Self.origin(endpoint) {
        request.setValue("Bearer \(token)", forHTTPHeaderField: "Authorization")
      }
      let response = try exchange.run(request, in: session, path: path, receive: receive)
      if isLast(response), response.statusCode < 400 { return response }
      guard [301, 302, 303, 307, 308].contains(response.statusCode) else {
        try requireSuccess(response, path)
        return response
      }
      guard let location = response.value(forHTTPHeaderField: "Location"),
        let next = URL(string: location, relativeTo: url)?.absoluteURL, next.host != nil,
        next.scheme == "https" || next.scheme == "http" && url.scheme == "http"
      else {
        throw .final(.answer(path: path, reason: "is redirected to no address that can be used"))
      }
      url = next
    }
    throw .final(.answer(path: path, reason: "is redirected again and again"))
  }

  private func requireSuccess(_ response: HTTPURLResponse, _ path: String) throws(Failure) {
    let status = response.statusCode
    guard !(200..<300).contains(status) else { return }
    if status == 416 { throw .noSuchRange }
    let error = HubError.status(status, path: path, hasToken: token != nil)
    guard [408, 429].contains(status) || status >= 500 else { throw .final(error) }
    let seconds = response.value(forHTTPHeaderField: "Retry-After").flatMap { Double($0) }
    throw .lost(error, after: seconds)
  }

  private static func origin(_ url: URL) -> [String] {
    let scheme = url.scheme?.lowercased() ?? ""
    let port = url.port ?? (scheme == "https" ? 443 : 80)
    return [scheme, url.host?.lowercased() ?? "", String(port)]
  }
}

/// The one request that is under way.
///
/// `@unchecked Sendable`: the properties are written before the task is resumed and read after
/// `isDone` is signalled; in between only the session's delegate queue, which runs one callback at a
/// time, touches them.
private final class Exchange: NSObject, URLSessionDataDelegate, @unchecked Sendable {
  private var receive: ((HTTPURLResponse, Data) throws -> Void)?
  /// What went wrong in `receive`.
  private var refusal: (any Error)?
  private var error: (any Error)?
  private let isDone = DispatchSemaphore(value: 0)

  func run(
    _ request: URLRequest, in session: URLSession, path: String,
    receive: @escaping (HTTPURLResponse, Data) throws -> Void
  ) throws(HubConnection.Failure) -> HTTPURLResponse {
    self.receive = receive
    (refusal, error) = (nil, nil)
    let task = session.dataTask(with: request)
    task.resume()
    isDone.wait()
    self.receive = nil
    if let refusal {
      throw .final(refusal as? HubError ?? .connection(path: path, reason: "\(refusal)"))
    }
    if let error { throw Self.failure(error, path: path, host: request.url?.host ?? "") }
    guard let response = task.response as? HTTPURLResponse else {
      throw .lost(.connection(path: path, reason: "the hub gave no reply"))
    }
    return response
  }

  private static func failure(
    _ error: any Error, path: String, host: String
  ) -> HubConnection.Failure {
    let failure = HubError.connection(
      path: path, reason: "\(host): \(error.localizedDescription)")
    switch (error as? URLError)?.code {
    case .badURL, .unsupportedURL, .cannotFindHost, .secureConnectionFailed,
      .serverCertificateHasBadDate, .serverCertificateUntrusted, .cancelled:
      return .final(failure)
    default: return .lost(failure)
    }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask,
    willPerformHTTPRedirection response: HTTPURLResponse, newRequest request: URLRequest,
    completionHandler: @escaping (URLRequest?) -> Void
  ) { completionHandler(nil) }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    guard refusal == nil, let response = dataTask.response as? HTTPURLResponse,
      (200..<300).contains(response.statusCode)
    else { return }
    do { try receive?(response, data) } catch {
      refusal = error
      dataTask.cancel()
    }
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?
  ) {
    self.error = error
    isDone.signal()
  }
}
