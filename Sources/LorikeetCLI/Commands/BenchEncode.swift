// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet
import LorikeetBenchmarks

struct BenchEncode: WorkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "encode",
    abstract: "Times reading, preparing and encoding pictures.",
    discussion: """
      Prints the median picture's time for each part, the encoder alone on 1 and on 8 pictures, and \
      the whole way of all pictures.

      Examples:
        lorikeet bench encode --model vlm pictures
      """)

  @Option(help: "The model: a directory, or a name that was pulled.", completion: .directory)
  var model: String

  @Argument(help: "A PNG or JPEG file, or a directory of them.", completion: .file())
  var pictures: String

  @Option(help: "The most pictures of a directory, evenly chosen.")
  var limit = 60

  @Option(help: "Keep the model's weights in this type (default: as they are stored).")
  var baseDtype: BaseType?

  @OptionGroup(title: "Benchmark options")
  var bench: BenchOptions

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func validate() throws { try BenchOptions.require(limit, in: 1...1_000_000, "limit") }

  func work() throws {
    let paths = try EncodeBenchmark.pictures(in: pictures, limit: limit)
    let benchmark = try EncodeBenchmark(
      BenchmarkModel(.directory(ModelSource.directory(model)), baseType: baseDtype),
      pictures: paths, bench.counts)
    let measured = try benchmark.run()
    try BenchPrinter(json: bench.json).print(measured)
  }
}
