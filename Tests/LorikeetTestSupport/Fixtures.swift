// SPDX-License-Identifier: Apache-2.0

public import Foundation

/// Where the test files lie.
public enum Fixtures {
  /// Tests/Fixtures.
  public static let directory = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fixtures")

  /// The path of a fixture, given relative to Tests/Fixtures.
  public static func path(_ name: String) -> String { directory.appending(path: name).path }
}
