// SPDX-License-Identifier: Apache-2.0

// Projectors, one file a kind: from the encoder's feature space into the decoder's embedding space.
