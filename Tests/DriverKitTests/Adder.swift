// SPDX-License-Identifier: Apache-2.0
import Backends
import DriverKit
import DriverKitBackend
import RingProtocol
import XenABI

/// A device that adds numbers: those of the request, and a page of bytes that the guest shares.
enum Adder: SplitDevice {
    static var kind: StaticString { "adder" }

    struct Request: RingMessage {
        var slot: RingSlot<5>
        init(slot: RingSlot<5>) { self.slot = slot }
        init(_ first: UInt32, _ second: UInt32, page: GrantReference? = nil, count: UInt32 = 0) {
            slot = RingSlot()
            slot[word: 1] = first
            slot[word: 2] = second
            slot[word: 3] = page?.rawValue ?? 0
            slot[word: 4] = count
        }
    }
    struct Response: RingMessage {
        var slot: RingSlot<3>
        init(slot: RingSlot<3>) { self.slot = slot }
        init(sum: UInt32, isRight: Bool = true) {
            slot = RingSlot()
            slot[word: 1] = sum
            slot[word: 2] = isRight ? 1 : 0
        }
        var sum: UInt32 { slot[word: 1] }
        var isRight: Bool { slot[word: 2] == 1 }
    }
}

/// The same with a ring of four pages.
enum WideAdder: SplitDevice {
    typealias Request = Adder.Request
    typealias Response = Adder.Response
    static var kind: StaticString { "wide-adder" }
    static var ringPageOrder: UInt32 { 2 }
}
final class WideAdderService: DeviceService {
    typealias Device = WideAdder
    init(_ device: DeviceContext) throws(BackendError) {}
    func serve(_ request: Adder.Request, _ reply: Reply<WideAdder>) {
        reply.send(Adder.Response(sum: request.slot[word: 1] &+ request.slot[word: 2]))
    }
}

/// Its backend: answers at once.
final class AdderService: DeviceService {
    typealias Device = Adder
    private let device: DeviceContext
    private let start: UInt32

    init(_ device: DeviceContext) throws(BackendError) {
        self.device = device
        start = try device.settings.number("start", default: 0)
    }
    var offers: [(key: String, value: String)] { [("start", "\(start)")] }

    func serve(_ request: Adder.Request, _ reply: Reply<Adder>) {
        var sum = start &+ request.slot[word: 1] &+ request.slot[word: 2]
        let reference = GrantReference(rawValue: request.slot[word: 3])
        if reference.rawValue != 0 {
            guard
                let bytes = device.copy(from: reference, offset: 0, count: Int(request.slot[word: 4])),
                device.copy(bytes.reversed(), to: reference, offset: 0)
            else { return reply.send(Adder.Response(sum: 0, isRight: false)) }
            for byte in bytes { sum &+= UInt32(byte) }
        }
        reply.send(Adder.Response(sum: sum))
    }
}

/// A backend that answers in bunches and out of order.
final class LateAdderService: DeviceService {
    typealias Device = Adder
    static var answersInOrder: Bool { false }
    private let device: DeviceContext
    private var held: [(UInt32, Reply<Adder>)] = []
    init(_ device: DeviceContext) throws(BackendError) { self.device = device }

    func serve(_ request: Adder.Request, _ reply: Reply<Adder>) {
        held.append((request.slot[word: 1] &+ request.slot[word: 2], reply))
        guard held.count == 1 else { return }
        device.platform.work.after(milliseconds: 5) { [weak self] in self?.answer() }
    }
    private func answer() {
        let waiting = held
        held = []
        for (sum, reply) in waiting.reversed() { reply.send(Adder.Response(sum: sum)) }
    }
    func disconnected() { answer() }
}
