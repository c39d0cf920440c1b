// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetEvaluation
import LorikeetTestSupport

/// What Tests/Reference/make_metrics.py wrote.
enum MetricsFixtures {
  struct Token: Decodable {
    let caption: String
    let tokens: [String]
  }

  struct Captions: Decodable {
    struct Sample: Decodable {
      let prediction: String
      let references: [String]
      let predictionTokens: [String]
      let referenceTokens: [[String]]
      let bleu: [Double]
      let rougeL: Double
      let ciderD: Double
      let cider: Double
    }
    let samples: [Sample]
    let bleu: [Double]
    let rougeL: Double
    let ciderD: Double
    let cider: Double
  }

  struct Classification: Decodable {
    struct Row: Decodable {
      let name: String
      let precision: Double
      let recall: Double
      let f1: Double
      let support: Int
    }
    let names: [String]
    let truth: [Int]
    let predicted: [Int]
    let accuracy: Double
    let macroF1: Double
    let macroPrecision: Double
    let macroRecall: Double
    let classes: [Row]
    let scores: [Double]
    let positive: [Bool]
    let auroc: Double
    let confidences: [Double]
    let correct: [Bool]
    let calibrationError10: Double
  }

  struct BootstrapCase: Decodable {
    struct Interval: Decodable {
      let estimate: Double
      let lower: Double
      let upper: Double
    }
    let values: [Double]
    let seed: UInt64
    let resamples: Int
    let mean: Interval
    let median: Interval
  }

  static func load<T: Decodable>(_ name: String, as type: T.Type) throws -> T {
    let data = try Data(contentsOf: URL(filePath: Fixtures.path("metrics/\(name)")))
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(type, from: data)
  }
}

/// Whether two numbers agree to `tolerance`, absolute and relative.
func close(_ a: Double, _ b: Double, _ tolerance: Double = 1e-9) -> Bool {
  abs(a - b) <= tolerance * max(1, abs(b))
}
