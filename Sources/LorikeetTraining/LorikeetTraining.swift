// SPDX-License-Identifier: Apache-2.0

// Fine-tuning. `TrainingRecipe` says what to do; `TrainingSetup` attaches what trains to a model and
// sorts it into groups; `ExampleSource` draws examples; `FeatureCache` keeps what a frozen encoder
// computed; `Trainer` runs the steps; `RunDirectory` holds what a run leaves behind.
