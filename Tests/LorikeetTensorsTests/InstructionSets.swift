// SPDX-License-Identifier: Apache-2.0

import CLorikeetKernels
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// The instruction sets that this machine has.
enum InstructionSets {
  static let available: [String] = (LK_PORTABLE.rawSet...LK_AVX512.rawSet)
    .filter { lk_instruction_set_available($0) != 0 }
    .map { String(cString: lk_instruction_set_name($0)) }

  /// Runs the body, in this thread, with the kernels of one set.
  static func using<Result>(_ name: String, _ body: () -> Result) -> Result {
    #expect(lk_force_instruction_set(lk_instruction_set_named(name)) == 1)
    defer { lk_force_instruction_set(-1) }
    #expect(String(cString: lk_isa()) == name)
    return body()
  }
}

extension BinaryInteger {
  fileprivate var rawSet: Int32 { Int32(self) }
}
extension RawRepresentable where RawValue: BinaryInteger {
  fileprivate var rawSet: Int32 { Int32(rawValue) }
}

/// Floats for a C function, at a chosen distance from an aligned address, between guards that must
/// not change.
///
/// The memory is not given back: the C function must find it after the last use of the value.
struct Floats {
  private static let guardValue: Float = 123_456.75
  private static let margin = 8
  private let base: UnsafeMutablePointer<Float>
  private let total: Int
  let pointer: UnsafeMutablePointer<Float>
  let count: Int

  init(_ values: [Float], offset: Int) {
    count = values.count
    total = count + offset + 2 * Self.margin
    base = UnsafeMutableRawPointer.allocate(byteCount: total * 4, alignment: 64)
      .bindMemory(to: Float.self, capacity: total)
    base.initialize(repeating: Self.guardValue, count: total)
    // The margin keeps the alignment of 32 bytes; the offset breaks it.
    pointer = base + Self.margin + offset
    for (index, value) in values.enumerated() { pointer[index] = value }
  }

  /// The values; an issue is recorded if a guard was overwritten.
  var values: [Float] {
    for index in 0..<total where base + index < pointer || base + index >= pointer + count {
      if base[index] != Self.guardValue {
        Issue.record("float \(base + index - pointer) of \(count) was written to")
      }
    }
    return (0..<count).map { pointer[$0] }
  }
}
