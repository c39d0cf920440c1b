// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetEvaluation
import LorikeetTensors
import LorikeetTestSupport
import Testing

private let hostile = "<script>alert('x')</script> & \"quoted\" \u{0}\u{1B}[31m </style> 猫"

@Suite struct ReportTests {
  /// A report that has one of everything, with a hostile text wherever texts go.
  private static func everything(_ text: String) throws -> Report {
    let bytes = try [UInt8](Data(contentsOf: URL(filePath: Fixtures.path("metrics/picture.png"))))
    let picture = Report.Picture(bytes: bytes, description: text)
    let matrix = try ConfusionMatrix(truth: [text, "b", "b"], predicted: ["b", "b", "b"])
    let interval = Bootstrap.Interval(estimate: 0.5, lower: 0.4, upper: 0.6)
    let plot = Report.LinePlot(
      title: text, note: text, xName: text, yName: text,
      series: [
        .init(text, [.init(0, interval, label: text), .init(1, 0.7, lower: 0.6, upper: 0.8)]),
        .init("b", [.init(0, 0.1), .init(.nan, 1), .init(1, 0.2)]), .init("none", []),
      ])
    let table = Report.Table(
      title: text, note: text,
      columns: [.text(text), .number(text, .percent(1), best: .highest)],
      rows: [[.text(text), .number(0.25)], [.empty, .interval(interval)], [], [.empty, .empty]])
    let map = Report.HeatMap(
      title: text, note: text, rowName: text, columnName: text, rows: [text, "b"],
      columns: [text, "b"], values: [[1, nil], [.nan]], intervals: [[interval]])
    let gallery = Report.Gallery(
      title: text, note: text,
      items: [
        .init(
          picture: picture, heading: text, texts: [.init(text, text)], isRight: true,
          scores: [.init(text, text)]),
        .init(picture: nil, texts: [], isRight: false),
        .init(picture: .init(bytes: [1, 2], description: text), texts: []),
      ])
    let patches = Report.PatchPicture(
      picture: picture, rows: 2, columns: 3, kept: [1, 5, 99, -1], label: text)
    return Report(
      title: text, subtitle: text,
      sections: [
        .init(text, [.paragraph(text), .facts([.init(text, text)]), .table(table)]),
        .init(text, [.group([.linePlot(plot), .heatMap(map)])]),
        .init(
          text,
          [
            .confusion(matrix, title: text, note: text), .gallery(gallery),
            .patchPictures([patches], title: text, note: text),
          ]),
      ], footer: text)
  }

  @Test func tagsAreBalancedAndNothingComesFromElsewhere() throws {
    let page = try ReportTests.everything("A plain caption").html()
    let checker = TagChecker(page)
    #expect(checker.faults.isEmpty)
    #expect(checker.elements["svg"] == 5)
    #expect(checker.elements["img"] == 1)
    for (element, name, value) in checker.attributes where ["src", "href"].contains(name) {
      #expect(
        value.hasPrefix("data:image/png;base64,") || element == "a" && value.hasPrefix("#section-"))
    }
    #expect(!page.contains("url(") && !page.contains("@import"))
  }

  @Test func hostileTextsStayTexts() throws {
    let page = try ReportTests.everything(hostile).html()
    let checker = TagChecker(page)
    #expect(checker.faults.isEmpty)
    #expect(checker.elements["script"] == nil)
    #expect(checker.elements["style"] == 1)
    #expect(
      page.contains(
        "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;quoted&quot; "
          + "\u{FFFD}\u{FFFD}[31m &lt;/style&gt; 猫"))
    #expect(!page.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" })
    // The same elements as with a plain text of that length: the text added none.
    let plain = TagChecker(
      try ReportTests.everything(String(repeating: "a", count: hostile.count)).html())
    #expect(checker.elements == plain.elements)
  }

  @Test func markupEscapesWhatIsPutIntoIt() {
    let inner: Markup = "<b>\("a<b")</b>"
    let outer: Markup = "<p title=\"\("\"")\">\(inner)\(3)\(1.005)\(-2.0)\(Double.nan)</p>"
    #expect(outer.text == "<p title=\"&quot;\"><b>a&lt;b</b>31-20</p>")
    #expect(("\(0.125)" as Markup).text == "0.13")
  }

  @Test func theCheckerFindsFaults() {
    #expect(!TagChecker("<p><b></p>").faults.isEmpty)
    #expect(!TagChecker("<p").faults.isEmpty)
    #expect(!TagChecker("<p a=b></p>").faults.isEmpty)
    #expect(!TagChecker("1 > 0").faults.isEmpty)
    #expect(TagChecker("<p a=\"b>c\">x<br><path/></p>").faults.isEmpty)
  }

  @Test func theFileHoldsThePage() throws {
    let path = FileManager.default.temporaryDirectory
      .appending(path: "lorikeet-report-\(UUID().uuidString).html").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let report = Report(title: "Nothing yet")
    try report.write(to: path)
    #expect(try String(contentsOfFile: path, encoding: .utf8) == report.html())
    #expect(TagChecker(report.html()).faults.isEmpty)
    #expect(throws: FileError.self) { try report.write(to: path + "/missing/report.html") }
  }
}

