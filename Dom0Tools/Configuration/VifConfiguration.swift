// SPDX-License-Identifier: Apache-2.0

/// A virtual network card, as xl-network-configuration(5) describes it.
public struct VifConfiguration: Codable, Hashable, Sendable {
    /// `00:16:3e:xx:xx:xx` in lower case; nil means one is chosen when the domain is created.
    public var mac: String?
    /// The bridge in domain 0 it is plugged into.
    public var bridge: String
    /// Address the guest may use, for information only.
    public var ip: String?
    /// Name of the interface in domain 0; nil means `vif<domid>.<n>`.
    public var vifname: String?
    /// Bytes; nil means the bridge's.
    public var mtu: Int?

    public init(
        mac: String? = nil, bridge: String = VifConfiguration.defaultBridge, ip: String? = nil,
        vifname: String? = nil,
        mtu: Int? = nil
    ) {
        self.mac = mac
        self.bridge = bridge
        self.ip = ip
        self.vifname = vifname
        self.mtu = mtu
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        mac = try values.decodeIfPresent(String.self, forKey: .mac)
        bridge = try values.decodeIfPresent(String.self, forKey: .bridge) ?? Self.defaultBridge
        ip = try values.decodeIfPresent(String.self, forKey: .ip)
        vifname = try values.decodeIfPresent(String.self, forKey: .vifname)
        mtu = try values.decodeIfPresent(Int.self, forKey: .mtu)
    }

    /// What xl plugs into when nothing else is said.
    public static let defaultBridge = "xenbr0"

    /// `mac` in canonical form, or nil if it is not the address of one Ethernet card.
    static func canonicalMAC(_ text: String) -> String? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let octets = parts.compactMap { hexadecimalByte(Array($0.utf8)) }
        guard parts.count == 6, octets.count == 6, octets[0] & 1 == 0, octets.contains(where: { $0 != 0 })
        else {
            return nil
        }
        return text.lowercased()
    }

    /// True for a name Linux accepts for an interface: 1 to 15 bytes without blank, slash or colon.
    static func isInterfaceName(_ text: String) -> Bool {
        (1...15).contains(text.utf8.count) && text != "." && text != ".."
            && text.utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":")
            }
    }
}

/// Reads one entry of `vif = [ … ]`.
struct VifSpecificationParser {
    private static let keys = [
        "mac", "bridge", "ip", "vifname", "mtu", "type", "model", "script", "backend", "rate", "gatewaydev",
        "netdev",
        "devid", "trusted",
    ]
    private(set) var warnings: [String] = []

    private func bad(_ message: String, hint: String? = nil) -> ConfigurationError {
        ConfigurationError(.badVif, message, hint: hint)
    }

    /// - Parameter text: `mac=…,bridge=…`, in any order; may be empty.
    mutating func parse(_ text: String) throws(ConfigurationError) -> VifConfiguration {
        var vif = VifConfiguration()
        var seen: Set<Substring> = []
        for parameter in text.split(separator: ",", omittingEmptySubsequences: true) {
            let trimmed = parameter.drop { $0 == " " }
            if trimmed.allSatisfy({ $0 == " " }) { continue }
            guard let equals = trimmed.firstIndex(of: "=") else {
                throw bad("\"\(trimmed)\" has no value", hint: "write \"mac=…,bridge=…\"")
            }
            let key = trimmed[..<equals]
            guard seen.insert(key).inserted else { throw bad("\(key) is given twice") }
            var value = trimmed[trimmed.index(after: equals)...]
            while value.last == " " { value = value.dropLast() }
            try take(key: key, value: String(value), into: &vif)
        }
        return vif
    }

    private mutating func take(
        key: Substring, value: String, into vif: inout VifConfiguration
    ) throws(ConfigurationError) {
        switch key {
        case "mac":
            guard let mac = VifConfiguration.canonicalMAC(value) else {
                throw bad(
                    "\"\(value)\" is not the address of a network card",
                    hint: "write six pairs of hexadecimal digits, the first even, such as 00:16:3e:12:34:56")
            }
            vif.mac = mac
        case "bridge":
            guard VifConfiguration.isInterfaceName(value) else {
                throw bad("\"\(value)\" cannot be the name of a bridge")
            }
            vif.bridge = value
        case "ip":
            vif.ip = value
        case "vifname":
            guard VifConfiguration.isInterfaceName(value) else {
                throw bad(
                    "\"\(value)\" cannot be the name of an interface",
                    hint: "use 1 to 15 characters without blank, / or :")
            }
            vif.vifname = value
        case "mtu":
            guard let mtu = Int(value), (68...65535).contains(mtu) else {
                throw bad("mtu=\(value) is out of range", hint: "use 68 to 65535; 1500 is usual")
            }
            vif.mtu = mtu
        case "type":
            guard value == "vif" else {
                throw bad(
                    "type=\(value) is not supported",
                    hint: "there is no device model: leave out type=, or use type=vif")
            }
        case "model", "devid", "trusted":
            break  // No effect on a paravirtual card, in xl either.
        case "backend":
            guard ["0", "Domain-0"].contains(value) else {
                throw bad("driver domains are not supported: backend=\(value)", hint: "leave out backend=")
            }
        case "script", "rate", "gatewaydev", "netdev":
            warnings.append("vif: \(key)= has no effect here")
        default:
            let hint = nearestName(to: String(key), in: Self.keys).map { "did you mean \"\($0)=\"?" }
            throw bad("unknown parameter \"\(key)\"", hint: hint)
        }
    }
}
