// SPDX-License-Identifier: Apache-2.0
import Glibc
import Synchronization
import Testing

@testable import Reactor

/// A pipe whose ends close with it.
final class Pipe {
    let reader: Int32
    let writer: Int32
    init() {
        var ends: [Int32] = [-1, -1]
        // SAFETY: two descriptors fit the array.
        _ = unsafe ends.withUnsafeMutableBufferPointer { unsafe pipe($0.baseAddress) }
        reader = ends[0]
        writer = ends[1]
    }
    func write(_ byte: UInt8) {
        var byte = byte
        // SAFETY: one byte is read from a live variable.
        _ = unsafe Glibc.write(writer, &byte, 1)
    }
    func read() -> UInt8? {
        var byte: UInt8 = 0
        // SAFETY: one byte is written to a live variable.
        return unsafe Glibc.read(reader, &byte, 1) == 1 ? byte : nil
    }
    deinit {
        close(reader)
        close(writer)
    }
}

@Suite(.serialized) struct ReactorTests {
    @Test func callsTheHandlerWhileDataIsLeft() throws {
        let reactor = try Reactor()
        let pipe = Pipe()
        pipe.write(1)
        pipe.write(2)
        var got: [UInt8] = []
        try reactor.watch(pipe.reader, .readable) { ready in
            #expect(ready == .readable)
            if let byte = pipe.read() { got.append(byte) }
            if got.count == 2 { reactor.stop() }
        }
        reactor.run()
        #expect(got == [1, 2])
    }

    @Test func reportsHangUpAsReadableEvenWithoutInterest() throws {
        let reactor = try Reactor()
        var ends: [Int32] = [-1, -1]
        // SAFETY: two descriptors fit the array.
        _ = unsafe ends.withUnsafeMutableBufferPointer { unsafe pipe($0.baseAddress) }
        close(ends[1])
        var ready: Reactor.Interest = []
        let token = try reactor.watch(ends[0], []) { ready = $0 }
        reactor.turn(limit: 1000)
        #expect(ready == .readable)
        reactor.cancel(token)
        close(ends[0])
    }

    @Test func followsAnUpdateOfTheInterest() throws {
        let reactor = try Reactor()
        let pipe = Pipe()
        var calls = 0
        let token = try reactor.watch(pipe.writer, []) { ready in
            #expect(ready == .writable)
            calls += 1
        }
        reactor.turn(limit: 0)
        #expect(calls == 0)
        try reactor.update(token, .writable)
        reactor.turn(limit: 1000)
        #expect(calls == 1)
        try reactor.update(token, [])
        reactor.turn(limit: 0)
        #expect(calls == 1)
    }

    @Test func neverCallsACancelledHandlerThoughBothWereReady() throws {
        let reactor = try Reactor()
        let pipes = [Pipe(), Pipe()]
        var tokens: [Reactor.Watching] = []
        var calls = 0
        for pipe in pipes {
            pipe.write(1)
            tokens.append(
                try reactor.watch(pipe.reader, .readable) { _ in
                    calls += 1
                    for token in tokens { reactor.cancel(token) }
                })
        }
        reactor.turn(limit: 1000)
        reactor.turn(limit: 0)
        #expect(calls == 1)
    }

    @Test func aStaleTokenDoesNotReachTheNextUserOfItsSlot() throws {
        let reactor = try Reactor()
        let pipe = Pipe()
        let old = try reactor.watch(pipe.reader, .readable) { _ in Issue.record("cancelled handler called") }
        reactor.cancel(old)
        var calls = 0
        try reactor.watch(pipe.reader, .readable) { _ in calls += 1 }
        reactor.cancel(old)
        try reactor.update(old, [])
        pipe.write(1)
        reactor.turn(limit: 1000)
        #expect(calls == 1)
    }

