// SPDX-License-Identifier: Apache-2.0

/// What happens when a domain stops by itself. The values of `on_poweroff`, `on_reboot`, `on_crash`, `on_watchdog`.
public enum ShutdownAction: String, Codable, CaseIterable, Sendable {
    /// The domain goes away.
    case destroy
    /// It goes away and a new one starts from the same configuration.
    case restart
    /// It stays, dead and under another name, and a new one starts.
    case renameRestart = "rename-restart"
    /// It stays, dead, for somebody to look at.
    case preserve
}

/// Everything that describes a domain, in the vocabulary of `xl.cfg(5)`. Values are within their ranges once `validate` passed.
public struct DomainConfiguration: Codable, Hashable, Sendable {
    public var name: String
    /// Nil means one is chosen when the domain is created.
    public var uuid: DomainUUID?
    /// Path in domain 0.
    public var kernel: String
    public var ramdisk: String?
    /// The kernel's command line: `cmdline`, or `root=` and `extra` joined as xl joins them.
    public var commandLine: String
    /// MiB at start.
    public var memory: Int
    /// MiB at most; at least `memory`.
    public var maximumMemory: Int
    /// vCPUs that are online at start.
    public var vcpus: Int
    /// vCPUs the domain has; at least `vcpus`.
    public var maximumVcpus: Int
    public var disks: [DiskConfiguration]
    public var vifs: [VifConfiguration]
    /// Devices whose backends are programs of their own.
    public var devices: [GenericDevice]
    public var onPoweroff: ShutdownAction
    public var onReboot: ShutdownAction
    public var onCrash: ShutdownAction
    public var onWatchdog: ShutdownAction
    /// Highest event channel port. `max_event_channels`.
    public var maximumEventPorts: Int
    public var maximumGrantFrames: Int
    public var maximumMaptrackFrames: Int

    private enum CodingKeys: String, CodingKey {
        case name, uuid, kernel, ramdisk, memory, vcpus
        case commandLine = "cmdline"
        case maximumMemory = "maxmem"
        case maximumVcpus = "maxvcpus"
        case disks = "disk"
        case vifs = "vif"
        case devices = "device"
        case onPoweroff = "on_poweroff"
        case onReboot = "on_reboot"
        case onCrash = "on_crash"
        case onWatchdog = "on_watchdog"
        case maximumEventPorts = "max_event_channels"
        case maximumGrantFrames = "max_grant_frames"
        case maximumMaptrackFrames = "max_maptrack_frames"
    }

    public init(name: String, kernel: String, memory: Int) {
        self.name = name
        self.kernel = kernel
        self.memory = memory
        commandLine = ""
        maximumMemory = memory
        vcpus = 1
        maximumVcpus = 1
        disks = []
        vifs = []
        devices = []
        onPoweroff = .destroy
        onReboot = .restart
        onCrash = .destroy
        onWatchdog = .destroy
        maximumEventPorts = 1023
        maximumGrantFrames = 64
        maximumMaptrackFrames = 1024
    }

