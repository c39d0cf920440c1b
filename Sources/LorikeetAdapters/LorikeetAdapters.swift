// SPDX-License-Identifier: Apache-2.0

// Parameter-efficient adapters.
//
// `LoRAConfiguration` is PEFT's adapter_config.json; `ModuleMatcher` picks layers by PEFT's rules; a
// method (`LowRankAdapter`) plugs into the sockets of linear layers. An `Adapter` is all that one
// configuration attaches to a model, and knows how to read and write a PEFT directory;
// `AdapterRouting` says which adapter acts on the rows of which modality; `AdapterSet` holds the
// adapters of a model with their routing.
