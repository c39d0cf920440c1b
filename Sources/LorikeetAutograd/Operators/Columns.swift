// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

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

  /// Some columns of a matrix.
  public func columns(_ x: Variable, _ range: Range<Int>) -> Variable {
    output(Kernels.columns(x.value, range), from: [x]) { g in
      x.accumulate(g, columns: range)
    }
  }

  /// The same values under another shape.
  public func reshape(_ x: Variable, _ shape: Shape) -> Variable {
    let old = x.shape
    return output(x.value.reshaped(shape), from: [x]) { g in x.accumulate(g.reshaped(old)) }
  }
}
