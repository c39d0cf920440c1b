// SPDX-License-Identifier: Apache-2.0

import Foundation
import Lorikeet

/// First weights of a small vision transformer from which it learns shapes in minutes, not hours.
///
/// Patches are seen through a cosine basis in which edges are as loud as plain colour; positions are
/// sines and cosines of both coordinates, so that neighbours are alike; keys begin equal to queries,
/// so that like attends to like ("Mimetic Initialization of Self-Attention Layers", Trockman and
/// Kolter, 2023, https://arxiv.org/abs/2305.09828).
enum EncoderStart {
  static func set(_ index: ModuleIndex) {
    var queries: [String: Tensor] = [:]
    for parameter in index.parameters where parameter.name.hasSuffix("attention.query.weight") {
      queries[parameter.name] = parameter.variable.value
    }
    for parameter in index.parameters {
      let name = parameter.name
      if name.hasSuffix("projection.weight") {
        parameter.replace(with: patches(parameter.shape))
      } else if name.hasSuffix("position_embeddings") {
        parameter.replace(with: positions(parameter.shape))
      } else if name.hasSuffix("attention.key.weight"),
        let query = queries[name.replacing(".key.", with: ".query.")]
      {
        parameter.replace(with: query)
      }
    }
  }

  /// Products of cosines, the slowest first, of brightness, red against green and yellow against
  /// blue; `[filters, 3, side, side]`.
  private static func patches(_ shape: Shape) -> Tensor {
    let side = shape[2]
    let third = (1.0 / 3).squareRoot()
    let half = (1.0 / 2).squareRoot()
    let sixth = (1.0 / 6).squareRoot()
    let channels: [[Double]] = [
      [third, third, third], [half, -half, 0], [sixth, sixth, -2 * sixth],
    ]
    let frequencies = Array(0..<side * side).sorted { (a: Int, b: Int) -> Bool in
      let (left, right) = (square(a, side), square(b, side))
      return left == right ? a < b : left < right
    }
    func wave(_ frequency: Int, _ place: Int) -> Double {
      let norm: Double = (Double(frequency == 0 ? 1 : 2) / Double(side)).squareRoot()
      return norm * cos(Double.pi * Double(frequency) * (Double(place) + 0.5) / Double(side))
    }
    var values: [Float] = []
    for filter in 0..<shape[0] {
      let frequency = frequencies[filter / channels.count % frequencies.count]
      let (u, v) = (frequency / side, frequency % side)
      let loudness: Double = (1 + 1.5 * Double(square(frequency, side)).squareRoot()) / Double(side)
      for share in channels[filter % channels.count] {
        for place in 0..<side * side {
          values.append(Float(share * loudness * wave(u, place / side) * wave(v, place % side)))
        }
      }
    }
    return Tensor(values, shape)
  }

  /// The square of a frequency, given as its row and column in one number.
  private static func square(_ frequency: Int, _ side: Int) -> Int {
    let (u, v) = (frequency / side, frequency % side)
    return u * u + v * v
  }

  /// `[1, 1 + side x side, width]`; the class token's is zero.
  private static func positions(_ shape: Shape) -> Tensor {
    let (count, width) = (shape[1] - 1, shape[2])
    let side = Int(Double(count).squareRoot())
    var values = [Float](repeating: 0, count: width)
    for place in 0..<count {
      for coordinate in [place / side, place % side] {
        for pair in 0..<width / 4 {
          let speed: Double = 1.5 * pow(10, -Double(4 * pair) / Double(width))
          let angle = speed * Double(coordinate)
          values += [Float(0.5 * sin(angle)), Float(0.5 * cos(angle))]
        }
      }
    }
    return Tensor(values, shape)
  }
}
