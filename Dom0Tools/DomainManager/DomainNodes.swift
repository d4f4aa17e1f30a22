// SPDX-License-Identifier: Apache-2.0
import Configuration
import XenABI

/// The nodes a domain finds in the store: names, order and permissions are those that xl's library writes.
///
/// Source: `xen-abi.md` G.3, G.4, G.6; xenstore-paths in Xen's documentation.
struct DomainNodes {
    /// One node: permissions nil means what the parent has.
    struct Node: Equatable {
        var path: String
        var value: String
        var permissions: [String]?
    }

    let id: DomainID
    let uuid: DomainUUID
    let configuration: DomainConfiguration
    let rings: GuestRings

    var home: String { "/local/domain/\(id.rawValue)" }
    var machineHome: String { "/vm/\(uuid)" }
    var libraryHome: String { "/libxl/\(id.rawValue)" }
    static let backendHome = "/local/domain/0/backend"
    /// Where backends say what is wrong with a device.
    static let backendErrorHome = "/local/domain/0/error/backend"

    /// Readable by the domain.
    private var readOnly: [String] { ["n0", "r\(id.rawValue)"] }
    /// Owned by the domain.
    private var owned: [String] { ["n\(id.rawValue)"] }

    /// Everything but devices, parents before children.
    func skeleton() -> [Node] {
        var nodes: [Node] = [
            Node(path: home, value: "", permissions: readOnly),
            Node(path: machineHome, value: "", permissions: readOnly),
            Node(path: libraryHome, value: "", permissions: ["n0"]),
            Node(path: libraryHome + "/type", value: "pvh"),
            Node(path: home + "/vm", value: machineHome),
            Node(path: home + "/name", value: configuration.name),
            Node(path: home + "/domid", value: "\(id.rawValue)"),
            Node(path: machineHome + "/name", value: configuration.name),
            Node(path: machineHome + "/uuid", value: "\(uuid)"),
            Node(path: machineHome + "/image/ostype", value: "hvm"),
        ]
        for directory in ["cpu", "memory", "device", "control"] {
            nodes.append(Node(path: "\(home)/\(directory)", value: "", permissions: readOnly))
        }
        for number in 0..<configuration.maximumVcpus {
            let value = number < configuration.vcpus ? "online" : "offline"
            nodes.append(Node(path: "\(home)/cpu/\(number)/availability", value: value))
        }
        nodes += [
            Node(path: home + "/memory/static-max", value: "\(configuration.maximumMemory * 1024)"),
            Node(path: home + "/memory/target", value: "\(configuration.memory * 1024)"),
            Node(path: home + "/memory/videoram", value: "0"),
            Node(path: home + "/store/port", value: "\(rings.storePort)"),
            Node(path: home + "/store/ring-ref", value: "\(rings.storeFrame)"),
        ]
        let guestOwned = [
            "control/shutdown", "control/feature-poweroff", "control/feature-reboot",
            "control/feature-suspend",
            "control/sysrq", "device/suspend/event-channel", "data", "drivers", "feature", "attr", "error",
        ]
        nodes += guestOwned.map { Node(path: "\(home)/\($0)", value: "", permissions: owned) }
        nodes += [
            Node(path: home + "/control/platform-feature-multiprocessor-suspend", value: "1"),
            Node(path: home + "/control/platform-feature-xs_reset_watches", value: "1"),
        ]
        return nodes + console()
    }

    private func console() -> [Node] {
        let back = "\(Self.backendHome)/console/\(id.rawValue)/0"
        let front = home + "/console"
        return [
            Node(path: front, value: "", permissions: readOnly),
            Node(path: front + "/backend", value: back),
            Node(path: front + "/backend-id", value: "0"),
            Node(path: front + "/limit", value: "1048576"),
            Node(path: front + "/type", value: "xenconsoled"),
            Node(path: front + "/output", value: "pty"),
            Node(path: front + "/tty", value: ""),
            Node(path: front + "/port", value: "\(rings.consolePort)"),
            Node(path: front + "/ring-ref", value: "\(rings.consoleFrame)"),
            Node(path: back, value: "", permissions: readOnly),
            Node(path: back + "/frontend", value: front),
            Node(path: back + "/frontend-id", value: "\(id.rawValue)"),
            Node(path: back + "/online", value: "1"),
            Node(path: back + "/state", value: "1"),
            Node(path: back + "/protocol", value: "vt100"),
        ]
    }

