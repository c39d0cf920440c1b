// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The rates at which inputs go missing, each in `0 ... 1`.
public struct MissingSpec: Sendable, Hashable, CustomStringConvertible {
  /// The share of samples without a picture.
  public let image: Double
  /// The share of samples without a text.
  public let text: Double

  /// Nothing is missing.
  public static let complete = MissingSpec(checkedImage: 0, text: 0)

  /// - Throws: `DatasetError.invalid` for a rate outside `0 ... 1`.
  public init(image: Double = 0, text: Double = 0) throws(DatasetError) {
    for (name, rate) in [("image", image), ("text", text)] where !(0...1).contains(rate) {
      throw .invalid(what: "missing \(name)", value: "\(rate)", expected: "a rate from 0 to 1")
    }
    self.init(checkedImage: image, text: text)
  }

  init(checkedImage image: Double, text: Double) {
    self.image = image
    self.text = text
  }

  /// Reads `image=0.3,text=0.7`; a modality that is not named is never missing.
  ///
  /// - Throws: `DatasetError.invalid` for an unknown or repeated modality or a rate outside `0 ... 1`.
  public init(parsing description: String) throws(DatasetError) {
    func refuse(_ expected: String) -> DatasetError {
      .invalid(what: "missing", value: "\"\(description)\"", expected: expected)
    }
    var rates: [String: Double] = [:]
    for part in description.split(separator: ",", omittingEmptySubsequences: false) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      guard sides.count == 2, ["image", "text"].contains(sides[0]) else {
        throw refuse("image=RATE,text=RATE, or one of them")
      }
      guard let rate = Double(sides[1]), (0...1).contains(rate) else {
        throw refuse("rates from 0 to 1")
      }
      guard rates.updateValue(rate, forKey: sides[0]) == nil else {
        throw refuse("each modality once")
      }
    }
    self.init(checkedImage: rates["image"] ?? 0, text: rates["text"] ?? 0)
  }

  /// `image=0.3,text=0.7`, as `init(parsing:)` reads it.
  public var description: String { "image=\(image),text=\(text)" }
}
