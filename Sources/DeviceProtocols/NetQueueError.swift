// SPDX-License-Identifier: Apache-2.0
public import RingProtocol

/// What a network backend did that no backend may do. The frontend's queue is of no use after it.
public enum NetQueueError: Error, Equatable, Sendable {
    /// The ring's indices contradict each other.
    case ring(RingError)
    /// An answer names a buffer that the backend does not have.
    case unknownIdentifier(UInt16)
    /// More extra-information slots were answered than were sent.
    case unaskedAnswer
    /// A received piece does not lie in its page.
    case pieceOutsidePage(offset: UInt16, byteCount: Int16)
    /// A received packet has more than `NetReceivedPacket.maximumPieceCount` pieces, or more than 65535 bytes.
    case packetTooLong
}
