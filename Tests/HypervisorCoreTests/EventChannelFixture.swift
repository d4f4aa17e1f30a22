// SPDX-License-Identifier: Apache-2.0
import HypervisorCore
import SharedMemory
import TestSupport
import Testing
import XenABI

/// A machine with domain 0 and two guests, and event channel operations as calls. Argument blocks stand at
/// `block` of the caller's RAM.
final class EventChannelFixture {
    static let block: UInt64 = 0x3000
    let machine: FakeMachine
    let control: Ref<Domain>
    let guest: Ref<Domain>
    let other: Ref<Domain>

    init(guestVCPUs: UInt32 = 2, guestPorts: UInt32 = 1023, frameCount: UInt64 = 4096) throws {
        machine = FakeMachine(frameCount: frameCount)
        control = try machine.makeHardwareDomain(vcpus: 2)
        guest = try machine.makeDomain(1, vcpus: guestVCPUs, maximumEventPort: guestPorts)
        other = try machine.makeDomain(2)
    }
    var domains: [Ref<Domain>] { [control, guest, other] }

    /// Makes the call and checks every domain's invariants.
    func operate(_ command: UInt32, by domain: Ref<Domain>, vcpu: UInt32 = 0, at address: UInt64 = block)
        -> Int64
    {
        // swift-format-ignore: NeverForceUnwrap
        let result = domain.vcpu(vcpu)!.hypercall(HypercallNumber.eventChannel, UInt64(command), address)
        checkInvariants()
        return result
    }
    func checkInvariants() {
        for domain in domains where domain.state.lifecycle == .alive {
            let fault = domain.checkEventChannelInvariants()
            #expect(fault == nil, "domain \(domain.id.rawValue): \(fault.map { "\($0)" } ?? "")")
        }
    }

    func allocateUnbound(by domain: Ref<Domain>, in target: UInt16 = 0x7FF0, for remote: UInt16) -> Call {
        machine.set(.domain, target, at: Self.block, in: domain, EventChannelAllocateUnboundLayout.self)
        machine.set(.remoteDomain, remote, at: Self.block, in: domain, EventChannelAllocateUnboundLayout.self)
        let result = operate(EventChannelOperation.allocateUnbound, by: domain)
        return Call(
            result,
            machine.get(Field<EventChannelAllocateUnboundLayout, UInt32>.port, at: Self.block, in: domain))
    }
    func bindInterdomain(by domain: Ref<Domain>, to remote: UInt16, port: UInt32) -> Call {
        machine.set(
            Field<EventChannelBindInterdomainLayout, UInt16>.remoteDomain, remote, at: Self.block, in: domain)
        machine.set(
            Field<EventChannelBindInterdomainLayout, UInt32>.remotePort, port, at: Self.block, in: domain)
        let result = operate(EventChannelOperation.bindInterdomain, by: domain)
        return Call(
            result,
            machine.get(
                Field<EventChannelBindInterdomainLayout, UInt32>.localPort, at: Self.block, in: domain))
    }
    func bindVIRQ(_ virq: UInt32, vcpu: UInt32 = 0, by domain: Ref<Domain>) -> Call {
        typealias Block = Field<EventChannelBindVirtualInterruptLayout, UInt32>
        machine.set(Block.virtualInterrupt, virq, at: Self.block, in: domain)
        machine.set(Block.vcpu, vcpu, at: Self.block, in: domain)
        let result = operate(EventChannelOperation.bindVirtualInterrupt, by: domain)
        return Call(result, machine.get(Block.port, at: Self.block, in: domain))
    }
    func bindIPI(vcpu: UInt32 = 0, by domain: Ref<Domain>) -> Call {
        typealias Block = Field<EventChannelBindIPILayout, UInt32>
        machine.set(Block.vcpu, vcpu, at: Self.block, in: domain)
        let result = operate(EventChannelOperation.bindIPI, by: domain)
        return Call(result, machine.get(Block.port, at: Self.block, in: domain))
    }
    func bindVCPU(_ port: UInt32, to vcpu: UInt32, by domain: Ref<Domain>) -> Int64 {
        typealias Block = Field<EventChannelBindVCPULayout, UInt32>
        machine.set(Block.port, port, at: Self.block, in: domain)
        machine.set(Block.vcpu, vcpu, at: Self.block, in: domain)
        return operate(EventChannelOperation.bindVCPU, by: domain)
    }
    /// `send`, `close` and `unmask` have one layout.
    private func onPort(_ command: UInt32, _ port: UInt32, _ domain: Ref<Domain>) -> Int64 {
        machine.write(port, at: Self.block, in: domain)
        return operate(command, by: domain)
    }
    func send(_ port: UInt32, by domain: Ref<Domain>) -> Int64 {
        onPort(EventChannelOperation.send, port, domain)
    }
    func close(_ port: UInt32, by domain: Ref<Domain>) -> Int64 {
        onPort(EventChannelOperation.close, port, domain)
    }
    func unmask(_ port: UInt32, by domain: Ref<Domain>) -> Int64 {
        onPort(EventChannelOperation.unmask, port, domain)
    }
    func reset(_ target: UInt16, by domain: Ref<Domain>) -> Int64 {
        machine.write(target, at: Self.block, in: domain)
        return operate(EventChannelOperation.reset, by: domain)
    }

