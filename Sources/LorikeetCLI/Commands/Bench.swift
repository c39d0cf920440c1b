// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// `lorikeet bench ...`: how fast the work goes on this machine.
struct Bench: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Measures how fast this machine trains, captions, encodes and multiplies.",
    discussion: """
      Times are medians of repetitions after a warm-up. Shares are of what this machine was just \
      measured to do at most: multiply-adds in registers (FMA) and memory read in order. The column \
      other is the number of processors that other programs kept busy meanwhile; figures are good \
      where it is near 0.
      """,
    subcommands: [
      BenchTrain.self, BenchCaption.self, BenchEncode.self, BenchGemm.self, BenchDecode.self,
    ])
}
