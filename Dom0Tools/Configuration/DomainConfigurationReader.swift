// SPDX-License-Identifier: Apache-2.0

/// Makes a `DomainConfiguration` of settings.
struct DomainConfigurationReader {
    private let settings: [ConfigurationSetting]
    private(set) var warnings: [ConfigurationWarning] = []

    init(_ settings: [ConfigurationSetting]) { self.settings = settings }

    // MARK: Keys

    /// Keys that do something.
    static let keys = [
        "name", "uuid", "type", "builder", "pvh", "kernel", "ramdisk", "cmdline", "extra", "root", "memory",
        "maxmem",
        "vcpus", "maxvcpus", "disk", "vif", "device", "on_poweroff", "on_reboot", "on_crash", "on_watchdog",
        "max_event_channels",
        "event_channels", "max_grant_frames", "max_maptrack_frames",
    ]
    /// Keys of xl that change nothing for a PVH domain here; each is named in a warning.
    static let ignoredKeys = [
        "acpi", "acpi_s3", "acpi_s4", "apic", "altp2m", "boot", "bios", "cap", "claim_mode", "cpu_weight",
        "cpuid", "cpus",
        "cpus_soft", "default_gw", "device_model_args", "device_model_override", "device_model_version",
        "driver_domain",
        "exec_quirks", "firmware_override", "gfx_passthru", "hap", "hdtype", "hpet", "init_seclabel", "iomem",
        "irqs",
        "ioports", "keymap", "localtime", "max_grant_version", "mca_caps", "mmio_hole", "monitor",
        "msr_relaxed",
        "nestedhvm", "nodes", "nographic", "numa_placement", "nx", "opengl", "oos", "pae", "passthrough",
        "pool",
        "pci_permissive", "ppt", "rdm", "rtc_timeoffset", "sdl", "seclabel", "serial", "shadow_memory",
        "smbios_firmware",
        "acpi_firmware", "soundhw", "spice", "spicehost", "spiceport", "stdvga",
        "suppress_spurious_page_faults", "timer_mode",
        "tsc_mode", "usb", "usbdevice", "usbversion", "vendor_device", "vfb", "vga", "videoram", "viridian",
        "vkb", "vm_watchdog",
        "vmtrace_buf_kb", "vnc", "vncconsole", "vncdisplay", "vnclisten", "vncpasswd", "vncunused", "vnuma",
        "vpmu", "vuart",
        "xauthority", "xen_platform_pci", "xend_uuid", "xenstore_quota",
    ]
    /// Keys of xl that ask for something a domain would miss, with what to do instead.
    static let refusedKeys: [(name: String, hint: String)] = [
        ("bootloader", "name the kernel itself with kernel = and ramdisk ="),
        ("bootloader_args", "name the kernel itself with kernel = and ramdisk ="),
        ("firmware", "name the kernel itself with kernel ="),
        ("pci", "device assignment is not supported; use a disk or vif"),
        ("dtdev", "device assignment is not supported"),
        ("device_tree", "this is a key for ARM"),
        ("vtpm", "virtual TPMs are not supported"),
        ("p9", "9p file systems are not supported; use a disk"),
        ("pvcalls", "PV calls are not supported; use a vif"),
        ("vdispl", "virtual displays are not supported"),
        ("vsnd", "virtual sound cards are not supported"),
        ("virtio", "virtio devices are not supported; use disk and vif"),
        ("channel", "channels are not supported; use the console"),
        ("vscsi", "virtual SCSI is not supported; use a disk"),
        ("usbctrl", "virtual USB is not supported"),
        ("usbdev", "virtual USB is not supported"),
    ]

    // MARK: Reading

