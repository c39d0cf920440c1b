// SPDX-License-Identifier: Apache-2.0

extension Report {
  /// A picture as the encoder sees it, a grid of patches, with the pruned ones veiled.
  public struct PatchPicture: Sendable {
    /// The picture after resizing and cropping; it is stretched over the grid.
    public var picture: Picture
    public var rows: Int
    public var columns: Int
    /// The patches that were kept, in reading order from 0.
    public var kept: Set<Int>
    /// Under the picture: "25 % by FoPru rank", for example.
    public var label: String

    public init(
      picture: Picture, rows: Int, columns: Int, kept: some Sequence<Int>, label: String = ""
    ) {
      self.picture = picture
      self.rows = rows
      self.columns = columns
      self.kept = Set(kept)
      self.label = label
    }
  }
}

extension Report.PatchPicture {
  var markup: Markup {
    let rows = min(max(rows, 1), 1024)
    let columns = min(max(columns, 1), 1024)
    let keptCount = kept.count { $0 >= 0 && $0 < rows * columns }
    let title = "\(picture.description), \(keptCount) of \(rows * columns) patches kept"
    let image: Markup =
      picture.address.map {
        """
        <image href="\($0)" width="\(columns)" height="\(rows)" preserveAspectRatio="none"/>
        """
      } ?? ""
    let caption: Markup = label.isEmpty ? "" : "<div class=\"label\">\(label)</div>"
    return """
      <div class="patch"><svg viewBox="0 0 \(columns) \(rows)" role="img"><title>\(title)</title>\
      \(image)<path class="veil" d="\(veil(rows, columns))"/></svg>\(caption)</div>

      """
  }

  /// Rectangles over the runs of pruned patches in each row, one unit a patch.
  private func veil(_ rows: Int, _ columns: Int) -> Markup {
    var runs: [Markup] = []
    for row in 0..<rows {
      var column = 0
      while column < columns {
        let start = column
        while column < columns, !kept.contains(row * columns + column) { column += 1 }
        let length = column - start
        if length > 0 { runs.append("M\(start) \(row)h\(length)v1h-\(length)z") }
        column += 1
      }
    }
    return Markup.joined(runs)
  }
}
