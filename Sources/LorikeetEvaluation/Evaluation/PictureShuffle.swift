// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

/// Deals pictures out among samples anew.
package enum PictureShuffle {
  /// For each place the place whose picture it gets; drawn by seed. No place gets the picture that
  /// it has, as far as there are enough different ones; places without a picture stay so.
  ///
  /// - Parameter pictures: the picture of each place.
  package static func deal(_ pictures: [Int?], seed: UInt64) -> [Int] {
    var random = RandomStream.derive(seed: seed, label: "shuffle images")
    let places = pictures.indices.filter { pictures[$0] != nil }
    var order = places
    random.shuffle(&order)
    var dealt = Array(pictures.indices)
    for (place, source) in zip(places, order) { dealt[place] = source }
    // Exchanges what a place must not keep for what it and the other may have.
    for place in places where pictures[dealt[place]] == pictures[place] {
      let start = random.index(below: places.count)
      for step in places.indices {
        let other = places[(start + step) % places.count]
        if pictures[dealt[other]] != pictures[place], pictures[dealt[place]] != pictures[other] {
          dealt.swapAt(place, other)
          break
        }
      }
    }
    return dealt
  }
}
