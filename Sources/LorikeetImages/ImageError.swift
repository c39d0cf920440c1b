// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// Why a picture, or the configuration of its preparation, could not be used.
///
/// `name` is the file's path, or the name the caller gave to bytes of its own.
public enum ImageError: Error, Sendable, Equatable {
  /// The file could not be opened, read or written.
  case file(FileError)
  /// There are no bytes at all.
  case empty(name: String)
  /// The first bytes are those of neither format; `beginning` is up to 16 of them.
  case unknownFormat(name: String, beginning: [UInt8])
  /// The data end before the picture is complete.
  case truncated(name: String, format: ImageFormat, detail: String)
  /// The data break the rules of the format.
  case corrupt(name: String, format: ImageFormat, detail: String)
  /// A picture of a kind that is not read or cannot be written.
  case unsupported(name: String, format: ImageFormat, detail: String)
  /// The size, read from the header or asked for, is beyond the limits.
  case tooLarge(name: String, width: Int, height: Int, limits: ImageLimits)
  /// The file has more bytes than the limits allow.
  case fileTooLarge(name: String, bytes: Int, limit: Int)
  /// A size that is not one: zero or negative.
  case badSize(name: String, width: Int, height: Int)
  /// A picture that a model's processor cannot take.
  case unsuitable(name: String, reason: String)
  /// There was no memory for the picture.
  case noMemory(name: String)
  /// A value in preprocessor_config.json that is missing, wrong or not supported.
  case configuration(path: String, key: String, problem: String)
}

extension ImageError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .file(let error):
      error.description
    case .empty(let name):
      "\(name): the file is empty (0 bytes), expected a PNG or JPEG picture"
    case .unknownFormat(let name, let beginning):
      "\(name): is not a PNG or JPEG picture (it begins with \(Self.quoted(beginning)))"
    case .truncated(let name, let format, let detail):
      "\(name): truncated \(format): \(detail)"
    case .corrupt(let name, let format, let detail):
      "\(name): corrupt \(format): \(detail)"
    case .unsupported(let name, let format, let detail):
      "\(name): unsupported \(format): \(detail)"
    case .tooLarge(let name, let width, let height, let limits):
      "\(name): \(width) x \(height) pixels are too many"
        + " (limit \(limits.maximumPixels) pixels, \(limits.maximumSide) a side)"
    case .fileTooLarge(let name, let bytes, let limit):
      "\(name): \(bytes) bytes are too many for a picture (limit \(limit))"
    case .badSize(let name, let width, let height):
      "\(name): \(width) x \(height) is not a size for a picture, both sides must be positive"
    case .unsuitable(let name, let reason):
      "\(name): \(reason)"
    case .noMemory(let name):
      "\(name): no memory for the picture"
    case .configuration(let path, let key, let problem):
      "\(path): \(key): \(problem)"
    }
  }

  /// Bytes as text if they are printable, else as hexadecimal.
  private static func quoted(_ bytes: [UInt8]) -> String {
    let text = bytes.map { $0 == 0x0a || $0 == 0x0d || $0 == 0x09 ? 0x20 : $0 }
    guard text.allSatisfy({ 0x20...0x7e ~= $0 }) else {
      return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
    }
    return "\"\(String(decoding: text, as: UTF8.self))\""
  }
}

/// The file formats that are read and written.
public enum ImageFormat: String, Sendable, CustomStringConvertible {
  case png = "PNG"
  case jpeg = "JPEG"

  public var description: String { rawValue }

  /// Recognises a format by the first bytes of a file, whatever its name.
  public init?(recognizing bytes: some Collection<UInt8>) {
    if bytes.starts(with: PNGFormat.signature) {
      self = .png
    } else if bytes.starts(with: [0xff, 0xd8, 0xff]) {
      self = .jpeg
    } else {
      return nil
    }
  }
}