    @Test func refusesBadDescriptorsByName() throws {
        let reactor = try Reactor()
        #expect(throws: SystemCallError(operation: "watch descriptor -1", number: EBADF)) {
            try reactor.watch(-1, .readable) { _ in }
        }
        let pipe = Pipe()
        try reactor.watch(pipe.reader, .readable) { _ in }
        #expect(throws: SystemCallError(operation: "watch descriptor \(pipe.reader)", number: EEXIST)) {
            try reactor.watch(pipe.reader, .readable) { _ in }
        }
        #expect(throws: SystemCallError(operation: "catch signal 4711", number: EINVAL)) {
            try reactor.onSignal(4711) {}
        }
        #expect(
            SystemCallError(operation: "watch descriptor 7", number: EBADF).description
                == "cannot watch descriptor 7: Bad file descriptor")
    }

    @Test func firesTimersInOrderOfDeadlineAndNotCancelledOnes() throws {
        let reactor = try Reactor()
        var order: [Int] = []
        reactor.after(milliseconds: 20) {
            order.append(20)
            reactor.stop()
        }
        reactor.after(milliseconds: 5) { order.append(5) }
        reactor.after(milliseconds: 0) { order.append(0) }
        let cancelled = reactor.after(milliseconds: 10) { order.append(10) }
        reactor.after(milliseconds: 0) { order.append(1) }
        #expect(cancelled.isPending)
        cancelled.cancel()
        #expect(!cancelled.isPending)
        let start = EventQueue.nanoseconds
        reactor.run()
        #expect(order == [0, 1, 5, 20])
        #expect(EventQueue.nanoseconds - start >= 20_000_000)
    }

    @Test func aTimerThatRestartsItselfDoesNotStarveTheLoop() throws {
        let reactor = try Reactor()
        let pipe = Pipe()
        pipe.write(1)
        var spins = 0
        func spin() {
            spins += 1
            if spins < 1000 { reactor.after(milliseconds: 0, spin) }
        }
        spin()
        var seenAt = 0
        try reactor.watch(pipe.reader, .readable) { _ in
            seenAt = spins
            reactor.stop()
        }
        reactor.run()
        #expect(seenAt < 10)
    }

    @Test func takesWorkFromOtherThreadsInOrder() throws {
        let reactor = try Reactor()
        let got = Mutex<[Int]>([])
        let thread = Thread {
            for item in 0..<1000 { reactor.submit { got.withLock { $0.append(item) } } }
            reactor.submit { reactor.stop() }
        }
        reactor.run()
        thread.join()
        #expect(got.withLock { $0 } == Array(0..<1000))
    }

    @Test func listenersReplaceAnOldSocketAndRemoveTheirOwn() throws {
        let reactor = try Reactor()
        let path = "/tmp/swiftvisor-listener-\(UInt64.random(in: 0 ... .max))"
        let old = try UnixListener(reactor, path: path) { _ in }
        let listener = try UnixListener(reactor, path: path) { _ in }
        // SAFETY: the text lives during the calls.
        #expect(unsafe access(path, F_OK) == 0)
        listener.close()
        #expect(unsafe access(path, F_OK) != 0)
        old.close()
        #expect(throws: SystemCallError(operation: "listen at /nowhere/socket", number: ENOENT)) {
            try UnixListener(reactor, path: "/nowhere/socket") { _ in }
        }
        let long = "/tmp/" + String(repeating: "x", count: 110)
        #expect(throws: SystemCallError(operation: "listen at \(long)", number: ENAMETOOLONG)) {
            try UnixListener(reactor, path: long) { _ in }
        }
    }

    @Test func stopBeforeRunMakesRunReturn() throws {
        let reactor = try Reactor()
        reactor.stop()
        reactor.run()
    }

    @Test func deliversSignals() throws {
        let reactor = try Reactor()
        var got: [Int32] = []
        try reactor.onSignal(SIGUSR1) { got.append(SIGUSR1) }
        try reactor.onSignal(SIGUSR2) {
            got.append(SIGUSR2)
            reactor.stop()
        }
        pthread_kill(pthread_self(), SIGUSR1)
        pthread_kill(pthread_self(), SIGUSR2)
        reactor.run()
        #expect(got == [SIGUSR1, SIGUSR2])
    }
}

/// A joinable thread.
final class Thread: @unchecked Sendable {
    private var handle = pthread_t()
    private let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
        // SAFETY: the retained self is taken over by the thread.
        let argument = unsafe Unmanaged.passRetained(self).toOpaque()
        unsafe pthread_create(
            &handle, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<Thread>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, argument)
    }
    func join() {
        pthread_join(handle, nil)
    }
}
