// SPDX-License-Identifier: Apache-2.0

// Makes the embedded model, Models/tiny, before and after its training.
//
//   make-tiny-model new DIRECTORY DATASET ...      DIRECTORY/encoder, a DINOv2, and DIRECTORY/decoder,
//                                                  a Llama, half a million random weights each; the
//                                                  tokenizer is learned from the data sets
//   make-tiny-model round MODEL DIRECTORY          a model with its weights as bfloat16
//
// Between the two, `lorikeet assemble` joins the halves and `lorikeet finetune` trains them. `--seed N`
// draws other weights; the same command always makes the same files.

import Foundation
import Lorikeet

func run(_ arguments: [String]) throws {
  var arguments = arguments
  var seed: UInt64 = 0
  if let index = arguments.firstIndex(of: "--seed"), index + 1 < arguments.count,
    let value = UInt64(arguments[index + 1])
  {
    seed = value
    arguments.removeSubrange(index...index + 1)
  }
  switch (arguments.first, arguments.count) {
  case ("new", 3...):
    let directory = arguments[1]
    let samples = try arguments.dropFirst(2).flatMap { try Dataset(path: $0).samples }
    try TinyEncoder.write(to: directory + "/encoder", seed: seed)
    try TinyDecoder.write(to: directory + "/decoder", samples: samples, seed: seed)
    print("\(directory)/encoder and \(directory)/decoder written")
  case ("round", 3):
    try Rounding.write(arguments[1], to: arguments[2])
    print("\(arguments[2]) written")
  default:
    FileHandle.standardError.write(
      Data(
        "usage: make-tiny-model new DIRECTORY DATASET ... [--seed N] | round MODEL DIRECTORY\n".utf8
      ))
    exit(2)
  }
}

do {
  try run(Array(CommandLine.arguments.dropFirst()))
} catch {
  FileHandle.standardError.write(Data("error: \(error)\n".utf8))
  exit(1)
}
