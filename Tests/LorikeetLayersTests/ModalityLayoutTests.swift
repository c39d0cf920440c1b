// SPDX-License-Identifier: Apache-2.0

import LorikeetLayers
import Testing

@Suite struct ModalityLayoutTests {
  @Test func runsAreJoinedAndAscend() {
    var layout = ModalityLayout(.image, rows: 3)
    layout.append(.text, count: 2)
    layout.append(.text, count: 0)
    layout.append(.text, count: 1)
    layout.append(ModalityLayout(.text, rows: 2))
    layout.append(ModalityLayout())
    layout.append(.missingImage, count: 1)
    #expect(layout.rows == 9)
    #expect(layout.runs.map(\.modality) == [.image, .text, .missingImage])
    #expect(layout.runs.map(\.rows) == [0..<3, 3..<8, 8..<9])
  }

  @Test func runsOfRowsHaveALayout() {
    var layout = ModalityLayout(.image, rows: 3)
    layout.append(.text, count: 4)
    layout.append(.image, count: 2)
    let chosen = layout.of([1..<4, 6..<6, 6..<9])
    #expect(chosen.runs.map(\.modality) == [.image, .text, .image])
    #expect(chosen.runs.map(\.rows) == [0..<2, 2..<4, 4..<6])
    #expect(layout.of([0..<9]) == layout)
    #expect(layout.of([]) == ModalityLayout())
  }

  @Test func rowsOfModalitiesAreFound() {
    var layout = ModalityLayout(.image, rows: 3)
    layout.append(.text, count: 2)
    layout.append(.missingImage, count: 1)
    layout.append(.image, count: 4)
    #expect(layout.rows(of: [.image]) == [0..<3, 6..<10])
    #expect(layout.rows(of: [.image, .text]) == [0..<5, 6..<10])
    #expect(layout.rows(of: [.image, .text, .missingImage]) == [0..<10])
    #expect(layout.rows(of: [.missingText]).isEmpty)
    #expect(layout.rows(of: []).isEmpty)
    #expect(ModalityLayout().rows == 0)
    #expect(ModalityLayout().rows(of: [.image]).isEmpty)
  }
}
