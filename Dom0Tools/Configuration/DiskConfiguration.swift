// SPDX-License-Identifier: Apache-2.0

/// A virtual disk, as xl-disk-configuration(5) describes it. Only raw files and block devices are served.
public struct DiskConfiguration: Codable, Hashable, Sendable {
    /// Path of the file or block device in domain 0.
    public var target: String
    /// The guest's name for it: `xvda`.
    public var vdev: String
    public var isReadOnly: Bool
    /// Whether the guest may give blocks back (`discard`). Default true, as in xl.
    public var allowsDiscard: Bool

    private enum CodingKeys: String, CodingKey {
        case target, vdev
        case isReadOnly = "read_only"
        case allowsDiscard = "discard"
    }

    public init(target: String, vdev: String, isReadOnly: Bool = false, allowsDiscard: Bool = true) {
        self.target = target
        self.vdev = vdev
        self.isReadOnly = isReadOnly
        self.allowsDiscard = allowsDiscard
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        target = try values.decode(String.self, forKey: .target)
        vdev = try values.decode(String.self, forKey: .vdev)
        isReadOnly = try values.decodeIfPresent(Bool.self, forKey: .isReadOnly) ?? false
        allowsDiscard = try values.decodeIfPresent(Bool.self, forKey: .allowsDiscard) ?? true
    }
}

/// Reads one entry of `disk = [ … ]`.
struct DiskSpecificationParser {
    private var target: String?
    private var format: String?
    private var vdev: String?
    private var access: String?
    private var allowsDiscard = true
    private var positional = 0
    private var hasLegacyPrefix = false
    private(set) var warnings: [String] = []

    /// - Parameter text: `target, format, vdev, access, key=value…`, or with a legacy prefix `phy:target,vdev,access`.
    mutating func parse(_ text: String) throws(ConfigurationError) -> DiskConfiguration {
        var rest = text[...]
        while true {
            rest = rest.drop { $0 == " " || $0 == "\t" }
            // `target=` takes everything that follows it, commas too.
            if rest.hasPrefix("target=") {
                try set(&target, to: String(rest.dropFirst(7)), named: "target")
                break
            }
            let parameter = rest.prefix { $0 != "," }
            try take(trimmed(parameter))
            guard parameter.endIndex < rest.endIndex else { break }
            rest = rest[rest.index(after: parameter.endIndex)...]
            if rest.isEmpty { break }
        }
        return try finish(text)
    }

    private func trimmed(_ text: Substring) -> String {
        var text = text
        while let last = text.last, last == " " || last == "\t" { text = text.dropLast() }
        return String(text)
    }

    private func bad(_ message: String, hint: String? = nil) -> ConfigurationError {
        ConfigurationError(.badDisk, message, hint: hint)
    }

    private func set(_ slot: inout String?, to value: String, named name: String) throws(ConfigurationError) {
        guard slot == nil else { throw bad("\(name) is given twice") }
        slot = value
    }

    private mutating func take(_ parameter: String) throws(ConfigurationError) {
        if let equals = parameter.firstIndex(of: "="), positional > 0 || Self.isKey(parameter[..<equals]) {
            try take(key: parameter[..<equals], value: String(parameter[parameter.index(after: equals)...]))
            return
        }
        if positional == 0 || positional < 4, !Self.flags.contains(parameter) {
            try takePositional(parameter)
            return
        }
        switch parameter {
        case "discard": allowsDiscard = true
        case "no-discard": allowsDiscard = false
        case "direct-io-safe": break
        case "cdrom": throw noCdrom
        default:
            let hint = nearestName(to: parameter, in: Self.keys + Self.flags).map {
                "did you mean \"\($0)\"?"
            }
            throw bad("unknown parameter \"\(parameter)\"", hint: hint)
        }
    }

    private static let keys = [
        "target", "format", "vdev", "access", "devtype", "backend", "backendtype", "script", "discard",
        "no-discard",
    ]
    private static let flags = ["discard", "no-discard", "direct-io-safe", "cdrom"]
    private static func isKey(_ text: Substring) -> Bool { keys.contains(String(text)) }

    private mutating func takePositional(_ parameter: String) throws(ConfigurationError) {
        defer { positional += 1 }
        switch positional {
        case 0:
            if !parameter.isEmpty { try takeTarget(parameter) }
        case 1:
            // `phy:/dev/sda,xvda,w`: the prefix has said the format.
            if hasLegacyPrefix, VirtualDevice(parameter) != nil {
                positional = 2
                try takeDevice(parameter)
            } else if !parameter.isEmpty {
                if VirtualDevice(parameter) != nil {
                    throw bad(
                        "\"\(parameter)\" stands where the format belongs",
                        hint:
                            "the order is target, format, vdev, access: \"\(target ?? ""),raw,\(parameter),w\""
                    )
                }
                try set(&format, to: parameter, named: "format")
            }
        case 2:
            if !parameter.isEmpty { try takeDevice(parameter) }
        default:
            if !parameter.isEmpty { try set(&access, to: parameter, named: "access") }
        }
    }

