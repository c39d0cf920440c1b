// SPDX-License-Identifier: Apache-2.0

public import ArgumentParser
public import Lorikeet

// Choices of the library that options take by their raw values.

extension KeyValueCacheType: ExpressibleByArgument {}
extension AdapterFormat: ExpressibleByArgument {}
extension BaseType: ExpressibleByArgument {}
extension EvaluationTask: ExpressibleByArgument {}
extension FeatureSelection: ExpressibleByArgument {}
extension ProjectorKind: ExpressibleByArgument {}
extension PromptStyle: ExpressibleByArgument {}

extension AdapterCombination: ExpressibleByArgument {
  public init?(argument: String) { self.init(text: argument) }
}
