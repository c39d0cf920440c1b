// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import Testing

/// That benchmarks run and say what they promise; how fast is no matter here.
@Suite(.serialized) struct BenchTests {
  private let picture = TinyPictures.path(TinyPictures.all[0].name)
  private let few = ["--repetitions", "1", "--warm-up", "0"]
  private let always: Set<String> = [
    "work", "name", "repetitions", "seconds", "seconds_min", "seconds_q1", "seconds_q3",
    "seconds_max", "other_processors",
  ]

  /// The measurements of a run, after the line about the machine.
  private func measured(_ arguments: [String]) throws -> [[String: Any]] {
    let run = try Command.run(["bench"] + arguments + few + ["--json", "--quiet"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors == "")
    let objects = try run.output.split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    let machine = try #require(objects.first)
    #expect(
      Set(machine.keys) == [
        "work", "processor", "instruction_set", "threads", "fma_gflops", "fma_gflops_one_thread",
        "read_gb_per_second", "read_gb_per_second_one_thread",
      ])
    #expect(machine["work"] as? String == "machine")
    for object in objects.dropFirst() where object["name"] as? String != "operator" {
      #expect(always.isSubset(of: object.keys))
      #expect(try #require(object["seconds"] as? Double) > 0)
    }
    return Array(objects.dropFirst())
  }

  private func names(_ objects: [[String: Any]]) -> [String?] {
    objects.map { $0["name"] as? String }
  }

