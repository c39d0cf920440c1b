// SPDX-License-Identifier: Apache-2.0

// Draws the data sets of this project: captioned, labelled pictures of simple things.
//
//   make-dataset tiny DIRECTORY                    pen drawings on coloured paper: Datasets/tiny
//   make-dataset paintings DIRECTORY [COUNT]       painted scenes, 20,000 unless told otherwise
//   make-dataset words DIRECTORY [COUNT]           one painted thing each, its name as the caption
//
// `--seed N` draws other pictures. The same command always makes the same files.

import Foundation
import LorikeetDatasets
import LorikeetImages
import LorikeetTensors

let side = 64

/// Writes one picture and returns its line.
func save(
  _ image: Image, _ name: String, in directory: String, caption: String, label: String?,
  split: String
) throws -> Sample {
  let path = directory + "/" + name
  try image.writePNG(to: path)
  return Sample(id: name, imagePath: path, text: caption, label: label, split: split)
}

/// 21 drawings of each kind: 15 to train on, 3 to validate, 3 to test.
func makeTiny(_ directory: String, seed: UInt64) throws -> [Sample] {
  var samples: [Sample] = []
  for number in 0..<21 {
    let split = number < 15 ? "train" : number < 18 ? "validation" : "test"
    for kind in Kind.all {
      var random = RandomStream.derive(seed: seed, label: "pen \(kind.name) \(number)")
      let drawing = PenDrawing(kind, side: side, &random)
      let stem = kind.name.replacing(" ", with: "-")
      samples.append(
        try save(
          drawing.image, "\(split)/\(stem)-\(number).png", in: directory,
          caption: drawing.caption, label: kind.label, split: split))
    }
  }
  return samples
}

/// One painting in forty validates, one in forty tests.
func makePaintings(
  _ directory: String, count: Int, seed: UInt64, areWords: Bool
) throws -> [Sample] {
  try (0..<count).map { number in
    let split = number % 40 == 0 ? "validation" : number % 40 == 20 ? "test" : "train"
    var random = RandomStream.derive(seed: seed, label: "painting \(number)")
    let painting = areWords ? Painting(wordSide: side, &random) : Painting(side: side, &random)
    return try save(
      painting.image, "\(split)/\(number).png", in: directory, caption: painting.caption,
      label: painting.label, split: split)
  }
}

func run(_ arguments: [String]) throws {
  var arguments = arguments
  var seed: UInt64 = 0
  if let index = arguments.firstIndex(of: "--seed"), index + 1 < arguments.count,
    let value = UInt64(arguments[index + 1])
  {
    seed = value
    arguments.removeSubrange(index...index + 1)
  }
  let isTiny = arguments.first == "tiny"
  let areWords = arguments.first == "words"
  let count = arguments.count > 2 ? Int(arguments[2]) : 20_000
  guard arguments.count == 2 || (arguments.count == 3 && !isTiny),
    isTiny || areWords || arguments[0] == "paintings", let count, count > 0
  else {
    FileHandle.standardError.write(
      Data(
        "usage: make-dataset tiny DIRECTORY | paintings|words DIRECTORY [COUNT]  [--seed N]\n".utf8)
    )
    exit(2)
  }
  let directory = arguments[1]
  for split in ["train", "validation", "test"] {
    try FileManager.default.createDirectory(
      atPath: directory + "/" + split, withIntermediateDirectories: true)
  }
  let samples =
    isTiny
    ? try makeTiny(directory, seed: seed)
    : try makePaintings(directory, count: count, seed: seed, areWords: areWords)
  try MetadataFile.write(samples, to: directory)
  print("\(directory): \(samples.count) pictures of \(Kind.all.count) kinds of things")
}

do {
  try run(Array(CommandLine.arguments.dropFirst()))
} catch {
  FileHandle.standardError.write(Data("error: \(error)\n".utf8))
  exit(1)
}
