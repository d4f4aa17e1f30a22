// SPDX-License-Identifier: Apache-2.0
import GuestABI
import SharedMemory
public import XenABI

/// The page that a test and its peer share, granted by domain 0.
enum PeerPage: ABILayout { static var byteCount: Int { 4096 } }
extension Field<PeerPage, UInt64> {
    /// Rises by one for each request.
    static var request: Self { .init(at: 0) }
    static var command: Self { .init(at: 8) }
    static var argument: Self { .init(at: 16) }
    /// Number of the last request answered.
    static var answered: Self { .init(at: 24) }
    static var result: Self { .init(at: 32) }
}

/// What a peer can be asked for.
public enum PeerCommand: UInt64, Sendable {
    /// Answers its own domain number.
    case identify = 1
    /// Makes the domctl, sysctl or platform_op call with number `argument` on a zeroed block; answers the result.
    case callPrivileged
    /// Grants a page of its own, filled with 0x5A, to domain 0, read-only if `argument` is 1; answers the reference.
    case grant
    /// Takes grant `argument` back; answers 1, or 0 while it is in use.
    case revoke
    /// Answers the first word of the page behind grant `argument` of its own.
    case readGranted
    /// From now on sends an event back for each it gets, on a port of its own for domain 0; answers the port.
    case echo
    /// Answers the number of pages it has.
    case countPages
    /// Answers its wall clock's seconds.
    case tellTime
    /// Answers how many NMIs came since it was first asked.
    case countNMIs
    /// Executes `ud2`.
    case fault
    /// Uses up its heap.
    case exhaust
    /// Spins with interrupts off.
    case hang
    /// Shuts down with reason `argument`.
    case shutDown
}

/// The second domain of a test: the same image, in a role of its own.
///
/// It talks through one page granted by domain 0 and one event channel. Both numbers are on its command line.
public struct Peer: ~Copyable {
    public let domain: ChildDomain
    private let page: GrantedPage
    private let port: OwnedPort
    public var id: DomainID { domain.id }
    private var words: SharedView<PeerPage> { page.memory.sharedView(PeerPage.self) }

    /// Builds and starts the domain, and waits until it answers.
    public init() throws(XenError) {
        let domain = try ChildDomain(pageCount: ChildDomain.ownImagePageCount)
        let page = try GrantedPage(to: domain.id)
        let port = try OwnedPort(unboundFor: domain.id)
        try domain.loadOwnImage(commandLine: "peer \(page.reference.rawValue) \(port.port)")
        try domain.unpause()
        self.domain = domain
        self.page = page
        self.port = port
    }

    /// Asks the peer for something and waits for the answer, at most five seconds; nil after that.
    public func ask(_ command: PeerCommand, _ argument: UInt64 = 0) throws(XenError) -> UInt64? {
        let number = words.load(.request) + 1
        words.store(command.rawValue, to: .command)
        words.store(argument, to: .argument)
        words.store(number, to: .request)
        try port.send()
        let end = Clock.now + 5_000_000_000
        while words.load(.answered) != number {
            if Clock.now >= end { return nil }
            Events.clear(port.port)
            if words.load(.answered) == number { break }
            try Scheduler.poll(port.port, until: end)
        }
        return words.load(.result)
    }
    /// Tells the peer something that it will not answer.
    public func tell(_ command: PeerCommand, _ argument: UInt64 = 0) throws(XenError) {
        words.store(command.rawValue, to: .command)
        words.store(argument, to: .argument)
        words.store(words.load(.request) + 1, to: .request)
        try port.send()
    }
    /// Destroys the peer's domain, then gives page and port back.
    public consuming func destroy() throws(XenError) { try domain.destroy() }
}

extension Peer {
    /// Whether this is the peer: what its command line starts with. A guest that has a peer asks first.
    public static func runIfPeer() {
        let line = BootInformation.current.commandLine
        guard line.starts(with: "peer ") else { return }
        var numbers: InlineArray<2, UInt32> = [0, 0]
        var which = -1
        for index in 4..<line.count {
            if line[index] == 0x20 { which += 1 }
            if line[index] >= 0x30, line[index] <= 0x39, which >= 0, which < 2 {
                numbers[which] = numbers[which] &* 10 &+ UInt32(line[index] &- 0x30)
            }
        }
        do throws(XenError) {
            try serve(GrantReference(rawValue: numbers[0]), EventPort(rawValue: numbers[1]))
        } catch {
            panic("peer: \(error)")
        }
    }

    private static func serve(_ reference: GrantReference, _ remote: EventPort) throws(XenError) {
        guard let mapped = try? MappedGrant(reference, of: .zero) else {
            panic("peer: cannot map the shared page")
        }
        try Events.start()
        try GrantTable.start()
        let words = mapped.memory.sharedView(PeerPage.self)
        let port = try OwnedPort(to: .zero, remote)
        var pages: [GrantReference] = []
        var frames: [GuestFrame] = []
        var done: UInt64 = 0
        while true {
            let request = words.load(.request)
            if request == done {
                // Sleeps with interrupts on, so that an echo asked for earlier is served meanwhile.
                try Events.handle(port.port) {}
                Events.wait { words.load(.request) != done }
                continue
            }
            done = request
            let argument = words.load(.argument)
            var result: UInt64 = 0
            switch PeerCommand(rawValue: words.load(.command)) {
            case .identify: result = UInt64(Platform.domainID?.rawValue ?? 0xFFFF)
            case .callPrivileged:
                guard let page = GuestPage() else { throw .noMemory }
                result = UInt64(
                    bitPattern: Hypercall.invoke(UInt32(truncatingIfNeeded: argument), page.memory.address))
            case .grant:
                guard let page = GuestPage(), let entry = GrantTable.takeReference() else { throw .noMemory }
                page.memory.fill(0x5A)
                let frame = page.forget()
                GrantTable.publish(
                    frame, to: .zero,
                    flags: GrantEntryFlag.permitAccess | (argument == 1 ? GrantEntryFlag.readOnly : 0),
                    as: entry)
                pages.append(entry)
                frames.append(frame)
                result = UInt64(entry.rawValue)
            case .revoke:
                result =
                    GrantTable.revoke(GrantReference(rawValue: UInt32(truncatingIfNeeded: argument))) ? 1 : 0
            case .readGranted:
                for index in 0..<pages.count where UInt64(pages[index].rawValue) == argument {
                    result = MappedPage(unsafeAddress: frames[index].address.rawValue).load(
                        at: 0, as: UInt64.self)
                }
            case .echo:
                let echo = try EventChannel.allocateUnboundPort(for: .zero)
                try Events.handle(echo) { try? EventChannel.send(echo) }
                result = UInt64(echo.rawValue)
            case .countPages: result = try Memory.currentReservation()
            case .tellTime: result = Clock.wallclock.seconds
            case .countNMIs:
                Interrupts.expectNonMaskable()
                result = UInt64(Interrupts.nonMaskableCount)
            case .fault: Processor.trap()
            case .exhaust:
                var blocks: [[UInt64]] = []
                while true { blocks.append([UInt64](repeating: 1, count: 1000)) }
            case .hang:
                Processor.disableInterrupts()
                while true { Processor.noOperation() }
            case .shutDown: shutDown(UInt32(truncatingIfNeeded: argument))
            case nil: result = UInt64.max
            }
            words.store(result, to: .result)
            words.store(done, to: .answered)
            try port.send()
        }
    }
}
