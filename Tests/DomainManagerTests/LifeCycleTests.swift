// SPDX-License-Identifier: Apache-2.0
import Configuration
import ControlAPI
import Testing
import TrafficCounts
import XenABI

@testable import DomainManager

@Suite struct LifeCycleTests {
    private func machine(_ change: (inout DomainConfiguration) -> Void = { _ in }) throws -> Machine {
        let machine = try Machine()
        var configuration = Machine.configuration(disks: [DiskConfiguration(target: "/a.img", vdev: "xvda")])
        change(&configuration)
        try machine.create(configuration)
        machine.host.now += 60
        return machine
    }

    @Test func findsByNumberAndName() throws {
        let machine = try machine()
        #expect(try machine.supervisor.find("1") == machine.supervisor.find("web1"))
        #expect(try machine.supervisor.find("Domain-0") == .zero)
        #expect(throws: APIError.self) { try machine.supervisor.find("7") }
        do {
            _ = try machine.supervisor.find("wbe1")
            Issue.record("found")
        } catch {
            #expect(error.code == "domain-unknown" && error.hint?.contains("web1") == true)
        }
    }

    @Test func leavesDomainZeroAlone() throws {
        let machine = try machine()
        for reference in ["0", "Domain-0"] {
            #expect(throws: APIError.self) { try machine.supervisor.pause(reference) }
            #expect(throws: APIError.self) { try machine.destroy(reference) }
            #expect(throws: APIError.self) { try machine.supervisor.rename(reference, to: "x") }
        }
        #expect(machine.hypervisor.guests[.zero]?.isPaused == false)
    }

    @Test func powerOffRemovesTheDomain() throws {
        let machine = try machine()
        var answer: APIError??
        machine.supervisor.stop("web1", reboot: false, wait: 5) { answer = .some($0) }
        #expect(machine.store.nodes["/local/domain/1/control/shutdown"] == "poweroff")
        #expect(answer == nil)
        machine.stop(1, .poweroff)
        machine.run { answer != nil }
        #expect(answer == .some(nil))
        #expect(machine.isClean)
        #expect(machine.store.stopped == [DomainID(rawValue: 1)])
        #expect(machine.events.map(\.kind) == [.created, .shutdown, .destroyed])
    }

    @Test func waitingEndsAfterTheTimeGiven() throws {
        let machine = try machine()
        var answer: APIError??
        machine.supervisor.stop("web1", reboot: false, wait: 0) { answer = .some($0) }
        machine.run { answer != nil }
        #expect((answer ?? nil)?.code == "shutdown-timeout")
        // Answered once, even if the domain stops later.
        var again = 0
        machine.supervisor.stop("web1", reboot: false, wait: nil) { _ in again += 1 }
        machine.stop(1, .poweroff)
        machine.run { machine.isClean }
        #expect(machine.isClean && again == 1)
    }

    @Test func refusesToStopWhatCannotHear() throws {
        let machine = try machine()
        var error: APIError?
        try machine.supervisor.pause("web1")
        machine.supervisor.stop("web1", reboot: false, wait: nil) { error = $0 }
        #expect(error?.code == "domain-state" && error?.hint?.contains("unpause") == true)
    }

    @Test func rebootMakesTheSameDomainAnew() throws {
        let machine = try machine()
        let uuid = try machine.supervisor.details("web1").domain.uuid
        var answer: APIError??
        machine.supervisor.stop("web1", reboot: true, wait: 5) { answer = .some($0) }
        #expect(machine.store.nodes["/local/domain/1/control/shutdown"] == "reboot")
        machine.stop(1, .reboot)
        machine.run { answer != nil }
        #expect(answer == .some(nil))
        let now = try machine.supervisor.details("web1")
        #expect(now.domain.id == 2 && now.domain.uuid == uuid && !now.domain.isPaused)
        #expect(machine.events.map(\.kind) == [.created, .shutdown, .restarting, .created])
        #expect(machine.store.nodes["/local/domain/1/name"] == nil)
        #expect(machine.records.records.count == 1)
        #expect(machine.hypervisor.guests.count == 2)
    }

    @Test func theNameIsKeptWhileADomainRestarts() throws {
        let machine = try machine { $0.onCrash = .restart }
        machine.host.now -= 60  // it stops at once: the restart is delayed
        machine.stop(1, .crash)
        #expect(machine.refusal(Machine.configuration())?.code == "domain-exists")
        machine.run { machine.hypervisor.guests.count == 2 }
        #expect(try machine.supervisor.find("web1").rawValue == 2)
    }

    @Test func aFailedRestartIsReportedAndLeavesNothing() throws {
        let machine = try machine()
        machine.host.files["/k"] = nil
        var answer: APIError??
        machine.supervisor.stop("web1", reboot: true, wait: 5) { answer = .some($0) }
        machine.stop(1, .reboot)
        machine.run { answer != nil }
        #expect((answer ?? nil)?.code == "kernel-unreadable")
        #expect(machine.isClean)
        #expect(machine.events.last?.kind == .failed)
    }

