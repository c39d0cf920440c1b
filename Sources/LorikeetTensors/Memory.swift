// SPDX-License-Identifier: Apache-2.0

internal import CLorikeetKernels

/// How the process keeps memory.
public enum Memory {
  /// Keeps freed blocks for the next use, in the whole process.
  ///
  /// The activations of a step have the sizes of the last one's; giving them back to the system and
  /// faulting them in again costs more than keeping them.
  public static func keepFreedBlocks() { lk_keep_freed_blocks() }
}
