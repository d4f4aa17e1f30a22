// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import Synchronization
import XenABI

/// What an attacking domain does, by the number on its command line.
enum Attack: UInt64 {
    case rewriteArguments = 1
    case churnGrants
    case churnPorts
    case wildCalls
    case wildRegisters
    case wildPorts
    case loopingPageTables
    case badPageTableRoot
    case interruptStorm
    case debugStorm
    case spin
    case haltAll
    case exhaustMemory
    case exhaustTables
    case exhaustPorts
    case exhaustGrants
    case multicallFlood
    case leaveEverything
    case timerStorm
    case changeMappings
    case giveUpAreas
    case resetWhilePolled
}

/// A domain with two vCPUs, started from this image, that attacks.
struct Attacker: ~Copyable {
    let domain: ChildDomain
    var id: DomainID { domain.id }

    /// Builds and starts it. `extraPages`: how many more than it is given it may have.
    init(_ attack: Attack, extraPages: UInt64 = 0) throws(XenError) {
        let domain = try ChildDomain(
            vcpuCount: 2, pageCount: ChildDomain.ownImagePageCount + extraPages)
        try domain.loadOwnImage(commandLine: "child attack \(attack.rawValue)")
        try domain.unpause()
        self.domain = domain
    }
    consuming func destroy() throws(XenError) { try domain.destroy() }
}

extension Attack {
    /// In an attacking domain: attacks and ends. Elsewhere does nothing.
    static func runIfAttacker() {
        let line = BootInformation.current.commandLine
        guard line.starts(with: "child attack ") else { return }
        var number: UInt64 = 0
        for index in 13..<line.count where line[index] >= 0x30 && line[index] <= 0x39 {
            number = number &* 10 &+ UInt64(line[index] &- 0x30)
        }
        var suite = TestSuite("attack")
        suite.test("start") { t throws(XenError) in try Events.start() }
        switch Attack(rawValue: number) {
        case .rewriteArguments: suite.test("rewrite_arguments", rewriteArguments)
        case .churnGrants: churnGrants()
        case .churnPorts: suite.test("churn_ports", churnPorts)
        case .wildCalls: suite.test("wild_calls", wildCalls)
        case .wildRegisters: suite.test("wild_registers", wildRegisters)
        case .wildPorts: suite.test("wild_ports", wildPorts)
        case .loopingPageTables: suite.test("looping_page_tables", loopingPageTables)
        case .badPageTableRoot: badPageTableRoot()
        case .interruptStorm: suite.test("interrupt_storm", interruptStorm)
        case .debugStorm: debugStorm()
        case .spin: spin()
        case .haltAll: haltAll()
        case .exhaustMemory: suite.test("exhaust_memory", exhaustMemory)
        case .exhaustTables: suite.test("exhaust_tables", exhaustTables)
        case .exhaustPorts: suite.test("exhaust_ports", exhaustPorts)
        case .exhaustGrants: suite.test("exhaust_grants", exhaustGrants)
        case .multicallFlood: multicallFlood()
        case .leaveEverything: leaveEverything()
        case .timerStorm: timerStorm()
        case .changeMappings: suite.test("change_mappings", changeMappings)
        case .giveUpAreas: suite.test("give_up_areas", giveUpAreas)
        case .resetWhilePolled: suite.test("reset_while_polled", resetWhilePolled)
        case nil: panic("attack \(number) is not known")
        }
        suite.finish()
    }
}

/// What the two vCPUs of an attacker tell each other.
final class Signal: Sendable {
    /// The second vCPU goes on until this is set.
    let isOver = Atomic<Bool>(false)
    let value = Atomic<UInt64>(0)

    /// Starts the second vCPU on `body`, which is called again and again until the signal is over, and waits until it runs.
    func repeatOnSecondVCPU(_ body: @escaping (UInt64) -> Void) throws(XenError) {
        try SecondaryVCPU.start(1) {
            var round: UInt64 = 0
            while !self.isOver.load(ordering: .acquiring) {
                body(round)
                round &+= 1
                self.value.store(round, ordering: .releasing)
            }
        }
        while value.load(ordering: .acquiring) == 0 { try Scheduler.yield() }
    }
    /// Ends the second vCPU and waits until it is down.
    func end() throws(XenError) {
        isOver.store(true, ordering: .releasing)
        while try VirtualCPU.isUp(1) { try Scheduler.yield() }
    }
}

/// Numbers that look random: the same in every run.
struct Sequence64 {
    private var state: UInt64
    init(seed: UInt64) { state = seed &* 2 &+ 1 }
    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return state ^ state &>> 29
    }
}
