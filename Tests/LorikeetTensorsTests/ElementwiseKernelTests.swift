// SPDX-License-Identifier: Apache-2.0

import CLorikeetKernels
import Foundation
import LorikeetTensors
import LorikeetTestSupport
import Testing

/// Every kernel of lk_elementwise.h, with each instruction set that the machine has, against a
/// plain loop in double precision and against the portable kernel.
@Suite struct ElementwiseKernelTests {
  private static let lengths = [0, 1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 67, 257]

  /// One place where a kernel is tried: a length, a distance from alignment, and random numbers.
  private struct Trial {
    let n: Int
    let offset: Int
    let rows: Int
    private let seed: UInt64

    init(n: Int, offset: Int, rows: Int = 3) {
      (self.n, self.offset, self.rows) = (n, offset, rows)
      seed = UInt64(n * 16 + offset)
    }
    func random(_ count: Int, _ salt: UInt64, deviation: Float = 1) -> [Float] {
      Tensor.random([count], seed: seed &+ salt &* 7919, deviation: deviation).values
    }
    func floats(_ values: [Float]) -> Floats { Floats(values, offset: offset) }
    func zeros(_ count: Int) -> Floats { floats(Array(repeating: 0, count: count)) }
  }

  private static func forEachTrial(_ body: (Trial) -> Void) {
    for n in lengths { for offset in [0, 1, 3] { body(Trial(n: n, offset: offset)) } }
  }

  /// - Parameter run: calls the kernel on fresh memory and returns what it wrote.
  private func check(
    _ name: String, _ set: String, _ trial: Trial, _ expected: [Double], tolerance: Float = 2e-6,
    floor: Float = 1, sourceLocation: SourceLocation = #_sourceLocation, run: () -> [Float]
  ) {
    let label = "\(name) \(set), \(trial.n) floats at offset \(trial.offset)"
    let found = InstructionSets.using(set, run)
    expectClose(
      found, expected.map { Float($0) }, tolerance: tolerance, floor: floor, label,
      sourceLocation: sourceLocation)
    let portable = InstructionSets.using("portable", run)
    expectClose(
      found, portable, tolerance: tolerance, floor: floor, label + ", against portable",
      sourceLocation: sourceLocation)
  }

  @Test func setsHaveNames() {
    #expect(InstructionSets.available.first == "portable")
    #expect(lk_instruction_set_named("sse9") == -1)
    #expect(lk_instruction_set_name(99) == nil)
    #expect(lk_force_instruction_set(99) == 0)
    #expect(lk_kernels_named("sse9") == nil)
    for name in InstructionSets.available {
      InstructionSets.using(name) {
        #expect(String(cString: lk_kernels_chosen().pointee.name) == name)
      }
    }
  }

  @Test(arguments: InstructionSets.available) func sumsAndProducts(set: String) {
    Self.forEachTrial { t in
      let (a, b, c) = (t.random(t.n, 1), t.random(t.n, 2), t.random(t.n, 3))
      let (x, y) = (t.floats(a), t.floats(b))
      let pairs = Array(zip(a, b)).map { (Double($0.0), Double($0.1)) }
      check("axpy", set, t, pairs.map { $0.1 + 0.7 * $0.0 }) {
        let y = t.floats(b)
        lk_axpy(t.n, 0.7, x.pointer, y.pointer)
        return y.values
      }
      check("scale", set, t, a.map { -1.5 * Double($0) }) {
        let y = t.floats(a)
        lk_scale(t.n, -1.5, y.pointer)
        return y.values
      }
      check("add", set, t, pairs.map { $0.0 + $0.1 }) {
        let z = t.zeros(t.n)
        lk_add(t.n, x.pointer, y.pointer, z.pointer)
        return z.values
      }
      check("multiply", set, t, pairs.map { $0.0 * $0.1 }) {
        let z = t.zeros(t.n)
        lk_multiply(t.n, x.pointer, y.pointer, z.pointer)
        return z.values
      }
      check("multiply_add", set, t, zip(pairs, c).map { $0.0 * $0.1 + Double($1) }) {
        let z = t.floats(c)
        lk_multiply_add(t.n, x.pointer, y.pointer, z.pointer)
        return z.values
      }
      check("sum_squares", set, t, [pairs.reduce(0) { $0 + $1.0 * $1.0 }]) {
        [Float(lk_sum_squares(t.n, x.pointer))]
      }
      check("dot", set, t, [pairs.reduce(0) { $0 + $1.0 * $1.1 }], tolerance: 1e-5) {
        [lk_dot(t.n, x.pointer, y.pointer)]
      }
      if t.n > 0 {
        check("max", set, t, [Double(a.max() ?? 0)], tolerance: 0) { [lk_max(t.n, x.pointer)] }
      }
    }
  }

