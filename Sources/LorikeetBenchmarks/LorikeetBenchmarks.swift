// SPDX-License-Identifier: Apache-2.0

// Measuring code of `lorikeet bench`: each work is one file that runs what the toolkit itself runs and
// returns measurements; the command prints them. What they are held against, the processor's own
// limits, is in MachineLimits.swift.
