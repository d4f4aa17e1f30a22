// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Reactor
import Testing

@testable import DomainManager

@Suite struct SocketServerTests {
    private final class Service {
        let reactor: Reactor
        let path: String
        private(set) var server: SocketServer?
        private(set) var streams: [SocketStream] = []
        private(set) var inputs: [[UInt8]] = []
        private(set) var closes = 0

        init(_ directory: String, limit: Int = 8, outputLimit: Int = 4 << 20) throws {
            reactor = try Reactor()
            path = directory + "/socket"
            server = try SocketServer(reactor, path: path, limit: limit, outputLimit: outputLimit) {
                [unowned self] stream in
                streams.append(stream)
                stream.onInput = { [weak self] in self?.inputs.append($0) }
                stream.onClose { [weak self] in self?.closes += 1 }
            }
        }
        /// Drops the references that keep streams alive from outside of the server.
        func forgetStreams() { streams = [] }
        func turn() { for _ in 0..<10 { reactor.turn(limit: 1) } }
    }

    @Test func turnsAwayWhoIsTooMany() throws {
        try withDirectory { directory in
            let service = try Service(directory, limit: 2)
            let first = try UnixSocket(connectingTo: service.path)
            let second = try UnixSocket(connectingTo: service.path)
            let third = try UnixSocket(connectingTo: service.path)
            service.turn()
            #expect(try third.read() == [])
            #expect(service.streams.count == 2)
            // Room for another once one has gone.
            _ = consume second
            service.turn()
            #expect(service.closes == 1)
            let fourth = try UnixSocket(connectingTo: service.path)
            service.turn()
            try fourth.write([7])
            service.turn()
            #expect(service.inputs == [[7]])
            _ = first.descriptor
        }
    }

    @Test func whatIsSentWaitsForTheReader() throws {
        try withDirectory { directory in
            let service = try Service(directory)
            let peer = try UnixSocket(connectingTo: service.path)
            service.turn()
            let stream = try #require(service.streams.first)
            stream.send([UInt8](repeating: 5, count: 1 << 20))
            service.server?.close(waits: true)
            #expect(throws: UnixSocket.Failure.noSuchFile) { _ = try UnixSocket(connectingTo: service.path) }
            var count = 0
            while count < 1 << 20 {
                service.reactor.turn(limit: 1)
                count += try peer.read().count
            }
            service.turn()
            #expect(try peer.read() == [] && service.closes == 1 && !stream.isOpen)
        }
    }

    @Test func aPeerThatHangsUpWithInputAndOutputUnderWayIsLetGoOnce() throws {
        try withDirectory { directory in
            let service = try Service(directory)
            do {
                let peer = try UnixSocket(connectingTo: service.path)
                service.turn()
                service.streams.first?.send([UInt8](repeating: 5, count: 1 << 20))
                try peer.write([1])
            }
            service.forgetStreams()
            service.turn()
            #expect(service.closes == 1)
        }
    }

    @Test func aPeerThatIsTooFarBehindIsLetGo() throws {
        try withDirectory { directory in
            let service = try Service(directory, outputLimit: 1000)
            let peer = try UnixSocket(connectingTo: service.path)
            service.turn()
            service.streams.first?.send([UInt8](repeating: 5, count: 1 << 20))
            #expect(service.closes == 1 && service.streams.first?.isOpen == false)
            var count = 0
            while case let bytes = try peer.read(), !bytes.isEmpty { count += bytes.count }
            #expect(count < 1 << 20)
        }
    }
}
