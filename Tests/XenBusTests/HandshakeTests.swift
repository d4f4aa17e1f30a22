// SPDX-License-Identifier: Apache-2.0
import Testing
import XenBus

/// Both ends against each other: each does what it is told and writes its state where the other sees it.
struct DevicePair {
    var frontend: FrontendHandshake
    var backend: BackendHandshake
    var frontendNode: DeviceState = .initialising
    var backendNode: DeviceState = .initialising
    var isOnline = true
    var isServed = false
    var isUsed = false
    var isGone = false
    var served = 0

    init(connectsAtOnce: Bool) {
        frontend = FrontendHandshake(connectsAtOnce: connectsAtOnce)
        backend = BackendHandshake(connectsEarly: !connectsAtOnce)
    }

    mutating func perform(_ action: BackendHandshake.Action) {
        switch action {
        case .nothing: return
        case .publishFeatures, .writeState: break
        case .connect:
            #expect(!isServed)
            isServed = true
            served += 1
            backend.connected()
        case .disconnect:
            #expect(isServed)
            isServed = false
        case .remove:
            isServed = false
            isGone = true
        }
        backendNode = backend.state
    }

    mutating func perform(_ action: FrontendHandshake.Action) {
        switch action {
        case .nothing: return
        case .publishRings: if frontend.state == .connected { isUsed = true }
        case .use: isUsed = true
        case .close: isUsed = false
        case .writeState: break
        }
        frontendNode = frontend.state
    }

    /// Lets both look at each other until nothing changes.
    mutating func settle() {
        for _ in 0..<20 {
            let before = (frontendNode, backendNode)
            perform(backend.observe(frontend: frontendNode, isOnline: isOnline))
            if isGone { return }
            perform(frontend.observe(backend: backendNode))
            if before == (frontendNode, backendNode) { return }
        }
        Issue.record("the ends do not come to rest: \(frontendNode), \(backendNode)")
    }
}

@Suite struct HandshakeTests {
    @Test(arguments: [false, true])
    func connectsClosesReconnectsAndGoes(_ connectsAtOnce: Bool) {
        var pair = DevicePair(connectsAtOnce: connectsAtOnce)
        pair.settle()
        #expect(!pair.isServed)
        pair.perform(pair.backend.start())
        pair.settle()
        #expect(pair.frontendNode == .connected && pair.backendNode == .connected)
        #expect(pair.isServed && pair.isUsed)
        // The driver goes and comes back: the guest was rebooted into another kernel, say.
        pair.perform(pair.frontend.stop())
        pair.settle()
        #expect(pair.frontendNode == .closed && pair.backendNode == .closed)
        #expect(!pair.isServed && !pair.isUsed && !pair.isGone)
        pair.perform(pair.frontend.restart())
        pair.settle()
        #expect(pair.frontendNode == .connected && pair.backendNode == .connected)
        #expect(pair.served == 2)
        // The tools take the device away.
        pair.isOnline = false
        pair.perform(pair.frontend.stop())
        pair.settle()
        #expect(pair.isGone && !pair.isServed)
        #expect(pair.backendNode == .closed)
    }

    @Test func aFailureClosesBothEndsAndTheNextDriverConnects() {
        var pair = DevicePair(connectsAtOnce: false)
        pair.perform(pair.backend.start())
        pair.settle()
        #expect(pair.isServed && pair.backend.isServing)
        pair.backend.failed()
        pair.perform(.disconnect)
        #expect(pair.backendNode == .closing)
        pair.settle()
        #expect(pair.frontendNode == .closed)
        #expect(!pair.isServed && !pair.isUsed)
        pair.perform(pair.frontend.restart())
        pair.settle()
        #expect(pair.backendNode == .connected && pair.isServed)
    }

    @Test func aDriverThatComesBackWithoutClosingStartsOver() {
        var backend = BackendHandshake(connectsEarly: true)
        #expect(backend.start() == .publishFeatures)
        #expect(backend.start() == .nothing)
        #expect(backend.observe(frontend: .initialised, isOnline: true) == .connect)
        backend.failed()
        #expect(backend.state == .closing && !backend.isServing)
        #expect(backend.observe(frontend: .initialised, isOnline: true) == .nothing)
        #expect(backend.observe(frontend: .initialising, isOnline: true) == .publishFeatures)
        #expect(backend.state == .initWait)
    }

