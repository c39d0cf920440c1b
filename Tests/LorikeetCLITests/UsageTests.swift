// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

/// Help, versions, completions and wrong usage.
@Suite struct UsageTests {
  @Test(arguments: [
    (["frobnicate"], "frobnicate", "lorikeet --help"),
    (["debug", "forward", "--model", "x"], "--inputs", "lorikeet debug forward --help"),
    (
      ["debug", "forward", "--model", "x", "--inputs", "a", "--outputs", "b", "--gradient"],
      "--gradient", "lorikeet debug forward --help"
    ),
    (
      ["debug", "forward", "--model", "x", "--inputs", "a", "--outputs", "b", "--generate", "3"],
      "--from", "lorikeet debug forward --help"
    ),
    (
      ["debug", "forward", "--model", "x", "--inputs", "a", "--outputs", "b", "--threads", "0"],
      "expected 1 to 1024", "lorikeet debug forward --help"
    ),
    (["debug", "tokenize", "--model", "x"], "--text or --file", "lorikeet debug tokenize --help"),
    (
      ["debug", "template", "--conversations", "x"], "--model or --template",
      "lorikeet debug template --help"
    ),
    (
      ["debug", "preprocess", "a.png", "--output", "b"], "--model",
      "lorikeet debug preprocess --help"
    ),
    (
      ["debug", "preprocess", "a.png", "--output", "b", "--resize", "0x7"], "0x7",
      "lorikeet debug preprocess --help"
    ),
    (
      ["debug", "preprocess", "a.png", "--output", "b", "--resize", "4x7", "--filter", "cubist"],
      "- lanczos", "lorikeet debug preprocess --help"
    ),
    (
      ["debug", "preprocess", "a.png", "--output", "b", "--decode", "--crop", "4"], "--decode",
      "lorikeet debug preprocess --help"
    ),
  ])
  func wrongUsageIsOneLineAndCode2(arguments: [String], cause: String, help: String) throws {
    let run = try Command.run(arguments)
    #expect(run.status == 2)
    #expect(run.output == "")
    #expect(run.errorLines.count == 1, "\(run.errors)")
    #expect(run.errors.hasPrefix("error: "))
    #expect(run.errors.contains(cause))
    #expect(run.errors.hasSuffix("(see '\(help)')\n"), "\(run.errors)")
  }

  @Test(arguments: ["0", "-1", "two", "1025", "99999999999999999999", "1.5"])
  func threadsOfTheEnvironmentAreChecked(threads: String) throws {
    let arguments = ["inspect", "/nowhere"]
    func run(_ more: [String]) throws -> Finished {
      try Command.run(arguments + more, environment: ["LORIKEET_THREADS": threads])
    }
    let wrong = try run([])
    #expect(wrong.status == 2 && wrong.errorLines.count == 1, "\(wrong.errors)")
    #expect(wrong.errors.contains("LORIKEET_THREADS is \(threads), expected 1 to 1024"))
    // The option goes before it.
    #expect(try run(["--threads", "1"]).status == 1)
  }

  @Test(arguments: [("LORIKEET_ISA", "mmx"), ("LORIKEET_GEMM", "mkl")])
  func kernelsOfTheEnvironmentAreChecked(variable: String, value: String) throws {
    let run = try Command.run(["inspect", "/nowhere"], environment: [variable: value])
    #expect(run.status == 2 && run.errorLines.count == 1, "\(run.errors)")
    #expect(run.errors.contains("\(variable) is \(value), expected"))
    let portable = try Command.run(
      ["inspect", "/nowhere"], environment: ["LORIKEET_ISA": "portable"])
    #expect(portable.status == 1)
  }

  @Test(arguments: [
    ["--help"], ["debug", "--help"], ["debug", "forward", "--help"],
    ["debug", "preprocess", "--help"], ["help", "debug", "tokenize"],
  ])
  func helpGoesToStandardOutput(arguments: [String]) throws {
    let run = try Command.run(arguments)
    #expect(run.status == 0)
    #expect(run.errors == "")
    #expect(run.output.contains("USAGE: lorikeet"))
  }

  @Test func commandsThatWorkHaveExamples() throws {
    for verb in ["forward", "preprocess", "tokenize"] {
      let run = try Command.run("debug", verb, "--help")
      #expect(run.output.contains("Examples:\n  lorikeet debug \(verb) "))
    }
  }

  @Test func versionIsPrinted() throws {
    let run = try Command.run("--version")
    #expect(run.status == 0)
    #expect(run.output.wholeMatch(of: /lorikeet \d+\.\d+\.\d+\n/) != nil)
  }

  @Test(arguments: ["bash", "zsh", "fish"])
  func completionsAreGenerated(shell: String) throws {
    let run = try Command.run("--generate-completion-script", shell)
    #expect(run.status == 0)
    #expect(run.output.contains("tokenize"))
  }

  @Test func aFullDiskIsAnErrorNamingStandardOutput() throws {
    // A device that takes nothing, where there is one.
    guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
    let run = try Command.run(
      ["debug", "tokenize", "--model", Fixtures.path("tokenizers/digits"), "--text", "7"],
      output: "/dev/full")
    #expect(run.status == 1)
    #expect(run.errorLines.count == 1)
    #expect(run.errors.hasPrefix("error: standard output: cannot write: "))
  }

  @Test func aReaderThatGoesAwayIsAQuietEnd() throws {
    // Far more than a pipe holds, read by nobody.
    try withTemporaryDirectory { directory in
      let lines = directory + "/lines.txt"
      try String(repeating: "one two three\n", count: 50_000)
        .write(toFile: lines, atomically: true, encoding: .utf8)
      let process = Process()
      process.executableURL = URL(filePath: try Command.path())
      process.arguments = [
        "debug", "tokenize", "--model", Fixtures.path("tokenizers/digits"), "--file", lines,
      ]
      let (output, errors) = (Pipe(), Pipe())
      process.standardOutput = output
      process.standardError = errors
      try process.run()
      try? output.fileHandleForWriting.close()
      try? output.fileHandleForReading.close()
      process.waitUntilExit()
      #expect(process.terminationReason == .exit)
      #expect(process.terminationStatus == 0)
      #expect(errors.fileHandleForReading.availableData.isEmpty)
    }
  }
}
