// SPDX-License-Identifier: Apache-2.0

// Text decoders behind the protocol `TextDecoder`. `TransformerDecoder` is built in the form that a
// `TextDecoderConfiguration` asks for; Families/ says, one file a family, which form that is. Samplers
// choose the next token from logits.