  @Test func trainTakesAStepAndProfilesIt() throws {
    try withTinyModel { model, _ in
      let objects = try measured([
        "train", "--model", model, "--batch", "2", "--visual-tokens", "16", "--text-tokens", "3",
        "--rank", "2", "--profile",
      ])
      let step = try #require(objects.first)
      #expect(
        Set(step.keys).isSuperset(of: [
          "model", "batch", "visual_tokens", "text_tokens", "prune", "cached_features",
          "encoder_lora", "rank", "set", "trained_values", "gflop", "gflops", "fma_share",
          "samples_per_second", "tokens_per_second", "peak_bytes",
        ]))
      #expect(step["batch"] as? Int == 2)
      let operators = objects.dropFirst()
      #expect(
        Set(operators.compactMap { $0["operator"] as? String }).isSuperset(of: [
          "attention", "linearCrossEntropy", "adamW",
        ]))
      #expect(
        Set(operators.compactMap { $0["section"] as? String }) == ["encoder", "decoder"])
      let shares = operators.compactMap { $0["share"] as? Double }
      #expect(abs(shares.reduce(0, +) - 1) < 1e-6)
      // The products that the operators report are those of the step.
      let work = operators.flatMap { [$0["forward_gflop"], $0["backward_gflop"]] }
        .compactMap { $0 as? Double }.reduce(0, +)
      let gflop = try #require(step["gflop"] as? Double)
      #expect(abs(work / gflop - 1) < 1e-6)
    }
  }

  @Test func theWorkOfAStepFollowsItsOptions() throws {
    try withTinyModel { model, _ in
      func gflop(_ more: [String]) throws -> Double {
        let step = try measured(
          [
            "train", "--model", model, "--batch", "1", "--visual-tokens", "16", "--text-tokens",
            "3",
          ]
            + more)
        return try #require(step.first?["gflop"] as? Double)
      }
      let plain = try gflop([])
      #expect(try gflop(["--cached-features"]) < plain)
      #expect(try gflop(["--prune", "fopru-rank:0.25"]) < plain)
      #expect(try gflop(["--encoder-lora"]) > plain)
      #expect(try gflop(["--set", "decoder.r=32"]) > plain)
      let sizes = try measured([
        "train", "--model", model, "--sweep", "batch", "--sizes", "1,2", "--visual-tokens", "16",
        "--text-tokens", "3",
      ])
      #expect(names(sizes) == ["batch 1", "batch 2"])
      #expect(sizes.map { $0["size"] as? Int } == [1, 2])
      let work = sizes.compactMap { $0["gflop"] as? Double }
      #expect(abs(work[1] / work[0] - 2) < 1e-6)
    }
  }

  @Test func captionIsTimedColdAndWarm() throws {
    try withTinyModel { model, _ in
      let objects = try measured(["caption", "--model", model, "--tokens", "3", picture])
      #expect(
        names(objects) == ["cold", "open", "warm", "picture", "encode", "prefill", "decode"])
      #expect(objects[2]["peak_bytes"] as? Int ?? 0 > 0)
      let seconds = objects.compactMap { $0["seconds"] as? Double }
      // The parts of the one warm caption lie within it.
      #expect(seconds[3...].reduce(0, +) <= seconds[2])
    }
  }

  @Test func encodeIsTimedByParts() throws {
    try withTinyModel { model, _ in
      let objects = try measured([
        "encode", "--model", model, "--limit", "2", Fixtures.path("images"),
      ])
      #expect(
        names(objects) == [
          "decode", "preprocess", "encoder, batch 1", "encoder, batch 8", "folder",
        ])
      #expect(objects.allSatisfy { $0["pictures_per_second"] as? Double ?? 0 > 0 })
      #expect(objects.allSatisfy { $0["pictures"] as? Int == 2 })
    }
  }

  @Test func decodeIsTimedByToken() throws {
    try withTinyModel { model, _ in
      let objects = try measured([
        "decode", "--model", model, "--prompt-tokens", "9", "--tokens", "4",
      ])
      #expect(names(objects) == ["prefill", "token"])
      #expect(objects.allSatisfy { $0["tokens_per_second"] as? Double ?? 0 > 0 })
      #expect(objects[1]["memory_share"] as? Double ?? 0 > 0)
      #expect(objects[1]["read_bytes"] as? Double ?? 0 > 1000)
      let half = try measured([
        "decode", "--model", model, "--prompt-tokens", "9", "--tokens", "4", "--base-dtype",
        "bfloat16",
      ])
      #expect(half[1]["dtypes"] as? String == "BF16,F32")
      #expect(half[1]["cache_dtype"] as? String == "f32")
    }
  }

  @Test func productsAreHeldAgainstOpenBLAS() throws {
    let objects = try measured([
      "gemm", "--shape", "NT,3,32,64", "--shape", "nn,5,64,32", "--shape", "TN,8,16,9",
    ])
    #expect(
      names(objects) == ["NT 3 x 32 x 64 F32", "NN 5 x 64 x 32 F32", "TN 8 x 16 x 9 F32"])
    for object in objects {
      #expect(
        Set(object.keys).isSuperset(of: [
          "kind", "m", "n", "k", "dtype", "openblas_seconds", "openblas_gflops", "ratio",
          "ratio_min", "ratio_max",
        ]))
    }
    let stored = try measured(["gemm", "--shape", "NT,1,32,64", "--dtype", "Q4_1"])
    #expect(stored[0]["read_bytes"] as? Double == 1280)  // 64 blocks of 20 bytes
  }

  @Test func tablesHaveALineForEachMeasurement() throws {
    try withTinyModel { model, _ in
      let run = try Command.run(
        [
          "bench", "decode", "--model", model, "--prompt-tokens", "4", "--tokens", "2",
        ] + few)
      #expect(run.status == 0)
      let lines = run.output.split(separator: "\n")
      #expect(lines.count == 4)
      #expect(lines[0].contains("GFLOP/s") && lines[1].contains("median"))
      #expect(lines[2].hasPrefix("prefill") && lines[3].hasPrefix("token"))
    }
  }

  @Test(
    arguments: [
      ["train", "--batch", "0"], ["train", "--sweep", "colour"], ["train", "--sizes", "1,2"],
      ["train", "--sweep", "rank", "--sizes", "1,x"], ["train", "--model", "m", "--layers", "2"],
      ["train", "--encoder-lora", "--cached-features"], ["train", "--prune", "no:1"],
      ["train", "--base-dtype", "I8"], ["train", "--decoder-shape", "none"],
      ["train", "--repetitions", "0"],
      ["train", "--model", "m", "--sweep", "layers"],
      ["train", "--set", "prune=pool:2"], ["train", "--set", "base_dtype=nf4"],
      ["train", "--model", "m", "--decoder-shape", "qwen2-0.5b"],
      ["gemm", "--shape", "NT,1,2"], ["gemm", "--shape", "XX,1,2,3"], ["gemm", "--dtype", "I8"],
      ["decode", "--tokens", "0"], ["encode", "--limit", "0", "x"], ["caption", "--model", "m"],
      ["nothing"],
    ])
  func wrongUsage(arguments: [String]) throws {
    let run = try Command.run(["bench"] + arguments)
    #expect(run.status == 2, "\(run.errors)")
    #expect(run.output == "")
    #expect(run.errorLines.count == 1)
  }

  @Test func typesOfWeightsAreToldAsAskedFor() throws {
    try withTinyModel { model, _ in
      let base = ["--model", model, "--base-dtype", "float16"]
      let step = ["--batch", "1", "--visual-tokens", "16", "--text-tokens", "3"]
      for works in [
        try measured(["train"] + base + step),
        try measured(["caption", "--tokens", "2"] + base + [picture]),
        try measured(["encode"] + base + [picture]),
      ] {
        #expect(works.allSatisfy { $0["base_dtype"] as? String == "float16" })
      }
      // As in finetune.
      try expectFailure(
        ["bench", "train", "--set", "decoder.train=full"] + base + step, naming: "recipe",
        "base_dtype float16 cannot be trained")
    }
  }

  /// The process for the cold start says nothing that was said before.
  @Test func aPlainProcessorIsMentionedOnce() throws {
    try withTinyModel { model, _ in
      let run = try Command.run(
        ["bench", "caption", "--model", model, "--tokens", "2", picture] + few,
        environment: ["LORIKEET_ISA": "portable"])
      #expect(run.status == 0 && run.errorLines.count == 1, "\(run.errors)")
    }
  }

  @Test func aSweepThatBreaksOffPrintsWhatItHas() throws {
    try withTinyModel { model, _ in
      let sweep = ["bench", "train", "--model", model, "--batch", "1", "--sweep", "tokens"] + few
      let run = try Command.run(sweep + ["--sizes", "40,1000", "--quiet"])
      #expect(run.status == 1 && run.errorLines.count == 1)
      #expect(run.errors.contains("1000 tokens a sample"), "\(run.errors)")
      #expect(run.output.contains("tokens 40"), "\(run.output)")
      // What can be told from the sizes is told before anything.
      try expectFailure(sweep + ["--sizes", "40,8"], naming: "8 tokens", "are text")
    }
  }

  /// Memory is counted before it is taken, and what would fit is said.
  @Test func whatHasNoRoomInMemoryIsRefused() throws {
    #if os(Linux)
      let gibibyte = 1 << 30
      let train = ["bench", "train", "--threads", "1", "--batch", "1"] + few
      func refusal(_ more: [String]) throws -> String {
        let run = try Command.run(train + more, addressSpace: 4 * gibibyte)
        #expect(run.status == 1 && run.output == "" && run.errorLines.count == 1, "\(run.errors)")
        return run.errors
      }
      let long = ["--visual-tokens", "8000"]
      let plain = try refusal(long)
      #expect(
        plain.contains("a step on samples of up to 8032 tokens needs about"), "\(plain)")
      let most = try #require(plain.firstMatch(of: /samples of (\d+) tokens would fit/)?.1)
      #expect((1000..<6000).contains(try #require(Int(most))), "\(plain)")
      #expect(try refusal(["--layers", "1000"]).contains("its weights take about"))
      try expectFailure(
        ["bench", "gemm", "--shape", "NT,1048576,2048,2048", "--threads", "1"],
        naming: "NT 1048576 x 2048 x 2048", "GiB are available", addressSpace: 4 * gibibyte)
    #endif
  }

  @Test func whatCannotBeMeasuredIsSaidBeforeAnything() throws {
    try withTinyModel { model, directory in
      try expectFailure(
        ["bench", "train", "--model", model, "--text-tokens", "3", "--set", "nonsense=1"],
        naming: "nonsense", "unknown key")
      try expectFailure(
        ["bench", "encode", "--model", model, directory + "/none"], naming: directory + "/none",
        "no such file")
      try expectFailure(
        ["bench", "caption", "--model", model, directory + "/none.png"],
        naming: directory + "/none.png", "cannot open")
      try expectFailure(
        ["bench", "decode", "--model", model, "--prompt-tokens", "100000"], naming: model,
        "the context holds 256")
      try expectFailure(
        ["bench", "train", "--model", Fixtures.path("models/dinov2/seed-1/model")],
        naming: "dinov2", "image encoder alone")
      try expectFailure(
        ["bench", "gemm", "--shape", "NT,1,2,33", "--dtype", "Q8_0"], naming: "NT 1 x 2 x 33",
        "Q8_0")
    }
  }
}