@Suite struct ReportTableTests {
  private func page(_ table: Report.Table) -> String {
    Report(title: "", sections: [.init("", [.table(table)])]).html()
  }

  @Test func theBestOfAColumnIsMarked() {
    let columns: [Report.Table.Column] = [
      .text("method"), .number("score", .fixed(2), best: .highest),
      .number("seconds", .fixed(1), best: .lowest), .number("count", .fixed(0)),
    ]
    let html = page(
      .init(
        columns: columns,
        rows: [
          [.text("a"), .number(0.5), .number(2), .number(7)],
          [.text("b"), .number(0.75), .number(1), .number(7)],
          [.text("c"), .number(.nan), .empty, .number(-0.001)],
        ]))
    let best = { (text: String) in "<strong title=\"best of the column\">\(text)</strong>" }
    #expect(html.contains("<td class=\"number\">\(best("0.75"))</td>"))
    #expect(html.contains("<td class=\"number\">\(best("1.0"))</td>"))
    #expect(html.contains("<td class=\"number\">0.50</td>"))
    #expect(html.contains("<td class=\"number\">–</td>"))
    #expect(html.contains("<td class=\"number\">0</td>"))
    #expect(html.components(separatedBy: "<strong").count == 3)
  }

  @Test func oneValueIsNotTheBestOfAnything() {
    let html = page(.init(columns: [.number("score", best: .highest)], rows: [[.number(1)]]))
    #expect(!html.contains("<strong"))
  }

  @Test func numbersAreWrittenAsAsked() {
    #expect(NumberFormat.fixed(2).string(-1.5) == "−1.50")
    #expect(NumberFormat.fixed(2).string(-0.001) == "0.00")
    #expect(NumberFormat.percent(1).string(0.1234) == "12.3 %")
    #expect(NumberFormat.automatic.string(0.00001234) == "1.234e−05")
    #expect(NumberFormat.automatic.string(12) == "12")
    #expect(NumberFormat.fixed(-3).string(.infinity) == "–")
    #expect(NumberFormat.fixed(900).string(0).hasPrefix("0.0"))
  }

  @Test func samplesBecomeLinesAndCSV() throws {
    var table = SampleTable(columns: ["file", "caption", "loss", "right", "scores"])
    try table.append(["a.png", "A \"big\" cat,\nasleep", .float(0.1), true, .array([1, 2.5])])
    try table.append(["b.png", "plain", .double(.nan), nil, .array([])])
    #expect(
      table.jsonLines() == """
        {"file": "a.png", "caption": "A \\"big\\" cat,\\nasleep", "loss": 0.1, "right": true, \
        "scores": [1, 2.5]}
        {"file": "b.png", "caption": "plain", "loss": null, "right": null, "scores": []}

        """)
    #expect(
      table.csv() == """
        file,caption,loss,right,scores
        a.png,"A ""big"" cat,
        asleep",0.1,true,"[1, 2.5]"
        b.png,plain,,,[]

        """)
    #expect(throws: MetricError.self) { try table.append([1]) }
  }
}

