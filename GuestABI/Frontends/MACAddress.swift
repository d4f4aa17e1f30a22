// SPDX-License-Identifier: Apache-2.0
public import XenBus

/// The address of a network card: six bytes.
public struct MACAddress: Equatable, BitwiseCopyable, Sendable {
    public var bytes: InlineArray<6, UInt8>

    public init(_ bytes: InlineArray<6, UInt8>) { self.bytes = bytes }

    /// Six pairs of hexadecimal digits with colons between; nil for anything else.
    public init?(_ text: StoreText) {
        guard text.bytes.count == 17 else { return nil }
        bytes = InlineArray(repeating: 0)
        for index in 0..<17 {
            if index % 3 == 2 {
                guard text.bytes[index] == 0x3A else { return nil }
                continue
            }
            let digit: UInt8
            switch text.bytes[index] {
            case 0x30...0x39: digit = text.bytes[index] - 0x30
            case 0x41...0x46: digit = text.bytes[index] - 0x37
            case 0x61...0x66: digit = text.bytes[index] - 0x57
            default: return nil
            }
            bytes[index / 3] = bytes[index / 3] << 4 | digit
        }
    }

    public static func == (a: Self, b: Self) -> Bool {
        for index in 0..<6 where a.bytes[index] != b.bytes[index] { return false }
        return true
    }
}
