// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels
internal import Testing

/// The instruction sets that this machine has.
package enum InstructionSets {
  package static let available: [String] = (LK_PORTABLE.rawSet...LK_AVX512.rawSet)
    .filter { lk_instruction_set_available($0) != 0 }
    .map { String(cString: lk_instruction_set_name($0)) }

  /// Runs the body, in this thread, with the kernels of one set.
  package static func using<Result>(_ name: String, _ body: () throws -> Result) rethrows -> Result
  {
    #expect(lk_force_instruction_set(lk_instruction_set_named(name)) == 1)
    defer { lk_force_instruction_set(-1) }
    #expect(String(cString: lk_isa()) == name)
    return try body()
  }
}

extension BinaryInteger {
  fileprivate var rawSet: Int32 { Int32(self) }
}
extension RawRepresentable where RawValue: BinaryInteger {
  fileprivate var rawSet: Int32 { Int32(rawValue) }
}
