// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet
import LorikeetBenchmarks

struct BenchGemm: WorkingCommand {
  static let configuration = CommandConfiguration(
    commandName: "gemm",
    abstract: "Times matrix products against OpenBLAS, by turns.",
    discussion: """
      NT is a layer's forward pass, NN the gradient of its input, TN the gradient of a weight; a \
      shape is rows x outputs x inputs. OpenBLAS multiplies float32 on the same number of threads, \
      whatever type ours reads; ratio is how many times as fast ours is.

      Examples:
        lorikeet bench gemm
        lorikeet bench gemm --shape NT,288,576,576 --shape NT,1,49152,576 --dtype Q8_0
      """)

  @Option(
    help: .init(
      "A product; repeatable (default: those of a small decoder).",
      valueName: "kind,m,n,k"),
    transform: ShapeArgument.product)
  var shape: [GemmBenchmark.Product] = []

  @Option(help: "The type of the weights: F32, BF16, F16, Q8_0, Q4_0, Q4_1 or NF4.")
  var dtype: String?

  @OptionGroup(title: "Benchmark options")
  var bench: BenchOptions

  @OptionGroup(title: "Common options")
  var common: CommonOptions

  func validate() throws {
    if let dtype, type == nil {
      throw ValidationError(
        "--dtype is \(dtype), expected "
          + GemmBenchmark.dtypes.map(\.rawValue).joined(separator: ", "))
    }
  }

  private var type: DType? {
    GemmBenchmark.dtypes.first { $0.rawValue == dtype?.uppercased() }
  }

  func work() throws {
    var products = shape
    if products.isEmpty {
      products = GemmBenchmark.standard.filter { type == nil || $0.dtype == type }
    } else if let type {
      for index in products.indices { products[index].dtype = type }
    }
    for product in products { try product.check() }
    let benchmark = GemmBenchmark(bench.counts)
    let printer = try BenchPrinter(json: bench.json)
    var measured: [MeasuredWork] = []
    for product in products {
      let work = benchmark.run(product)
      if bench.json { try printer.print([work]) } else { measured.append(work) }
    }
    if !bench.json { try printer.print(measured) }
  }
}

/// Products on the command line.
enum ShapeArgument {
  static func product(_ text: String) throws -> GemmBenchmark.Product {
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.dropFirst().compactMap { Int($0) }
    guard parts.count == 4, numbers.count == 3, numbers.allSatisfy({ (1...1 << 20).contains($0) }),
      let kind = GemmBenchmark.Product.Kind(rawValue: parts[0].uppercased())
    else { throw ValidationError("\(text) is no product; expected one as NT,288,576,576") }
    return GemmBenchmark.Product(kind, numbers[0], numbers[1], numbers[2])
  }
}