    @Test func aCrashIsReportedWithTheLastLines() throws {
        let machine = try machine()
        machine.hypervisor.pages[DomainID(rawValue: 1)]?.print("booting\r\nKernel panic - not syncing\r\n")
        machine.stop(1, .crash)
        machine.run { machine.isClean }
        let event = try #require(machine.events.first { $0.kind == .crashed })
        #expect(event.console == "booting\nKernel panic - not syncing" && event.reason == "crash")
        #expect(machine.isClean)
        #expect(String(decoding: machine.consoleLog.bytes, as: UTF8.self).contains("Kernel panic"))
    }

    @Test func preserveKeepsTheDeadDomain() throws {
        let machine = try machine { $0.onCrash = .preserve }
        machine.stop(1, .crash)
        #expect(machine.hypervisor.guests.count == 2)
        #expect(machine.records.records.values.first?.isPreserved == true)
        #expect(try machine.supervisor.list().last?.isCrashed == true)
        machine.supervisor.domainsChanged()
        #expect(machine.events.filter { $0.kind == .crashed }.count == 1)
        var error: APIError?
        machine.supervisor.stop("web1", reboot: false, wait: nil) { error = $0 }
        #expect(error?.code == "domain-state")
        try machine.destroy("web1")
        #expect(machine.isClean)
    }

    @Test func renameRestartSetsTheDeadOneAside() throws {
        let machine = try machine {
            $0.onCrash = .renameRestart
            $0.disks = []
        }
        let uuid = try machine.supervisor.details("web1").domain.uuid
        machine.stop(1, .crash)
        machine.run { machine.hypervisor.guests.count == 3 }
        #expect(try machine.supervisor.find("web1").rawValue == 2)
        #expect(try machine.supervisor.find("web1-1").rawValue == 1)
        #expect(try machine.supervisor.details("web1").domain.uuid == uuid)
        #expect(try machine.supervisor.details("web1-1").domain.uuid != uuid)
        #expect(machine.store.nodes["/local/domain/1/name"] == "web1-1")
        #expect(machine.records.records.count == 2)
    }

    @Test func noticesThatSomebodyElseDestroyedADomain() throws {
        let machine = try machine()
        machine.hypervisor.guests[DomainID(rawValue: 1)] = nil
        machine.supervisor.domainsChanged()
        machine.run { machine.isClean }
        #expect(machine.isClean && machine.events.last?.kind == .destroyed)
    }

    @Test func renames() throws {
        let machine = try machine()
        try machine.supervisor.rename("web1", to: "web9")
        #expect(machine.store.nodes["/local/domain/1/name"] == "web9")
        #expect(machine.records.records.values.first?.configuration.name == "web9")
        #expect(try machine.supervisor.find("web9").rawValue == 1)
        #expect(throws: APIError.self) { try machine.supervisor.rename("web9", to: "web9") }
        #expect(throws: APIError.self) { try machine.supervisor.rename("web9", to: "a/b") }
    }

    @Test func aDeadBackendIsStartedAgainButNotForEver() throws {
        let machine = try machine()
        for round in 1...2 {
            machine.host.backends.last?.exit("signal 9")
            machine.run { machine.host.backends.count == round + 1 }
            #expect(machine.host.backends.count == round + 1)
        }
        machine.host.backends.last?.exit("signal 9")
        machine.run { machine.events.contains { $0.kind == .failed } }
        #expect(machine.host.backends.count == 3)
        #expect(machine.events.filter { $0.kind == .backendRestarted }.count == 2)
    }

    @Test func aBackendThatRanForLongIsStartedAgainHoweverOften() throws {
        let machine = try machine()
        for round in 1...10 {
            machine.host.now += 60
            machine.host.backends.last?.exit("signal 9")
            machine.run { machine.host.backends.count == round + 1 }
            #expect(machine.host.backends.count == round + 1)
        }
        #expect(!machine.events.contains { $0.kind == .failed })
    }

    @Test func anEndedDomainsBackendStaysDown() throws {
        let machine = try machine()
        let backend = try #require(machine.host.backends.last)
        try machine.destroy("web1")
        backend.exit("exit status 0")
        machine.reactor.turn(limit: 5)
        #expect(machine.host.backends.count == 1 && machine.isClean)
    }

    @Test func aNewDomainWaitsUntilTheOldOnesDiskIsQuiet() throws {
        let machine = try machine()
        var ends: [() -> Void] = []
        machine.host.backends[0].onStop = { ends.append($0) }
        try machine.destroy("web1")
        #expect(machine.store.nodes.isEmpty && machine.hypervisor.guests.count == 1)
        var created: ControlAPI.DomainInfo?
        machine.supervisor.create(
            Machine.configuration(disks: [DiskConfiguration(target: "/a.img", vdev: "xvda")]), paused: false,
            progress: { _ in }
        ) { created = try? $0.get() }
        for _ in 0..<5 { machine.reactor.turn(limit: 1) }
        #expect(created == nil && machine.host.backends.count == 1)
        ends.forEach { $0() }
        machine.run { created != nil }
        #expect(created?.name == "web1" && machine.host.backends.count == 2)
    }

