// SPDX-License-Identifier: Apache-2.0

// Visual token pruning, one file a method. A pruner sees the features of one picture before the
// projector and says which tokens go on, in reading order; `TokenPruners.all` lists the methods.
