// SPDX-License-Identifier: Apache-2.0

import LorikeetTensors
import Testing

@Suite struct BlockPoolTests {
  @Test(arguments: [
    (65_536, 65_536), (65_537, 69_632), (1 << 20, 1 << 20), ((1 << 20) + 1, (1 << 20) + 65_536),
    (1_327_104, 1_376_256), ((1 << 30) - 1, 1 << 30),
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

  @Test func noMoreIsKeptThanWasInUse() {
    let pool = BlockPool()
    let sizes = (0..<64).map { 65_536 + $0 * 20_000 }
    var blocks: [(UnsafeMutableRawPointer, Int)] = []
    for round in 0..<5 {
      for size in sizes {
        blocks.append((pool.allocate(size + round * 4096), size + round * 4096))
        if blocks.count > 8 {
          let (block, bytes) = blocks.removeFirst()
          block.storeBytes(of: UInt8(round), toByteOffset: bytes - 1, as: UInt8.self)
          pool.deallocate(block, bytes)
        }
        let (kept, inUse, most) = pool.bytes
        #expect(kept + inUse <= most)
      }
    }
    for (block, bytes) in blocks { pool.deallocate(block, bytes) }
    let (kept, inUse, most) = pool.bytes
    #expect(inUse == 0 && kept > 0 && kept <= most)
  }
}
