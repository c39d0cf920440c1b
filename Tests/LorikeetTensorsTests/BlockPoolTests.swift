// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import Testing

@Suite struct BlockPoolTests {
  @Test(arguments: [
    // A start anywhere in the first page takes up to 4,032 bytes more.
    (65_536, 69_632), (65_600, 69_632), (65_601, 73_728), (1 << 20, (1 << 20) + 65_536),
    (1_327_104, 1_376_256), ((1 << 30) - 4032, 1 << 30),
  ])
  func sizesAreFew(bytes: Int, size: Int) {
    #expect(BlockPool.size(for: bytes) == size)
  }

  @Test func aFreedBlockServesAgain() {
    let pool = BlockPool()
    let first = pool.allocate(100_000)
    first.storeBytes(of: 7, as: Int.self)
    pool.deallocate(first, 100_000)
    #expect(pool.bytes.kept == BlockPool.size(for: 100_000))
    // Another number of bytes, the same size.
    let second = pool.allocate(100_001)
    #expect(second == first && second.load(as: Int.self) == 7)
    #expect(pool.bytes.kept == 0)
    pool.deallocate(second, 100_001)
  }

  @Test func littleMoreIsKeptThanWasInUse() {
    let pool = BlockPool()
    var blocks: [(UnsafeMutableRawPointer, Int)] = []
    for round in 0..<40 {
      for index in 0..<16 {
        let size = (1 << 20) + (round * 16 + index) * 50_000
        blocks.append((pool.allocate(size), size))
        if blocks.count > 8 {
          let (block, bytes) = blocks.removeFirst()
          block.storeBytes(of: UInt8(round), toByteOffset: bytes - 1, as: UInt8.self)
          pool.deallocate(block, bytes)
        }
        let (kept, inUse, most) = pool.bytes
        #expect(kept <= max(most - inUse, BlockPool.slack, most / 8))
      }
    }
    for (block, bytes) in blocks { pool.deallocate(block, bytes) }
    let (kept, inUse, most) = pool.bytes
    #expect(inUse == 0 && kept > BlockPool.slack && kept <= most)
  }
}