  @Test(arguments: InstructionSets.available) func finitenessIsSeenEverywhere(set: String) {
    Self.forEachTrial { t in
      InstructionSets.using(set) {
        #expect(lk_all_finite(t.n, t.floats(t.random(t.n, 1)).pointer) == 1)
        for place in Set([0, t.n / 2, t.n - 1]) where place >= 0 && place < t.n {
          for bad in [Float.nan, .infinity, -.infinity] {
            var values = t.random(t.n, 1)
            values[place] = bad
            #expect(lk_all_finite(t.n, t.floats(values).pointer) == 0)
          }
        }
      }
    }
  }

  @Test(arguments: InstructionSets.available) func rowsWithOneVector(set: String) {
    Self.forEachTrial { t in
      let count = t.rows * t.n
      let (x, f, s) = (t.random(count, 1), t.random(count, 2), t.random(t.n, 3))
      func column(_ i: Int) -> Int { i % t.n }
      check("add_bias", set, t, x.indices.map { Double(x[$0]) + Double(s[column($0)]) }) {
        let y = t.floats(x)
        lk_add_bias(t.rows, t.n, t.floats(s).pointer, y.pointer)
        return y.values
      }
      var sums = s.map(Double.init)
      for i in x.indices { sums[column(i)] += Double(x[i]) }
      check("sum_rows", set, t, sums) {
        let y = t.floats(s)
        lk_sum_rows(t.rows, t.n, t.floats(x).pointer, y.pointer)
        return y.values
      }
      check(
        "scaled_add", set, t,
        x.indices.map { Double(x[$0]) + Double(s[column($0)]) * Double(f[$0]) }
      ) {
        let y = t.zeros(count)
        lk_scaled_add(
          t.rows, t.n, t.floats(x).pointer, t.floats(s).pointer, t.floats(f).pointer, y.pointer)
        return y.values
      }
      var gs = s.map(Double.init)
      for i in x.indices { gs[column(i)] += Double(x[i]) * Double(f[i]) }
      check(
        "scaled_add_backward", set, t,
        x.indices.map { Double(x[$0]) * Double(s[column($0)]) } + gs
      ) {
        let (gf, sums) = (t.zeros(count), t.floats(s))
        lk_scaled_add_backward(
          t.rows, t.n, t.floats(x).pointer, t.floats(s).pointer, t.floats(f).pointer, gf.pointer,
          sums.pointer)
        return gf.values + sums.values
      }
    }
  }

  @Test(arguments: InstructionSets.available) func norms(set: String) {
    Self.forEachTrial { t in
      let count = t.rows * t.n
      let x = t.random(count, 1).map { $0 + 0.5 }
      let (w, b) = (t.random(t.n, 2), t.random(t.n, 3))
      let epsilon = 1e-5
      var (rms, layer): ([Double], [Double]) = ([], [])
      for row in 0..<t.rows {
        let line = x[row * t.n..<(row + 1) * t.n].map(Double.init)
        let size = Double(max(t.n, 1))
        let squares = line.reduce(0) { $0 + $1 * $1 } / size
        rms += zip(line, w).map { $0 / (squares + epsilon).squareRoot() * Double($1) }
        let mean = line.reduce(0, +) / size
        let variance = line.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / size
        layer += line.indices.map {
          (line[$0] - mean) / (variance + epsilon).squareRoot() * Double(w[$0]) + Double(b[$0])
        }
      }
      check("rms_norm", set, t, rms, tolerance: 3e-6) {
        let (y, inverse) = (t.zeros(count), t.zeros(t.rows))
        lk_rms_norm(
          t.rows, t.n, t.floats(x).pointer, t.floats(w).pointer, Float(epsilon), y.pointer,
          inverse.pointer)
        return y.values
      }
      check("layer_norm", set, t, layer, tolerance: 1e-5) {
        let (y, mean, inverse) = (t.zeros(count), t.zeros(t.rows), t.zeros(t.rows))
        lk_layer_norm(
          t.rows, t.n, t.floats(x).pointer, t.floats(w).pointer, t.floats(b).pointer,
          Float(epsilon), y.pointer, mean.pointer, inverse.pointer)
        return y.values
      }
    }
  }

