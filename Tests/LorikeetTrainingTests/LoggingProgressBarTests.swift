// SPDX-License-Identifier: Apache-2.0

import LorikeetTraining
import Testing

/// A clock to be set and a screen that remembers.
private final class Screen {
  var time = 100.0
  var columns: Int?
  var text = ""

  init(columns: Int?) { self.columns = columns }

  var output: ProgressBar.Output {
    .init(columns: { self.columns }, write: { self.text += $0 })
  }

  /// What was written since the last call.
  func take() -> String {
    defer { text = "" }
    return text
  }

  func bar(_ label: String = "train", total: Int = 300, done: Int = 0) -> ProgressBar {
    ProgressBar(label: label, total: total, done: done, output: output, now: { self.time })
  }
}

@Suite struct LoggingProgressBarTests {
  @Test func aTerminalGetsOneLineDrawnOverAndOver() {
    let screen = Screen(columns: 80)
    let bar = screen.bar()
    #expect(
      screen.take() == "\rtrain   0% " + String(repeating: "─", count: 40) + "  0/300\u{1B}[K")
    screen.time += 30
    bar.update(done: 150, samples: 1056, loss: 2.3141)
    // 150 steps in 30 s leave 30 s; 79 columns: 10 of head, 1 space, 20 of bar, the rest facts.
    let expected =
      "train  50% ━━━━━━━━━━──────────  150/300  loss 2.314  35.2 samples/s  0:30 left"
    #expect(screen.take() == "\r" + expected + "\u{1B}[K")
    #expect(expected.count == 79)
  }

  @Test func narrowTerminalsLoseFactsThenTheBar() {
    let screen = Screen(columns: 45)
    let bar = screen.bar()
    screen.time += 30
    _ = screen.take()
    bar.update(done: 150, samples: 1056, loss: 2.3141)
    // 44 columns less 10, 1, 9 and 12 leave 12 for the bar; the speed and the time do not fit.
    #expect(
      screen.take()
        == "\rtrain  50% ━━━━━━──────  150/300  loss 2.314\u{1B}[K")
    for columns in [0, 1, 5, 12, 20, 21, 22, 30, 60, 500] {
      screen.columns = columns
      screen.time += 1
      bar.update(done: 200)
      let line = screen.take().dropFirst().dropLast(3)
      #expect(line.count <= max(columns - 1, 0))
    }
    screen.columns = 12
    screen.time += 1
    bar.update(done: 210)
    #expect(screen.take() == "\rtrain  70%\u{1B}[K")
  }

  @Test func drawingIsLimitedToTenTimesASecond() {
    let screen = Screen(columns: 80)
    let bar = screen.bar()
    _ = screen.take()
    screen.time += 0.05
    bar.update(done: 1)
    #expect(screen.take().isEmpty)
    bar.update(done: 300)
    #expect(screen.take().contains("100%"))
  }

  @Test func messagesStandAboveTheBar() {
    let screen = Screen(columns: 40)
    let bar = screen.bar()
    let first = screen.take()
    bar.message("saved")
    #expect(screen.take() == "\r\u{1B}[Ksaved\n" + first)
    bar.finish()
    #expect(screen.take() == first + "\n")
    bar.finish()
    bar.update(done: 3)
    #expect(screen.take().isEmpty)
  }

  @Test func aFileGetsPlainLinesFromTimeToTime() {
    let screen = Screen(columns: nil)
    let bar = screen.bar(total: 100)
    #expect(screen.take() == "train   0%  0/100\n")
    screen.time += 1
    bar.update(done: 1, samples: 4, loss: 3)
    #expect(screen.take().isEmpty)
    screen.time += 29
    bar.update(done: 2, samples: 4)
    #expect(screen.take() == "train   2%  2/100  loss 3.000  0.3 samples/s  24:30 left\n")
    bar.update(done: 10, loss: .nan)
    #expect(screen.take() == "train  10%  10/100  loss nan  0.3 samples/s  4:30 left\n")
    bar.update(done: 11)
    #expect(screen.take().isEmpty)
    bar.message("note")
    #expect(screen.take() == "note\n")
    screen.time += 3690
    bar.update(done: 100)
    #expect(screen.take() == "train 100%  100/100  loss nan  0.0 samples/s  1:02:00\n")
    bar.finish()
    #expect(screen.take().isEmpty)
  }

  @Test func workDoneBeforeAResumeDoesNotCountForTheSpeed() {
    let screen = Screen(columns: nil)
    let bar = screen.bar(total: 100, done: 50)
    screen.time += 30
    _ = screen.take()
    bar.update(done: 60)
    // 10 steps in 30 s: 40 more take 120 s.
    #expect(screen.take() == "train  60%  60/100  2:00 left\n")
  }

  @Test func oddTotalsDoNotTrap() {
    for (total, done) in [(0, 0), (-5, 3), (10, 20), (10, -3)] {
      let screen = Screen(columns: 80)
      let bar = screen.bar(total: total)
      screen.time += 1
      bar.update(done: done, samples: .max)
      bar.update(done: done, samples: .max)
      bar.finish()
      #expect(screen.text.hasSuffix("\n"))
    }
    #expect(ProgressBar.duration(.infinity) == "?")
    #expect(ProgressBar.duration(-1) == "0:00")
    #expect(ProgressBar.duration(59.6) == "1:00")
  }
}
