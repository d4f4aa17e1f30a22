// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// Settings every Swift target shares. Each unsafe expression must say `unsafe`; a warning is an error.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableExperimentalFeature("Extern"),
    .enableExperimentalFeature("Lifetimes"),
]

/// External packages that only Dom0Tools and Tests use, by product name. `Docs/Decisions/` says why each.
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

func module(_ name: String, _ path: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}

func tool(_ name: String, _ path: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(name: name, dependencies: dependencies, path: path, swiftSettings: settings)
}

func tests(_ module: String, _ extra: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(module)Tests", dependencies: [.byName(name: module)] + extra,
        path: "Tests/\(module)Tests", swiftSettings: settings)
}

/// A guest of the in-guest suite: a static library that the Makefile links with the guest start-up code.
func guest(_ name: String) -> Target {
    module(
        "Guest\(name)", "Tests/InGuest/\(name)",
        ["GuestABI", "GuestTesting", "XenABI", "SharedMemory", "XenBus", "DeviceProtocols"])
}

// MARK: Shared modules: no platform imports, no dependencies.
var targets: [Target] = [
    module("XenABI", "Sources/XenABI"),
    module("SharedMemory", "Sources/SharedMemory", ["XenABI"]),
    module("RingProtocol", "Sources/RingProtocol", ["XenABI", "SharedMemory"]),
    module("DeviceProtocols", "Sources/DeviceProtocols", ["XenABI", "SharedMemory", "RingProtocol"]),
    module("XenBus", "Sources/XenBus", ["XenABI", "SharedMemory", "XenStoreWire"]),
    module("XenStoreWire", "Sources/XenStoreWire", ["XenABI"]),
]

// MARK: The hypervisor.
targets += [
    .target(name: "CX86", path: "Hypervisor/Instructions"),
    .target(name: "HypervisorBoot", path: "Hypervisor/Boot", exclude: ["toolset.json", "hypervisor.ld"]),
    module("HypervisorCore", "Hypervisor/Core", ["XenABI", "SharedMemory"]),
    module("HypervisorX86", "Hypervisor/X86", ["HypervisorCore", "CX86", "XenABI", "SharedMemory"]),
    module("HypervisorRuntime", "Hypervisor/Runtime", ["CX86"]),
    module(
        "HypervisorImage", "Hypervisor/Image",
        ["HypervisorX86", "HypervisorCore", "HypervisorRuntime", "HypervisorBoot", "CX86"]),
]

// MARK: The guest library and the guests of the in-guest suite.
targets += [
    .target(name: "CGuest", path: "GuestABI/CGuest", exclude: ["guest.ld", "toolset.json"]),
    module("HypercallTypes", "GuestABI/Hypercalls/Types", ["XenABI", "SharedMemory"]),
    .target(
        name: "GuestABI",
        dependencies: [
            "HypercallTypes", "XenABI", "SharedMemory", "RingProtocol", "DeviceProtocols", "XenBus",
            "XenStoreWire",
            "DriverKit",
            "CGuest",
        ],
        path: "GuestABI",
        exclude: ["CGuest", "Examples", "DriverKit", "Hypercalls/Types", "link-guest", "boot-guest"],
        swiftSettings: settings),
]
// The driver kit: a split device's frontend, its backend in Dom0, and both in one process for tests.
targets += [
    module(
        "DriverKit", "GuestABI/DriverKit/Core",
        ["XenABI", "SharedMemory", "RingProtocol", "XenBus", "XenStoreWire"]),
    module(
        "DriverKitBackend", "Dom0Tools/DriverKitBackend",
        ["DriverKit", "Backends", "Reactor", "RingProtocol", "XenABI", "XenBus"]),
    module(
        "DriverKitTesting", "GuestABI/DriverKit/Testing",
        ["DriverKit", "DriverKitBackend", "Backends", "CLinuxXen", "RingProtocol", "XenABI", "XenBus"]),
]
targets.append(module("GuestTesting", "Tests/InGuest/Testing", ["GuestABI", "XenABI", "SharedMemory"]))
let guests = [
    "Hello", "Version", "ConsoleIO", "Scheduler", "VirtualCPU", "EventChannel", "GrantTable", "Memory", "HVM",
    "Timer",
    "BadPointers", "Privilege", "Machine", "Compat", "StartUp", "Control", "DomainLife", "Interdomain",
    "Toolstack", "Hostile",
    "HostileRings", "Interrupts", "Timeouts", "Fuzz", "Benchmark",
]
targets += guests.map(guest)