    private mutating func takeTarget(_ text: String) throws(ConfigurationError) {
        var text = text
        for (prefix, prefixFormat) in [
            ("raw:", "raw"), ("qcow2:", "qcow2"), ("qcow:", "qcow"), ("vhd:", "vhd"),
        ]
        where text.hasPrefix(prefix) {
            text.removeFirst(prefix.count)
            format = prefixFormat
            hasLegacyPrefix = true
        }
        for prefix in ["tap2:aio:", "tap:aio:", "aio:", "phy:", "file:"] where text.hasPrefix(prefix) {
            text.removeFirst(prefix.count)
            format = format ?? "raw"
            hasLegacyPrefix = true
        }
        for prefix in ["iscsi:", "nbd:", "drbd:", "rbd:", "tap:", "tap2:", "vdi:", "enbd:"]
        where text.hasPrefix(prefix) {
            throw bad(
                "disks of kind \"\(prefix)\" are not supported",
                hint: "attach it in domain 0 and name the block device: \"/dev/…,raw,xvda,w\"")
        }
        try set(&target, to: text, named: "target")
    }

    private mutating func takeDevice(_ text: String) throws(ConfigurationError) {
        if text.hasSuffix(":cdrom") { throw noCdrom }
        try set(&vdev, to: text, named: "vdev")
    }

    private var noCdrom: ConfigurationError {
        bad(
            "CD-ROM drives are not supported",
            hint: "give the image as a read-only disk: \"image.iso,raw,xvdb,r\"")
    }

    private mutating func take(key: Substring, value: String) throws(ConfigurationError) {
        switch key {
        case "target": try set(&target, to: value, named: "target")
        case "format": try set(&format, to: value, named: "format")
        case "vdev": try takeDevice(value)
        case "access": try set(&access, to: value, named: "access")
        case "discard", "no-discard":
            throw bad("\"\(key)\" takes no value", hint: "write just \"\(key)\"")
        case "devtype":
            guard value == "disk" else {
                throw value == "cdrom" ? noCdrom : bad("unknown devtype \"\(value)\"")
            }
        case "backendtype":
            guard ["phy", "qdisk", "tap"].contains(value) else {
                throw bad(
                    "unknown backendtype \"\(value)\"",
                    hint: "leave it out: svback serves files and devices alike")
            }
        case "backend":
            guard ["0", "Domain-0"].contains(value) else {
                throw bad("driver domains are not supported: backend=\(value)", hint: "leave out backend=")
            }
        case "script":
            throw bad(
                "block scripts are not supported: script=\(value)",
                hint: "prepare the device before the domain starts")
        default:
            let hint = nearestName(to: String(key), in: Self.keys).map { "did you mean \"\($0)=\"?" }
            throw bad("unknown parameter \"\(key)\"", hint: hint)
        }
    }

    private func finish(_ text: String) throws(ConfigurationError) -> DiskConfiguration {
        guard let target, !target.isEmpty else {
            throw bad("no target: which file or device?", hint: "write \"/path/to/image,raw,xvda,w\"")
        }
        guard let vdev else {
            throw bad("no vdev: what does the guest call this disk?", hint: "write \"\(target),raw,xvda,w\"")
        }
        guard VirtualDevice(vdev) != nil else {
            throw bad(
                "\"\(vdev)\" is not a device name", hint: "use xvda, xvdb, … or xvda1 for one partition")
        }
        if let format, format != "raw" {
            guard ["qcow", "qcow2", "vhd", "qed", "empty"].contains(format) else {
                throw bad("unknown format \"\(format)\"", hint: "only raw is supported")
            }
            throw bad(
                "the format \(format) is not supported",
                hint: format == "empty"
                    ? "leave the disk out" : "convert it: qemu-img convert -O raw \(target) \(target).raw")
        }
        let isReadOnly: Bool
        switch access ?? "rw" {
        case "r", "ro": isReadOnly = true
        case "w", "rw": isReadOnly = false
        case let other: throw bad("unknown access \"\(other)\"", hint: "use r or w")
        }
        return DiskConfiguration(
            target: target, vdev: vdev, isReadOnly: isReadOnly, allowsDiscard: allowsDiscard)
    }
}