    struct Status: Equatable {
        var kind: UInt32
        var vcpu: UInt32 = 0
        var first: UInt32 = 0
        var port: UInt32 = 0
    }
    func status(_ port: UInt32, of target: UInt16 = 0x7FF0, by domain: Ref<Domain>) -> Result<Status, Refusal>
    {
        typealias Block = Field<EventChannelStatusLayout, UInt32>
        for offset in 0..<UInt64(24) { machine.write(UInt8(0), at: Self.block + offset, in: domain) }
        machine.write(target, at: Self.block, in: domain)
        machine.set(Block.port, port, at: Self.block, in: domain)
        let result = operate(EventChannelOperation.status, by: domain)
        guard result == 0 else { return .failure(Refusal(result)) }
        return .success(
            Status(
                kind: machine.get(Block.status, at: Self.block, in: domain),
                vcpu: machine.get(Block.vcpu, at: Self.block, in: domain),
                first: machine.get(Block.virtualInterrupt, at: Self.block, in: domain),
                port: machine.get(Block.interdomainPort, at: Self.block, in: domain)))
    }

    /// A connected pair: the guest's port and domain 0's.
    func connect() throws -> (guest: UInt32, control: UInt32) {
        let offered = allocateUnbound(by: guest, for: 0)
        try #require(offered.result == 0)
        let bound = bindInterdomain(by: control, to: 1, port: offered.port)
        try #require(bound.result == 0)
        return (offered.port, bound.port)
    }

    // MARK: What the guest sees in its shared page

    func isPending(_ port: UInt32, _ domain: Ref<Domain>) -> Bool {
        domain.sharedInfo.load(.eventPending.element(Int(port / 64))) & (1 << UInt64(port % 64)) != 0
    }
    func setMask(_ port: UInt32, _ domain: Ref<Domain>) {
        domain.sharedInfo.setBits(1 << UInt64(port % 64), at: .eventMask.element(Int(port / 64)))
    }
    func isMasked(_ port: UInt32, _ domain: Ref<Domain>) -> Bool {
        domain.sharedInfo.load(.eventMask.element(Int(port / 64))) & (1 << UInt64(port % 64)) != 0
    }
    func selector(_ domain: Ref<Domain>, vcpu: UInt32 = 0) -> UInt64 {
        // swift-format-ignore: NeverForceUnwrap
        domain.vcpu(vcpu)!.info!.load(.pendingSelector)
    }
    func upcall(_ domain: Ref<Domain>, vcpu: UInt32 = 0) -> UInt8 {
        // swift-format-ignore: NeverForceUnwrap
        domain.vcpu(vcpu)!.info!.load(.upcallPending)
    }
    /// What an interrupt handler of a guest does: takes all pending ports of a vCPU.
    func consume(_ domain: Ref<Domain>, vcpu: UInt32 = 0) -> Set<UInt32> {
        // swift-format-ignore: NeverForceUnwrap
        let info = domain.vcpu(vcpu)!.info!
        info.store(UInt8(0), to: .upcallPending)
        let words = info.exchange(0, at: .pendingSelector)
        var ports = Set<UInt32>()
        for word in 0..<64 where words & (1 << UInt64(word)) != 0 {
            let unmasked = ~domain.sharedInfo.load(.eventMask.element(word))
            let bits = domain.sharedInfo.clearBits(unmasked, at: .eventPending.element(word)) & unmasked
            for bit in 0..<64 where bits & (1 << UInt64(bit)) != 0 { ports.insert(UInt32(word * 64 + bit)) }
        }
        return ports
    }
}

struct Call: Equatable {
    var result: Int64
    var port: UInt32
    init(_ result: Int64, _ port: UInt32) {
        self.result = result
        self.port = port
    }
}
/// A negative result.
struct Refusal: Error, Equatable {
    var code: Int64
    init(_ code: Int64) { self.code = code }
    init(_ error: XenError) { code = error.returnValue }
}

extension FakeMachine {
    /// Writes a field, the layout named where a field's name alone does not tell it.
    func set<Layout: ABILayout, Value: FixedWidthInteger>(
        _ field: Field<Layout, Value>, _ value: Value, at address: UInt64, in domain: Ref<Domain>,
        _ layout: Layout.Type
    ) {
        set(field, value, at: address, in: domain)
    }
}
