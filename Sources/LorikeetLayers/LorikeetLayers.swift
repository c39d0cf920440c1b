// SPDX-License-Identifier: Apache-2.0

// The parts that models are made of.
//
// A model is built under a `LayerScope`, which knows the place in the module tree, fetches weights
// from the checkpoint and enters every parameter and linear layer into the model's `ModuleIndex`.
// `Linear` has a socket for adapters. `ForwardContext` travels through the forward pass: the tape,
// which rows belong together, which modality each row has.
