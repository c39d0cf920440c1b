// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetTensors

extension ImageProcessor {
  /// Reads `preprocessor_config.json`, or the image processor's part of `processor_config.json`.
  ///
  /// Keys that this type does not know are ignored; absent or null ones have the defaults of the
  /// class that `image_processor_type` names, `BitImageProcessor` if none.
  ///
  /// - Parameter path: the file, or a model's directory that holds one of the two.
  /// - Throws: `ImageError.configuration` naming the key, or `.file`.
  public init(configuration path: String) throws(ImageError) {
    var path = path
    var isDirectory: ObjCBool = false
    if FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
      isDirectory.boolValue
    {
      let directory = path
      let names = ["preprocessor_config.json", "processor_config.json"]
      path =
        names.map { directory + "/" + $0 }
        .first { FileManager.default.fileExists(atPath: $0) } ?? directory + "/" + names[0]
    }
    try self.init(json: try Self.contents(of: path), path: path)
  }

  static func contents(of path: String) throws(ImageError) -> [UInt8] {
    do throws(FileError) {
      return try Storage.mapping(path: path).withBytes { Array($0) }
    } catch {
      throw .file(error)
    }
  }

  /// Reads the text of a `preprocessor_config.json`.
  ///
  /// - Parameter path: what errors call it.
  public init(json: [UInt8], path: String) throws(ImageError) {
    self = try Self.decode(ImageProcessor.self, json: json, path: path)
    guard kind.isWhole else {
      throw .configuration(
        path: path, key: Keys.type.rawValue,
        problem: Self.unsupported(kind.rawValue, Kind.allCases.filter(\.isWhole)))
    }
  }

  /// Reads a processor of any kind.
  static func decode<Processor: Decodable>(
    _ type: Processor.Type, json: [UInt8], path: String
  ) throws(ImageError) -> Processor {
    do {
      return try JSONDecoder().decode(type, from: Data(json))
    } catch let problem as ConfigurationProblem {
      throw .configuration(path: path, key: problem.key, problem: problem.problem)
    } catch DecodingError.typeMismatch(_, let context) {
      throw .configuration(path: path, key: context.key, problem: "has a value of the wrong type")
    } catch DecodingError.valueNotFound(_, let context) {
      throw .configuration(path: path, key: context.key, problem: "has no value")
    } catch DecodingError.keyNotFound(let key, _) {
      throw .configuration(path: path, key: key.stringValue, problem: "is missing")
    } catch DecodingError.dataCorrupted(let context) where !context.codingPath.isEmpty {
      throw .configuration(path: path, key: context.key, problem: "has a value of the wrong type")
    } catch {
      throw .configuration(path: path, key: "JSON", problem: "the file is not a valid JSON object")
    }
  }

  /// The text of a `preprocessor_config.json` that reads back as this processor.
  public func json() throws(ImageError) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    do {
      return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
    } catch {
      throw .configuration(
        path: "preprocessor_config.json", key: "JSON", problem: "a number is not finite")
    }
  }

  /// Writes `preprocessor_config.json`, whole or not at all.
  public func write(to path: String) throws(ImageError) {
    let text = try json()
    do throws(FileError) {
      try AtomicFile.write(text, to: path)
    } catch {
      throw .file(error)
    }
  }
}

extension DecodingError.Context {
  fileprivate var key: String {
    codingPath.isEmpty ? "JSON" : codingPath.map(\.stringValue).joined(separator: ".")
  }
}

extension ImageProcessor: Codable {
  private enum Keys: String, CodingKey {
    case imageProcessor = "image_processor"
    case type = "image_processor_type"
    case oldType = "feature_extractor_type"
    case doResize = "do_resize"
    case size
    case resample
    case doCenterCrop = "do_center_crop"
    case cropSize = "crop_size"
    case doRescale = "do_rescale"
    case rescaleFactor = "rescale_factor"
    case doNormalize = "do_normalize"
    case mean = "image_mean"
    case standardDeviation = "image_std"
    case doPad = "do_pad"
    case aspectRatio = "image_aspect_ratio"
    case doConvertRGB = "do_convert_rgb"
  }

