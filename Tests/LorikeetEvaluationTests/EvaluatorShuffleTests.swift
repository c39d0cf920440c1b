// SPDX-License-Identifier: Apache-2.0

import LorikeetEvaluation
import Testing

@Suite struct EvaluatorShuffleTests {
  @Test(arguments: 0..<20 as Range<UInt64>)
  func nobodyKeepsTheirOwn(seed: UInt64) {
    // Pictures 0 and 1 stand at several places.
    let pictures = [0, 0, 0, 1, 1, 2, 3, 4]
    let dealt = PictureShuffle.deal(pictures, seed: seed)
    #expect(dealt.sorted() == Array(pictures.indices))
    #expect(zip(dealt, pictures).allSatisfy { pictures[$0] != $1 })
    #expect(PictureShuffle.deal(pictures, seed: seed) == dealt)
  }

  @Test func seedsDiffer() {
    let pictures = Array(0..<50)
    #expect(PictureShuffle.deal(pictures, seed: 1) != PictureShuffle.deal(pictures, seed: 2))
  }

  @Test func placesWithoutAPictureStaySo() {
    let pictures = [nil, 0, nil, 1, 2]
    let dealt = PictureShuffle.deal(pictures, seed: 3)
    #expect(dealt[0] == 0 && dealt[2] == 2)
    #expect([1, 3, 4].allSatisfy { dealt[$0] != $0 && pictures[dealt[$0]] != nil })
  }

  @Test func whatCannotBeDealtOutStays() {
    #expect(PictureShuffle.deal([], seed: 0) == [])
    #expect(PictureShuffle.deal([5], seed: 0) == [0])
    #expect(PictureShuffle.deal([5, 5, 5], seed: 0).sorted() == [0, 1, 2])
    // Two of three must keep theirs at one place.
    let dealt = PictureShuffle.deal([5, 5, 6], seed: 0)
    #expect(dealt.sorted() == [0, 1, 2])
    #expect(dealt[2] != 2)
  }
}