    mutating func read() throws(ConfigurationError) -> DomainConfiguration {
        try checkKeys()
        try checkType()
        let name = try requiredString("name", hint: "add name = \"…\"")
        let kernel = try requiredString("kernel", hint: "add kernel = \"/boot/vmlinuz-…\"")
        guard let memory = try integer("memory", or: "maxmem") else {
            throw ConfigurationError(.missing, "memory is missing", hint: "add memory = 512 (MiB)", at: start)
        }
        var configuration = DomainConfiguration(name: name, kernel: kernel, memory: memory)
        configuration.maximumMemory = try integer("maxmem") ?? memory
        configuration.ramdisk = try string("ramdisk").flatMap { $0.isEmpty ? nil : $0 }
        configuration.commandLine = try commandLine()
        configuration.vcpus = try integer("vcpus") ?? 1
        configuration.maximumVcpus = try integer("maxvcpus") ?? configuration.vcpus
        if let text = try string("uuid"), let setting = setting("uuid") {
            guard let uuid = DomainUUID(text) else {
                throw ConfigurationError(
                    .outOfRange, "\"\(text)\" is not a UUID",
                    hint: "write 32 hexadecimal digits, as uuidgen prints them, or leave uuid out",
                    at: setting.value.position)
            }
            configuration.uuid = uuid
        }
        configuration.onPoweroff = try action("on_poweroff") ?? configuration.onPoweroff
        configuration.onReboot = try action("on_reboot") ?? configuration.onReboot
        configuration.onCrash = try action("on_crash") ?? configuration.onCrash
        configuration.onWatchdog = try action("on_watchdog") ?? configuration.onWatchdog
        configuration.maximumEventPorts =
            try integer("max_event_channels", or: "event_channels") ?? configuration.maximumEventPorts
        configuration.maximumGrantFrames = try integer("max_grant_frames") ?? configuration.maximumGrantFrames
        configuration.maximumMaptrackFrames =
            try integer("max_maptrack_frames") ?? configuration.maximumMaptrackFrames
        configuration.disks = try disks()
        configuration.vifs = try vifs()
        configuration.devices = try devices()
        try validate(configuration)
        return configuration
    }

    private var start: SourcePosition? {
        settings.first.map { SourcePosition(source: $0.position.source, line: 1, column: 1) }
    }

    private func setting(_ key: String) -> ConfigurationSetting? { settings.first { $0.name == key } }

    private mutating func checkKeys() throws(ConfigurationError) {
        for setting in settings where !Self.keys.contains(setting.name) {
            let name = setting.name
            if Self.ignoredKeys.contains(name) || name.hasPrefix("spice") || name.hasPrefix("device_model_") {
                warnings.append(
                    ConfigurationWarning(message: "\(name) has no effect here", position: setting.position))
                continue
            }
            if let refused = Self.refusedKeys.first(where: { $0.name == name }) {
                if case .list(let items) = setting.value.content, items.isEmpty { continue }
                throw ConfigurationError(
                    .notSupported, "\(name) is not supported", hint: refused.hint, at: setting.position)
            }
            let nearest = nearestName(to: name, in: Self.keys) ?? nearestName(to: name, in: Self.ignoredKeys)
            throw ConfigurationError(
                .unknownKey, "unknown key \"\(name)\"",
                hint: nearest.map { "did you mean \"\($0)\"?" } ?? "`man xl.cfg` lists the keys of xl",
                at: setting.position)
        }
    }

    private func checkType() throws(ConfigurationError) {
        for key in ["type", "builder"] {
            guard let type = try string(key), let setting = setting(key) else { continue }
            if type == "pvh" || key == "builder" && ["generic", "linux"].contains(type) { continue }
            guard ["pv", "hvm", "generic", "linux"].contains(type) else {
                throw ConfigurationError(
                    .notSupported, "\(key) = \"\(type)\" is unknown", hint: "write type = \"pvh\"",
                    at: setting.value.position)
            }
            throw ConfigurationError(
                .notSupported, "\(key) = \"\(type)\" is not supported: there are only PVH domains",
                hint: type == "hvm"
                    ? "a guest that needs firmware or emulated devices cannot run here; a Linux guest can: write "
                        + "type = \"pvh\" and name its kernel"
                    : "write type = \"pvh\"; a Linux kernel of the last years boots as either",
                at: setting.value.position)
        }
        if let pvh = try integer("pvh"), pvh != 1, let setting = setting("pvh") {
            throw ConfigurationError(
                .notSupported, "pvh = \(pvh) is not supported: there are only PVH domains",
                hint: "write type = \"pvh\"",
                at: setting.value.position)
        }
    }

