// SPDX-License-Identifier: Apache-2.0

// What happens when a picture or a text is not there: strategies that put something in its place, one
// file each, and modality dropout in training.
