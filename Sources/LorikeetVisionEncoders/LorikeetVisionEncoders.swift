// SPDX-License-Identifier: Apache-2.0

// Image encoders, one file a family, behind the protocol `VisionEncoder`.
