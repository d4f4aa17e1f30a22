// SPDX-License-Identifier: Apache-2.0
import Backends
import DeviceProtocols
import DriverKitTesting
import TestSupport
import Testing
import XenABI

@Suite struct NetBackendTests {
    static func connected(
        isSplit: Bool = true, features: [(String, String)] = NetFrontend.allFeatures
    ) throws -> NetFrontend {
        let frontend = NetFrontend(isSplit: isSplit)
        try frontend.connect(features: features)
        try #require(frontend.backendState == "4")
        return frontend
    }

    // MARK: Handshake

    @Test(arguments: [true, false]) func offersTheCardAndConnects(isSplit: Bool) throws {
        let frontend = try Self.connected(isSplit: isSplit)
        let bench = frontend.bench
        for key in ["feature-sg", "feature-gso-tcpv4", "feature-rx-copy", "feature-split-event-channels"] {
            #expect(bench.store.read("\(NetFrontend.backendPath)/\(key)") == "1")
        }
        #expect(bench.store.read("\(NetFrontend.backendPath)/hotplug-status") == "connected")
        #expect(bench.events.boundCount == (isSplit ? 2 : 1))
        #expect(bench.grants.mappingCount == 2)
        #expect(frontend.interface.isUp)
        var everything = NetworkOffload()
        everything.checksum = true
        everything.checksum6 = true
        everything.tcp4 = true
        everything.tcp6 = true
        #expect(frontend.interface.offload == everything)
        frontend.setState(5)
        #expect(frontend.backendState == "5")
        #expect(!frontend.interface.isUp && !frontend.interface.isClosed)
        #expect(
            bench.events.boundCount == 0 && bench.grants.mappingCount == 0 && bench.work.watchedCount == 0)
        bench.host?.stop()
        #expect(frontend.interface.isClosed)
    }

    @Test func leavesUndoneOnlyWhatTheFrontendTakes() throws {
        let plain = try Self.connected(features: [("request-rx-copy", "1"), ("feature-no-csum-offload", "1")])
        #expect(plain.interface.offload == NetworkOffload())
        let noScatter = try Self.connected(features: [("request-rx-copy", "1"), ("feature-gso-tcpv4", "1")])
        #expect(noScatter.interface.offload.checksum && !noScatter.interface.offload.tcp4)
    }

    @Test(arguments: [
        [("request-rx-copy", "0")], [("request-rx-copy", "1"), ("multi-queue-num-queues", "2")],
        [("request-rx-copy", "1"), ("tx-ring-ref", "5")],
        [("request-rx-copy", "1"), ("event-channel-rx", "one")],
    ]) func refusesBadFrontendKeys(features: [(String, String)]) throws {
        let frontend = NetFrontend()
        try frontend.connect(features: features)
        #expect(frontend.backendState == "5")
        #expect(frontend.bench.store.read("/local/domain/0/error/backend/vif/7/0/error") != nil)
        #expect(frontend.bench.grants.mappingCount == 0 && frontend.bench.events.boundCount == 0)
    }

    @Test func saysThatTheBridgeIsMissing() throws {
        let bench = Bench()
        for (key, value) in [
            ("frontend", "/f"), ("frontend-id", "7"), ("online", "1"), ("bridge", "no-such-br"),
            ("state", "1"),
        ] {
            bench.store.set("\(NetFrontend.backendPath)/\(key)", value)
        }
        try bench.startHost { _, _ in NetDriver(platform: bench.platform, domain: Bench.domain, number: 0) }
        let error = try #require(bench.store.read("\(NetFrontend.backendPath)/hotplug-error"))
        #expect(error.contains("'no-such-br' does not exist"))
    }

    // MARK: Transmitting

    @Test(arguments: [14, 60, 1514, 4096, 4097, 40000, 65535]) func sendsFramesOfEverySize(byteCount: Int)
        throws
    {
        let frontend = try Self.connected()
        let frame = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 3 &+ $0 >> 8) }
        frontend.send(frame)
        frontend.flush()
        #expect(frontend.interface.sent == [Frame.header() + frame])
        let answers = try frontend.transmitAnswers()
        #expect(answers.map(\.identifier) == (0..<UInt16((byteCount + 4095) / 4096)).map { $0 })
        #expect(answers.allSatisfy { $0.status == .okay })
    }

    @Test func copiesManyPacketsInOneCall() throws {
        let frontend = try Self.connected()
        for index in 0..<24 {
            frontend.send(
                [UInt8](repeating: UInt8(index), count: 100), page: index, identifier: UInt16(index))
        }
        frontend.flush()
        #expect(frontend.interface.sent.count == 24)
        #expect(frontend.interface.sent.enumerated().allSatisfy { $1[10] == UInt8($0) })
        #expect(frontend.bench.grants.copyCallCount == 1)
        #expect(frontend.bench.events.notified[41] == 1)
        #expect(try frontend.transmitAnswers().count == 24)
    }

    @Test func saysWhereABlankChecksumIs() throws {
        let frontend = try Self.connected()
        frontend.send(Frame.tcp4(payload: 100), flags: NetTransmitFlags.checksumBlank.union(.dataValidated))
        frontend.send(Frame.udp6(payload: 9), page: 1, flags: .checksumBlank)
        frontend.send(Frame.tcp4(payload: 10), page: 2, flags: .dataValidated)
        frontend.flush()
        #expect(
            frontend.interface.sent.map { Array($0[0..<10]) } == [
                Frame.header(flags: 1, start: 34, offset: 16), Frame.header(flags: 1, start: 62, offset: 6),
                Frame.header(flags: 2),
            ])
    }

    @Test func passesLargePacketsOn() throws {
        let frontend = try Self.connected()
        let frame = Frame.tcp4(payload: 60000, options: 12)
        frontend.send(frame, flags: .checksumBlank, gso: .gso(.tcp4, segmentByteCount: 1448), identifier: 100)
        frontend.flush()
        #expect(
            frontend.interface.sent == [
                Frame.header(flags: 1, gsoType: 1, headerBytes: 66, segment: 1448, start: 34, offset: 16)
                    + frame
            ])
        let answers = try frontend.transmitAnswers()
        #expect(answers.count == 16 && answers[0].identifier == 100 && answers[1].status == .null)
        #expect(answers[2...].allSatisfy { $0.status == .okay })
    }

    /// Packets whose flags do not fit them are dropped; those around them are sent.
    @Test func dropsWhatItCannotFinish() throws {
        let frontend = try Self.connected()
        frontend.send([UInt8](repeating: 0x55, count: 200), page: 0, flags: .checksumBlank)
        frontend.send(Frame.tcp4(payload: 2000), page: 1, flags: [], gso: .gso(.tcp4, segmentByteCount: 1448))
        frontend.send(
            Frame.tcp4(payload: 2000), page: 2, flags: .checksumBlank,
            gso: .gso(.tcp6, segmentByteCount: 1448))
        frontend.send(Frame.tcp4(payload: 1), page: 3, flags: .checksumBlank)
        frontend.flush()
        #expect(frontend.interface.sent.count == 1)
        #expect(try frontend.transmitAnswers().count == 6)
        #expect(frontend.backendState == "4")
    }

    @Test func answersAPacketInErrorAndGoesOn() throws {
        let frontend = try Self.connected()
        frontend.send([UInt8](repeating: 1, count: 13), page: 0, identifier: 1)
        frontend.bench.grants.revoke(frontend.dataGrants[2])
        frontend.send([UInt8](repeating: 2, count: 9000), page: 1, identifier: 2)
        frontend.send([UInt8](repeating: 3, count: 60), page: 5, identifier: 5)
        frontend.flush()
        #expect(frontend.interface.sent.map { $0.count } == [70])
        #expect(
            try frontend.transmitAnswers() == [
                NetTransmitResponse(identifier: 1, status: .error),
                NetTransmitResponse(identifier: 2, status: .error),
                NetTransmitResponse(identifier: 3, status: .error),
                NetTransmitResponse(identifier: 4, status: .error),
                NetTransmitResponse(identifier: 5, status: .okay),
            ])
    }

    /// A first slot whose size wrapped: known of some frontends, and no reason to stop them.
    @Test func dropsAPacketWhosePiecesAreLargerThanItself() throws {
        let frontend = try Self.connected()
        frontend.put(
            NetTransmitRequest(
                grant: frontend.dataGrants[0], offset: 0, flags: .moreData, identifier: 1, size: 100))
        frontend.put(
            NetTransmitRequest(grant: frontend.dataGrants[1], offset: 0, flags: [], identifier: 2, size: 4096)
        )
        frontend.flush()
        #expect(try frontend.transmitAnswers().map(\.status) == [.error, .error])
        #expect(frontend.interface.sent.isEmpty && frontend.backendState == "4")
    }

    @Test func closesTheDeviceOfAFrontendThatBreaksTheRules() throws {
        let slot = { (frontend: NetFrontend, flags: NetTransmitFlags, offset: UInt16, size: UInt16) in
            NetTransmitRequest(
                grant: frontend.dataGrants[0], offset: offset, flags: flags, identifier: 0, size: size)
        }
        let breakages: [(NetFrontend) -> Void] = [
            { $0.put(slot($0, .moreData, 0, 5000)) },
            { $0.put(slot($0, .extraInfo, 0, 100)) },
            { $0.put(slot($0, [], 4000, 97)) },
            { $0.put(slot($0, [], 0, 4097)) },
            {
                $0.put(slot($0, .moreData, 0, 5000))
                $0.put(slot($0, [], 4000, 200))
            },
            {
                $0.put(slot($0, .extraInfo, 0, 100))
                $0.put(NetExtraInfo.gso(.tcp4, segmentByteCount: 0))
            },
            {
                $0.put(slot($0, .extraInfo, 0, 100))
                $0.put(NetExtraInfo.gso(NetGSOType(rawValue: 9), segmentByteCount: 1000))
            },
            { for _ in 0..<22 { $0.put(slot($0, .moreData, 0, 60000)) } },
        ]
        for breakage in breakages {
            let frontend = try Self.connected()
            frontend.send([UInt8](repeating: 9, count: 60), page: 20)
            breakage(frontend)
            frontend.flush()
            #expect(frontend.backendState == "5")
            #expect(frontend.interface.sent.count == 1)
            #expect(frontend.bench.store.read("/local/domain/0/error/backend/vif/7/0/error") != nil)
            #expect(frontend.bench.grants.mappingCount == 0)
        }
    }

    @Test func closesTheDeviceOfABrokenRing() throws {
        for ring in 0..<2 {
            let frontend = try Self.connected()
            let header = ring == 0 ? frontend.transmit.memory.header : frontend.receive.memory.header
            header.store(5000, to: .requestProducer)
            frontend.interface.waiting = [Frame.header() + Frame.tcp4(payload: 1)]
            frontend.bench.events.kick(ring == 0 ? 41 : 42)
            frontend.bench.work.run()
            #expect(frontend.backendState == "5")
        }
    }

    // MARK: Receiving

    @Test(arguments: [14, 60, 1514, 4096, 4097, 65535]) func deliversFramesOfEverySize(byteCount: Int) throws
    {
        let frontend = try Self.connected()
        frontend.offer(64)
        let frame = (0..<byteCount).map { UInt8(truncatingIfNeeded: $0 &* 5 &+ $0 >> 8) }
        frontend.interface.waiting = [Frame.header() + frame]
        frontend.poll()
        let flags: NetReceiveFlags = byteCount > 4096 ? .moreData : []
        #expect(try frontend.packets() == [NetFrontend.Packet(bytes: frame, flags: flags)])
    }

    @Test func deliversManyFramesInOneCall() throws {
        let frontend = try Self.connected()
        frontend.offer(200)
        frontend.interface.waiting = (0..<50).map {
            Frame.header() + [UInt8](repeating: UInt8($0), count: 60 + $0)
        }
        frontend.poll()
        #expect(try frontend.packets().map(\.bytes.count) == (60..<110).map { $0 })
        #expect(frontend.bench.grants.copyCallCount == 1)
        #expect(frontend.bench.events.notified[42] == 1)
    }

    @Test func tellsOfBlankChecksumsAndLargePackets() throws {
        let frontend = try Self.connected()
        frontend.offer(64)
        let large = Frame.tcp4(payload: 30000)
        frontend.interface.waiting = [
            Frame.header(flags: 1, start: 34, offset: 16) + Frame.tcp4(payload: 5),
            Frame.header(flags: 1, gsoType: 1 | 0x80, headerBytes: 54, segment: 1400, start: 34, offset: 16)
                + large,
            Frame.header(flags: 2) + Frame.tcp4(payload: 6),
            Frame.header(flags: 1, gsoType: 4, headerBytes: 74, segment: 1300, start: 54, offset: 16)
                + Frame.tcp4(payload: 10),
        ]
        frontend.poll()
        let packets = try frontend.packets()
        #expect(packets.count == 4)
        #expect(packets[0].flags == NetReceiveFlags.checksumBlank.union(.dataValidated))
        #expect(packets[1].bytes == large)
        #expect(packets[1].gso == .gso(.tcp4, segmentByteCount: 1400))
        #expect(packets[2].flags == .dataValidated)
        #expect(packets[3].gso == .gso(.tcp6, segmentByteCount: 1300))
    }

    /// A frontend that does not take blank checksums over IPv6 gets finished ones.
    @Test func finishesChecksumsTheFrontendDoesNotTake() throws {
        let frontend = try Self.connected(features: [("request-rx-copy", "1"), ("feature-sg", "1")])
        frontend.offer(8)
        var frame = Frame.udp6(payload: 7)
        frame[68] = 0x12
        frame[69] = 0x34
        frontend.interface.waiting = [Frame.header(flags: 1, start: 62, offset: 6) + frame]
        frontend.poll()
        let packet = try #require(try frontend.packets().first)
        #expect(packet.flags == .dataValidated)
        // Adding everything up, what stood in the checksum's place included, gives all ones.
        var sum = 0x1234
        for index in stride(from: 62, to: packet.bytes.count, by: 2) {
            let next = index + 1 < packet.bytes.count ? Int(packet.bytes[index + 1]) : 0
            sum += Int(packet.bytes[index]) << 8 | next
        }
        while sum > 0xffff { sum = sum & 0xffff + sum >> 16 }
        #expect(sum == 0xffff)
    }

    @Test func waitsForBuffersWithoutSpinning() throws {
        let frontend = try Self.connected()
        frontend.offer(3)
        let large = [UInt8](repeating: 7, count: 20000)
        let small = [UInt8](repeating: 8, count: 100)
        frontend.interface.waiting = [Frame.header() + small, Frame.header() + large, Frame.header() + small]
        frontend.poll()
        #expect(try frontend.packets().map(\.bytes) == [small])
        // Two pages are left, five are needed: nothing is read until then.
        #expect(frontend.bench.work.activeCount == 0)
        #expect(frontend.interface.waiting.count == 1)
        frontend.offer(2)
        #expect(try frontend.packets().isEmpty)
        #expect(frontend.bench.work.activeCount == 0)
        frontend.offer(1)
        #expect(try frontend.packets().map(\.bytes) == [large])
        #expect(frontend.bench.work.activeCount == 0)  // the third has no page
        frontend.offer(10)
        #expect(try frontend.packets().map(\.bytes) == [small])
        #expect(frontend.bench.work.activeCount == 1)
    }

    @Test func marksAPageItCannotFill() throws {
        let frontend = try Self.connected()
        frontend.bench.grants.revoke(frontend.bufferGrants[1])
        frontend.offer(16)
        frontend.interface.waiting = [
            Frame.header() + [UInt8](repeating: 1, count: 9000),
            Frame.header() + [UInt8](repeating: 2, count: 50),
        ]
        frontend.poll()
        let packets = try frontend.packets()
        #expect(packets.map(\.isBroken) == [true, false])
        #expect(frontend.backendState == "4")
    }

    @Test func dropsWhatAFrontendWithoutScatterCannotTake() throws {
        let frontend = try Self.connected(features: [("request-rx-copy", "1")])
        frontend.offer(16)
        frontend.interface.waiting = [
            Frame.header() + [UInt8](repeating: 1, count: 5000),
            Frame.header() + [UInt8](repeating: 2, count: 50),
        ]
        frontend.poll()
        #expect(try frontend.packets().map(\.bytes.count) == [50])
    }

    @Test func keepsGoingAroundTheRing() throws {
        let frontend = try Self.connected()
        frontend.offer(256)
        for round in 0..<40 {
            let frames = (0..<20).map {
                [UInt8](repeating: UInt8(truncatingIfNeeded: round * 20 + $0), count: 1000 + $0 * 100)
            }
            frontend.interface.waiting = frames.map { Frame.header() + $0 }
            frontend.poll()
            #expect(try frontend.packets().map(\.bytes) == frames)
            frontend.offer(Int(frontend.receive.freeSlotCount))
        }
    }

    @Test func closesTheDeviceWhoseInterfaceIsGone() throws {
        let frontend = try Self.connected()
        frontend.interface.failure = .network(interface: "vif7.0", problem: "was deleted")
        frontend.poll()
        #expect(frontend.backendState == "5")
        #expect(frontend.bench.work.watchedCount == 0)
    }

    @Test func takesOverTheRingsOfAKilledProcess() throws {
        let frontend = try Self.connected()
        frontend.offer(32)
        frontend.send([UInt8](repeating: 4, count: 60))
        frontend.flush()
        frontend.bench.killHost()
        frontend.send([UInt8](repeating: 5, count: 61), page: 1)
        _ = frontend.transmit.publishRequests()
        frontend.interface.waiting = [Frame.header() + [UInt8](repeating: 6, count: 62)]
        let (bench, interface) = (frontend.bench, frontend.interface)
        try bench.startHost { _, _ in
            NetDriver(platform: bench.platform, domain: Bench.domain, number: 0) {
                (_, _, _) throws(BackendError) in interface
            }
        }
        frontend.poll()
        #expect(frontend.backendState == "4")
        #expect(frontend.interface.sent.map(\.count) == [70, 71])
        #expect(try frontend.transmitAnswers().count == 2)
        #expect(try frontend.packets().map(\.bytes.count) == [62])
    }
}