  public init(from decoder: any Decoder) throws {
    var keys = try decoder.container(keyedBy: Keys.self)
    if keys.contains(.imageProcessor) {
      keys = try keys.nestedContainer(keyedBy: Keys.self, forKey: .imageProcessor)
    }
    self.init(try Self.kind(keys))
    func flag(_ key: Keys, default value: Bool) throws -> Bool {
      try keys.decodeIfPresent(Bool.self, forKey: key) ?? value
    }

    if try !flag(.doResize, default: true) {
      size = nil
    } else if kind != .qwen2VL,
      let fields = try keys.decodeIfPresent(SizeFields.self, forKey: .size)
    {
      size = try fields.size(key: "size", integerIsSquare: kind == .vit || kind == .deit)
    }
    if let number = try keys.decodeIfPresent(Int.self, forKey: .resample) {
      guard let filter = ResamplingFilter(rawValue: number) else {
        throw ConfigurationProblem(
          key: "resample", problem: "\(number) is not a filter, expected 0 to 5")
      }
      self.filter = filter
    }

    if try !flag(.doCenterCrop, default: cropSize != nil) {
      cropSize = nil
    } else if let fields = try keys.decodeIfPresent(SizeFields.self, forKey: .cropSize) {
      guard
        case .exact(let width, let height) = try fields.size(
          key: "crop_size", integerIsSquare: true)
      else {
        throw ConfigurationProblem(
          key: "crop_size", problem: "expected a number, or height and width")
      }
      cropSize = CropSize(width: width, height: height)
    } else if cropSize == nil {
      throw ConfigurationProblem(
        key: "crop_size", problem: "is missing, but do_center_crop is true")
    }

    if try !flag(.doRescale, default: true) {
      rescaleFactor = nil
    } else if let factor = try keys.decodeIfPresent(Double.self, forKey: .rescaleFactor) {
      guard factor.isFinite, factor > 0 else {
        throw ConfigurationProblem(key: "rescale_factor", problem: "\(factor) is not positive")
      }
      rescaleFactor = factor
    }

    let mean = try keys.decodeIfPresent(Channels.self, forKey: .mean)
    let deviation = try keys.decodeIfPresent(Channels.self, forKey: .standardDeviation)
    if try !flag(.doNormalize, default: true) {
      normalization = nil
    } else {
      if let mean { normalization?.mean = try mean.three(key: "image_mean") }
      if let deviation {
        let values = try deviation.three(key: "image_std")
        guard values.allSatisfy({ $0 > 0 }) else {
          throw ConfigurationProblem(key: "image_std", problem: "\(values) are not all positive")
        }
        normalization?.standardDeviation = values
      }
    }

    // Elsewhere do_pad makes the pictures of one batch equal in size, which changes no single one.
    padsToSquare = try flag(.doPad, default: false) && kind == .llava
    switch try kind.isWhole ? keys.decodeIfPresent(String.self, forKey: .aspectRatio) : nil {
    case nil, "square": break
    case "pad": padsToSquare = true
    case let other?:
      throw ConfigurationProblem(
        key: "image_aspect_ratio", problem: "\"\(other)\" is not supported, expected square or pad")
    }
    convertsToRGB = try flag(.doConvertRGB, default: convertsToRGB)
  }

  /// The class by its name, with any backend's suffix and in its older form.
  private static func kind(_ keys: KeyedDecodingContainer<Keys>) throws -> Kind {
    let newName = try keys.decodeIfPresent(String.self, forKey: .type)
    let oldName = try keys.decodeIfPresent(String.self, forKey: .oldType)
    guard let name = newName ?? oldName else { return .bit }
    var base = name
    for suffix in ["Fast", "Pil"] where base.hasSuffix(suffix) {
      base.removeLast(suffix.count)
    }
    if base.hasSuffix("FeatureExtractor") {
      base = base.dropLast("FeatureExtractor".count) + "ImageProcessor"
    }
    // A name that some files of Qwen2.5-VL have.
    if base == "Qwen2_5_VLImageProcessor" { return .qwen2VL }
    guard let kind = Kind(rawValue: base) else {
      throw ConfigurationProblem(
        key: newName != nil ? Keys.type.rawValue : Keys.oldType.rawValue,
        problem: unsupported(name, Kind.allCases))
    }
    return kind
  }

  private static func unsupported(_ name: String, _ kinds: [Kind]) -> String {
    "\"\(name)\" is not supported, expected one of "
      + kinds.map(\.rawValue).joined(separator: ", ")
  }

