// SPDX-License-Identifier: Apache-2.0

// Makes the untrained halves of the embedded model, Models/tiny.
//
//   make-tiny-model DIRECTORY DATASET ...
//
// writes DIRECTORY/encoder, a DINOv2 of 0.5 million weights, and DIRECTORY/decoder, a Llama of 0.5
// million with a tokenizer learned from the captions and labels of the data sets. `lorikeet assemble`
// joins them, `lorikeet finetune` trains them. `--seed N` draws other weights; the same command always
// makes the same files.

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
  guard arguments.count >= 2 else {
    FileHandle.standardError.write(
      Data("usage: make-tiny-model DIRECTORY DATASET ...  [--seed N]\n".utf8))
    exit(2)
  }
  let samples = try arguments.dropFirst().flatMap { try Dataset(path: $0).samples }
  try TinyEncoder.write(to: arguments[0] + "/encoder", seed: seed)
  try TinyDecoder.write(to: arguments[0] + "/decoder", samples: samples, seed: seed)
  print("\(arguments[0])/encoder and \(arguments[0])/decoder written")
}

do {
  try run(Array(CommandLine.arguments.dropFirst()))
} catch {
  FileHandle.standardError.write(Data("error: \(error)\n".utf8))
  exit(1)
}
