// SPDX-License-Identifier: Apache-2.0

// What the header of a safetensors file is made of: objects, strings and counts.

extension JSONScanner {
  /// Reads an object; `member` gets each key and must consume its value.
  mutating func object<E: Error>(
    failing wrap: (Failure) -> E, _ member: (inout JSONScanner, String) throws(E) -> Void
  ) throws(E) {
    func step<Value>(_ body: () throws(Failure) -> Value) throws(E) -> Value {
      do throws(Failure) { return try body() } catch { throw wrap(error) }
    }
    try step { () throws(Failure) in try expect("{") }
    if take("}") { return }
    repeat {
      let key = try step { () throws(Failure) in
        let key = try string()
        try expect(":")
        return key
      }
      try member(&self, key)
    } while take(",")
    try step { () throws(Failure) in try expect("}") }
  }

  /// Reads an array of counts.
  mutating func counts() throws(Failure) -> [Int] {
    try expect("[")
    var values: [Int] = []
    if take("]") { return values }
    repeat { values.append(try count()) } while take(",")
    try expect("]")
    return values
  }

  /// Reads a non-negative integer that fits an Int.
  mutating func count() throws(Failure) -> Int {
    _ = peek()
    let start = position
    var value = 0
    while position < bytes.count, case let digit = bytes[position], (0x30...0x39).contains(digit) {
      let (tens, tooLarge) = value.multipliedReportingOverflow(by: 10)
      let (sum, overflow) = tens.addingReportingOverflow(Int(digit - 0x30))
      guard !tooLarge, !overflow else { throw failure("a count below 2^63") }
      value = sum
      position += 1
    }
    guard position > start else { throw failure("a non-negative integer") }
    return value
  }
}
