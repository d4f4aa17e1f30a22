// SPDX-License-Identifier: Apache-2.0
import Configuration
import ControlAPI
import Testing
import XenABI

@testable import DomainManager

@Suite struct CreationTests {
    static let disk = DiskConfiguration(target: "/a.img", vdev: "xvda")

    private func full(_ name: String = "web1") -> DomainConfiguration {
        var configuration = Machine.configuration(name, disks: [Self.disk])
        configuration.ramdisk = "/r"
        configuration.vifs = [VifConfiguration(bridge: "br0")]
        configuration.vcpus = 1
        configuration.maximumVcpus = 2
        return configuration
    }

    @Test func aCreatedDomainRunsAndFindsItsNodes() throws {
        let machine = try Machine()
        let info = try machine.create(full())
        #expect(info.id == 1 && info.name == "web1" && !info.isPaused)
        let nodes = machine.store.nodes
        #expect(nodes["/local/domain/1/name"] == "web1" && nodes["/local/domain/1/domid"] == "1")
        #expect(nodes["/local/domain/1/vm"] == "/vm/\(info.uuid)" && nodes["/vm/\(info.uuid)/name"] == "web1")
        #expect(
            nodes["/local/domain/1/cpu/0/availability"] == "online"
                && nodes["/local/domain/1/cpu/1/availability"] == "offline")
        #expect(nodes["/local/domain/1/memory/target"] == "131072")
        #expect(
            nodes["/local/domain/1/store/ring-ref"] == "1044476" && nodes["/local/domain/1/store/port"] == "1"
        )
        #expect(
            nodes["/local/domain/1/console/port"] == "2"
                && nodes["/local/domain/1/console/type"] == "xenconsoled")
        #expect(nodes["/local/domain/1/device/vbd/51712/backend"] == "/local/domain/0/backend/vbd/1/51712")
        #expect(
            nodes["/local/domain/0/backend/vbd/1/51712/params"] == "/a.img"
                && nodes["/local/domain/0/backend/vbd/1/51712/mode"] == "w")
        #expect(nodes["/local/domain/0/backend/vif/1/0/bridge"] == "br0")
        let mac = try #require(nodes["/local/domain/1/device/vif/0/mac"])
        #expect(mac.hasPrefix("00:16:3e:") && mac.utf8.count == 17)
        #expect(machine.store.permissions["/local/domain/1"] == ["n0", "r1"])
        #expect(machine.store.permissions["/local/domain/1/control/shutdown"] == ["n1"])
        #expect(machine.store.permissions["/local/domain/1/device/vbd/51712"] == ["n1", "r0"])
        #expect(machine.store.permissions["/local/domain/0/backend/vbd/1/51712"] == ["n0", "r1"])
        #expect(machine.store.introduced == [DomainID(rawValue: 1)])
        #expect(machine.records.records.values.first?.isStarted == true)
        #expect(machine.host.backends.count == 1)
        #expect(machine.events.map(\.kind) == [.created])
        try machine.destroy("web1")
        #expect(machine.isClean)
        #expect(machine.events.map(\.kind) == [.created, .destroyed])
    }

    @Test func aDomainWithoutDevicesNeedsNoBackend() throws {
        let machine = try Machine()
        try machine.create(Machine.configuration())
        #expect(machine.host.backends.isEmpty)
    }

    @Test func genericDevicesGetTheirNodesAndNoBackendOfOurs() throws {
        let machine = try Machine()
        var configuration = Machine.configuration()
        configuration.devices = [
            GenericDevice(type: "entropy", settings: [.init(key: "seed", value: "7")]),
            GenericDevice(type: "notice"), GenericDevice(type: "entropy"),
        ]
        // Nobody serves them: the message says what to start, and nothing is left.
        let error = machine.refusal(configuration)
        #expect(error?.code == "device-timeout" && error?.message.contains("device entropy 0") == true)
        #expect(error?.hint?.contains("serves entropy devices") == true && machine.isClean)
        // Programs of their own answer.
        var watches: [StoreWatch] = []
        var isAttaching = false
        watches.append(
            machine.store.watch("/local/domain/0/backend") { _ in
                guard !isAttaching else { return }
                isAttaching = true
                machine.attachAll()
                isAttaching = false
            })
        try machine.create(configuration)
        #expect(machine.host.backends.isEmpty)
        let nodes = machine.store.nodes
        #expect(nodes["/local/domain/0/backend/entropy/2/0/seed"] == "7")
        #expect(
            nodes["/local/domain/2/device/entropy/1/backend"] == "/local/domain/0/backend/entropy/2/1"
                && nodes["/local/domain/2/device/notice/0/state"] == "1")
        #expect(machine.store.permissions["/local/domain/2/device/notice/0"] == ["n2", "r0"])
        for watch in watches { machine.store.unwatch(watch) }
        // A restarted svd does not start svback for them either.
        try machine.restartDaemon()
        #expect(machine.host.backends.isEmpty)
        try machine.destroy("web1")
        #expect(machine.isClean, "\(machine.store.nodes.keys.sorted())")
    }

    @Test func aDeviceThatNobodyServesIsRefusedBeforeAnythingIsMade() throws {
        let machine = try Machine()
        var configuration = Machine.configuration()
        configuration.devices = [GenericDevice(type: "foo"), GenericDevice(type: "entropy")]
        machine.store.served = ["entropy"]
        var error = machine.refusal(configuration)
        #expect(error?.code == "backend-missing" && error?.message.contains("type \"foo\"") == true)
        #expect(error?.hint?.contains("foo-backend") == true && error?.details?["type"] == "foo")
        #expect(machine.progress == ["waiting for a program that serves foo devices"])
        #expect(machine.isClean && machine.hypervisor.nextID == 1 && machine.store.waiters.isEmpty)
        // What is wrong with the configuration is told at once, and first.
        configuration.kernel = "/nowhere"
        machine.progress = []
        error = machine.refusal(configuration)
        #expect(error?.code == "kernel-unreadable" && machine.progress.isEmpty)
    }

    @Test func aProgramMayBeStartedMeanwhile() throws {
        let machine = try Machine()
        var configuration = Machine.configuration(disks: [Self.disk])
        configuration.devices = [GenericDevice(type: "foo")]
        machine.store.served = []
        machine.reactor.after(milliseconds: 10) { machine.store.served = ["foo"] }
        #expect(try machine.create(configuration).id == 1)
        #expect(machine.store.waiters.isEmpty)
        // Another domain may take the name while the first is waited for.
        machine.store.served = []
        var second = Machine.configuration("web2")
        second.devices = configuration.devices
        machine.reactor.after(milliseconds: 5) {
            machine.supervisor.create(Machine.configuration("web2"), paused: false, progress: { _ in }) { _ in
            }
        }
        machine.reactor.after(milliseconds: 10) { machine.store.served = nil }
        #expect(machine.refusal(second)?.code == "domain-exists")
    }

    @Test func pausedStaysPaused() throws {
        let machine = try Machine()
        #expect(try machine.create(full(), paused: true).isPaused)
        try machine.supervisor.unpause("web1")
        #expect(try machine.supervisor.details("1").domain.isPaused == false)
        try machine.supervisor.pause("web1")
        #expect(try machine.supervisor.details("web1").domain.isPaused)
        #expect(machine.events.map(\.kind) == [.created, .unpaused, .paused])
    }

    @Test func refusesWhatCannotWorkBeforeMakingAnything() throws {
        func refused(
            _ code: ErrorCode, _ words: String, _ change: (inout DomainConfiguration, Machine) -> Void
        ) throws {
            let machine = try Machine()
            var configuration = full()
            change(&configuration, machine)
            let error = try #require(machine.refusal(configuration))
            #expect(error.code == code.rawValue)
            #expect(error.message.contains(words), "\(error.message)")
            #expect(error.hint?.isEmpty == false)
            #expect(machine.isClean && machine.hypervisor.nextID == 1)
        }
        try refused(.kernelUnreadable, "/nowhere cannot be read: No such file") { configuration, _ in
            configuration.kernel = "/nowhere"
        }
        try refused(.ramdiskUnreadable, "/nowhere cannot be read") { configuration, _ in
            configuration.ramdisk = "/nowhere"
        }
        try refused(.diskUnreadable, "/nowhere cannot be opened for reading and writing") {
            configuration, _ in
            configuration.disks = [DiskConfiguration(target: "/nowhere", vdev: "xvda")]
        }
        try refused(.diskUnreadable, "/empty.img is empty") { configuration, _ in
            configuration.disks = [DiskConfiguration(target: "/empty.img", vdev: "xvda")]
        }
        try refused(.diskInUse, "disk xvda of the same domain") { configuration, _ in
            configuration.disks.append(
                DiskConfiguration(target: "/alias.img", vdev: "xvdb", isReadOnly: true))
        }
        try refused(.bridgeMissing, "there is no bridge br7") { configuration, _ in
            configuration.vifs[0].bridge = "br7"
        }
        try refused(.bridgeMissing, "eth0 is not a bridge") { configuration, _ in
            configuration.vifs[0].bridge = "eth0"
        }
        try refused(.memoryShort, "129 MiB are needed, 100 MiB are free") { _, machine in
            machine.hypervisor.free = 100 << 20
        }
    }

    @Test func refusesAnInvalidConfiguration() throws {
        let machine = try Machine()
        #expect(machine.refusal(Machine.configuration("a b"))?.code == "config-range")
        #expect(machine.isClean)
    }

    @Test func refusesNamesAndIdentitiesThatAreTaken() throws {
        let machine = try Machine()
        var first = Machine.configuration()
        first.uuid = DomainUUID(bytes: Array(1...16))
        try machine.create(first)
        let error = machine.refusal(Machine.configuration())
        #expect(error?.code == "domain-exists" && error?.message.contains("domain 1") == true)
        var second = Machine.configuration("web2")
        second.uuid = first.uuid
        #expect(machine.refusal(second)?.code == "uuid-in-use")
        #expect(machine.hypervisor.guests.count == 2)
    }

    @Test func aDiskIsSharedOnlyForReading() throws {
        let machine = try Machine()
        try machine.create(Machine.configuration("a", disks: [Self.disk]))
        let error = machine.refusal(
            Machine.configuration(
                "b", disks: [DiskConfiguration(target: "/alias.img", vdev: "xvda", isReadOnly: true)]))
        #expect(error?.code == "disk-in-use" && error?.message.contains("a, domain 1, as xvda") == true)
        try machine.destroy("a")
        let readOnly = DiskConfiguration(target: "/a.img", vdev: "xvda", isReadOnly: true)
        try machine.create(Machine.configuration("a", disks: [readOnly]))
        try machine.create(Machine.configuration("b", disks: [readOnly]))
        #expect(machine.refusal(Machine.configuration("c", disks: [Self.disk]))?.code == "disk-in-use")
    }

    @Test(arguments: [
        "build", "skeleton", "introduce", "console", "backend", "device", "timeout", "exit", "unpause",
        "records",
    ])
    func whateverFailsNothingIsLeft(step: String) throws {
        let machine = try Machine()
        var expected = ErrorCode.store
        switch step {
        case "build":
            machine.builder.error = APIError(.kernelNoPVH, "no entry")
            expected = .kernelNoPVH
        case "skeleton": machine.store.failing = ["/memory/target"]
        case "introduce": machine.store.failing = ["introduce"]
        case "console":
            machine.hypervisor.failing = ["mapConsole"]
            expected = .hypervisor
        case "backend":
            machine.host.backendFails = true
            expected = .backendFailed
        case "device":
            machine.host.attach = { _ in
                try? machine.store.write(
                    "/local/domain/0/backend/vbd/1/51712/hotplug-error", "Permission denied")
            }
            expected = .deviceFailed
        case "timeout":
            machine.host.attach = nil
            expected = .deviceTimeout
        case "exit":
            machine.host.attach = { _ in
                machine.reactor.after(milliseconds: 1) { machine.host.backends[0].exit("signal 11") }
            }
            expected = .backendFailed
        case "unpause":
            machine.hypervisor.failing = ["unpause"]
            expected = .hypervisor
        default:
            machine.records.fails = true
            expected = .stateUnwritable
        }
        let error = machine.refusal(full())
        #expect(error?.code == expected.rawValue)
        #expect(machine.isClean, "\(machine.store.nodes.keys.sorted())")
        #expect(machine.events.isEmpty)
        // And the name is free again.
        machine.builder.error = nil
        machine.store.failing = []
        machine.hypervisor.failing = []
        machine.host.backendFails = false
        machine.records.fails = false
        machine.host.attach = { _ in machine.attachAll() }
        #expect(try machine.create(full()).name == "web1")
    }

    @Test func namesTheDeviceThatFailed() throws {
        let machine = try Machine()
        machine.host.attach = { _ in
            try? machine.store.write("/local/domain/0/backend/vif/1/0/hotplug-error", "no tap device")
        }
        let error = machine.refusal(full())
        #expect(
            error?.message.contains("network card 0") == true
                && error?.message.contains("no tap device") == true)
    }
}
