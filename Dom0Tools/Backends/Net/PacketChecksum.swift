// SPDX-License-Identifier: Apache-2.0

/// Where the transport checksum of an Ethernet frame is, and computing it where nobody else does. RFC 1071.
struct PacketChecksum: Equatable {
    /// First byte the checksum covers, from the start of the frame.
    var start: Int
    /// Place of the 16-bit checksum, from `start`.
    var offset: Int
    /// The network header is IPv6's.
    var isIPv6: Bool
    /// Bytes of all headers, Ethernet to transport.
    var headerByteCount: Int

    /// Finds the TCP or UDP header of a frame. Nil for anything else, for fragments, and for what is cut off.
    init?(frame: LocalMemory) {
        guard frame.byteCount >= 14 else { return nil }
        var type = UInt16(bigEndian: frame.load(12, as: UInt16.self))
        var position = 14
        // 802.1Q and 802.1ad tags.
        while type == 0x8100 || type == 0x88a8 {
            guard frame.byteCount >= position + 4 else { return nil }
            type = UInt16(bigEndian: frame.load(position + 2, as: UInt16.self))
            position += 4
        }
        var transport: UInt8
        switch type {
        case 0x0800:
            guard frame.byteCount >= position + 20 else { return nil }
            let headerByteCount = Int(frame.load(position, as: UInt8.self) & 15) * 4
            let fragment = UInt16(bigEndian: frame.load(position + 6, as: UInt16.self))
            guard headerByteCount >= 20, fragment & 0x3fff == 0 else { return nil }
            transport = frame.load(position + 9, as: UInt8.self)
            position += headerByteCount
            isIPv6 = false
        case 0x86dd:
            guard frame.byteCount >= position + 40 else { return nil }
            transport = frame.load(position + 6, as: UInt8.self)
            position += 40
            isIPv6 = true
            // Hop-by-hop, routing and destination options: each tells its successor and its length.
            var headers = 0
            while transport == 0 || transport == 43 || transport == 60 {
                guard headers < 8, frame.byteCount >= position + 8 else { return nil }
                transport = frame.load(position, as: UInt8.self)
                position += (Int(frame.load(position + 1, as: UInt8.self)) + 1) * 8
                headers += 1
            }
        default: return nil
        }
        start = position
        switch transport {
        case 6:
            guard frame.byteCount >= position + 20 else { return nil }
            offset = 16
            headerByteCount = position + Int(frame.load(position + 12, as: UInt8.self) >> 4) * 4
            guard headerByteCount >= position + 20, frame.byteCount >= headerByteCount else { return nil }
        case 17:
            guard frame.byteCount >= position + 8 else { return nil }
            offset = 6
            headerByteCount = position + 8
        default: return nil
        }
    }

    /// Finishes a checksum whose place holds the pseudo-header's sum: adds up all from `start` on. False if the
    /// places are not inside the frame.
    static func complete(_ frame: LocalMemory, start: Int, offset: Int) -> Bool {
        guard start >= 0, offset >= 0, start + offset + 2 <= frame.byteCount else { return false }
        var sum: UInt64 = 0
        var position = start
        while position + 4 <= frame.byteCount {
            sum &+= UInt64(frame.load(position, as: UInt32.self))
            position += 4
        }
        if position + 2 <= frame.byteCount {
            sum &+= UInt64(frame.load(position, as: UInt16.self))
            position += 2
        }
        if position < frame.byteCount { sum &+= UInt64(frame.load(position, as: UInt8.self)) }
        while sum > 0xffff { sum = (sum & 0xffff) &+ (sum &>> 16) }
        let checksum = ~UInt16(truncatingIfNeeded: sum)
        // Zero means "none" to UDP; its other form is as good to TCP.
        frame.store(checksum == 0 ? 0xffff : checksum, at: start + offset)
        return true
    }
}