    /// A device in words, for messages.
    struct Device: Equatable {
        /// `disk xvda (/srv/a.img)`.
        var label: String
        var backend: String
        var frontend: String
        var nodes: [Node]
        /// The kind whose own program in domain 0 serves it; nil if svback does.
        var program: String?
    }

    func devices() -> [Device] {
        configuration.disks.compactMap(disk)
            + configuration.vifs.enumerated().map { vif($0.element, number: $0.offset) }
            + configuration.devices.indices.map(generic)
    }

    /// The `index`th entry of `device = [ … ]`; devices of one type are counted from 0.
    private func generic(_ index: Int) -> Device {
        let device = configuration.devices[index]
        let number = configuration.devices[..<index].count { $0.type == device.type }
        var made = self.device(
            device.type, number: UInt32(number), label: "device \(device.type) \(number)",
            backendKeys: device.settings.map { ($0.key, $0.value) }, frontendKeys: [])
        made.program = device.type
        return made
    }

    private func device(
        _ kind: String, number: UInt32, label: String, backendKeys: [(String, String)],
        frontendKeys: [(String, String)]
    ) -> Device {
        let back = "\(Self.backendHome)/\(kind)/\(id.rawValue)/\(number)"
        let front = "\(home)/device/\(kind)/\(number)"
        // Backend first: a frontend that appears finds its other end.
        var nodes = [
            Node(path: back, value: "", permissions: readOnly),
            Node(path: back + "/frontend", value: front),
            Node(path: back + "/frontend-id", value: "\(id.rawValue)"),
            Node(path: back + "/online", value: "1"),
        ]
        nodes += backendKeys.map { Node(path: "\(back)/\($0.0)", value: $0.1) }
        nodes.append(Node(path: back + "/state", value: "1"))
        nodes += [
            Node(path: front, value: "", permissions: ["n\(id.rawValue)", "r0"]),
            Node(path: front + "/backend", value: back),
            Node(path: front + "/backend-id", value: "0"),
        ]
        nodes += frontendKeys.map { Node(path: "\(front)/\($0.0)", value: $0.1) }
        nodes.append(Node(path: front + "/state", value: "1"))
        return Device(label: label, backend: back, frontend: front, nodes: nodes)
    }

    private func disk(_ disk: DiskConfiguration) -> Device? {
        guard let virtual = VirtualDevice(disk.vdev) else { return nil }
        return device(
            "vbd", number: virtual.number, label: "disk \(disk.vdev) (\(disk.target))",
            backendKeys: [
                ("type", "phy"), ("dev", disk.vdev), ("params", disk.target),
                ("mode", disk.isReadOnly ? "r" : "w"),
                ("device-type", "disk"), ("removable", "0"), ("bootable", "1"),
                ("discard-enable", disk.allowsDiscard && !disk.isReadOnly ? "1" : "0"),
                ("specification", "xen"),
            ],
            frontendKeys: [
                ("virtual-device", "\(virtual.number)"), ("device-type", "disk"), ("trusted", "1"),
            ])
    }

    private func vif(_ vif: VifConfiguration, number: Int) -> Device {
        let mac = vif.mac ?? ""
        var back = [
            ("mac", mac), ("bridge", vif.bridge), ("handle", "\(number)"), ("type", "vif"), ("script", ""),
        ]
        back.append(("vifname", vif.vifname ?? "vif\(id.rawValue).\(number)"))
        if let ip = vif.ip { back.append(("ip", ip)) }
        if let mtu = vif.mtu { back.append(("mtu", "\(mtu)")) }
        var front = [("handle", "\(number)"), ("mac", mac), ("trusted", "1")]
        if let mtu = vif.mtu { front.append(("mtu", "\(mtu)")) }
        return device(
            "vif", number: UInt32(number), label: "network card \(number) (\(mac) on \(vif.bridge))",
            backendKeys: back,
            frontendKeys: front)
    }

    /// All trees that go when the domain goes; what its backends reported about it is among them.
    var roots: [String] {
        let types = ["vbd", "vif", "console"] + Set(configuration.devices.map(\.type)).sorted()
        return [home, machineHome, libraryHome]
            + types.map { "\(Self.backendHome)/\($0)/\(id.rawValue)" }
            + types.map { "\(Self.backendErrorHome)/\($0)/\(id.rawValue)" }
    }
}
