// SPDX-License-Identifier: Apache-2.0

public import LorikeetDatasets
public import LorikeetImages
public import LorikeetTensors

/// Why the stamps could not be imported.
public enum StampsError: Error, Sendable, Equatable, CustomStringConvertible {
  case dataset(DatasetError)
  case file(FileError)
  case image(ImageError)
  /// A tool that could not be run, or that failed with a message.
  case tool(name: String, reason: String)
  /// A source in which there are no stamps.
  case noStamps(source: String)
  /// A caption file that is not UTF-8.
  case caption(file: String)

  public var description: String {
    switch self {
    case .dataset(let error): error.description
    case .file(let error): error.description
    case .image(let error): error.description
    case .tool(let name, let reason): "\(name): \(reason)"
    case .noStamps(let source):
      "\(source): no stamps found; expected the package tuxpaint-stamps-default or its directory "
        + "usr/share/tuxpaint/stamps"
    case .caption(let file): "\(file): the caption is not UTF-8"
    }
  }
}