    /// Everything but name, kernel and memory may be absent from JSON; defaults are those of `xl.cfg`.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        self.init(
            name: try values.decode(String.self, forKey: .name),
            kernel: try values.decode(String.self, forKey: .kernel),
            memory: try values.decode(Int.self, forKey: .memory))
        uuid = try values.decodeIfPresent(DomainUUID.self, forKey: .uuid)
        ramdisk = try values.decodeIfPresent(String.self, forKey: .ramdisk)
        commandLine = try values.decodeIfPresent(String.self, forKey: .commandLine) ?? ""
        maximumMemory = try values.decodeIfPresent(Int.self, forKey: .maximumMemory) ?? memory
        vcpus = try values.decodeIfPresent(Int.self, forKey: .vcpus) ?? 1
        maximumVcpus = try values.decodeIfPresent(Int.self, forKey: .maximumVcpus) ?? vcpus
        disks = try values.decodeIfPresent([DiskConfiguration].self, forKey: .disks) ?? []
        vifs = try values.decodeIfPresent([VifConfiguration].self, forKey: .vifs) ?? []
        devices = try values.decodeIfPresent([GenericDevice].self, forKey: .devices) ?? []
        onPoweroff = try values.decodeIfPresent(ShutdownAction.self, forKey: .onPoweroff) ?? onPoweroff
        onReboot = try values.decodeIfPresent(ShutdownAction.self, forKey: .onReboot) ?? onReboot
        onCrash = try values.decodeIfPresent(ShutdownAction.self, forKey: .onCrash) ?? onCrash
        onWatchdog = try values.decodeIfPresent(ShutdownAction.self, forKey: .onWatchdog) ?? onWatchdog
        maximumEventPorts =
            try values.decodeIfPresent(Int.self, forKey: .maximumEventPorts) ?? maximumEventPorts
        maximumGrantFrames =
            try values.decodeIfPresent(Int.self, forKey: .maximumGrantFrames) ?? maximumGrantFrames
        maximumMaptrackFrames =
            try values.decodeIfPresent(Int.self, forKey: .maximumMaptrackFrames) ?? maximumMaptrackFrames
    }

    // MARK: Limits

    /// MiB. The upper end is what fits below a 40-bit guest-physical address.
    static let memoryRange = 4...(1 << 20)
    /// vCPUs of one domain: `HVM_MAX_VCPUS`.
    static let vcpuRange = 1...128
    static let maximumNameLength = 63
    /// Bytes of kernel command line: `COMMAND_LINE_SIZE` of x86 Linux less its zero.
    static let maximumCommandLineLength = 2047
    static let eventPortRange = 16...4095
    static let grantFrameRange = 4...1024
    static let maptrackFrameRange = 0...65536
    static let maximumDisks = 64
    static let maximumVifs = 16
    static let maximumDevices = 32

    /// Checks what does not need the machine: names, ranges and contradictions. The error has no position.
    public func validate() throws(ConfigurationError) {
        try Self.validate(name: name)
        try Self.require(memory, in: Self.memoryRange, "memory", unit: " MiB")
        try Self.require(maximumMemory, in: Self.memoryRange, "maxmem", unit: " MiB")
        guard maximumMemory >= memory else {
            throw ConfigurationError(
                .outOfRange, "maxmem = \(maximumMemory) is less than memory = \(memory)",
                hint: "raise maxmem or leave it out")
        }
        try Self.require(vcpus, in: Self.vcpuRange, "vcpus")
        try Self.require(maximumVcpus, in: Self.vcpuRange, "maxvcpus")
        guard maximumVcpus >= vcpus else {
            throw ConfigurationError(
                .outOfRange, "maxvcpus = \(maximumVcpus) is less than vcpus = \(vcpus)",
                hint: "raise maxvcpus or leave it out")
        }
        try Self.require(maximumEventPorts, in: Self.eventPortRange, "max_event_channels")
        try Self.require(maximumGrantFrames, in: Self.grantFrameRange, "max_grant_frames")
        try Self.require(maximumMaptrackFrames, in: Self.maptrackFrameRange, "max_maptrack_frames")
        try Self.validate(path: kernel, "kernel")
        if let ramdisk { try Self.validate(path: ramdisk, "ramdisk") }
        guard commandLine.utf8.count <= Self.maximumCommandLineLength else {
            throw ConfigurationError(
                .outOfRange,
                "the kernel command line has \(commandLine.utf8.count) bytes; at most \(Self.maximumCommandLineLength) fit",
                hint: "shorten cmdline, root or extra")
        }
        try Self.validate(text: commandLine, "cmdline")
        try validateDevices()
    }

    private func validateDevices() throws(ConfigurationError) {
        guard disks.count <= Self.maximumDisks, vifs.count <= Self.maximumVifs else {
            throw ConfigurationError(
                .outOfRange, "more than \(Self.maximumDisks) disks or \(Self.maximumVifs) network cards",
                hint: "leave some out")
        }
        guard devices.count <= Self.maximumDevices else {
            throw ConfigurationError(
                .badDevice, "more than \(Self.maximumDevices) devices", hint: "leave some out")
        }
        for device in devices { try device.validate() }
        var numbers: [UInt32: String] = [:]
        for disk in disks {
            guard let device = VirtualDevice(disk.vdev) else {
                throw ConfigurationError(
                    .badDisk, "\"\(disk.vdev)\" is not a device name",
                    hint: "use xvda, xvdb, … or xvda1 for one partition")
            }
            if let other = numbers.updateValue(disk.vdev, forKey: device.number) {
                throw ConfigurationError(
                    .badDisk, "two disks are called \(disk.vdev)\(other == disk.vdev ? "" : " and \(other)")",
                    hint: "give each disk its own vdev")
            }
            try Self.validate(path: disk.target, "disk target")
        }
        var cards: Set<String> = []
        for vif in vifs {
            if let mac = vif.mac {
                guard VifConfiguration.canonicalMAC(mac) == mac else {
                    throw ConfigurationError(
                        .badVif, "\"\(mac)\" is not the address of a network card",
                        hint: "write six pairs of hexadecimal digits in lower case, the first even")
                }
                guard cards.insert(mac).inserted else {
                    throw ConfigurationError(
                        .badVif, "two network cards have the address \(mac)", hint: "change one")
                }
            }
            guard VifConfiguration.isInterfaceName(vif.bridge),
                vif.vifname.map(VifConfiguration.isInterfaceName) ?? true
            else {
                throw ConfigurationError(
                    .badVif, "\"\(vif.vifname ?? vif.bridge)\" cannot be the name of an interface",
                    hint: "use 1 to 15 characters without blank, / or :")
            }
            if let mtu = vif.mtu { try Self.require(mtu, in: 68...65535, "mtu") }
            if let ip = vif.ip { try Self.validate(text: ip, "ip") }
        }
    }

    /// A name is 1 to 63 of the characters `A-Z a-z 0-9 _ . + : -`, and not only digits.
    public static func validate(name: String) throws(ConfigurationError) {
        func refuse(_ message: String) -> ConfigurationError {
            ConfigurationError(
                .outOfRange, message,
                hint: "use 1 to \(maximumNameLength) of A-Z a-z 0-9 _ . + : - and not only digits")
        }
        guard (1...maximumNameLength).contains(name.utf8.count) else {
            throw refuse(name.isEmpty ? "the name is empty" : "the name has \(name.utf8.count) characters")
        }
        let others = "_.+:-".utf8
        guard
            name.utf8.allSatisfy({
                ($0 < 0x80 && (Character(UnicodeScalar($0)).isLetter || $0 >= 0x30 && $0 <= 0x39))
                    || others.contains($0)
            })
        else { throw refuse("\"\(name)\" cannot be the name of a domain") }
        guard !name.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), name != "Domain-0", name != ".",
            name != ".."
        else {
            throw refuse("\"\(name)\" cannot be the name of a domain: it would be taken for another")
        }
    }

    private static func require(
        _ value: Int, in range: ClosedRange<Int>, _ key: String, unit: String = ""
    ) throws(ConfigurationError) {
        guard !range.contains(value) else { return }
        throw ConfigurationError(
            .outOfRange, "\(key) = \(value) is out of range",
            hint: "use \(range.lowerBound) to \(range.upperBound)\(unit)")
    }

    private static func validate(path: String, _ key: String) throws(ConfigurationError) {
        guard !path.isEmpty, path.utf8.count < 4096 else {
            throw ConfigurationError(
                .outOfRange, "\(key) is not a path", hint: "give the path of a file in domain 0")
        }
        try validate(text: path, key)
    }

    private static func validate(text: String, _ key: String) throws(ConfigurationError) {
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
            throw ConfigurationError(.outOfRange, "\(key) holds a control character", hint: "remove it")
        }
    }
}