    @Test func onlyABlockFrontendIsReadyBeforeItIsConnected() {
        for connectsEarly in [true, false] {
            var backend = BackendHandshake(connectsEarly: connectsEarly)
            #expect(backend.observe(frontend: .connected, isOnline: true) == .nothing)
            _ = backend.start()
            #expect(
                backend.observe(frontend: .initialised, isOnline: true)
                    == (connectsEarly ? .connect : .nothing))
            #expect(backend.observe(frontend: .connected, isOnline: true) == .connect)
            backend.connected()
            #expect(backend.observe(frontend: .connected, isOnline: true) == .nothing)
        }
    }

    @Test func aMissingFrontendEndsTheDeviceOnceItWasThere() {
        var backend = BackendHandshake(connectsEarly: true)
        _ = backend.start()
        #expect(backend.observe(frontend: .unknown, isOnline: true) == .nothing)
        #expect(backend.observe(frontend: .closed, isOnline: true) == .nothing)
        #expect(backend.observe(frontend: .unknown, isOnline: true) == .remove)
        backend = BackendHandshake(connectsEarly: true)
        _ = backend.start()
        #expect(backend.observe(frontend: .unknown, isOnline: false) == .remove)
    }

    /// Whatever a hostile frontend writes, in any order: a served device is let go exactly once.
    @Test func noSequenceOfFrontendStatesServesTwiceOrLeaks() {
        var seed: UInt64 = 1
        for _ in 0..<2000 {
            var backend = BackendHandshake(connectsEarly: true)
            var isServed = false
            _ = backend.start()
            for _ in 0..<12 {
                seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let state = DeviceState(rawValue: UInt8(truncatingIfNeeded: seed >> 40) % 9) ?? .unknown
                switch backend.observe(frontend: state, isOnline: seed >> 60 > 3) {
                case .connect:
                    #expect(!isServed)
                    isServed = true
                    backend.connected()
                case .disconnect:
                    #expect(isServed)
                    isServed = false
                case .remove: isServed = false
                case .nothing, .writeState, .publishFeatures: break
                }
                #expect(backend.isServing == isServed)
            }
        }
    }

    @Test func statesReadAndWrite() {
        for state in DeviceState.allCases { #expect(DeviceState(value: state.value.span) == state) }
        for text in ["", "9", "x", "1 ", "256", "-1"] {
            #expect(DeviceState(value: Array(text.utf8).span) == .unknown)
        }
    }
}

@Suite struct RingConnectionTests {
    private func decode(_ nodes: [String: String], _ order: UInt32 = 0) throws(RingConnection.Problem)
        -> RingConnection
    {
        try RingConnection(maximumPageOrder: order) {
            nodes[String(decoding: $0, as: UTF8.self)].map { Array($0.utf8) }
        }
    }

    @Test func readsOnePage() throws {
        let ring = try decode(["ring-ref": "8", "event-channel": "15", "protocol": "x86_64-abi"])
        #expect(ring.pageCount == 1)
        #expect(ring.reference(0).rawValue == 8)
        #expect(ring.port.rawValue == 15)
    }

    @Test func readsSeveralPages() throws {
        let nodes = [
            "ring-page-order": "2", "ring-ref0": "1", "ring-ref1": "22", "ring-ref2": "3", "ring-ref3": "4",
            "event-channel": "5",
        ]
        let ring = try decode(nodes, 4)
        #expect((0..<ring.pageCount).map { ring.reference($0).rawValue } == [1, 22, 3, 4])
        #expect(throws: RingConnection.Problem.malformed(.ringPageOrder)) { try decode(nodes, 1) }
        #expect(throws: RingConnection.Problem.missing(.numberedRingReference(2))) {
            try decode(nodes.filter { $0.key != "ring-ref2" }, 4)
        }
    }

    @Test func refusesWhatIsMissingOrNoNumber() {
        #expect(throws: RingConnection.Problem.missing(.ringReference)) { try decode(["event-channel": "1"]) }
        #expect(throws: RingConnection.Problem.missing(.eventChannel)) { try decode(["ring-ref": "1"]) }
        for text in ["", "x", "-1", "4294967296", "1 "] {
            #expect(throws: RingConnection.Problem.malformed(.ringReference)) {
                try decode(["ring-ref": text, "event-channel": "1"])
            }
            #expect(throws: RingConnection.Problem.malformed(.eventChannel)) {
                try decode(["ring-ref": "1", "event-channel": text])
            }
        }
        #expect(throws: RingConnection.Problem.malformed(.ringPageOrder)) {
            try decode(["ring-page-order": "5", "event-channel": "1"], 9)
        }
    }
}
