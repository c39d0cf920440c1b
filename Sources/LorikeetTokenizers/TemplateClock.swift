// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// Dates as `strftime` writes them, in the local time zone and in English.
enum TemplateClock {
  private static let months = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October",
    "November", "December",
  ]
  private static let days = [
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
  ]

  static func format(_ format: String, _ date: Date) -> String {
    let calendar = Calendar(identifier: .gregorian)
    let parts = calendar.dateComponents(
      [.year, .month, .day, .hour, .minute, .second, .weekday], from: date)
    func padded(_ value: Int?, _ width: Int = 2) -> String {
      let digits = String(value ?? 0)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let month = months[max(0, min(11, (parts.month ?? 1) - 1))]
    let day = days[max(0, min(6, (parts.weekday ?? 1) - 1))]
    let hour = parts.hour ?? 0
    var result = ""
    var isDirective = false
    for character in format {
      guard isDirective else {
        if character == "%" { isDirective = true } else { result.append(character) }
        continue
      }
      isDirective = false
      switch character {
      case "Y": result += padded(parts.year, 4)
      case "y": result += padded((parts.year ?? 0) % 100)
      case "m": result += padded(parts.month)
      case "d": result += padded(parts.day)
      case "B": result += month
      case "b", "h": result += String(month.prefix(3))
      case "A": result += day
      case "a": result += String(day.prefix(3))
      case "H": result += padded(hour)
      case "I": result += padded((hour + 11) % 12 + 1)
      case "M": result += padded(parts.minute)
      case "S": result += padded(parts.second)
      case "p": result += hour < 12 ? "AM" : "PM"
      case "j": result += padded(calendar.ordinality(of: .day, in: .year, for: date), 3)
      case "%": result += "%"
      default: result += "%\(character)"
      }
    }
    return result
  }
}
