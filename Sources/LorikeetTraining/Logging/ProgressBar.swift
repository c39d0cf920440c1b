// SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Foundation

/// How far long work has come, on standard error.
///
/// On a terminal it is one line that is drawn over and over, as wide as the terminal:
///
///     train  42% ━━━━━━━━━━──────────────  126/300  loss 2.314  35.2 samples/s  0:04 left
///
/// Elsewhere (a file, a pipe) it is a plain line from time to time: at the start, when `interval`
/// has passed or a tenth of the work is done, and at the end.
public final class ProgressBar {
  /// Where lines go and how they look there.
  public struct Output {
    /// The columns of the terminal at this moment, or nil where lines are not redrawn.
    public var columns: () -> Int?
    public var write: (String) -> Void

    public init(columns: @escaping () -> Int?, write: @escaping (String) -> Void) {
      self.columns = columns
      self.write = write
    }

    /// Standard error, with its terminal's width if it is one.
    public static var standardError: Output {
      Output(columns: terminalColumns) { text in
        FileHandle.standardError.write(Data(text.utf8))
      }
    }

    /// Nothing is shown.
    public static var silent: Output { Output(columns: { nil }, write: { _ in }) }
  }

  private let label: String
  private let total: Int
  private let unit: String
  private let interval: Double
  private let output: Output
  private let now: () -> Double
  private let start: Double
  private let firstDone: Int

  private var done: Int
  private var samples = 0
  private var loss: Double?
  private var lastDraw = -Double.infinity
  private var lastDone: Int?
  private var lastTenth = -1
  private var hasLine = false
  private var isFinished = false

  /// - Parameters:
  ///   - label: what is going on, in a word or two.
  ///   - total: the units of work, steps for example.
  ///   - done: the units that were done before, when work resumes; they do not count for the speed.
  ///   - unit: what is counted, to be shown behind the numbers.
  ///   - interval: the seconds between plain lines.
  ///   - now: a clock in seconds that never goes back; the system's if nil.
  public init(
    label: String, total: Int, done: Int = 0, unit: String = "", interval: Double = 30,
    output: Output = .standardError,
    now: (() -> Double)? = nil
  ) {
    self.label = label
    self.total = max(total, 0)
    self.done = done
    self.unit = unit.isEmpty ? "" : " " + unit
    self.interval = interval
    self.output = output
    self.now = now ?? { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }
    firstDone = done
    start = self.now()
    draw(force: true)
  }

  /// Moves on.
  ///
  /// - Parameters:
  ///   - done: the units done so far, those before a resume among them.
  ///   - samples: the samples that went through since the last call.
  ///   - loss: the latest loss, or nil to leave the one shown.
  public func update(done: Int, samples: Int = 0, loss: Double? = nil) {
    guard !isFinished else { return }
    self.done = done
    self.samples &+= samples
    if let loss { self.loss = loss }
    draw(force: false)
  }

  /// Writes a line of its own, above the bar if there is one.
  public func message(_ text: String) {
    clear()
    output.write(text + "\n")
    if !isFinished, output.columns() != nil { draw(force: true) }
  }

  /// Draws the last state and leaves the line.
  public func finish() {
    guard !isFinished else { return }
    let isTerminal = output.columns() != nil
    // A plain line that said the same need not be repeated.
    if isTerminal || done != lastDone { draw(force: true) }
    if isTerminal { output.write("\n") }
    isFinished = true
    hasLine = false
  }

  private func clear() {
    if hasLine { output.write("\r\u{1B}[K") }
    hasLine = false
  }

  private func draw(force: Bool) {
    let time = now()
    if let columns = output.columns() {
      // Ten times a second is often enough for the eye.
      guard force || time - lastDraw >= 0.1 || done == total else { return }
      output.write("\r" + line(columns: columns, time: time) + "\u{1B}[K")
      hasLine = true
    } else {
      let tenth = Int(10 * fraction)
      guard force || time - lastDraw >= interval || tenth > lastTenth else { return }
      lastTenth = tenth
      output.write(([head] + facts(time)).joined(separator: "  ") + "\n")
    }
    lastDraw = time
    lastDone = done
  }

  private var fraction: Double {
    total == 0 ? 1 : min(max(Double(done) / Double(total), 0), 1)
  }

  private var head: String {
    let percent = String(Int(100 * fraction))
    return label + String(repeating: " ", count: 4 - percent.count) + percent + "%"
  }

  /// What is known, the most important first.
  private func facts(_ time: Double) -> [String] {
    let elapsed = time - start
    var facts = ["\(done)/\(total)\(unit)"]
    if let loss { facts.append("loss " + (loss.isFinite ? fixed(loss, 3) : "\(loss)")) }
    if samples > 0, elapsed > 0 {
      facts.append(fixed(Double(samples) / elapsed, 1) + " samples/s")
    }
    let recent = done - firstDone
    if done >= total {
      facts.append(ProgressBar.duration(elapsed))
    } else if recent > 0, elapsed > 0 {
      facts.append(ProgressBar.duration(elapsed / Double(recent) * Double(total - done)) + " left")
    }
    return facts
  }

  /// The line for a terminal: facts drop off at the end until a bar of ten columns fits, then the
  /// bar goes, then the head is cut.
  private func line(columns: Int, time: Double) -> String {
    // The last column stays free: writing there makes some terminals wrap.
    let room = columns - 1
    var facts = facts(time)
    while true {
      let tail = facts.map { "  " + $0 }.joined()
      let width = room - head.count - tail.count - 1
      if width >= 10 || facts.isEmpty {
        guard width >= 10 else { return String(head.prefix(max(room, 0))) }
        let full = Int(fraction * Double(min(width, 40)))
        let bar =
          String(repeating: "━", count: full)
          + String(repeating: "─", count: min(width, 40) - full)
        return head + " " + bar + tail
      }
      facts.removeLast()
    }
  }

  /// 0:07, 12:34 or 1:02:03.
  package static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e9 else { return "?" }
    let whole = Int(max(seconds, 0).rounded())
    func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60)
    return hours > 0 ? "\(hours):\(two(minutes)):\(two(rest))" : "\(minutes):\(two(rest))"
  }
}

/// The number with so many digits after the point.
private func fixed(_ value: Double, _ digits: Int) -> String {
  String(format: "%.\(digits)f", value)
}

private func terminalColumns() -> Int? {
  guard isatty(STDERR_FILENO) == 1 else { return nil }
  var size = winsize()
  guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
  return Int(size.ws_col)
}
