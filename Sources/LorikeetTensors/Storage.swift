// SPDX-License-Identifier: Apache-2.0

internal import Foundation

/// The memory behind tensors: bytes of its own, or a window into a mapped file.
///
/// Bytes of one's own are written only through `Tensor`, which copies unless it is their only owner;
/// a mapped file is mapped read-only and never written. Both free their memory when the last
/// reference goes.
///
/// `@unchecked Sendable`: the pointer never changes, and the bytes behind it change only while a
/// single owner holds the object exclusively (`isKnownUniquelyReferenced`).
public final class Storage: @unchecked Sendable {
  package let base: UnsafeMutableRawPointer
  public let byteCount: Int
  /// Whether the bytes may be written to.
  package let isWritable: Bool
  private let owner: AnyObject?

  /// Memory of its own, 64-byte aligned, not initialised.
  package init(byteCount: Int) {
    base =
      byteCount >= BlockPool.least
      ? BlockPool.shared.allocate(byteCount)
      : UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 64), alignment: 64)
    self.byteCount = byteCount
    isWritable = true
    owner = nil
  }

  private init(base: UnsafeMutableRawPointer, byteCount: Int, owner: AnyObject) {
    self.base = base
    self.byteCount = byteCount
    isWritable = false
    self.owner = owner
  }

  deinit {
    guard owner == nil else { return }
    if byteCount >= BlockPool.least {
      BlockPool.shared.deallocate(base, byteCount)
    } else {
      base.deallocate()
    }
  }

  /// Copies bytes into memory of its own.
  public convenience init(copying bytes: UnsafeRawBufferPointer) {
    self.init(byteCount: bytes.count)
    if let source = bytes.baseAddress { base.copyMemory(from: source, byteCount: bytes.count) }
  }

  /// Maps a whole file, read-only. An empty file gives empty storage.
  ///
  /// - Throws: `FileError` if the file cannot be opened or mapped.
  public static func mapping(path: String) throws(FileError) -> Storage {
    let mapped = try MappedFile(path: path)
    return Storage(base: mapped.base, byteCount: mapped.byteCount, owner: mapped)
  }

  /// Lets go of the pages of a mapped file that hold only these bytes: the next use reads them again.
  package func forgetPages(of bytes: Range<Int>) {
    guard !isWritable else { return }
    let page = Int(sysconf(Int32(_SC_PAGESIZE)))
    let start = (bytes.lowerBound + page - 1) / page * page
    let end = min(bytes.upperBound, byteCount) / page * page
    if start < end { madvise(base + start, end - start, MADV_DONTNEED) }
  }

  /// Lends the bytes; the pointer must not leave the closure.
  public func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(start: base, count: byteCount))
  }
}

/// A file mapped read-only for as long as the object lives.
private final class MappedFile {
  let base: UnsafeMutableRawPointer
  let byteCount: Int

  init(path: String) throws(FileError) {
    // A pipe is opened, and refused, without waiting for its other end.
    let descriptor = open(path, O_RDONLY | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileError(path: path, errno: errno, action: "open") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw FileError(path: path, errno: errno, action: "read")
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileError(path: path, reason: "is not a regular file")
    }
    byteCount = Int(status.st_size)
    guard byteCount > 0 else {
      base = UnsafeMutableRawPointer.allocate(byteCount: 64, alignment: 64)
      return
    }
    guard let address = mmap(nil, byteCount, PROT_READ, MAP_PRIVATE, descriptor, 0),
      address != MAP_FAILED
    else { throw FileError(path: path, errno: errno, action: "map") }
    base = address
  }

  deinit {
    guard byteCount > 0 else { return base.deallocate() }
    // Giving back a hundred thousand pages takes some time, which threads can share.
    let piece = 2 << 20
    nonisolated(unsafe) let base = base
    parallelRows(byteCount / piece, grain: 16) {
      madvise(base + $0.lowerBound * piece, $0.count * piece, MADV_DONTNEED)
    }
    munmap(base, byteCount)
  }
}
