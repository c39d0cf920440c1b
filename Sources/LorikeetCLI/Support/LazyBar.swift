// SPDX-License-Identifier: Apache-2.0

import Lorikeet

/// A progress bar whose total becomes known, or changes, while the work goes on.
final class LazyBar {
  private let label: String
  private var bar: ProgressBar?
  private var total = 0

  init(label: String) { self.label = label }

  /// - Parameter unit: what `done` and `total` count, if it needs saying.
  func update(done: Int, total: Int, samples: Int = 0, unit: String = "") {
    if bar == nil || total != self.total {
      bar = ProgressBar(label: label, total: total, done: done, unit: unit)
      self.total = total
    }
    bar?.update(done: done, samples: samples)
  }

  func message(_ text: String) {
    if let bar { bar.message(text) } else { StandardError.line(text) }
  }

  func finish() { bar?.finish() }
}
