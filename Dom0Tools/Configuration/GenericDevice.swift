// SPDX-License-Identifier: Apache-2.0

/// A device whose backend is a program of its own in domain 0: an entry of `device = [ … ]`.
///
/// xl has no such key; the form of an entry is that of its other lists: `type=entropy,seed=42`.
public struct GenericDevice: Codable, Hashable, Sendable {
    /// One word for the backend's directory.
    public struct Setting: Codable, Hashable, Sendable {
        public var key: String
        public var value: String
        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }
    /// The name of the device's kind in the store: `device/<type>/<number>`.
    public var type: String
    /// What the backend finds in its directory, in the order given.
    public var settings: [Setting]

    public init(type: String, settings: [Setting] = []) {
        self.type = type
        self.settings = settings
    }

    /// Kinds that have a key of their own, or belong to the toolstack.
    static let reservedTypes: [(name: String, hint: String)] = [
        ("vbd", "write disk = [ … ]"), ("vif", "write vif = [ … ]"),
        ("console", "every domain has a console"), ("suspend", "choose another name"),
    ]
    /// Keys that the handshake uses.
    static let reservedKeys: Set<String> = [
        "frontend", "frontend-id", "online", "state", "hotplug-status", "hotplug-error", "version",
        "max-ring-page-order",
    ]

    /// True for what can be the name of a kind or of a setting: 1 to 32 of a-z 0-9 - _, a letter first.
    static func isName(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count) && text.utf8.first.map { $0 >= 0x61 && $0 <= 0x7A } == true
            && text.utf8.allSatisfy {
                $0 >= 0x61 && $0 <= 0x7A || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2D || $0 == 0x5F
            }
    }

    /// Checks names and values; for what did not come from a file too.
    func validate() throws(ConfigurationError) {
        guard Self.isName(type) else {
            throw Self.bad(
                "\"\(type)\" cannot be the type of a device",
                hint: "use 1 to 32 of a-z 0-9 - _, a letter first")
        }
        if let reserved = Self.reservedTypes.first(where: { $0.name == type }) {
            throw Self.bad("type=\(type) is not for device", hint: reserved.hint)
        }
        guard settings.count <= 32 else {
            throw Self.bad("more than 32 settings of one device", hint: "put them into a file")
        }
        var seen: Set<String> = []
        for setting in settings {
            guard Self.isName(setting.key), !Self.reservedKeys.contains(setting.key) else {
                throw Self.bad(
                    "\"\(setting.key)\" cannot be a setting of a device",
                    hint: Self.reservedKeys.contains(setting.key)
                        ? "the handshake uses that name" : "use 1 to 32 of a-z 0-9 - _, a letter first")
            }
            guard seen.insert(setting.key).inserted else { throw Self.bad("\(setting.key) is given twice") }
            guard setting.value.utf8.count <= 1024,
                setting.value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
            else {
                throw Self.bad(
                    "the value of \(setting.key) is too long or holds a control character",
                    hint: "use at most 1024 bytes")
            }
        }
    }
    private static func bad(_ message: String, hint: String? = nil) -> ConfigurationError {
        ConfigurationError(.badDevice, message, hint: hint)
    }

    /// Reads one entry of the list.
    static func parse(_ text: String) throws(ConfigurationError) -> GenericDevice {
        var type: String?
        var settings: [Setting] = []
        for parameter in text.split(separator: ",", omittingEmptySubsequences: true) {
            let trimmed = parameter.drop { $0 == " " }
            if trimmed.isEmpty { continue }
            guard let equals = trimmed.firstIndex(of: "=") else {
                throw bad("\"\(trimmed)\" has no value", hint: "write \"type=…,key=value\"")
            }
            var value = trimmed[trimmed.index(after: equals)...]
            while value.last == " " { value = value.dropLast() }
            if trimmed[..<equals] == "type" {
                guard type == nil else { throw bad("type is given twice") }
                type = String(value)
            } else {
                settings.append(Setting(key: String(trimmed[..<equals]), value: String(value)))
            }
        }
        guard let type else {
            throw bad(
                "the type is missing", hint: "write \"type=…\", the kind that the backend program serves")
        }
        let device = GenericDevice(type: type, settings: settings)
        try device.validate()
        return device
    }
}