@Suite struct ReportPlotTests {
  @Test func ticksAreRoundAndCoverTheData() {
    #expect(Ticks(covering: 0...1).values.map { ($0 * 10).rounded() } == [0, 2, 4, 6, 8, 10])
    #expect(Ticks(covering: 0...1).digits == 1)
    #expect(Ticks(covering: 0...100).digits == 0)
    #expect(Ticks(covering: -3...4).values == [-4, -2, 0, 2, 4])
    #expect(Ticks(covering: 2.31...2.48).values.count < 8)
    let ranges: [(Double, Double)] = [
      (0, 0), (5, 5), (-5, -5), (.leastNonzeroMagnitude, .leastNormalMagnitude), (1e90, 1e99),
      (-1e300, 1e300),
      (1, 1.0000000001), (0.1, 0.1.nextUp), (1e15, 1e15 + 1), (-.infinity, .infinity),
    ]
    for range in ranges.map({ $0.0...$0.1 }) {
      let ticks = Ticks(covering: range)
      #expect(ticks.values.count >= 2 && ticks.values.count < 12, "\(range)")
      #expect(ticks.lower < ticks.upper)
      if range.upperBound < 1e100, range.lowerBound > -1e100 {
        let slack = 1e-6 * (ticks.upper - ticks.lower)
        #expect(ticks.lower <= range.lowerBound + slack, "\(range)")
        #expect(ticks.upper >= range.upperBound - slack, "\(range)")
      }
    }
  }

  private func svg(_ series: [Report.LinePlot.Series]) -> String {
    let plot = Report.LinePlot(xName: "missing images", yName: "accuracy", series: series)
    return Report(title: "", sections: [.init("", [.linePlot(plot)])]).html()
  }

  @Test func aPlotHasNamesIntervalsAndAccessibleValues() {
    let html = svg([
      .init("with stand-ins", [.init(0, 0.8, lower: 0.7, upper: 0.9), .init(1, 0.5)]),
      .init("without", [.init(0, 0.8), .init(1, 0.2)]),
    ])
    #expect(
      html.contains("<title>accuracy against missing images: with stand-ins, without</title>"))
    #expect(html.contains("<title>with stand-ins: 0, 0.8 (0.7 – 0.9)</title>"))
    #expect(html.contains("class=\"legend\""))
    #expect(html.components(separatedBy: "class=\"name\"").count == 3)
    #expect(html.components(separatedBy: "class=\"whisker\"").count == 2)
    // A band needs bounds at every point, and stands for the whiskers then.
    #expect(!html.contains("<polygon"))
    let band = svg([.init("a", [.init(0, 1, lower: 0, upper: 2), .init(1, 1, lower: 0, upper: 2)])])
    #expect(band.contains("<polygon class=\"band c0\""))
    #expect(!band.contains("class=\"whisker\""))
  }

  @Test func coordinatesFollowTheAxes() {
    // One tick text of 3 characters on the left: 3 · 7 + 12 = 33; without names at the ends the
    // right edge is 420 - 14 = 406; the axes run from 234 up to 26.
    let html = svg([.init("a", [.init(0, 0), .init(0.5, 0.25), .init(1, 1)])])
    #expect(html.contains("<polyline class=\"series\" points=\"33,234 219.5,182 406,26 \"/>"))
    #expect(!html.contains("class=\"legend\""))
  }

  @Test func oddDataStillMakesAPlot() {
    for series: [Report.LinePlot.Series] in [
      [], [.init("", [])], [.init("a", [.init(.nan, 1)])], [.init("a", [.init(2, 3)])],
      [.init("a", [.init(0, 0, lower: .nan, upper: .infinity), .init(1e308, -1e308)])],
      (0..<20).map { .init("series \($0)", [.init(0, Double($0)), .init(1, 5)]) },
    ] {
      #expect(TagChecker(svg(series)).faults.isEmpty)
    }
  }

  @Test func prunedPatchesAreVeiledInRuns() throws {
    let picture = Report.PatchPicture(
      picture: .init(bytes: [], description: "a cat"), rows: 2, columns: 3, kept: [1, 5])
    let html = Report(title: "", sections: [.init("", [.patchPictures([picture], title: "")])])
      .html()
    // Row 0 keeps column 1, row 1 keeps column 2.
    #expect(html.contains("d=\"M0 0h1v1h-1zM2 0h1v1h-1zM0 1h2v1h-2z\""))
    #expect(html.contains("<title>a cat, 2 of 6 patches kept</title>"))
  }
}
