// SPDX-License-Identifier: Apache-2.0

package import LorikeetLayers
package import LorikeetTensors
internal import LorikeetTextDecoders

/// About how much memory the writing of answers takes beyond the model itself.
///
/// The cache of keys and values has room for the longest answer from the beginning.
package struct GenerationMemory {
  /// Bytes of the cache for each token.
  package let cacheToken: Int
  /// Bytes for each row of the prompts, which go through the decoder together.
  package let promptRow: Int

  package init(_ model: VisionLanguageModel, cacheType: KeyValueCacheType) {
    cacheToken = model.decoder.cacheBytes(cacheType)
    // Measured (`lorikeet bench decode`): what the layers of a block give, and some rows beside it.
    promptRow = 7 * model.linearOutputs(of: .decoder) / max(model.decoder.layerCount, 1)
  }

  /// - Parameters:
  ///   - prompts: their tokens, at least one prompt.
  ///   - more: tokens of each answer at the most.
  ///   - available: bytes; nil where they are not known.
  /// - Throws: `ConfigurationError` if there is less than that takes, with the tokens that would fit.
  package func require(
    prompts: [Int], more: Int, available: Int? = Memory.available
  ) throws(ConfigurationError) {
    let longest = prompts.max() ?? 0
    let rows = prompts.reduce(0, +)
    // No product overflows that is compared with what is available.
    let available = available ?? .max
    let each = max(prompts.count * cacheToken, 1)
    let fitting = max(0, available - rows * promptRow) / each
    guard more > fitting - longest else { return }
    let tokens = Self.saturating(longest.addingReportingOverflow(more))
    let cache = Self.saturating(each.multipliedReportingOverflow(by: tokens))
    let needed = Self.saturating(cache.addingReportingOverflow(rows * promptRow))
    // Where the prompts alone do not fit, shorter ones would have fewer rows, too.
    let most =
      fitting > longest ? fitting : available / (each + prompts.count * promptRow)
    throw ConfigurationError(
      path: "max_tokens",
      (prompts.count == 1
        ? "a prompt of \(longest) tokens" : "\(prompts.count) prompts of up to \(longest) tokens")
        + " and up to \(more) more need \(Memory.shortage(of: needed, available)); "
        + "\(most) tokens \(prompts.count == 1 ? "in all" : "for each") would fit")
  }

  private static func saturating(_ result: (partialValue: Int, overflow: Bool)) -> Int {
    result.overflow ? .max : result.partialValue
  }
}

extension Memory {
  /// What is needed and what there is: `about 2.00 GiB, and 1.50 GiB are available`.
  package static func shortage(of needed: Int, _ available: Int) -> String {
    "about \(gibibytes(needed)), and \(gibibytes(available)) are available"
  }
}
