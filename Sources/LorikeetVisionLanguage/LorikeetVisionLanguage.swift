// SPDX-License-Identifier: Apache-2.0

// The whole model. `ModelDirectory` opens a Hugging Face directory; `VisionLanguageModel` joins
// encoder, projector and decoder; `PromptBuilder` turns pictures and words into a `TokenSequence`;
// `PackedBatch` lays sequences end to end; generation and classification work on those.
