// SPDX-License-Identifier: Apache-2.0

private import Foundation

extension Kernels {
  static func cosine(_ x: Double) -> Double { cos(x) }
  static func sine(_ x: Double) -> Double { sin(x) }
}
