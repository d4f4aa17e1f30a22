// SPDX-License-Identifier: Apache-2.0
import Backends
import DriverKitTesting
import Foundation
import RingProtocol
import SharedMemory
import XenABI

/// One domain's devices in memory, and pages that its frontend shares.
final class FuzzBench {
    let domain = DomainID(rawValue: 7)
    let work = InMemoryWork()
    let grants: InMemoryGrants
    let events: InMemoryEvents
    let store: InMemoryStore
    let platform: BackendPlatform
    var host: DeviceHost?

    init() {
        grants = InMemoryGrants(domain: domain)
        events = InMemoryEvents(work: work)
        store = InMemoryStore(work: work)
        platform = BackendPlatform(grants: grants, events: events, store: store, work: work)
    }
    func start(_ makeDriver: @escaping DeviceHost.DriverMaker) {
        let host = DeviceHost(
            domain: domain, platform: platform, log: Log(level: .error, prefix: "fuzz"),
            makeDriver: makeDriver
        ) {}
        do { try host.start() } catch { FuzzTarget.fault("the host does not start: \(error)") }
        self.host = host
        work.run()
    }
    /// The backend stops by itself, and gives back what it had.
    func end(_ frontendPath: String) {
        store.set("\(frontendPath)/state", "6")
        work.run(limit: 100_000)
        host?.stop()
        work.run(limit: 100_000)
        host = nil
        FuzzTarget.expect(grants.mappingCount == 0, "a grant is still mapped at the end")
        FuzzTarget.expect(events.boundCount == 0, "a port is still bound at the end")
    }
}

/// Pages of a frontend, each granted.
final class FuzzPages {
    let memory: LocalMemory
    private(set) var references: [GrantReference] = []
    init(_ count: Int, _ grants: InMemoryGrants) {
        guard let memory = LocalMemory.allocate(byteCount: count * 4096) else {
            FuzzTarget.fault("no memory")
        }
        self.memory = memory
        for page in 0..<count { references.append(grants.grant(memory, ownedBy: self, page: page)) }
    }
    deinit { memory.deallocate() }
    func write(_ bytes: [UInt8], at offset: Int) {
        for (index, byte) in bytes.enumerated() where offset + index < memory.byteCount {
            memory.store(byte, at: offset + index)
        }
    }
}

/// What a hostile frontend does to a ring: slots with grants that are good or bad, indexes that lie, in any order.
private func attack(
    _ reader: inout ByteReader, _ ring: FuzzPages, slotByteCount: Int, data: FuzzPages, grantOffsets: [Int],
    kick: () -> Void
) {
    let memory = ring.memory.ring(slotByteCount: slotByteCount)
    var produced: UInt32 = 0
    var rounds = 0
    while !reader.isAtEnd, rounds < 64 {
        rounds += 1
        let what = reader.byte()
        switch what & 7 {
        case 0, 1, 2, 3:
            var slot = reader.bytes(slotByteCount)
            // Most grants are ones there are.
            if what & 0x80 == 0 {
                for offset in grantOffsets where offset + 4 <= slot.count {
                    let reference = data.references[Int(slot[offset]) % data.references.count].rawValue
                    for byte in 0..<4 {
                        slot[offset + byte] = UInt8(truncatingIfNeeded: reference >> UInt32(8 * byte))
                    }
                }
            }
            ring.write(slot, at: 64 + Int(produced & (memory.slotCount - 1)) * slotByteCount)
            produced &+= 1
            if what & 0x40 != 0 { continue }
        case 4: produced = produced &+ UInt32(reader.byte() & 3)
        case 5: memory.header.store(reader.word(), to: .responseEvent)
        case 6: data.write(reader.bytes(16), at: Int(reader.half()) * 8)
        default:
            memory.header.store(reader.word(), to: .requestProducer)
            kick()
            continue
        }
        memory.header.store(produced, to: .requestProducer)
        kick()
    }
}

/// The disk of all block runs of a process: a file without a name, which goes with the process.
private let diskPath: String = {
    let path = "/dev/shm/swiftvisor-fuzz-\(getpid()).img"
    guard FileManager.default.createFile(atPath: path, contents: Data(count: 1 << 18)),
        let handle = FileHandle(forUpdatingAtPath: path)
    else { FuzzTarget.fault("no room for a disk in /dev/shm") }
    try? FileManager.default.removeItem(atPath: path)
    unsafe disk = handle
    return "/proc/self/fd/\(handle.fileDescriptor)"
}()
nonisolated(unsafe) private var disk: FileHandle?

