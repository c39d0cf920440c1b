// SPDX-License-Identifier: Apache-2.0

// Parameter-efficient adapters.
//
// An `AdapterConfiguration` is PEFT's adapter_config.json of one method (`LoRAConfiguration`,
// `IA3Configuration`; `AdapterMethods` lists them); `ModuleMatcher` picks modules by PEFT's rules. What a
// method puts on a layer is a term (`LowRankAdapter`, `MagnitudeAdapter`, `ScalingAdapter`), which plugs
// into the layer's socket. An `Adapter` is all that one configuration attaches to a model, and knows how to
// read and write a PEFT directory; `AdapterRouting` says which adapter acts on the rows of which modality;
// `AdapterSet` holds the adapters of a model with their routing. `AdapterSelection` chooses among several,
// and `AdapterCombination` makes one of them.
//
// A term says what it amounts to, W + `LinearDelta`: merging adds that, and `Adapter.asLoRA` takes it
// apart. `LoRAWeights` is a LoRA adapter as numbers, which `MLXAdapter` and others write.
