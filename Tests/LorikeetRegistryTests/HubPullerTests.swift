// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetRegistry
import LorikeetTestSupport
import Synchronization
import Testing

struct HubPullerTests {

  /// The seconds that were waited before other tries.
  private final class Waits: Sendable {
    private let seconds = Mutex<[Double]>([])
    var all: [Double] { seconds.withLock { $0 } }
    func append(_ count: Double) { seconds.withLock { $0.append(count) } }
  }

  /// A hub, a place for the cache, and the way to pull from one to the other.
  private final class Setup {
    let hub: FakeHub
    let scratch: RegistryScratch
    let waits = Waits()
    var settings: HubSettings

    var folder: String { settings.cache + "/models--acme--tiny" }
    var snapshot: String { folder + "/snapshots/" + FakeHub.commit }

    init(_ hub: FakeHub? = nil) throws {
      self.hub = try hub ?? FakeHub()
      scratch = try RegistryScratch()
      settings = HubSettings(environment: [
        "HF_HUB_CACHE": scratch.path + "/hub", "HF_ENDPOINT": self.hub.endpoint,
        "HF_HOME": scratch.path,
      ])
    }

    func pull(
      _ name: String = "hf:acme/tiny", _ selection: HubSelection = HubSelection(),
      force: Bool = false
    ) throws -> RegistryPuller.Outcome {
      let waits = waits
      return try HubPuller(settings: settings) { waits.append($0) }
        .pull(HubName(name), selection, force: force)
    }

    func message(_ name: String = "hf:acme/tiny", _ selection: HubSelection = .init()) -> String {
      let error = #expect(throws: HubError.self) { try pull(name, selection) }
      return error?.description ?? ""
    }

    func etag(_ name: String) -> String { hub.files.first { $0.name == name }?.etag ?? "" }
    func expected(_ name: String) -> [UInt8] {
      FakeHub.content(hub.files.first { $0.name == name }?.length ?? -1)
    }
  }

  private static let large = "model.safetensors"
  private static let largePath = "/large/model.safetensors"
  private static let resolve = "/acme/tiny/resolve/\(FakeHub.commit)/"