func fuzzBlockBackend(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    let shape = reader.byte()
    let is64 = shape & 1 == 0
    let pageCount = 1 << Int(shape >> 1 & 1)
    let bench = FuzzBench()
    let backend = "/local/domain/0/backend/vbd/7/51712"
    let frontend = "/local/domain/7/device/vbd/51712"
    for (key, value) in [
        ("frontend", frontend), ("frontend-id", "7"), ("online", "1"), ("mode", shape & 4 == 0 ? "w" : "r"),
        ("type", "phy"), ("params", diskPath), ("dev", "xvda"), ("state", "1"),
    ] { bench.store.set("\(backend)/\(key)", value) }
    bench.store.set("\(frontend)/state", "1")
    bench.start { _, _ in
        BlockDriver(platform: bench.platform, domain: bench.domain, offersPersistentGrants: shape & 8 != 0)
    }
    let ring = FuzzPages(pageCount, bench.grants)
    let data = FuzzPages(12, bench.grants)
    let slotByteCount = is64 ? 112 : 108
    _ = FrontRing(initializing: ring.memory.ring(slotByteCount: slotByteCount))
    if pageCount > 1 {
        bench.store.set("\(frontend)/ring-page-order", "1")
        for page in 0..<pageCount {
            bench.store.set("\(frontend)/ring-ref\(page)", "\(ring.references[page].rawValue)")
        }
    } else {
        bench.store.set("\(frontend)/ring-ref", "\(ring.references[0].rawValue)")
    }
    bench.store.set("\(frontend)/event-channel", "33")
    bench.store.set("\(frontend)/protocol", is64 ? "x86_64-abi" : "x86_32-abi")
    if shape & 8 != 0 { bench.store.set("\(frontend)/feature-persistent", "1") }
    bench.store.set("\(frontend)/state", "3")
    bench.work.run()
    bench.store.set("\(frontend)/state", "4")
    bench.work.run()
    // Grants of direct segments, and of indirect pages; the data pages hold segment lists too.
    let offsets = (0..<11).map { (is64 ? 24 : 20) + 8 * $0 }
    for page in 0..<4 {
        for index in 0..<64 {
            data.memory.store(data.references[(page + index) % 12].rawValue, at: page * 4096 + index * 8)
            data.memory.store(UInt16(0x0700), at: page * 4096 + index * 8 + 4)
        }
    }
    attack(&reader, ring, slotByteCount: slotByteCount, data: data, grantOffsets: offsets) {
        bench.events.kick(33)
        bench.work.run()
        bench.work.pollAll()
        bench.work.run()
    }
    for _ in 0..<16 {
        bench.work.pollAll()
        bench.work.run(limit: 10)
    }
    bench.end(frontend)
}

/// An interface that swallows frames and has some to give.
private final class FuzzInterface: NetworkInterface {
    static var headerByteCount: Int { 10 }
    let descriptor: Int32 = 77
    var failure: BackendError?
    var waiting: [[UInt8]] = []
    func setOffload(_ offload: NetworkOffload) {}
    func setUp(_ isUp: Bool) {}
    func receive(into memory: LocalMemory) -> Int? {
        guard let frame = waiting.popLast() else { return nil }
        let count = min(frame.count, memory.byteCount)
        for index in 0..<count { memory.store(frame[index], at: index) }
        return count
    }
    func send(_ memory: LocalMemory) -> Bool {
        FuzzTarget.expect(
            memory.byteCount >= 10 && memory.byteCount <= 10 + 65535, "a frame of \(memory.byteCount) bytes")
        return true
    }
    func close() {}
}

func fuzzNetBackend(_ bytes: [UInt8]) {
    var reader = ByteReader(bytes)
    let shape = reader.byte()
    let bench = FuzzBench()
    let interface = FuzzInterface()
    let backend = "/local/domain/0/backend/vif/7/0"
    let frontend = "/local/domain/7/device/vif/0"
    bench.store.set("\(frontend)/state", "1")
    for (key, value) in [
        ("frontend", frontend), ("frontend-id", "7"), ("online", "1"), ("handle", "0"),
        ("mac", "00:16:3e:00:00:01"), ("bridge", "xenbr0"), ("state", "1"),
    ] { bench.store.set("\(backend)/\(key)", value) }
    bench.start { _, _ in
        NetDriver(platform: bench.platform, domain: bench.domain, number: 0) {
            (_, _, _) throws(BackendError) in interface
        }
    }
    let transmit = FuzzPages(1, bench.grants)
    let receive = FuzzPages(1, bench.grants)
    let data = FuzzPages(8, bench.grants)
    _ = FrontRing(initializing: transmit.memory.ring(slotByteCount: 12))
    _ = FrontRing(initializing: receive.memory.ring(slotByteCount: 8))
    for (key, value) in [
        ("tx-ring-ref", "\(transmit.references[0].rawValue)"),
        ("rx-ring-ref", "\(receive.references[0].rawValue)"),
        ("event-channel-tx", "41"), ("event-channel-rx", "42"), ("feature-sg", shape & 1 == 0 ? "1" : "0"),
        ("feature-gso-tcpv4", "1"), ("feature-gso-tcpv6", "1"), ("feature-ipv6-csum-offload", "1"),
        ("request-rx-copy", "1"),
        ("state", "4"),
    ] { bench.store.set("\(frontend)/\(key)", value) }
    bench.work.run()
    let half = reader.bytes(Int(reader.half() & 0x3ff))
    var first = ByteReader(half)
    attack(&first, transmit, slotByteCount: 12, data: data, grantOffsets: [0]) {
        bench.events.kick(41)
        bench.work.run()
    }
    while interface.waiting.count < 8, reader.byte() & 1 != 0 {
        // A header and a frame; lengths beyond a page happen too.
        interface.waiting.append(reader.bytes(10) + reader.bytes(Int(reader.half() & 0x1fff)))
    }
    attack(&reader, receive, slotByteCount: 8, data: data, grantOffsets: [4]) {
        bench.work.makeReadable(77)
        bench.events.kick(42)
        bench.work.run()
    }
    bench.end(frontend)
}
