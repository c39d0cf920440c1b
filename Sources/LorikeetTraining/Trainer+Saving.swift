// SPDX-License-Identifier: Apache-2.0

internal import LorikeetAutograd
internal import LorikeetCheckpoints
internal import LorikeetProjectors
internal import LorikeetTensors
internal import LorikeetVisionLanguage

extension Trainer {
  /// Takes up where the last checkpoint stands, if there is one.
  func restore() throws {
    run.recover()
    try run.requireSame(recipe)
    guard let saved = try run.load() else {
      report("no checkpoint yet: starting at step 0")
      return
    }
    state = saved.state
    for (name, parameter) in setup.parameters {
      guard let tensor = saved.parameters[name], tensor.shape == parameter.shape else {
        throw TrainingError.run(
          path: saved.parameters.source, reason: "\(name) is missing or misshapen")
      }
      parameter.replace(with: Kernels.copy(tensor.tensor()))
    }
    if let name = work.optimizer.restore({ saved.optimizer[$0] }) {
      throw TrainingError.run(path: saved.optimizer.source, reason: "\(name) is misshapen")
    }
    report("resumed at step \(state.step)")
  }

  func saveCheckpoint() throws {
    try requireFinite()
    try run.save(
      state, parameters: setup.parameters.map { ($0.name, $0.parameter.stored) },
      optimizer: work.optimizer.state, limit: recipe.saveTotalLimit)
  }

  /// Writes the adapter, or the model if its own weights train.
  func saveResult() throws {
    try requireFinite()
    if setup.trainsModel {
      try run.replace(run.model) { fresh in
        let write = {
          try ModelWriter.write(self.pipeline.model.index, from: self.source, to: fresh)
        }
        if let projector = pipeline.model.vision?.projector {
          try projector.withFoldedNormalisation(write)
        } else {
          try write()
        }
      }
    }
    try run.replace(run.adapter) { try pipeline.saveAdapter(to: $0) }
  }

  /// The last update may have spoiled what the step before it still found in order.
  private func requireFinite() throws(TrainingError) {
    guard setup.parameters.allSatisfy({ Kernels.isFinite($0.parameter.variable.value) }) else {
      throw .diverged(step: state.step)
    }
  }
}