  @Test func wholeRepositoriesAreLaidOutAsTheHubsOwnClientDoes() throws {
    let s = try Setup()
    #expect(try s.pull() == .pulled(directory: s.snapshot))
    #expect(try contents(s.folder + "/refs/main") == Array(FakeHub.commit.utf8))
    #expect(
      s.scratch.list(s.snapshot)
        == ["config.json", "model.safetensors", "sub dir", "tokenizer.json"])
    let names = ["config.json", "model.safetensors", "sub dir/a+b #1.json", "tokenizer.json"]
    for name in names {
      #expect(try contents(s.snapshot + "/" + name) == s.expected(name), "\(name)")
      let up = name.contains("/") ? "../../../" : "../../"
      #expect(
        try FileManager.default.destinationOfSymbolicLink(atPath: s.snapshot + "/" + name)
          == up + "blobs/" + s.etag(name))
    }
    #expect(s.scratch.list(s.folder + "/blobs") == names.map { s.etag($0) }.sorted())
    #expect(s.scratch.list(s.folder) == ["blobs", "refs", "snapshots"])
    // The hub says what the large file is; the other host gives it, without a HEAD.
    #expect(s.hub.otherRequests.map(\.method) == ["GET"])
    #expect(s.hub.requests.allSatisfy { $0.headers["accept-encoding"] == "identity" })
  }

  @Test func theSecondPullGetsNothing() throws {
    let s = try Setup()
    _ = try s.pull()
    s.hub.forgetRequests()
    #expect(try s.pull() == .alreadyThere(directory: s.snapshot))
    #expect(s.hub.requests.map(\.path) == ["/api/models/acme/tiny/revision/main"])
    // A file of another commit that has the same content is linked, not fetched.
    try FileManager.default.removeItem(atPath: s.snapshot)
    s.hub.forgetRequests()
    #expect(try s.pull() == .pulled(directory: s.snapshot))
    #expect(s.hub.requests.filter { $0.method == "GET" }.count == 1)
    #expect(s.hub.otherRequests.isEmpty)
    #expect(try contents(s.snapshot + "/config.json") == s.expected("config.json"))
    s.hub.forgetRequests()
    _ = try s.pull(force: true)
    #expect(s.hub.otherRequests.count == 1)
  }

  @Test func brokenConnectionsAreTakenUpWhereTheyBroke() throws {
    let s = try Setup()
    s.hub.plan(Self.largePath, .cut(100_000), .cut(50_000), .cut(1000))
    s.hub.plan(Self.resolve + "config.json", .status(503), .status(502))
    _ = try s.pull()
    #expect(try contents(s.snapshot + "/" + Self.large) == s.expected(Self.large))
    #expect(
      s.hub.otherRequests.map { $0.headers["range"] }
        == [nil, "bytes=100000-", "bytes=150000-", "bytes=151000-"])
    #expect(s.waits.all == [0.5, 1, 0.5, 0.5, 0.5])
    #expect(!s.scratch.list(s.folder + "/blobs").contains { $0.hasSuffix(".incomplete") })
  }

  @Test func aPullThatBreaksOffIsGoneOnWithByTheNext() throws {
    let s = try Setup()
    s.hub.plan(Self.largePath, .cut(70_000), .cut(0), .cut(0), .cut(0), .cut(0))
    let message = s.message()
    #expect(message.hasPrefix(Self.resolve + Self.large + ": "), "\(message)")
    // Nothing stands under a final name, and no branch leads to half a snapshot.
    #expect(!FileManager.default.fileExists(atPath: s.snapshot + "/" + Self.large))
    #expect(s.scratch.list(s.folder + "/blobs").contains(s.etag(Self.large) + ".incomplete"))
    #expect(!FileManager.default.fileExists(atPath: s.folder + "/refs/main"))
    #expect(!FileManager.default.fileExists(atPath: s.folder + "/blobs/" + s.etag(Self.large)))
    s.hub.forgetRequests()
    _ = try s.pull()
    #expect(s.hub.otherRequests.map { $0.headers["range"] } == ["bytes=70000-"])
    #expect(try contents(s.snapshot + "/" + Self.large) == s.expected(Self.large))
  }

  @Test func serversWithoutRangesSendAllOfIt() throws {
    let s = try Setup()
    s.hub.plan(Self.largePath, .cut(70_000), .whole)
    _ = try s.pull()
    #expect(try contents(s.snapshot + "/" + Self.large) == s.expected(Self.large))
  }

  @Test func whatIsLeftOfSomethingElseIsFetchedAnew() throws {
    for length in [10, 299_999, 300_000, 300_001] {
      let s = try Setup()
      let blobs = s.folder + "/blobs/"
      try FileManager.default.createDirectory(atPath: blobs, withIntermediateDirectories: true)
      try Data(count: length).write(to: URL(filePath: blobs + s.etag(Self.large) + ".incomplete"))
      _ = try s.pull()
      #expect(try contents(s.snapshot + "/" + Self.large) == s.expected(Self.large), "\(length)")
    }
  }

  @Test func wrongContentIsNotUsed() throws {
    for (name, path, kind) in [
      (Self.large, Self.largePath, "SHA-256"),
      ("config.json", Self.resolve + "config.json", "git SHA-1"),
    ] {
      let s = try Setup()
      // The first request of a small file is its HEAD.
      if name == Self.large {
        s.hub.plan(path, .garbage)
      } else {
        s.hub.plan(path, .whole, .garbage)
      }
      let message = s.message()
      #expect(message.hasPrefix("\(name): the \(kind) is "), "\(message)")
      #expect(message.hasSuffix("expected \(s.etag(name)); the file was not used"), "\(message)")
      #expect(!s.scratch.list(s.folder + "/blobs").contains { $0.hasPrefix(s.etag(name)) })
      #expect(!FileManager.default.fileExists(atPath: s.snapshot + "/" + name))
      _ = try s.pull()
      #expect(try contents(s.snapshot + "/" + name) == s.expected(name))
    }
  }

  @Test func theTokenStaysWithTheHub() throws {
    let s = try Setup()
    s.hub.require(token: "hf_x")
    let api = "/api/models/acme/tiny/revision/main"
    #expect(
      s.message()
        == "\(api): status 401: check the name; if it is private or gated, set HF_TOKEN")
    s.settings.token = "hf_y"
    #expect(s.message().contains("status 401: the token is not accepted"))
    s.settings.token = "hf_x"
    _ = try s.pull()
    #expect(s.hub.otherRequests.count == 1)
    #expect(s.hub.otherRequests.allSatisfy { $0.headers["authorization"] == nil })
    #expect(s.hub.requests.last?.headers["authorization"] == "Bearer hf_x")
  }

  @Test func refusalsSayWhatToDo() throws {
    let s = try Setup()
    let api = "/api/models/acme/tiny/revision/main"
    #expect(
      s.message("hf:acme/other")
        == "/api/models/acme/other/revision/main: status 404: no such name, revision or file")
    #expect(
      s.message("hf:acme/tiny@none")
        == "/api/models/acme/tiny/revision/none: status 404: no such name, revision or file")
    s.hub.plan(api, .status(403))
    #expect(
      s.message() == "\(api): status 403: accept the licence on its page, and set HF_TOKEN")
    s.hub.plan(api, .status(429, ["Retry-After": "300"]))
    #expect(s.message() == "\(api): status 429: too many requests; wait some minutes")
    #expect(s.waits.all.isEmpty)
    s.hub.plan(api, .status(429, ["Retry-After": "7"]))
    _ = try s.pull()
    #expect(s.waits.all == [7])
    let five = FakeHub.Fault.status(500)
    s.hub.plan(api, five, five, five, five, five)
    #expect(s.message() == "\(api): status 500: the hub has a problem; try again later")
    #expect(s.waits.all == [7, 0.5, 1, 2, 4])
    #expect(
      s.message("hf:acme/tiny", HubSelection(include: ["*.gguf"]))
        == "hf:acme/tiny: no file of it is selected; choose with --include and --exclude")
    // Nobody listens there.
    let endpoint = s.settings.endpoint
    s.settings.endpoint = "http://127.0.0.1:1"
    #expect(s.message().hasPrefix("\(api): 127.0.0.1: "))
    s.settings.endpoint = "here"
    #expect(s.message().hasPrefix("HF_ENDPOINT=here: is no address"))
    s.settings.endpoint = endpoint
  }

  @Test func hostileAnswersWriteNothingOutside() throws {
    let s = try Setup()
    for name in ["../x.json", "/x.json", "a/../../x.json", "a//x.json", ""] {
      s.hub.list([name])
      #expect(s.message().contains("no path of a file"), "\(name)")
    }
    for etag in ["..", "a/b", "../../x", ""] {
      let file = FakeHub.File(name: "config.json", length: 5, isLarge: true, etag: etag)
      let other = try Setup(FakeHub("acme/tiny", [file]))
      #expect(other.message().hasSuffix("config.json: has no ETag"), "\(etag)")
    }
    let huge = FakeHub.File(name: "config.json", length: .max, isLarge: true, etag: "x")
    #expect(try Setup(FakeHub("acme/tiny", [huge])).message().contains("has a length of 92233"))
  }

  @Test func revisionsAndDataSetsHaveTheirPlaces() throws {
    let s = try Setup()
    _ = try s.pull("hf:acme/tiny@refs/pr/1")
    #expect(s.hub.requests.first?.path == "/api/models/acme/tiny/revision/refs%2Fpr%2F1")
    #expect(try contents(s.folder + "/refs/refs/pr/1") == Array(FakeHub.commit.utf8))
    _ = try s.pull("hf:acme/tiny@" + FakeHub.commit)
    #expect(s.scratch.list(s.folder + "/refs") == ["refs"])

    let files = [FakeHub.File(name: "train/a b.png", length: 20, isLarge: false, etag: "e1")]
    let data = try Setup(FakeHub("datasets/acme/set", files))
    let directory = data.settings.cache + "/datasets--acme--set/snapshots/" + FakeHub.commit
    #expect(try data.pull("hf:datasets/acme/set") == .pulled(directory: directory))
    #expect(try contents(directory + "/train/a b.png") == FakeHub.content(20))
  }

  @Test func offlineOnlyTheCacheIsUsed() throws {
    let s = try Setup()
    s.settings.isOffline = true
    #expect(
      s.message()
        == "hf:acme/tiny: not in \(s.settings.cache), and HF_HUB_OFFLINE forbids to fetch it")
    #expect(s.hub.requests.isEmpty)
    s.settings.isOffline = false
    _ = try s.pull()
    s.hub.forgetRequests()
    s.settings.isOffline = true
    #expect(try s.pull() == .alreadyThere(directory: s.snapshot))
    #expect(s.hub.requests.isEmpty)
  }

  @Test func namesLeadToSnapshots() throws {
    let s = try Setup()
    let hub = s.settings
    func resolve(
      _ name: String, _ kind: RegistryEntry.Kind = .model
    ) throws -> String {
      try ModelLocation.resolve(name, kind: kind, home: s.scratch.home, hub: hub)
    }
    func message(_ name: String, _ kind: RegistryEntry.Kind = .model) -> String? {
      #expect(throws: RegistryError.self) { try resolve(name, kind) }?.description
    }
    #expect(
      message("hf:acme/tiny") == "hf:acme/tiny: not here yet; run: lorikeet pull hf:acme/tiny")
    #expect(
      message("acme/tiny")
        == "acme/tiny: there is no such directory; if a hub has it, run: lorikeet pull hf:acme/tiny"
    )
    _ = try s.pull()
    #expect(try resolve("hf:acme/tiny") == s.snapshot)
    #expect(try resolve("acme/tiny") == s.snapshot)
    #expect(try resolve("acme/tiny@" + FakeHub.commit) == s.snapshot)
    #expect(message("acme/tiny@v2")?.hasSuffix("lorikeet pull hf:acme/tiny@v2") == true)
    #expect(
      message("acme/tiny", .dataset)?.hasSuffix("lorikeet pull hf:datasets/acme/tiny") == true)
    #expect(message("hf:../x")?.hasPrefix("hf:../x: is no name of a hub") == true)
  }
}
