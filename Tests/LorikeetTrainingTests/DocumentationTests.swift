// SPDX-License-Identifier: Apache-2.0

import Foundation
import LorikeetTestSupport
import LorikeetTraining
import Testing

@Suite struct DocumentationTests {
  private static let repository = Fixtures.directory
    .deletingLastPathComponent().deletingLastPathComponent().path

  static let pages: [String] = {
    let names = (try? FileManager.default.subpathsOfDirectory(atPath: repository + "/docs")) ?? []
    return names.filter { $0.hasSuffix(".md") }.sorted()
  }()

  private func text(_ page: String) throws -> String {
    try String(contentsOfFile: Self.repository + "/docs/" + page, encoding: .utf8)
  }

  private func exists(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: path)
  }

  @Test func thePagesAreThere() {
    #expect(Self.pages.contains("reading-order.md") && Self.pages.contains("recipe.md"))
  }

  @Test(arguments: pages)
  func filesAndPagesThatAreNamedExist(page: String) throws {
    let text = try text(page)
    let file = /`((?:Sources|Tests|Examples|Models|Datasets|docs)\/[^`*]*)`/
    for match in text.matches(of: file) where !match.1.contains("NAME") {
      #expect(exists(Self.repository + "/" + match.1), "\(page) names \(match.1)")
    }
    let directory = URL(filePath: Self.repository + "/docs/" + page).deletingLastPathComponent()
    for match in text.matches(of: /\]\(([^)#:]+)\)/) {
      #expect(exists(directory.path + "/" + match.1), "\(page) links to \(match.1)")
    }
  }

  /// The keys that a recipe refusal lists.
  private func known(_ change: String) -> [String] {
    do {
      _ = try TrainingRecipe(path: nil, changes: [change])
    } catch {
      let list = error.description.split(separator: "known: ").last ?? ""
      return list.split(separator: ", ").map(String.init)
    }
    return []
  }

  @Test func everyRecipeKeyIsDocumentedWithItsDefault() throws {
    let page = try text("recipe.md")
    let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }
      .map { $0.split(separator: "|", omittingEmptySubsequences: false).map(String.init) }
    let documented = rows.flatMap { row in
      row[1].matches(of: /`([^`]+)`/).map { String($0.1) }
    }
    let keys = known("nothing=1")
    #expect(keys.count > 40)
    for key in keys + known("decoder.nothing=1") + known("modalities.image.nothing=1") {
      #expect(documented.contains(key), "docs/recipe.md does not have \(key)")
    }
    let all = Set(keys + known("decoder.nothing=1"))
    for key in documented { #expect(all.contains(key), "docs/recipe.md has \(key)") }

    // A recipe that says what the page says is the default one.
    var changes: [String] = []
    for row in rows {
      let key = row[1].trimmingCharacters(in: ["`", " "])
      let value = row[2].trimmingCharacters(in: ["`", " "])
      guard keys.contains(key), !value.isEmpty, value != "none" else { continue }
      changes.append(value.hasSuffix(":") ? "\(key)='\(value)'" : "\(key)=\(value)")
    }
    #expect(changes.count > 30)
    #expect(try TrainingRecipe(path: nil, changes: changes) == TrainingRecipe())
  }
}
