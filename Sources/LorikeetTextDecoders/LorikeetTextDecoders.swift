// SPDX-License-Identifier: Apache-2.0

// Text decoders, one file a family, behind the protocol `TextDecoder`; samplers that choose the next
// token from logits.