/// A guest to look at: `GuestABI/Examples/<Name>` with README.md, <Name>.cfg and test.sh beside its sources.
func example(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
    .target(
        name: "Example\(name)", dependencies: ["GuestABI"] + dependencies, path: "GuestABI/Examples/\(name)",
        exclude: ["README.md", "\(name).cfg", "test.sh"] + exclude, swiftSettings: settings)
}
targets.append(module("KeyValue", "GuestABI/Examples/KV/KeyValue"))
targets += [
    example("Hello"),
    example("BlockCat", ["DeviceProtocols", "XenABI", "XenBus"]),
    example("StoreShell", ["XenABI", "XenBus", "XenStoreWire"]),
]

/// Split devices of our own, each in `GuestABI/Examples/<Name>`: what both halves share, the backend program for Dom0, a
/// guest, and a host test. `make new-driver NAME=…` adds a line here. (SwiftPM remembers what a manifest said until its
/// text changes, so a listing of the folders would not do.)
let splitDevices = [
    "Entropy"
]
func splitDevice(_ name: String) -> [Target] {
    let path = "GuestABI/Examples/\(name)"
    return [
        module("\(name)Driver", "\(path)/Driver", ["DriverKit", "RingProtocol", "XenABI", "XenBus"]),
        tool(
            "\(name)Backend", "\(path)/Backend",
            [.byName(name: "\(name)Driver"), "DriverKit", "DriverKitBackend", "Backends", "XenABI"]),
        module(
            "Example\(name)", "\(path)/Guest",
            [.byName(name: "\(name)Driver"), "DriverKit", "GuestABI", "XenABI", "XenBus"]),
        .testTarget(
            name: "\(name)Tests",
            dependencies: [
                .byName(name: "\(name)Driver"), .byName(name: "\(name)Backend"), "DriverKit",
                "DriverKitBackend", "DriverKitTesting", "Backends", "XenABI", "XenBus",
            ],
            path: "\(path)/Tests", swiftSettings: settings),
    ]
}
targets += splitDevices.flatMap(splitDevice)
// The examples that talk TCP, if build/lwip is there (see Docs/Decisions/0010-lwip.md): Tests/Harness/make-examples fetches
// it and says so. (SwiftPM remembers what a manifest said, so it cannot look for itself.)
if Context.environment["LWIP"] != nil {
    let port = "GuestABI/Examples/Network/Stack/Port"
    targets += [
        .target(
            name: "CLwIP", path: "build/lwip/src",
            sources: [
                "def", "inet_chksum", "init", "ip", "mem", "memp", "netif", "pbuf", "stats", "tcp", "tcp_in",
                "tcp_out",
                "timeouts", "ipv4/etharp", "ipv4/icmp", "ipv4/ip4", "ipv4/ip4_addr", "ipv4/ip4_frag",
            ].map { "core/\($0).c" } + ["netif/ethernet.c"],
            publicHeadersPath: "include",
            cSettings: [
                .headerSearchPath("../../../\(port)"),
                .disableWarning("tautological-constant-out-of-range-compare"),
            ]),
        .target(
            name: "CNetworkStack", dependencies: ["CLwIP"], path: "GuestABI/Examples/Network/Stack",
            exclude: ["Port"], cSettings: [.headerSearchPath("Port")]),
        .target(
            name: "Network",
            dependencies: ["GuestABI", "XenABI", "XenBus", "DeviceProtocols", "CNetworkStack"],
            path: "GuestABI/Examples/Network", exclude: ["Stack", "README.md"], swiftSettings: settings),
        example("Echo", ["Network", "XenBus"]),
        example("KV", ["Network", "KeyValue"], exclude: ["KeyValue"]),
    ]
}

