// SPDX-License-Identifier: Apache-2.0

import Logging

/// The log of the command: plain lines on standard error.
enum Log {
  static func logger(quiet: Bool) -> Logger {
    var logger = Logger(label: "lorikeet") { _ in Handler() }
    logger.logLevel = quiet ? .error : .info
    return logger
  }

  private struct Handler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let prefix = event.level >= .warning ? "\(event.level): " : ""
      StandardError.line(prefix + event.message.description)
    }
  }
}