  /// The gradients of the norms in double precision; their correctness as derivatives is held
  /// against finite differences in the tests of the tape.
  @Test(arguments: InstructionSets.available) func normsBackward(set: String) {
    Self.forEachTrial { t in
      guard t.n > 1 else { return }
      let count = t.rows * t.n
      let (x, g, w) = (t.random(count, 1), t.random(count, 2), t.random(t.n, 3))
      var (gx, gw) = ([Double](), [Double](repeating: 0, count: t.n))
      var (lx, lw, lb) = ([Double](), gw, gw)
      for row in 0..<t.rows {
        let line = x[row * t.n..<(row + 1) * t.n].map(Double.init)
        let grad = g[row * t.n..<(row + 1) * t.n].map(Double.init)
        let size = Double(t.n)
        let s = 1 / (line.reduce(0) { $0 + $1 * $1 } / size + 1e-5).squareRoot()
        let wg = grad.indices.map { grad[$0] * Double(w[$0]) }
        let mean = zip(wg, line).reduce(0) { $0 + $1.0 * $1.1 } * s * s / size
        gx += line.indices.map { s * (wg[$0] - line[$0] * mean) }
        for i in line.indices { gw[i] += grad[i] * line[i] * s }
        let centre = line.reduce(0, +) / size
        let variance = line.reduce(0) { $0 + ($1 - centre) * ($1 - centre) } / size
        let scale = 1 / (variance + 1e-5).squareRoot()
        let n = line.map { ($0 - centre) * scale }
        let first = wg.reduce(0, +) / size
        let second = zip(wg, n).reduce(0) { $0 + $1.0 * $1.1 } / size
        lx += line.indices.map { scale * (wg[$0] - first - n[$0] * second) }
        for i in line.indices {
          lw[i] += grad[i] * n[i]
          lb[i] += grad[i]
        }
      }
      check("rms_norm_backward", set, t, gx + gw, tolerance: 1e-5) {
        let (y, inverse) = (t.zeros(count), t.zeros(t.rows))
        lk_rms_norm(
          t.rows, t.n, t.floats(x).pointer, t.floats(w).pointer, 1e-5, y.pointer, inverse.pointer)
        let (gx, gw) = (t.zeros(count), t.zeros(t.n))
        lk_rms_norm_backward(
          t.rows, t.n, t.floats(x).pointer, t.floats(w).pointer, inverse.pointer,
          t.floats(g).pointer, gx.pointer, gw.pointer)
        return gx.values + gw.values
      }
      // Two values that are nearly equal make 1 / deviation, and with it rounding, large.
      check("layer_norm_backward", set, t, lx + lw + lb, tolerance: t.n < 4 ? 1e-4 : 1e-5) {
        let (y, mean, inverse) = (t.zeros(count), t.zeros(t.rows), t.zeros(t.rows))
        lk_layer_norm(
          t.rows, t.n, t.floats(x).pointer, t.floats(w).pointer, t.zeros(t.n).pointer, 1e-5,
          y.pointer, mean.pointer, inverse.pointer)
        let (gx, gw, gb) = (t.zeros(count), t.zeros(t.n), t.zeros(t.n))
        lk_layer_norm_backward(
          t.rows, t.n, t.floats(x).pointer, t.floats(w).pointer, mean.pointer, inverse.pointer,
          t.floats(g).pointer, gx.pointer, gw.pointer, gb.pointer)
        return gx.values + gw.values + gb.values
      }
    }
  }

  @Test(arguments: InstructionSets.available) func rotaryTurnsPairs(set: String) {
    for (heads, d) in [(1, 2), (2, 6), (3, 16), (2, 34), (1, 64)] {
      let t = Trial(n: heads * d, offset: 1)
      let (x, angles) = (t.random(t.rows * t.n, 1), t.random(t.rows * d / 2, 2))
      let (cosines, sines) = (angles.map { cos($0) }, angles.map { sin($0) })
      for sign in [1.0, -1] {
        var expected = x.map(Double.init)
        for row in 0..<t.rows {
          for head in 0..<heads {
            for i in 0..<d / 2 {
              let place = row * t.n + head * d + i
              let (first, second) = (Double(x[place]), Double(x[place + d / 2]))
              let (c, s) = (Double(cosines[row * d / 2 + i]), sign * Double(sines[row * d / 2 + i]))
              expected[place] = first * c - second * s
              expected[place + d / 2] = second * c + first * s
            }
          }
        }
        check("rotary", set, t, expected) {
          let y = t.floats(x)
          lk_rotary(
            t.rows, heads, d, t.n, t.floats(cosines).pointer, t.floats(sines).pointer, Float(sign),
            y.pointer)
          return y.values
        }
      }
    }
  }

