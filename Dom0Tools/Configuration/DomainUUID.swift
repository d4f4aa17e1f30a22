// SPDX-License-Identifier: Apache-2.0

/// The 16 bytes that name a domain for good (`xen_domain_handle_t`).
public struct DomainUUID: Hashable, Sendable, Codable, CustomStringConvertible {
    /// 16 bytes in the order they are written.
    public let bytes: [UInt8]

    /// Nil unless there are 16 bytes.
    public init?(bytes: [UInt8]) {
        guard bytes.count == 16 else { return nil }
        self.bytes = bytes
    }

    /// Reads 32 hexadecimal digits; dashes may stand anywhere between pairs.
    public init?(_ text: String) {
        let digits = Array(text.utf8.filter { $0 != UInt8(ascii: "-") })
        guard digits.count == 32, text.utf8.count <= 36 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: 32, by: 2) {
            guard let byte = hexadecimalByte(Array(digits[index...index + 1])) else { return nil }
            bytes.append(byte)
        }
        self.bytes = bytes
    }

    /// A new random one (version 4).
    public static func random() -> DomainUUID {
        var bytes = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        return DomainUUID(checked: bytes)
    }
    private init(checked: [UInt8]) { bytes = checked }

    public var description: String {
        var text = ""
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text += "-" }
            text += byte < 16 ? "0" : ""
            text += String(byte, radix: 16)
        }
        return text
    }

    public init(from decoder: any Decoder) throws {
        let text = try decoder.singleValueContainer().decode(String.self)
        guard let value = DomainUUID(text) else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: decoder.codingPath, debugDescription: "\"\(text)\" is not a UUID"))
        }
        self = value
    }
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}

/// The byte that exactly two hexadecimal digits stand for.
func hexadecimalByte(_ digits: [UInt8]) -> UInt8? {
    guard digits.count == 2 else { return nil }
    var value: UInt8 = 0
    for digit in digits {
        switch digit {
        case 0x30...0x39: value = value << 4 | (digit - 0x30)
        case 0x41...0x46: value = value << 4 | (digit - 0x41 + 10)
        case 0x61...0x66: value = value << 4 | (digit - 0x61 + 10)
        default: return nil
        }
    }
    return value
}