    @Test func usageHasWhatTheBackendMoved() throws {
        let machine = try Machine()
        // What a domain of that number left is not the new one's.
        machine.host.moved[DomainID(rawValue: 1)] = TrafficCounts([UInt8](repeating: 9, count: 32))
        try machine.create(Machine.configuration())
        let first = try machine.supervisor.usage()
        #expect(first.domains.map(\.domain.name) == ["Domain-0", "web1"])
        #expect(first.domains.allSatisfy { $0.traffic == nil })
        var bytes = [UInt8](repeating: 0, count: 32)
        for (index, value) in [1, 2, 3, 4].enumerated() { bytes[index * 8] = UInt8(value) }
        machine.host.moved[DomainID(rawValue: 1)] = TrafficCounts(bytes)
        let second = try machine.supervisor.usage()
        #expect(
            second.domains[1].traffic == .init(netReceived: 1, netSent: 2, blockRead: 3, blockWritten: 4))
        #expect(second.time > first.time && second.host == first.host)
        try machine.destroy("web1")
        #expect(machine.host.moved.isEmpty)
    }

    // MARK: After svd was killed

    @Test func takesOverWhatRuns() throws {
        let machine = try machine()
        machine.host.adoptable = [100]
        machine.history.contents = []
        machine.hypervisor.pages[DomainID(rawValue: 1)]?.print("before\n")
        machine.channels.raise("1:2")
        try machine.restartDaemon()
        #expect(machine.hypervisor.guests.count == 2)
        #expect(machine.store.introduced == [DomainID(rawValue: 1)])
        #expect(machine.channels.bound.values.sorted() == ["1:2"])
        #expect(machine.host.backends.count == 2, "the running backend is taken over, none is started")
        machine.hypervisor.pages[DomainID(rawValue: 1)]?.print("still here\n")
        machine.channels.raise("1:2")
        #expect(
            String(decoding: try machine.supervisor.console("web1").history.contents, as: UTF8.self)
                == "before\nstill here\n")
        #expect(
            machine.refusal(
                Machine.configuration("b", disks: [DiskConfiguration(target: "/a.img", vdev: "xvda")]))?.code
                == "disk-in-use")
        machine.stop(1, .reboot)
        machine.run { machine.events.contains { $0.kind == .created } }
        #expect(try machine.supervisor.find("web1").rawValue == 2)
    }

    @Test func startsAMissingBackendAndWritesALostStore() throws {
        let machine = try machine()
        machine.store.nodes = [:]
        try machine.restartDaemon()
        #expect(machine.host.backends.count == 2 && machine.host.backends[1].isRunning)
        #expect(machine.store.nodes["/local/domain/1/name"] == "web1")
        #expect(machine.store.nodes["/local/domain/0/backend/vbd/1/51712/params"] == "/a.img")
    }

    @Test func handlesAStopThatNobodySaw() throws {
        let machine = try machine()
        machine.hypervisor.guests[DomainID(rawValue: 1)]?.shutdownReason = .poweroff
        try machine.restartDaemon()
        machine.host.backends.removeFirst()  // the fake of the first life never hears that it was stopped
        machine.run { machine.isClean }
        #expect(machine.isClean)
    }

    @Test func removesWhatWasNotFinished() throws {
        let machine = try Machine()
        var record = DomainRecord(configuration: Machine.configuration(), uuid: .random(), startedAt: 0)
        _ = machine.hypervisor.add(record.uuid.bytes)
        try machine.records.save(record)
        try machine.restartDaemon()
        machine.run { machine.isClean }
        #expect(machine.isClean)
        // A record of a domain that is gone, with nodes left.
        record.id = 7
        record.isStarted = true
        try machine.records.save(record)
        try machine.store.write("/local/domain/7/name", "web1")
        try machine.store.write("/local/domain/0/error/backend/vbd/7/51712/error", "the ring is broken")
        try machine.restartDaemon()
        #expect(machine.isClean)
        #expect(!machine.store.nodes.keys.contains { $0.hasPrefix("/local/domain/0/error/backend/vbd/7") })
    }

    @Test func finishesARestartThatWasInterrupted() throws {
        let machine = try Machine()
        var record = DomainRecord(configuration: Machine.configuration(), uuid: .random(), startedAt: 0)
        record.configuration.uuid = record.uuid
        record.isRestarting = true
        record.isStarted = true
        try machine.records.save(record)
        try machine.restartDaemon()
        machine.run { machine.hypervisor.guests.count == 2 }
        #expect(try machine.supervisor.details("web1").domain.uuid == record.uuid.description)
    }
}
