// SPDX-License-Identifier: Apache-2.0

internal import LorikeetTensors

extension SafetensorsFile {
  /// Writes the weights of a model into a directory: `model.safetensors`, or, where that would be
  /// longer than `maxShardSize` bytes, shards with an index, as transformers names them.
  ///
  /// - Parameter groups: tensors in their order; those of one group stay in one file. A group that is
  ///   too long alone has a file of its own.
  public static func write(
    _ groups: [[PendingTensor]], maxShardSize: Int, to directory: String
  ) throws(CheckpointError) {
    var shards: [[PendingTensor]] = []
    var (size, total) = (0, 0)
    for group in groups {
      let bytes = group.reduce(0) { sum, tensor in
        sum + (tensor.dtype.byteCount(elements: tensor.shape.count) ?? 0)
      }
      if shards.isEmpty || size + bytes > maxShardSize, !group.isEmpty {
        shards.append([])
        size = 0
      }
      if !shards.isEmpty { shards[shards.count - 1] += group }
      size += bytes
      total += bytes
    }
    guard shards.count > 1 else {
      return try write(pending: shards.first ?? [], to: directory + "/model.safetensors")
    }
    func padded(_ number: Int) -> String {
      let digits = String(number)
      return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
    var map: [(String, JSONValue)] = []
    for (index, shard) in shards.enumerated() {
      let name = "model-\(padded(index + 1))-of-\(padded(shards.count)).safetensors"
      try write(pending: shard, to: directory + "/" + name)
      map += shard.map { ($0.name, .string(name)) }
    }
    let index: JSONValue = [
      "metadata": ["total_size": .integer(total)],
      "weight_map": .object(map.sorted { $0.0 < $1.0 }),
    ]
    try files { () throws(FileError) in
      try AtomicFile.write(index.text, to: directory + "/model.safetensors.index.json")
    }
  }
}
