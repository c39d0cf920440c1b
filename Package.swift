// swift-tools-version: 6.2

import PackageDescription

let strict: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let protobuf = Target.Dependency.product(name: "SwiftProtobuf", package: "swift-protobuf")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

/// A library target, `Lorikeet` + `name`, that depends on other targets of the package and on products.
func library(_ name: String, _ own: [String], _ products: [Target.Dependency] = []) -> Target {
  .target(
    name: "Lorikeet" + name, dependencies: own.map { .target(name: $0) } + products,
    swiftSettings: strict)
}

/// The tests of one library target.
func tests(_ name: String, _ more: [String] = []) -> Target {
  .testTarget(
    name: "Lorikeet" + name + "Tests",
    dependencies: (["Lorikeet" + name, "LorikeetTestSupport"] + more).map { .target(name: $0) },
    swiftSettings: strict)
}

// The targets follow the data: each depends only on targets that stand before it.
let package = Package(
  name: "Lorikeet",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Lorikeet", targets: ["Lorikeet"]),
    .executable(name: "lorikeet", targets: ["LorikeetCLI"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-protobuf", from: "1.30.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
  ],
  targets: [
    .systemLibrary(
      name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CPNG", pkgConfig: "libpng", providers: [.apt(["libpng-dev"])]),
    .systemLibrary(name: "CJPEG", pkgConfig: "libjpeg", providers: [.apt(["libjpeg-dev"])]),
    .target(name: "CLorikeetKernels"),
    .target(name: "CLorikeetCodecs", dependencies: ["CPNG", "CJPEG"]),

    library("Tensors", ["CLorikeetKernels", "COpenBLAS"]),
    library("Autograd", ["LorikeetTensors"]),
    .target(
      name: "LorikeetCheckpoints", dependencies: ["LorikeetTensors", protobuf],
      exclude: ["onnx.proto"], swiftSettings: strict),
    .target(
      name: "LorikeetTokenizers", dependencies: ["LorikeetCheckpoints", protobuf],
      exclude: ["sentencepiece.proto"], swiftSettings: strict),
    library("Images", ["CLorikeetCodecs", "CLorikeetKernels", "LorikeetTensors"]),
    library("Datasets", ["LorikeetTensors", "LorikeetImages"], [logging]),
    library("Layers", ["LorikeetAutograd", "LorikeetCheckpoints"]),
    library("VisionEncoders", ["LorikeetLayers"]),
    library("TextDecoders", ["LorikeetLayers"]),
    library("Projectors", ["LorikeetLayers"]),
    library("Adapters", ["LorikeetLayers"]),
    library("TokenPruning", ["LorikeetVisionEncoders"]),
    library("MissingModality", ["LorikeetLayers", "LorikeetDatasets"]),
    library(
      "VisionLanguage",
      [
        "LorikeetVisionEncoders", "LorikeetTextDecoders", "LorikeetProjectors", "LorikeetAdapters",
        "LorikeetTokenPruning", "LorikeetMissingModality", "LorikeetTokenizers", "LorikeetImages",
      ]),
    library("Training", ["LorikeetVisionLanguage", "LorikeetDatasets"], [logging, yams, crypto]),
    library("Evaluation", ["LorikeetVisionLanguage", "LorikeetDatasets"], [logging]),
    .target(
      name: "LorikeetBenchmarks",
      dependencies: [
        "CLorikeetKernels", "COpenBLAS", "LorikeetTraining", "LorikeetVisionLanguage",
        "LorikeetDatasets",
      ], swiftSettings: strict),
    library(
      "Registry",
      ["LorikeetCheckpoints", "LorikeetTokenizers", "LorikeetImages", "LorikeetDatasets"],
      [logging, crypto]),
    .target(
      name: "Lorikeet",
      dependencies: [
        "LorikeetTensors", "LorikeetAutograd", "LorikeetCheckpoints", "LorikeetTokenizers",
        "LorikeetImages", "LorikeetDatasets", "LorikeetLayers", "LorikeetVisionEncoders",
        "LorikeetTextDecoders", "LorikeetProjectors", "LorikeetAdapters", "LorikeetTokenPruning",
        "LorikeetMissingModality", "LorikeetVisionLanguage", "LorikeetTraining",
        "LorikeetEvaluation", "LorikeetRegistry",
      ], swiftSettings: strict),
    .executableTarget(
      name: "LorikeetCLI",
      dependencies: ["Lorikeet", "LorikeetBenchmarks", arguments, logging],
      swiftSettings: strict),

    .executableTarget(
      name: "make-dataset",
      dependencies: ["LorikeetTensors", "LorikeetImages", "LorikeetDatasets"],
      path: "Examples/make-dataset", swiftSettings: strict),
    .executableTarget(
      name: "make-tiny-model",
      dependencies: ["Lorikeet"],
      path: "Examples/make-tiny-model", swiftSettings: strict),

    .target(
      name: "LorikeetTestSupport",
      dependencies: ["CLorikeetKernels", "LorikeetAutograd", "LorikeetCheckpoints"],
      path: "Tests/LorikeetTestSupport", swiftSettings: strict),
    tests("Tensors", ["CLorikeetKernels"]), tests("Autograd"), tests("Checkpoints"),
    tests("Tokenizers"), tests("Images"), tests("Datasets"), tests("Layers"),
    tests("VisionEncoders"), tests("TextDecoders"), tests("Projectors"),
    tests("Adapters", ["LorikeetTextDecoders"]), tests("TokenPruning"), tests("MissingModality"),
    tests("VisionLanguage"), tests("Training"), tests("Evaluation"), tests("Registry"),
    tests("Benchmarks"), tests("CLI"),
  ]
)
