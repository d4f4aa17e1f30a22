// SPDX-License-Identifier: Apache-2.0
import Backends
import DeviceProtocols
import Testing
import TrafficCounts
import XenABI

@Suite struct TrafficTests {
    private let log = Log(level: .error, prefix: "test")

    @Test func aFileIsReadAsItWasWritten() throws {
        var bytes = [UInt8](repeating: 0, count: 32)
        bytes[0] = 1
        bytes[9] = 2
        bytes[23] = 0x80
        bytes[24...31] = [255, 255, 255, 255, 255, 255, 255, 255]
        let counts = try #require(TrafficCounts(bytes))
        #expect(counts[.netReceived] == 1 && counts[.netSent] == 512)
        #expect(counts[.blockRead] == 1 << 63 && counts[.blockWritten] == .max)
        #expect(TrafficCounts([]) == nil && TrafficCounts(bytes + [0]) == nil)
    }

    @Test func whereTheFileCannotBeNothingIsCounted() {
        #expect(Traffic(file: "/nowhere/7", log: log).counts == nil)
        #expect(Traffic().counts == TrafficCounts([UInt8](repeating: 0, count: 32)))
    }

    @Test func whoComesLaterGoesOnCounting() throws {
        let file = try TemporaryImage(byteCount: 0)
        var written = 0
        for _ in 1...2 {
            let bench = Bench(traffic: Traffic(file: file.path, log: log))
            let image = try TemporaryImage(byteCount: 1 << 20)
            let frontend = try BlockBackendTests.connected(image, bench: bench)
            #expect(
                try BlockBackendTests.exchange(
                    frontend, frontend.transfer(.write, sector: 0, pageCount: 3)) == .okay)
            written += 3 * 4096
            // As svd reads it, while it is still in use.
            #expect(TrafficCounts(file.bytes)?[.blockWritten] == UInt64(written))
        }
    }

    @Test(arguments: directories) func disksCountWhatTheyMoved(directory: String) throws {
        let image = try TemporaryImage(byteCount: 1 << 20, directory: directory)
        let frontend = try BlockBackendTests.connected(image)
        func exchange(_ request: BlockRequest) throws -> BlockStatus? {
            try BlockBackendTests.exchange(frontend, request)
        }
        #expect(try exchange(frontend.transfer(.read, sector: 16, pageCount: 11)) == .okay)
        #expect(try exchange(frontend.transfer(.write, sector: 2032, pageCount: 2)) == .okay)
        // What fails, and what moves nothing.
        #expect(try exchange(frontend.transfer(.read, sector: 2047, pageCount: 1)) == .error)
        #expect(
            try exchange(.transfer(BlockTransfer(operation: .flush, identifier: 4, sector: 0))) == .okay)
        let counts = try #require(frontend.bench.platform.traffic.counts)
        #expect(counts[.blockRead] == 11 * 4096 && counts[.blockWritten] == 2 * 4096)
        #expect(counts[.netReceived] == 0 && counts[.netSent] == 0)
    }

    @Test func cardsCountFramesWithoutTheirHeaders() throws {
        let frontend = try NetBackendTests.connected()
        for byteCount in [60, 1514, 5000] { frontend.send([UInt8](repeating: 7, count: byteCount)) }
        frontend.flush()
        frontend.offer(64)
        frontend.interface.waiting = [100, 9000].map { Frame.header() + [UInt8](repeating: 1, count: $0) }
        frontend.poll()
        #expect(try frontend.packets().count == 2)
        let counts = try #require(frontend.bench.platform.traffic.counts)
        #expect(counts[.netSent] == 6574 && counts[.netReceived] == 9100)
        #expect(counts[.blockRead] == 0 && counts[.blockWritten] == 0)
    }
}
