// SPDX-License-Identifier: Apache-2.0

// From a picture's file to the numbers an image encoder takes, in reading order:
//
//   Image+Decoding.swift        bytes -> `Image`: which format, which size, is it within the limits
//   PNGFormat.swift, JPEGFormat.swift, Orientation.swift   what the two formats need
//   Resampling.swift            antialiased resizing, the same bytes as Pillow's
//   Image+Geometry.swift        crops, padding, flips
//   ImageProcessor.swift        preprocessor_config.json; `displayed` and `pixelValues`
//   ImageProcessor+Coding.swift its keys, defaults and checks
//   PictureProcessor.swift      what all kinds of processors have in common; the others are
//                               AnyResolutionProcessor.swift (LLaVA-NeXT), SplittingProcessor.swift
//                               (Idefics3, SmolVLM) and DynamicResolutionProcessor.swift (Qwen2-VL)
//   Augmentation.swift          random changes in training
//   Corruptions/                damage of graded severity, for robustness; one file a kind
//   Image+Encoding.swift, Image+Drawing.swift              pictures for reports
//
// Every picture is 8-bit RGB from the moment it is decoded. The codecs and the inner loops over
// pixels are C, in CLorikeetCodecs; here stand the decisions.