// MARK: Dom0 tools.
targets += [
    .target(
        name: "CCompression", path: "Dom0Tools/CCompression",
        linkerSettings: [
            .linkedLibrary("lzma"), .linkedLibrary("zstd"), .linkedLibrary("lz4"), .linkedLibrary("z"),
        ]),
    .target(name: "CLinuxXen", path: "Dom0Tools/CLinuxXen"),
    .target(name: "CBackends", path: "Dom0Tools/CBackends"),
    module("Reactor", "Dom0Tools/Reactor", ["CLinuxXen"]),
    module("LinuxXen", "Dom0Tools/LinuxXen", ["XenABI", "SharedMemory", "CLinuxXen"]),
    module(
        "DomainBuilder", "Dom0Tools/DomainBuilder", ["XenABI", "SharedMemory", "LinuxXen", "CCompression"]),
    module("XenStoreServer", "Dom0Tools/XenStoreServer", ["XenABI", "XenStoreWire"]),
    module(
        "XenStoreService", "Dom0Tools/XenStoreService",
        ["XenStoreServer", "XenStoreWire", "Reactor", "SharedMemory", "XenABI", "CLinuxXen"]),
    module("XenStoreClient", "Dom0Tools/XenStoreClient", ["XenStoreWire", "Reactor", "CLinuxXen"]),
    module("TrafficCounts", "Dom0Tools/TrafficCounts"),
    module("Configuration", "Dom0Tools/Configuration"),
    module("ControlAPI", "Dom0Tools/ControlAPI", ["Configuration"]),
    module(
        "DomainManager", "Dom0Tools/DomainManager",
        [
            "Configuration", "ControlAPI", "DomainBuilder", "LinuxXen", "XenStoreServer",
            "XenStoreService", "XenStoreWire", "Reactor", "TrafficCounts", "XenABI", "SharedMemory", logging,
        ]),
    module(
        "Backends", "Dom0Tools/Backends",
        [
            "XenABI", "RingProtocol", "DeviceProtocols", "XenBus", "XenStoreClient", "LinuxXen", "Reactor",
            "TrafficCounts", "CLinuxXen", "CBackends",
        ]),
    tool("svctl", "Dom0Tools/svctl", ["ControlAPI", "Configuration", argumentParser]),
    tool(
        "svd", "Dom0Tools/svd",
        [
            "DomainManager", "DomainBuilder", "LinuxXen", "ControlAPI", "Reactor", "XenABI", argumentParser,
            logging,
        ]),
    tool("svkernel", "Dom0Tools/svkernel", ["DomainBuilder"]),
    tool("svback", "Dom0Tools/svback", ["Backends", "XenABI"]),
]