  public func encode(to encoder: any Encoder) throws {
    var keys = encoder.container(keyedBy: Keys.self)
    // Of the classes, only LLaVA's pads to a square.
    try keys.encode((padsToSquare ? .llava : kind).rawValue, forKey: .type)
    if padsToSquare || kind == .llava { try keys.encode(padsToSquare, forKey: .doPad) }
    try keys.encode(size != nil, forKey: .doResize)
    try keys.encodeIfPresent(size.map(SizeFields.init), forKey: .size)
    try keys.encode(filter.rawValue, forKey: .resample)
    try keys.encode(cropSize != nil, forKey: .doCenterCrop)
    try keys.encodeIfPresent(
      cropSize.map { SizeFields(.exact(width: $0.width, height: $0.height)) }, forKey: .cropSize)
    try keys.encode(rescaleFactor != nil, forKey: .doRescale)
    try keys.encodeIfPresent(rescaleFactor, forKey: .rescaleFactor)
    try keys.encode(normalization != nil, forKey: .doNormalize)
    try keys.encodeIfPresent(normalization?.mean, forKey: .mean)
    try keys.encodeIfPresent(normalization?.standardDeviation, forKey: .standardDeviation)
    try keys.encode(convertsToRGB, forKey: .doConvertRGB)
  }
}

/// `size` or `crop_size`: a number, or an object with one of the accepted sets of keys.
private struct SizeFields: Codable {
  var number: Int?
  var values: [String: Int] = [:]

  init(_ size: ImageProcessor.Size) {
    switch size {
    case .exact(let width, let height): values = ["height": height, "width": width]
    case .shortestEdge(let edge, nil): values = ["shortest_edge": edge]
    case .shortestEdge(let edge, let longest?):
      values = ["shortest_edge": edge, "longest_edge": longest]
    case .longestEdge(let edge): values = ["longest_edge": edge]
    }
  }

  init(from decoder: any Decoder) throws {
    let single = try decoder.singleValueContainer()
    if let number = try? single.decode(Int.self) {
      self.number = number
    } else {
      values = try single.decode([String: Int?].self).compactMapValues { $0 }
    }
  }

  func encode(to encoder: any Encoder) throws { try values.encode(to: encoder) }

  func size(key: String, integerIsSquare: Bool) throws -> ImageProcessor.Size {
    for (name, value) in values.sorted(by: { $0.key < $1.key }) + (number.map { [("", $0)] } ?? [])
    {
      guard 1...ImageLimits.default.maximumSide ~= value else {
        throw ConfigurationProblem(
          key: name.isEmpty ? key : key + "." + name,
          problem: "\(value) is not a side, expected 1 to \(ImageLimits.default.maximumSide)")
      }
    }
    if let number {
      return integerIsSquare
        ? .exact(width: number, height: number) : .shortestEdge(number, longest: nil)
    }
    switch Set(values.keys) {
    case ["height", "width"]:
      return .exact(width: values["width", default: 1], height: values["height", default: 1])
    case ["shortest_edge"]:
      return .shortestEdge(values["shortest_edge", default: 1], longest: nil)
    case ["shortest_edge", "longest_edge"]:
      return .shortestEdge(values["shortest_edge", default: 1], longest: values["longest_edge"])
    case ["longest_edge"]:
      return .longestEdge(values["longest_edge", default: 1])
    default:
      throw ConfigurationProblem(
        key: key,
        problem: "has the keys \(values.keys.sorted().joined(separator: ", ")), expected a number, "
          + "height and width, shortest_edge, or longest_edge")
    }
  }
}

/// `image_mean` or `image_std`: one number for all channels, or three.
private struct Channels: Decodable {
  let values: [Double]

  init(from decoder: any Decoder) throws {
    let single = try decoder.singleValueContainer()
    if let number = try? single.decode(Double.self) {
      values = [number, number, number]
    } else {
      values = try single.decode([Double].self)
    }
  }

  func three(key: String) throws -> [Double] {
    guard values.count == 3, values.allSatisfy({ $0.isFinite && abs($0) <= 1e6 }) else {
      throw ConfigurationProblem(key: key, problem: "\(values) are not three finite numbers")
    }
    return values
  }
}
