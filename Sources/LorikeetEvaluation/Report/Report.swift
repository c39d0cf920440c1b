// SPDX-License-Identifier: Apache-2.0

public import LorikeetTensors

/// What an evaluation found, to be read by people: one HTML file that needs nothing beside it.
///
/// A report is plain data: sections of blocks, each block a value of its own type (`Table`,
/// `LinePlot`, `Gallery`, ...) in a file of its own that also renders it. The page has no scripts
/// and no outside addresses, follows the reader's light or dark setting, and fits a phone. All
/// texts are escaped: captions may hold anything.
public struct Report: Sendable {
  public var title: String
  public var subtitle: String
  public var sections: [Section]
  /// A line at the end, for the versions and the date.
  public var footer: String

  public init(title: String, subtitle: String = "", sections: [Section] = [], footer: String = "") {
    self.title = title
    self.subtitle = subtitle
    self.sections = sections
    self.footer = footer
  }

  /// A heading and what stands under it.
  public struct Section: Sendable {
    public var title: String
    public var blocks: [Block]

    public init(_ title: String, _ blocks: [Block] = []) {
      self.title = title
      self.blocks = blocks
    }
  }

  /// One piece of a section.
  public indirect enum Block: Sendable {
    case paragraph(String)
    /// Names and values, such as the model and the settings.
    case facts([Fact])
    case table(Table)
    case linePlot(LinePlot)
    case heatMap(HeatMap)
    case confusion(ConfusionMatrix, title: String, note: String = "")
    case gallery(Gallery)
    case patchPictures([PatchPicture], title: String, note: String = "")
    /// Blocks beside each other where the page is wide enough.
    case group([Block])
  }

  /// A name and its value.
  public struct Fact: Sendable, Equatable {
    public var name: String
    public var value: String

    public init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// The whole page.
  public func html() -> String { page().text }

  /// Writes the page; a reader never sees a part of it.
  ///
  /// - Throws: `FileError` if the file cannot be written.
  public func write(to path: String) throws(FileError) {
    try AtomicFile.write(html(), to: path)
  }

  /// The line plots of all sections, in their order.
  var plots: [LinePlot] { sections.flatMap { $0.blocks.flatMap(\.plots) } }

  private func page() -> Markup {
    // The policy is a second wall behind the escaping: no scripts, nothing from elsewhere.
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <meta http-equiv="Content-Security-Policy" \
    content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
    <title>\(title)</title>
    <style>
    \(ReportStyle.sheet)
    </style>
    </head>
    <body>
    <header><h1>\(title)</h1>\(subtitleMarkup)</header>
    \(contents)<main>
    \(Markup.joined(sections.enumerated().map { section($1, $0 + 1) }))</main>
    \(footer.isEmpty ? "" : "<footer>\(footer)</footer>\n" as Markup)</body>
    </html>

    """
  }

  private var subtitleMarkup: Markup {
    subtitle.isEmpty ? "" : "<p class=\"subtitle\">\(subtitle)</p>"
  }

  private var contents: Markup {
    guard sections.count > 2 else { return "" }
    let links = sections.enumerated().map { index, section -> Markup in
      "<li><a href=\"#section-\(index + 1)\">\(section.title)</a></li>"
    }
    return "<nav aria-label=\"Contents\"><ul>\(Markup.joined(links))</ul></nav>\n"
  }

  private func section(_ section: Section, _ number: Int) -> Markup {
    """
    <section id="section-\(number)">
    <h2>\(section.title)</h2>
    \(Markup.joined(section.blocks.map(\.markup)))</section>

    """
  }
}

extension Report.Block {
  fileprivate var plots: [Report.LinePlot] {
    switch self {
    case .linePlot(let plot): [plot]
    case .group(let blocks): blocks.flatMap(\.plots)
    default: []
    }
  }

  var markup: Markup {
    switch self {
    case .paragraph(let text): "<p dir=\"auto\">\(text)</p>\n"
    case .facts(let facts):
      "<dl class=\"facts\">\(Markup.joined(facts.map(\.markup)))</dl>\n"
    case .table(let table): table.markup
    case .linePlot(let plot): plot.markup
    case .heatMap(let map): map.markup
    case .confusion(let matrix, let title, let note): matrix.markup(title: title, note: note)
    case .gallery(let gallery): gallery.markup
    case .patchPictures(let pictures, let title, let note):
      Markup.figure(
        title: title, note: note,
        "<div class=\"patches\">\(Markup.joined(pictures.map(\.markup)))</div>")
    case .group(let blocks):
      "<div class=\"group\">\n\(Markup.joined(blocks.map(\.markup)))</div>\n"
    }
  }
}

extension Report.Fact {
  var markup: Markup { "<div><dt>\(name)</dt><dd dir=\"auto\">\(value)</dd></div>" }
}
