// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTensors
import LorikeetTestSupport
import Testing

@Suite struct MemoryTests {
  /// Writes files of control groups below a directory and asks what they leave.
  private func room(_ groups: String, _ files: [String: String]) throws -> Int? {
    try withTemporaryDirectory { root in
      for (name, text) in files {
        let path = root + "/" + name
        try FileManager.default.createDirectory(
          atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: path))
      }
      return Memory.room(inGroups: groups, root: root)
    }
  }

  @Test func aGroupLeavesItsLimitWithoutWhatIsInUse() throws {
    let files = [
      "a/b/memory.max": "1000\n", "a/b/memory.current": "600\n",
      "a/b/memory.stat": "anon 300\nfile 300\nactive_file 50\ninactive_file 150\n",
    ]
    // Pages of files that can be given up are not in use; those of shared memory are.
    #expect(try room("0::/a/b\n", files) == 600)
    #expect(try room("0::/a\n", files) == nil)
    #expect(try room("0::/a/b/c\n", files) == 600)
  }

  @Test func groupsAboveCountToo() throws {
    let files = [
      "memory.max": "max\n", "memory.current": "5\n",
      "a/memory.max": "500\n", "a/memory.current": "450\n",
      "a/b/memory.max": "1000\n", "a/b/memory.current": "400\n",
    ]
    #expect(try room("0::/a/b\n", files) == 50)
    // Its path outside of the container is not there; the root is the container's own group.
    let inside = ["memory.max": "300\n", "memory.current": "400\n"]
    #expect(try room("0::/docker/0123\n", inside) == 0)
  }

  @Test func theFirstVersionIsReadInItsOwnHierarchy() throws {
    let files = [
      "memory/limit.slice/memory.limit_in_bytes": "800\n",
      "memory/limit.slice/memory.usage_in_bytes": "500\n",
      "memory/limit.slice/memory.stat": "inactive_file 7\ntotal_inactive_file 100\n",
      "memory/memory.limit_in_bytes": "9223372036854771712\n",
      "memory/memory.usage_in_bytes": "1000\n",
    ]
    #expect(try room("3:cpu:/x\n4:memory:/limit.slice\n0::/\n", files) == 400)
    #expect(try room("4:hugetlb,memory:/limit.slice\n", files) == 400)
    #expect(try room("3:cpu:/limit.slice\n", files) == nil)
    #expect(try room("nonsense\n\n:::\n", [:]) == nil)
  }

  @Test func theSystemHasSome() throws {
    #if os(Linux)
      #expect(try #require(Memory.available) > 1 << 20)
    #endif
    #expect(Memory.gibibytes(3 << 29) == "1.50 GiB")
    #expect(Memory.gibibytes(12 << 30) == "12.0 GiB")
  }
}
