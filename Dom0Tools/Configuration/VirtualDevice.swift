// SPDX-License-Identifier: Apache-2.0

/// The name a guest gives a disk, such as `xvda` or `xvdb1`.
public struct VirtualDevice: Hashable, Sendable {
    /// As written, in the guest's spelling.
    public let name: String
    /// The number that stands for it in the store (`virtual-device`).
    public let number: UInt32

    /// Reads `xvda`, `xvda1`, `sda`, `hda`, `d0` or `d0p1`; nil for anything else.
    ///
    /// Source: xen-vbd-interface(7). Major 202 for `xvd` with disk < 16 and partition < 16, else bit 28; `hd` and `sd`
    /// take the numbers Linux gave IDE and SCSI disks.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        let parsed: (kind: String, disk: UInt32, partition: UInt32)?
        if text.hasPrefix("xvd") {
            parsed = Self.lettered(bytes.dropFirst(3)).map { ("xvd", $0.0, $0.1) }
        } else if text.hasPrefix("sd") || text.hasPrefix("hd") {
            parsed = Self.lettered(bytes.dropFirst(2)).map { (String(text.prefix(2)), $0.0, $0.1) }
        } else if text.hasPrefix("d") {
            let parts = text.dropFirst().split(separator: "p", maxSplits: 1, omittingEmptySubsequences: false)
            let disk = Self.decimal(parts[0].utf8[...])
            let partition = parts.count == 2 ? Self.decimal(parts[1].utf8[...]) : 0
            if let disk, let partition { parsed = ("xvd", disk, partition) } else { parsed = nil }
        } else {
            parsed = nil
        }
        guard let parsed,
            let number = Self.number(parsed.kind, disk: parsed.disk, partition: parsed.partition)
        else {
            return nil
        }
        name = text
        self.number = number
    }

    /// `a` is disk 0, `z` 25, `aa` 26; then an optional partition.
    private static func lettered(_ bytes: ArraySlice<UInt8>) -> (UInt32, UInt32)? {
        let letters = bytes.prefix { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
        guard (1...3).contains(letters.count) else { return nil }
        let disk = letters.reduce(UInt32(0)) { $0 * 26 + UInt32($1 - UInt8(ascii: "a")) + 1 } - 1
        let rest = bytes.dropFirst(letters.count)
        guard !rest.isEmpty else { return (disk, 0) }
        guard let partition = decimal(rest), partition > 0 else { return nil }
        return (disk, partition)
    }

    private static func decimal(_ bytes: some Collection<UInt8>) -> UInt32? {
        guard (1...7).contains(bytes.count), bytes.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        return bytes.reduce(UInt32(0)) { $0 * 10 + UInt32($1 - 0x30) }
    }

    private static func number(_ kind: String, disk: UInt32, partition: UInt32) -> UInt32? {
        switch kind {
        case "sd":
            guard disk < 16, partition < 16 else { return nil }
            return 8 << 8 | disk << 4 | partition
        case "hd":
            guard disk < 4, partition < 64 else { return nil }
            return (disk < 2 ? 3 : 22) << 8 | (disk & 1) << 6 | partition
        default:
            if disk < 16, partition < 16 { return 202 << 8 | disk << 4 | partition }
            guard disk < 1 << 20, partition < 256 else { return nil }
            return 1 << 28 | disk << 8 | partition
        }
    }
}
