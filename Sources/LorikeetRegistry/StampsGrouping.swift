// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetDatasets

/// Which stamps are variants of each other.
enum StampsGrouping {
  /// The keys of one stamp: stamps that share one belong together.
  ///
  /// - Parameters:
  ///   - path: inside the stamps' directory, such as `symbols/money/euro/coins/010.png`.
  static func keys(path: String, caption: String) -> [String] {
    var keys = ["caption " + CaptionKey.make(caption)]
    if let series = fileSeries(path) { keys.append("files " + series) }
    if let money = moneySeries(path) { keys.append("money " + money) }
    return keys
  }

  /// The coins or notes of one country.
  private static func moneySeries(_ path: String) -> String? {
    let parts = path.split(separator: "/")
    guard parts.count > 3, parts[0] == "symbols", parts[1] == "money" else { return nil }
    // 00_symbols holds the signs of different currencies, which are no series.
    return parts[2].hasPrefix("00") ? nil : String(parts[2])
  }

  /// `flower3.png`, `grave-b.png`, `note_025_a.png`: the name without its number, letter or view.
  ///
  /// Nil if nothing is left, and for the sign alphabet, whose letters are different signs.
  private static func fileSeries(_ path: String) -> String? {
    let directory = (path as NSString).deletingLastPathComponent
    guard !directory.hasSuffix("/asl") else { return nil }
    let stem = ((path as NSString).lastPathComponent as NSString).deletingPathExtension.lowercased()
    var parts = stem.split { $0 == "_" || $0 == "-" || $0 == " " }.map(String.init)
    while let last = parts.last {
      let bare = last.trimmingCharacters(in: .decimalDigits)
      if bare.isEmpty || bare.count == 1 || views.contains(bare) {
        parts.removeLast()
      } else {
        parts[parts.count - 1] = bare
        break
      }
    }
    guard !parts.isEmpty, parts[0].contains(where: { $0.isLetter }) else { return nil }
    return directory + "/" + parts.joined(separator: "-")
  }

  private static let views: Set<String> = [
    "mirror", "left", "right", "outline", "filled", "photo", "open", "closed", "front", "side",
    "in", "out",
  ]
}
