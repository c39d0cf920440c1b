// SPDX-License-Identifier: Apache-2.0

// Weights on disk: safetensors, whole directories of them, and the account of what a model took.
