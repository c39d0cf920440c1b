// SPDX-License-Identifier: Apache-2.0

internal import Foundation
internal import LorikeetImages
internal import LorikeetTensors
internal import LorikeetTokenPruning
internal import LorikeetVisionLanguage

/// Times the caption of one picture, from its file to the last token: in a process that just started,
/// and in one that has its model open.
package struct CaptionBenchmark {
  package struct Options: Sendable {
    package var picture: String
    package var tokens = 16
    package var prune: String?
    package var repetitions = Repetitions(warmUp: 1, count: 5)

    package init(picture: String) { self.picture = picture }
  }

  private let model: BenchmarkModel
  private let options: Options

  package init(_ model: BenchmarkModel, _ options: Options) {
    self.model = model
    self.options = options
  }

  /// The parts of one caption, in seconds.
  private struct Parts {
    var picture = 0.0
    var encode = 0.0
    var prefill = 0.0
    var decode = 0.0
    var rows = 0
  }

  /// Opens the model and writes one caption, as a process that was started for it does.
  package func once() throws { _ = try write(open()) }

  private func open() throws -> Pipeline {
    let pipeline = try model.open()
    if let prune = options.prune { pipeline.pruning = try PruningSpecification(prune) }
    return pipeline
  }

  private func write(_ pipeline: Pipeline) throws -> Parts {
    let clock = ContinuousClock()
    var parts = Parts()
    var last = clock.now
    func lap() -> Double {
      let now = clock.now
      defer { last = now }
      return last.duration(to: now) / .seconds(1)
    }
    let path = options.picture
    let pixels = try pipeline.processor.pixels(Image(contentsOf: path), name: path)
    parts.picture = lap()
    guard let features = try pipeline.features(of: [pixels], seeds: [0]).first else {
      throw BenchmarkError(model.description, "takes no pictures")
    }
    parts.encode = lap()
    let prompt = try pipeline.processor.prompt(
      image: .features(features), text: nil, instruction: pipeline.settings.captionPrompt,
      settings: pipeline.settings)
    parts.rows = pipeline.length(of: prompt)
    try pipeline.requireRoom(for: prompt, and: options.tokens, name: path)
    var generation = GenerationOptions()
    generation.maxTokens = options.tokens
    generation.stopsAtEnd = false
    var written = 0
    let answers = try pipeline.model.generate(
      [prompt], generation, missing: pipeline.missing,
      positions: pipeline.settings.prunedPositions
    ) { _, _ in
      if written == 0 { parts.prefill = lap() }
      written += 1
    }
    _ = pipeline.processor.words(answers[0])
    parts.decode = lap()
    return parts
  }

  /// - Parameter command: the arguments with which this program writes one caption and ends.
  package func run(command: [String]) throws -> [MeasuredWork] {
    // Whatever is wrong with the picture or the model is said here.
    let opened = try Repetitions(warmUp: 0, count: options.repetitions.count).time {
      _ = try open()
    }
    let pipeline = try open()
    _ = try write(pipeline)
    var settings: JSONLine = [
      "model": .string(model.description),
      "base_dtype": model.baseType.map { .string($0.rawValue) } ?? .null,
      "tokens": .int(options.tokens),
      "prune": options.prune.map { .string($0) } ?? .null,
    ]
    let cold = try options.repetitions.time { try Self.start(command) }
    var parts: [Parts] = []
    PeakMemory.reset()
    let warm = try options.repetitions.time { parts.append(try write(pipeline)) }
    parts.removeFirst(options.repetitions.warmUp)
    let peak = PeakMemory.bytes
    settings.append("rows", .int(parts[0].rows))
    func work(_ name: String, _ timing: Timing, tokens: Int? = nil) -> MeasuredWork {
      MeasuredWork(
        work: "caption", name: name, settings: settings, timing: timing,
        numbers: tokens.map { [("tokens_per_second", Double($0) / timing.median)] } ?? [],
        peakMemory: name == "warm" ? peak : nil)
    }
    func part(_ name: String, _ key: KeyPath<Parts, Double>, tokens: Int? = nil) -> MeasuredWork {
      work(
        name,
        Timing(samples: parts.map { $0[keyPath: key] }, otherProcessors: warm.otherProcessors),
        tokens: tokens)
    }
    return [
      work("cold", cold), work("open", opened), work("warm", warm), part("picture", \.picture),
      part("encode", \.encode), part("prefill", \.prefill, tokens: parts[0].rows),
    ] + (options.tokens > 1 ? [part("decode", \.decode, tokens: options.tokens - 1)] : [])
  }

  /// Runs this program with other arguments and waits for its end.
  private static func start(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = Bundle.main.executableURL
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw BenchmarkError(
        arguments.joined(separator: " "), "ended with \(process.terminationStatus)")
    }
  }
}
