// SPDX-License-Identifier: Apache-2.0

// Text to token ids and back, and conversations to prompts.
//
// The road of a text through this folder, one small piece a step:
//
//   text -> AddedTokens         <|im_start|> and its like are cut out of the raw text
//        -> Normalizer          NFC, lower case, ... on what lies between
//        -> AddedTokens         those that match normalised text
//        -> PreTokenizer        one text into pieces (words, digits, ...); bytes to printable.
//                               Patterns are found by PatternScanner, if it knows them, else
//                               SplitRegex, and by RegexPattern only if that does not either
//        -> BPEModel            a piece into token ids, by merging neighbours in order of rank;
//           UnigramModel        or those that are the most likely together
//        -> PostProcessor       the ids of bos and eos laid around
//
//   ids  -> tokens -> Decoder   back to bytes, then to a String; StreamingDecoder one id at a time
//
// `Tokenizer` holds these steps; TokenizerFile.swift builds them from tokenizer.json,
// Tokenizer+GGUF.swift from the arrays in a GGUF file, whose names for ways of splitting stand in
// GGUFSplitting.swift, Tokenizer+SentencePiece.swift from
// tokenizer.model, whose steps are SentencePiecePreTokenizer, SentencePieceModel and
// SentencePieceDecoder. Everything between the ends works on UTF-8
// bytes rather than String, because String takes canonically equivalent texts for equal and a
// vocabulary does not.
//
// `ChatTemplate` renders a conversation by a Jinja template: JinjaLexer -> JinjaParser ->
// JinjaInterpreter, with JinjaFilters, JinjaTests and JinjaMethods beside.
