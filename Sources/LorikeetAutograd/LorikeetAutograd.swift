// SPDX-License-Identifier: Apache-2.0

// Reverse-mode differentiation over a few coarse operators.
//
// `Variable` is a value in a computation, `Parameter` a weight of a model, `Tape` the record of the
// operators applied so far. Each operator is one file in Operators/: a method on `Tape` that
// computes the value and, when some input needs a gradient, leaves a closure that propagates it.
