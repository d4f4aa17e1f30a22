// SPDX-License-Identifier: Apache-2.0
import Glibc
import Reactor
import SharedMemory
import Synchronization
import Testing
import XenABI
import XenStoreClient
import XenStoreService
import XenStoreWire

/// A folder that is removed with all it holds.
final class TemporaryFolder: Sendable {
    let path: String
    init() {
        var template = Array("/tmp/swiftvisor-store-XXXXXX".utf8CString)
        // SAFETY: mkdtemp writes only over the Xs.
        path = unsafe template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, let made = unsafe mkdtemp(start) else { return "" }
            return unsafe String(cString: made)
        }
    }
    deinit {
        // SAFETY: the strings live during the calls.
        for name in ["socket", "journal", "journal.new"] { _ = unsafe unlink(path + "/" + name) }
        _ = unsafe rmdir(path)
    }
}

/// A service on a reactor of its own thread, for clients that block.
final class ServiceThread: @unchecked Sendable {
    let folder: TemporaryFolder
    let reactor: Reactor
    let service: XenStoreService
    var socket: String { folder.path + "/socket" }
    private var thread = pthread_t()

    init(folder: TemporaryFolder = TemporaryFolder(), journal: Bool = false) throws {
        self.folder = folder
        reactor = try Reactor()
        service = XenStoreService(reactor: reactor)
        if journal { try service.openJournal(folder.path + "/journal") }
        try service.listen(at: folder.path + "/socket")
        // SAFETY: the retained self is taken over by the thread.
        let argument = unsafe Unmanaged.passRetained(self).toOpaque()
        unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                unsafe Unmanaged<ServiceThread>.fromOpaque(argument).takeRetainedValue().reactor.run()
                return nil
            }, argument)
    }

    /// Does the work on the service's thread and waits for it.
    func onService(_ work: @escaping @Sendable (XenStoreService) -> Void) {
        let done = Mutex(false)
        reactor.submit { [self] in
            work(service)
            done.withLock { $0 = true }
        }
        while !done.withLock({ $0 }) { sched_yield() }
    }

    /// Ends the thread and closes the sockets.
    func stop() {
        onService { $0.stop() }
        reactor.stop()
        pthread_join(thread, nil)
    }
}

/// A ring page in memory, with the guest's end of it.
@safe final class GuestRing {
    let page: UnsafeMutableRawPointer
    let view: SharedView<XenStoreRingLayout>
    var notifications = 0
    private var framer = XenStoreFramer()

    init() {
        unsafe page = .allocate(byteCount: 4096, alignment: 4096)
        unsafe page.initializeMemory(as: UInt8.self, repeating: 0, count: 4096)
        // SAFETY: the page lives as long as self, which the ring holds as its owner.
        unsafe view = SharedView(unsafeBase: page)
    }
    deinit { unsafe page.deallocate() }

    func makeRing() -> XenStoreRing {
        XenStoreRing(page: view, owner: self) { [unowned self] in notifications += 1 }
    }

    /// Puts as much as fits into the request ring; returns how much.
    func put(_ bytes: ArraySlice<UInt8>) -> Int {
        let producer = view.load(.requestProducer)
        let room = 1024 - Int(producer &- view.load(.requestConsumer))
        let chunk = bytes.prefix(room)
        for (index, byte) in chunk.enumerated() {
            view.store(
                byte,
                to: Field<XenStoreRingLayout, UInt8>.requests.element(Int(producer &+ UInt32(index)) & 1023))
        }
        view.store(producer &+ UInt32(chunk.count), to: .requestProducer)
        return chunk.count
    }

    /// Takes whole packets out of the response ring.
    func take() -> [(header: XenStoreHeader, payload: [UInt8])] {
        let consumer = view.load(.responseConsumer)
        let count = view.load(.responseProducer) &- consumer
        var bytes: [UInt8] = []
        for index in 0..<count {
            bytes.append(
                view.load(Field<XenStoreRingLayout, UInt8>.responses.element(Int(consumer &+ index) & 1023)))
        }
        view.store(consumer &+ count, to: .responseConsumer)
        var packets: [(XenStoreHeader, [UInt8])] = []
        do {
            _ = try framer.feed(bytes.span) {
                packets.append(($0, $1.copied()))
                return true
            }
        } catch {
            Issue.record("malformed packet: \(error)")
        }
        return packets
    }
}
