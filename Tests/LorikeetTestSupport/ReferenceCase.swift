// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetCheckpoints
public import LorikeetTensors

/// A case of `Tests/Fixtures/models` or `Tests/Fixtures/adapters`: see Tests/Reference/README.md.
public struct ReferenceCase {
  public struct Absent: Error, CustomStringConvertible {
    public let description: String
  }
  public let directory: String
  private let inputs: SafetensorsFile
  private let outputs: SafetensorsFile

  /// - Parameter name: relative to Tests/Fixtures, as `models/llama-tied/seed-1`.
  public init(_ name: String) throws {
    directory = Fixtures.path(name)
    inputs = try SafetensorsFile(path: directory + "/inputs.safetensors")
    outputs = try SafetensorsFile(path: directory + "/expected.safetensors")
  }

  public var modelDirectory: String { directory + "/model" }
  public var adapterDirectory: String { directory + "/adapter" }

  public func input(_ name: String) throws -> Tensor { try Self.find(inputs, name).tensor() }
  public func inputIntegers(_ name: String) throws -> [Int] {
    try Self.find(inputs, name).integers()
  }
  public func expected(_ name: String) throws -> Tensor { try Self.find(outputs, name).tensor() }
  public func expectedIntegers(_ name: String) throws -> [Int] {
    try Self.find(outputs, name).integers()
  }
  public var inputNames: [String] { inputs.names }
  public var expectedNames: [String] { outputs.names }
  public func hasExpected(_ name: String) -> Bool { outputs[name] != nil }

  /// The gradients by the name that the parameter has in its file.
  public func expectedGradients() throws -> [(name: String, gradient: Tensor)] {
    try outputs.names.filter { $0.hasPrefix("grad.") }.map {
      (String($0.dropFirst(5)), try expected($0))
    }
  }

  /// The model's `config.json`.
  public func configuration<Value: Decodable>(_ type: Value.Type) throws -> Value {
    let url = URL(filePath: modelDirectory + "/config.json")
    return try JSONDecoder().decode(type, from: Data(contentsOf: url))
  }

  /// The number of inputs that come before the generated ids.
  public func greedyPromptLength() throws -> Int {
    struct Description: Decodable { var greedyPromptLength: Int }
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let data = try Data(contentsOf: URL(filePath: directory + "/case.json"))
    return try decoder.decode(Description.self, from: data).greedyPromptLength
  }

  private static func find(_ file: SafetensorsFile, _ name: String) throws -> StoredTensor {
    guard let tensor = file[name] else {
      throw Absent(description: "\(file.path): no tensor \(name)")
    }
    return tensor
  }
}

/// A directory of its own for one test, removed at the end.
public func withTemporaryDirectory<Result>(_ body: (String) throws -> Result) throws -> Result {
  let url = FileManager.default.temporaryDirectory.appending(
    path: "lorikeet-tests-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: url) }
  return try body(url.path)
}
