// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

extension Tape {
  /// Variables of equal row counts side by side, `[rows, sum of widths]`.
  public func joinColumns(_ parts: [Variable]) -> Variable {
    let widths = parts.map(\.shape.width)
    let value = Kernels.joinColumns(parts.map(\.value))
    return output(value, from: parts) { g in
      var start = 0
      for (part, width) in zip(parts, widths) {
        part.accumulate(Kernels.columns(g, start..<start + width))
        start += width
      }
    }
  }
}
