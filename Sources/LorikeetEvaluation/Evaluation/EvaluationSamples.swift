// SPDX-License-Identifier: Apache-2.0

internal import LorikeetDatasets

/// The samples of a set that can serve a task, and their pictures.
struct EvaluationSamples {
  private(set) var samples: [Sample]
  /// The paths of all pictures, each once.
  let pictures: [String]
  /// How many samples are left out, by reason.
  private(set) var skipped: [String: Int] = [:]
  private var unreadable: Set<Int> = []
  private let numbers: [String: Int]

  /// - Throws: `EvaluationError.noSamples`.
  init(_ dataset: Dataset, _ options: EvaluationOptions, labels: [String]) throws {
    var skipped: [String: Int] = [:]
    let known = Set(labels)
    samples = dataset.samples.filter { sample in
      let reason: String? =
        switch options.task {
        case .caption:
          sample.text == nil ? "no text" : sample.imagePath == nil ? "no picture" : nil
        case .classify:
          sample.label == nil
            ? "no label"
            : known.contains(sample.label ?? "") ? nil : "a label that is not among the choices"
        }
      if let reason { skipped[reason, default: 0] += 1 }
      return reason == nil
    }
    self.skipped = skipped
    var numbers: [String: Int] = [:]
    var pictures: [String] = []
    for path in samples.compactMap(\.imagePath) where numbers[path] == nil {
      numbers[path] = pictures.count
      pictures.append(path)
    }
    self.pictures = pictures
    self.numbers = numbers
    try requireSome(dataset)
  }

  /// The number of a sample's picture.
  func picture(of sample: Int) -> Int? { samples[sample].imagePath.flatMap { numbers[$0] } }

  /// Whether a picture could be read so far.
  func isReadable(_ picture: Int) -> Bool { !unreadable.contains(picture) }

  /// Leaves samples out whose pictures cannot be read.
  mutating func leaveOut(pictures failed: Set<Int>, _ dataset: Dataset) throws {
    guard !failed.isEmpty else { return }
    unreadable.formUnion(failed)
    let before = samples.count
    samples.removeAll { sample in
      sample.imagePath.flatMap { numbers[$0] }.map { failed.contains($0) } ?? false
    }
    skipped["unreadable picture", default: 0] += before - samples.count
    try requireSome(dataset)
  }

  private func requireSome(_ dataset: Dataset) throws {
    guard samples.isEmpty else { return }
    let reasons = skipped.sorted { $0.key < $1.key }.map { "\($0.value) with \($0.key)" }
    throw EvaluationError.noSamples(
      dataset: dataset.directory,
      reason: reasons.isEmpty ? "the split is empty" : reasons.joined(separator: ", "))
  }
}
