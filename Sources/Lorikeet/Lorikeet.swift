// SPDX-License-Identifier: Apache-2.0

// `import Lorikeet` brings everything that a user of the library needs.

@_exported public import LorikeetAdapters
@_exported public import LorikeetAutograd
@_exported public import LorikeetCheckpoints
@_exported public import LorikeetDatasets
@_exported public import LorikeetEvaluation
@_exported public import LorikeetImages
@_exported public import LorikeetLayers
@_exported public import LorikeetMissingModality
@_exported public import LorikeetProjectors
@_exported public import LorikeetRegistry
@_exported public import LorikeetTensors
@_exported public import LorikeetTextDecoders
@_exported public import LorikeetTokenPruning
@_exported public import LorikeetTokenizers
@_exported public import LorikeetTraining
@_exported public import LorikeetVisionEncoders
@_exported public import LorikeetVisionLanguage

/// Facts about this release.
public enum Release {
  /// The version of the package and of the command.
  public static let version = "0.1.0"
}
