// SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension Report {
  /// The bytes of a PNG or JPEG file, and what to read out in its place.
  public struct Picture: Sendable, Equatable {
    public var bytes: [UInt8]
    public var description: String

    public init(bytes: [UInt8], description: String) {
      self.bytes = bytes
      self.description = description
    }

    /// A `data:` address, or nil if the bytes are neither PNG nor JPEG.
    var address: Markup? {
      let kind: String
      if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) {
        kind = "png"
      } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
        kind = "jpeg"
      } else {
        return nil
      }
      return "data:image/\(kind);base64,\(Data(bytes).base64EncodedString())"
    }
  }

  /// Samples as cards: the picture, the texts, whether the answer is right, the scores.
  public struct Gallery: Sendable {
    public struct Item: Sendable {
      /// Nil shows an empty frame: the sample's image is missing.
      public var picture: Picture?
      public var heading: String
      /// "Reference" and "Prediction", for example.
      public var texts: [Fact]
      /// Right, wrong, or neither.
      public var isRight: Bool?
      public var scores: [Fact]

      public init(
        picture: Picture?, heading: String = "", texts: [Fact], isRight: Bool? = nil,
        scores: [Fact] = []
      ) {
        self.picture = picture
        self.heading = heading
        self.texts = texts
        self.isRight = isRight
        self.scores = scores
      }
    }

    public var title: String
    public var note: String
    public var items: [Item]

    public init(title: String = "", note: String = "", items: [Item]) {
      self.title = title
      self.note = note
      self.items = items
    }
  }
}

extension Report.Picture? {
  /// The picture, or an empty frame that says why it is empty.
  fileprivate var frame: Markup {
    guard let self else { return "<div class=\"frame none\">no image</div>" }
    guard let address = self.address else {
      return "<div class=\"frame none\">not a PNG or JPEG</div>"
    }
    return """
      <div class="frame"><img src="\(address)" alt="\(self.description)" loading="lazy"></div>
      """
  }
}

extension Report.Gallery {
  var markup: Markup {
    Markup.figure(
      title: title, note: note,
      "<ul class=\"gallery\">\n\(Markup.joined(items.map(\.markup)))</ul>")
  }
}

extension Report.Gallery.Item {
  fileprivate var markup: Markup {
    let verdict: Markup =
      switch isRight {
      case true: "<span class=\"right\">✓ right</span>"
      case false: "<span class=\"wrong\">✗ wrong</span>"
      default: ""
      }
    let name: Markup = "<span dir=\"auto\" title=\"\(heading)\">\(heading)</span>"
    let head: Markup =
      heading.isEmpty && isRight == nil ? "" : "<div class=\"head\">\(name)\(verdict)</div>"
    let pairs = texts.map { "<dt>\($0.name)</dt><dd dir=\"auto\">\($0.value)</dd>" as Markup }
    let numbers = scores.map { "<span>\($0.name) <b>\($0.value)</b></span> " as Markup }
    let footer: Markup =
      numbers.isEmpty ? "" : "<div class=\"scores\">\(Markup.joined(numbers))</div>"
    return """
      <li>\(picture.frame)<div class="body">\(head)\
      <dl>\(Markup.joined(pairs))</dl>\(footer)</div></li>

      """
  }
}