// MARK: Tests.
targets += [
    module("TestSupport", "Tests/Support", ["HypervisorCore", "SharedMemory", "XenABI", "RingProtocol"]),
    module(
        "FuzzHypercalls", "Tests/Fuzz/Hypercalls",
        ["HypervisorCore", "TestSupport", "XenABI", "SharedMemory"]),
    tool("fuzz-hypercalls", "Tests/Fuzz/Driver", ["FuzzHypercalls"]),
    tests("FuzzHypercalls"),
    module(
        "FuzzTargets", "Tests/Fuzz/Targets",
        [
            "FuzzHypercalls", "RingProtocol", "DeviceProtocols", "SharedMemory", "TestSupport", "XenABI",
            "Backends",
            "DriverKitTesting", "Configuration", "ControlAPI", "DomainBuilder", "HypervisorX86",
            "XenStoreServer",
            "XenStoreWire",
        ]),
    module("FuzzEntry", "Tests/Fuzz/Entry", ["FuzzTargets"]),
    tests("FuzzTargets"),
    tests("XenABI", ["SharedMemory"]),
    tests("SharedMemory", ["XenABI"]),
    tests("HypercallTypes", ["SharedMemory", "XenABI"]),
    tests("RingProtocol", ["SharedMemory", "TestSupport"]),
    tests("DeviceProtocols", ["SharedMemory", "RingProtocol", "TestSupport"]),
    tests("XenBus", ["XenStoreService", "XenStoreWire", "Reactor", "SharedMemory", "XenABI"]),
    tests("XenStoreWire", ["XenABI"]),
    tests("HypervisorCore", ["TestSupport", "XenABI", "SharedMemory"]),
    tests("HypervisorX86", ["TestSupport", "HypervisorCore", "XenABI", "SharedMemory"]),
    tests(
        "XenStoreServer",
        ["XenStoreWire", "XenStoreService", "XenStoreClient", "Reactor", "SharedMemory", "XenABI"]),
    tests("Configuration"),
    tests("ControlAPI", ["Configuration"]),
    tests("DomainBuilder", ["CCompression", "XenABI", "SharedMemory", "LinuxXen"]),
    tests(
        "DomainManager",
        ["ControlAPI", "Configuration", "Reactor", "SharedMemory", "TrafficCounts", "XenABI"]),
    tests(
        "Backends",
        [
            "DeviceProtocols", "RingProtocol", "SharedMemory", "TestSupport", "TrafficCounts",
            "DriverKitTesting",
        ]),
    tests("Reactor"),
    tests("KeyValue"),
    tests(
        "DriverKit",
        ["DriverKitBackend", "DriverKitTesting", "Backends", "RingProtocol", "XenABI", "XenBus"]),
]

// MARK: Comparison with Xen's own headers (libxen-dev), opted into by `make compat-tests`.
if Context.environment["XEN_HEADERS"] != nil {
    targets += [
        .systemLibrary(name: "CXenHeaders", path: "Tests/CXenHeaders"),
        .testTarget(
            name: "XenABICompatTests", dependencies: ["XenABI", "CXenHeaders"],
            path: "Tests/XenABICompatTests",
            swiftSettings: settings),
    ]
}

// `SV_ONLY=A,B` keeps only those targets and what they need: quick builds of one module and its tests.
func targetName(_ dependency: Target.Dependency) -> String? {
    switch dependency {
    case .byNameItem(let name, _), .targetItem(let name, _): return name
    default: return nil
    }
}
if let only = Context.environment["SV_ONLY"] {
    var wanted = Set(only.split(separator: ",").map(String.init))
    var size = 0
    while size != wanted.count {
        size = wanted.count
        for target in targets where wanted.contains(target.name) {
            wanted.formUnion(target.dependencies.compactMap(targetName))
        }
    }
    targets = targets.filter { wanted.contains($0.name) }
}
let names = Set(targets.map(\.name))

let products: [Product] =
    [
        ("Hypervisor", ["HypervisorImage"]),
        ("GuestABI", ["GuestABI"]),
        ("FuzzEntry", ["FuzzEntry"]),
        ("DriverKit", ["DriverKit"]),
        ("DriverKitBackend", ["DriverKitBackend", "Backends"]),
        ("DriverKitTesting", ["DriverKitTesting"]),
    ].filter { names.isSuperset(of: $0.1) }.map { .library(name: $0.0, type: .static, targets: $0.1) }
    + guests.filter { names.contains("Guest\($0)") }
    .map { .library(name: "Guest\($0)", type: .static, targets: ["Guest\($0)"]) }
    + names.filter { $0.hasPrefix("Example") }.sorted()
    .map { .library(name: $0, type: .static, targets: [$0]) }
    + ["svctl", "svd", "svback", "svkernel"].filter(names.contains).map {
        .executable(name: $0, targets: [$0])
    }
    + splitDevices.filter { names.contains("\($0)Backend") }
    .map { .executable(name: "\($0.lowercased())-backend", targets: ["\($0)Backend"]) }

let package = Package(
    name: "Swiftvisor",
    products: products,
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    ],
    targets: targets
)
