// SPDX-License-Identifier: Apache-2.0

/// placeholder
public struct ChatTemplate: Sendable {
}