    private mutating func commandLine() throws(ConfigurationError) -> String {
        let root = try string("root")
        let extra = try string("extra")
        if let line = try string("cmdline") {
            for key in ["root", "extra"] {
                guard let setting = setting(key) else { continue }
                warnings.append(
                    ConfigurationWarning(
                        message: "\(key) has no effect beside cmdline", position: setting.position))
            }
            return line
        }
        return [root.map { "root=\($0)" }, extra].compactMap(\.self).joined(separator: " ")
    }

    private mutating func action(_ key: String) throws(ConfigurationError) -> ShutdownAction? {
        guard let text = try string(key), let setting = setting(key) else { return nil }
        if let action = ShutdownAction(rawValue: text) { return action }
        for (name, action) in [("coredump-destroy", ShutdownAction.destroy), ("coredump-restart", .restart)]
        where text == name {
            warnings.append(
                ConfigurationWarning(
                    message:
                        "\(key) = \"\(text)\": no core is written, the domain is handled as with \"\(action.rawValue)\"",
                    position: setting.value.position))
            return action
        }
        let names = ShutdownAction.allCases.map(\.rawValue)
        throw ConfigurationError(
            text == "soft-reset" ? .notSupported : .outOfRange,
            "\(key) = \"\(text)\" is \(text == "soft-reset" ? "not supported" : "unknown")",
            hint: nearestName(to: text, in: names).map { "did you mean \"\($0)\"?" }
                ?? "use one of " + names.joined(separator: ", "),
            at: setting.value.position)
    }

    private mutating func disks() throws(ConfigurationError) -> [DiskConfiguration] {
        var disks: [DiskConfiguration] = []
        for (text, place) in try strings("disk") {
            var parser = DiskSpecificationParser()
            do throws(ConfigurationError) {
                disks.append(try parser.parse(text))
            } catch {
                throw ConfigurationError(
                    error.code, "disk \"\(text)\": \(error.message)", hint: error.hint, at: place)
            }
        }
        return disks
    }

    private mutating func vifs() throws(ConfigurationError) -> [VifConfiguration] {
        var vifs: [VifConfiguration] = []
        for (text, place) in try strings("vif") {
            var parser = VifSpecificationParser()
            do throws(ConfigurationError) {
                vifs.append(try parser.parse(text))
            } catch {
                throw ConfigurationError(
                    error.code, "vif \"\(text)\": \(error.message)", hint: error.hint, at: place)
            }
            warnings += parser.warnings.map { ConfigurationWarning(message: $0, position: place) }
        }
        return vifs
    }

    private func devices() throws(ConfigurationError) -> [GenericDevice] {
        var devices: [GenericDevice] = []
        for (text, place) in try strings("device") {
            do throws(ConfigurationError) {
                devices.append(try GenericDevice.parse(text))
            } catch {
                throw ConfigurationError(
                    error.code, "device \"\(text)\": \(error.message)", hint: error.hint, at: place)
            }
        }
        return devices
    }

    /// The whole-domain checks, with the position of the setting whose name the message starts with.
    private func validate(_ configuration: DomainConfiguration) throws(ConfigurationError) {
        do throws(ConfigurationError) {
            try configuration.validate()
        } catch {
            let key: String
            switch error.code {
            case .badDisk: key = "disk"
            case .badVif: key = "vif"
            case .badDevice: key = "device"
            default:
                let first = String(error.message.prefix { $0 != " " })
                key =
                    setting(first) != nil
                    ? first : error.message.contains("command line") ? "cmdline" : "name"
            }
            throw error.located(
                at: setting(key)?.value.position ?? start ?? SourcePosition(source: "", line: 1, column: 1))
        }
    }

    // MARK: Typed access