  @Test(arguments: InstructionSets.available) func softmaxAndItsGradient(set: String) {
    Self.forEachTrial { t in
      let (s, dp) = (t.random(t.n, 1, deviation: 8), t.random(t.n, 2))
      if t.n > 0 {
        let highest = Double(s.max() ?? 0)
        let sum = s.reduce(0) { $0 + exp(Double($1) - highest) }
        let probabilities = s.map { exp(Double($0) - highest) / sum }
        check("softmax", set, t, probabilities) {
          let y = t.floats(s)
          lk_softmax(t.n, y.pointer)
          return y.values
        }
        check("softmax's sum", set, t, [highest + log(sum)]) {
          [lk_softmax(t.n, t.floats(s).pointer)]
        }
        check("exp_minus", set, t, probabilities, tolerance: 3e-6) {
          let y = t.floats(s)
          lk_exp_minus(t.n, Float(highest + log(sum)), y.pointer)
          return y.values
        }
      }
      check(
        "softmax_backward", set, t,
        zip(s, dp).map { Double($0) * (Double($1) - 0.3) * 0.25 }, floor: 8
      ) {
        let y = t.floats(s)
        lk_softmax_backward(t.n, t.floats(dp).pointer, 0.3, 0.25, y.pointer)
        return y.values
      }
    }
  }

  @Test(arguments: InstructionSets.available) func softmaxOfExtremes(set: String) {
    InstructionSets.using(set) {
      let y = Floats([-1e30, 1e4, 1e4, -.infinity], offset: 1)
      #expect(abs(lk_softmax(4, y.pointer) - 10_000.693) < 0.002)
      #expect(y.values == [0, 0.5, 0.5, 0])
      let one = Floats([-3], offset: 0)
      #expect(lk_softmax(1, one.pointer) == -3)
      #expect(one.values == [1])
    }
  }

  @Test(arguments: InstructionSets.available) func adamW(set: String) {
    Self.forEachTrial { t in
      let (w, g, m) = (t.random(t.n, 1), t.random(t.n, 2), t.random(t.n, 3))
      let v = t.random(t.n, 4).map { $0 * $0 }
      // Step 3 with rate 0.01, betas 0.9 and 0.99, epsilon 1e-6, decay 0.1, gradients halved.
      let (c1, c2) = (1 - 0.9 * 0.9 * 0.9, 1 - 0.99 * 0.99 * 0.99)
      var (w1, m1, v1): ([Double], [Double], [Double]) = ([], [], [])
      for i in 0..<t.n {
        let gradient = Double(g[i]) / 2
        m1.append(0.9 * Double(m[i]) + 0.1 * gradient)
        v1.append(0.99 * Double(v[i]) + 0.01 * gradient * gradient)
        w1.append(
          Double(w[i]) * (1 - 0.01 * 0.1)
            - 0.01 * (m1[i] / c1) / ((v1[i] / c2).squareRoot() + 1e-6))
      }
      check("adamw", set, t, w1 + m1 + v1, tolerance: 4e-6) {
        let (w, m, v) = (t.floats(w), t.floats(m), t.floats(v))
        lk_adamw(
          t.n, w.pointer, t.floats(g).pointer, m.pointer, v.pointer, 0.01, 0.9, 0.99, 1e-6, 0.1,
          Float(c1), Float(c2), 0.5)
        return w.values + m.values + v.values
      }
    }
  }

  @Test(arguments: InstructionSets.available) func dropoutMasksAreThoseOfTheKey(set: String) {
    Self.forEachTrial { t in
      let x = t.random(t.n, 1)
      func mask(_ set: String, _ key: UInt64) -> [Float] {
        InstructionSets.using(set) {
          let y = t.floats(x)
          lk_dropout(t.n, 0, key, 0.25, y.pointer, y.pointer)
          return y.values
        }
      }
      let found = mask(set, 0x1234_5678_9ABC_DEF0)
      #expect(found == mask("portable", 0x1234_5678_9ABC_DEF0))
      for (y, x) in zip(found, x) { #expect(y == 0 || abs(y - x / 0.75) <= 1e-6 * abs(x)) }
      if t.n > 200 {
        #expect(found != mask(set, 0x1234_5678_9ABC_DEF1))
        #expect(found != mask(set, 0x1234_5679_9ABC_DEF0))
      }
    }
    // The share of zeros: the deviation of a binomial share is 0.0022.
    let ones = Floats(Array(repeating: 1, count: 40_000), offset: 0)
    InstructionSets.using(set) { lk_dropout(40_000, 0, 77, 0.25, ones.pointer, ones.pointer) }
    let share = Double(ones.values.filter { $0 == 0 }.count) / 40_000
    #expect(abs(share - 0.25) < 0.011)
  }
}
