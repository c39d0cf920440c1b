// SPDX-License-Identifier: Apache-2.0

// Image encoders behind the protocol `VisionEncoder`. `VisionTransformer` is put together from
// embeddings, blocks and a pooling; Families/ says, one file a family, of which.
