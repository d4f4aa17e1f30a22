// SPDX-License-Identifier: Apache-2.0
import XenABI
import XenBus
import XenStoreWire

/// A store that the test plays honestly, but for the faults it is told of: it refuses requests, or is mute for a while.
final class FaultyStore {
    static let front = "device/vbd/51712"
    static let back = "/local/domain/0/backend/vbd/7/51712"

    private final class State {
        var nodes: [String: String] = [
            "\(FaultyStore.front)/state": "1", "\(FaultyStore.front)/backend": FaultyStore.back,
            "\(FaultyStore.front)/backend-id": "0", "\(FaultyStore.back)/state": "2",
        ]
        var watches: [(path: String, token: String)] = []
        /// Refuses so many of these requests on that path.
        var faults: [(operation: XenStoreOperation, path: String, error: XenStoreError, left: Int)] = []
        var isMute = false
        /// What is asked while mute is answered when it ends.
        var waiting: [(XenStoreHeader, [UInt8])] = []

        func event(_ path: String) -> [UInt8] {
            watches.filter { path == $0.path || path.hasPrefix($0.path + "/") }.flatMap {
                packet(XenStoreHeader(operation: .watchEvent), Array("\(path)\0\($0.token)\0".utf8))
            }
        }
        func answer(_ header: XenStoreHeader, _ payload: [UInt8]) -> [UInt8] {
            let fields = payload.split(separator: 0, omittingEmptySubsequences: false).map {
                String(decoding: $0, as: UTF8.self)
            }
            let path = fields.first ?? ""
            func reply(_ text: String) -> [UInt8] {
                packet(
                    XenStoreHeader(operation: header.operation, requestID: header.requestID), Array(text.utf8)
                )
            }
            func refuse(_ error: XenStoreError) -> [UInt8] {
                packet(
                    XenStoreHeader(operation: .error, requestID: header.requestID),
                    Array("\(error.name)\0".utf8))
            }
            for index in faults.indices where faults[index].operation == header.operation {
                guard faults[index].path == path, faults[index].left > 0 else { continue }
                faults[index].left -= 1
                return refuse(faults[index].error)
            }
            switch header.operation {
            case .read: return nodes[path].map(reply) ?? refuse(.noEntry)
            case .write:
                nodes[path] = fields.dropFirst().first ?? ""
                return reply("OK\0") + event(path)
            case .remove:
                nodes[path] = nil
                return reply("OK\0") + event(path)
            case .transactionStart: return reply("1\0")
            case .watch:
                watches.append((path, fields[1]))
                return reply("OK\0")
                    + packet(XenStoreHeader(operation: .watchEvent), Array("\(path)\0\(fields[1])\0".utf8))
            case .unwatch:
                watches.removeAll { $0.token == fields[1] }
                return reply("OK\0")
            default: return reply("OK\0")
            }
        }
    }
    private let state = State()
    private let lying: LyingStore
    var store: XenStoreConnection { lying.store }
    var clock: TestClock { lying.clock }

    /// - Parameter features: 0 for a store that never starts a ring over.
    init(features: UInt32 = 7) {
        let state = state
        lying = LyingStore(features: features) { _, header, payload in
            if state.isMute {
                state.waiting.append((header, payload))
                return []
            }
            let missed = state.waiting
            state.waiting = []
            return missed.flatMap { state.answer($0.0, $0.1) } + state.answer(header, payload)
        }
    }

    subscript(path: String) -> String? { state.nodes[path] }
    func refuse(_ operation: XenStoreOperation, _ path: String, _ error: XenStoreError, times: Int = .max) {
        state.faults.append((operation, path, error, times))
    }
    func refuseNothing() { state.faults = [] }
    /// Writes a node as another client, and lets the frontend see it.
    func set(_ path: String, _ value: String) {
        state.nodes[path] = value
        lying.page.respond(state.event(path))
        store.turn()
    }
    func fallSilent() { state.isMute = true }
    /// Answers everything that was asked meanwhile.
    func speakAgain() {
        state.isMute = false
        let missed = state.waiting
        state.waiting = []
        for (header, payload) in missed {
            lying.page.respond(state.answer(header, payload))
            store.turn()
        }
        for _ in 0..<4 { _ = store.wait(.milliseconds(1)) { false } }
    }
    /// Answers again from the next request on, before that everything that was asked meanwhile.
    func wakeUp() { state.isMute = false }
    /// The ring breaks: an index is out of range.
    func breakRing() {
        lying.page.view.store(
            lying.page.view.load(Field<XenStoreRingLayout, UInt32>.responseConsumer) &+ 5000,
            to: .responseProducer)
    }
    /// Lets both sides do what they have to.
    func settle() { for _ in 0..<6 { _ = store.wait(.milliseconds(1)) { false } } }
}
