// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// Why a data set, a mask or their description could not be used.
public enum DatasetError: Error, Sendable, Equatable, CustomStringConvertible {
  /// A file that cannot be read or written.
  case file(FileError)
  /// Contents that break the format; `line` counts from 1, nil when the whole file is meant.
  case malformed(file: String, line: Int?, reason: String)
  /// A picture that a line names and that is not on the disk.
  case missingImage(file: String, image: String)
  /// A directory in which no known format was found.
  case unrecognized(path: String)
  /// A value that a caller or a command line gave, such as a rate outside 0 ... 1.
  case invalid(what: String, value: String, expected: String)

  public var description: String {
    switch self {
    case .file(let error): error.description
    case .malformed(let file, let line?, let reason): "\(file):\(line): \(reason)"
    case .malformed(let file, nil, let reason): "\(file): \(reason)"
    case .missingImage(let file, let image): "\(file): names \(image), which does not exist"
    case .unrecognized(let path):
      "\(path): no data set found; expected metadata.jsonl or metadata.csv, a directory of "
        + "pictures for each class, or a LLaVA or COCO captions JSON file"
    case .invalid(let what, let value, let expected): "\(what): \(value), expected \(expected)"
    }
  }
}
