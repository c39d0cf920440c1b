// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Lorikeet

/// How answers are written.
struct SamplingOptions: ParsableArguments {
  @Option(help: "The most tokens of an answer.")
  var maxTokens = 64

  @Option(help: "How freely to choose: 0 takes the likeliest token, 1 draws as the model weighs.")
  var temperature: Float = 0

  @Option(help: "Draw from this many likeliest tokens only; 0 for all.")
  var topK = 0

  @Option(help: "Draw from the likeliest tokens that together have this probability only.")
  var topP: Float = 1

  @Option(help: "What chance is seeded with.")
  var seed: UInt64 = 0

  @Option(help: "Keep keys and values of earlier tokens in this type.")
  var cacheDtype = KeyValueCacheType.float32

  func validate() throws {
    guard (1...1_000_000).contains(maxTokens) else {
      throw ValidationError("--max-tokens is \(maxTokens), expected 1 to 1000000")
    }
    guard temperature >= 0, temperature.isFinite else {
      throw ValidationError("--temperature is \(temperature), expected 0 or more")
    }
    guard topK >= 0 else { throw ValidationError("--top-k is \(topK), expected 0 or more") }
    guard topP > 0, topP <= 1 else {
      throw ValidationError("--top-p is \(topP), expected more than 0 and up to 1")
    }
  }

  var options: GenerationOptions {
    var options = GenerationOptions()
    options.maxTokens = maxTokens
    options.sampler = Sampler(temperature: temperature, topK: topK, topP: topP, seed: seed)
    options.cacheType = cacheDtype
    return options
  }
}
