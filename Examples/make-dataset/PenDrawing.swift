// SPDX-License-Identifier: Apache-2.0

import LorikeetImages
import LorikeetTensors

/// A picture of the small set: things drawn with a coloured pen on coloured paper.
struct PenDrawing {
  var image: Image
  var caption: String

  init(_ kind: Kind, side: Int, _ random: inout RandomStream) {
    let paperName = NamedColor.papers[random.index(below: NamedColor.papers.count)]
    let penName = NamedColor.choose(NamedColor.pens, against: [paperName.color], &random)
    let paper = paperName.varied(&random, by: 0.02)
    let ink = penName.varied(&random, by: 0.03)
    var canvas = Canvas(side: side, color: paper)

    let ruling = random.uniform()
    let rule = paper.mixed(
      with: paper.contrast(to: .black) > 0.4 ? Color(0.3, 0.4, 0.6) : .white, 0.3)
    if ruling < 0.3 {
      for line in stride(from: -0.8, to: 1, by: 0.25) {
        canvas.fill([rectangle(-1, line, 1, line + 0.03)], with: rule)
        if ruling < 0.12 { canvas.fill([rectangle(line, -1, line + 0.03, 1)], with: rule) }
      }
    }
    let texture = ruling < 0.12 ? "squared " : ruling < 0.3 ? "lined " : ""

    let composition = Composition(
      kind, count: random.uniform() < 0.25 ? 2 : 1, wobble: 0.035, &random)
    let pen = 0.05 + 0.02 * Double(random.uniform())
    for placement in composition.placements {
      canvas.draw(kind, at: placement, ink: ink, paper: paper, pen: pen)
    }
    let place = composition.place.map { ", " + $0 } ?? ""
    caption =
      "\(penName.name) pen drawing of \(composition.phrase(color: nil, big: "large")) on "
      + "\(texture)\(paperName.name) paper\(place)."
    caption = (["a", "e", "i", "o", "u"].contains(caption.prefix(1)) ? "An " : "A ") + caption
    image = canvas.image(levels: 32)
  }
}