    private func wrongType(
        _ key: String, _ value: ConfigurationValue, _ wanted: String, _ hint: String
    ) -> ConfigurationError {
        ConfigurationError(
            .wrongType, "\(key) must be \(wanted), not \(value.kind)", hint: hint, at: value.position)
    }

    private func requiredString(_ key: String, hint: String) throws(ConfigurationError) -> String {
        guard let text = try string(key), !text.isEmpty else {
            throw ConfigurationError(
                .missing, "\(key) is missing", hint: hint, at: setting(key)?.value.position ?? start)
        }
        return text
    }

    private func string(_ key: String) throws(ConfigurationError) -> String? {
        guard let setting = setting(key) else { return nil }
        switch setting.value.content {
        case .string(let text): return text
        case .integer(let number): return String(number)
        case .list: throw wrongType(key, setting.value, "a string", "write \(key) = \"…\"")
        }
    }

    private func integer(_ key: String, or other: String) throws(ConfigurationError) -> Int? {
        if let number = try integer(key) { return number }
        return try integer(other)
    }

    private func integer(_ key: String) throws(ConfigurationError) -> Int? {
        guard let setting = setting(key) else { return nil }
        switch setting.value.content {
        case .integer(let number): return Int(number)
        case .string(let text):
            // xl takes a number in quotes as well.
            guard let number = ConfigurationSyntax.number(text) else {
                throw wrongType(key, setting.value, "a number", "write \(key) = 1, without quotes")
            }
            return Int(number)
        case .list: throw wrongType(key, setting.value, "a number", "write \(key) = 1")
        }
    }

    private func strings(_ key: String) throws(ConfigurationError) -> [(String, SourcePosition)] {
        guard let setting = setting(key) else { return [] }
        guard case .list(let items) = setting.value.content else {
            throw wrongType(key, setting.value, "a list of strings", "write \(key) = [ \"…\" ]")
        }
        var strings: [(String, SourcePosition)] = []
        for item in items {
            guard case .string(let text) = item.content else {
                throw wrongType("an entry of \(key)", item, "a string", "write \(key) = [ \"…\" ]")
            }
            strings.append((text, item.position))
        }
        return strings
    }
}

extension DomainConfiguration {
    /// A configuration file, and settings given after it on the command line, as a domain.
    ///
    /// - Parameters:
    ///   - bytes: the file's content, in the syntax of `xl.cfg(5)`.
    ///   - source: the file's name for messages.
    ///   - overrides: `key=value` each; a bare word after `=` counts as a string, because shells eat quotes.
    /// - Returns: the domain, and what has no effect here.
    public static func read(
        _ bytes: [UInt8], source: String, overrides: [String] = []
    ) throws(ConfigurationError) -> (configuration: DomainConfiguration, warnings: [ConfigurationWarning]) {
        var settings = try ConfigurationSyntax.parse(bytes, source: source)
        for text in overrides {
            for setting in try parse(override: text) {
                settings.removeAll { $0.name == setting.name }
                settings.append(setting)
            }
        }
        guard !settings.isEmpty else {
            throw ConfigurationError(
                .missing, "there are no settings", hint: "a domain needs at least name, kernel and memory",
                at: SourcePosition(source: source, line: 1, column: 1))
        }
        var reader = DomainConfigurationReader(settings)
        let configuration = try reader.read()
        return (configuration, reader.warnings)
    }

    private static func parse(override text: String) throws(ConfigurationError) -> [ConfigurationSetting] {
        let source = "command line"
        if let equals = text.firstIndex(of: "="), !text[..<equals].contains(where: { "\"'[;#".contains($0) })
        {
            let value = text[text.index(after: equals)...]
            let isPlain = !value.contains { "\"'[];#\n".contains($0) }
            if isPlain, ConfigurationSyntax.number(String(value)) == nil {
                let escaped = value.split(separator: "\\", omittingEmptySubsequences: false).joined(
                    separator: "\\\\")
                return try ConfigurationSyntax.parse(
                    Array("\(text[..<equals])=\"\(escaped)\"".utf8), source: source)
            }
        }
        return try ConfigurationSyntax.parse(Array(text.utf8), source: source)
    }
}
