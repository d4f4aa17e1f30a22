// SPDX-License-Identifier: Apache-2.0
import Backends
import DeviceProtocols
import DriverKitTesting
import TestSupport
import Testing
import XenABI

/// The kinds of files a disk can be in: mapped (tmpfs), and not.
let directories = ["/dev/shm", "/var/tmp"]

@Suite struct BlockBackendTests {
    static func connected(
        _ image: TemporaryImage, mode: String = "w", abi: BlockRingABI = .x86_64, pageCount: Int = 1,
        persistent: Bool = false, bench: Bench = Bench()
    ) throws -> BlockFrontend {
        BlockFrontend.toolstack(bench.store, params: image.path, mode: mode)
        try bench.startHost { _, _ in
            BlockDriver(platform: bench.platform, domain: Bench.domain, offersPersistentGrants: persistent)
        }
        let frontend = BlockFrontend(bench, abi: abi, pageCount: pageCount)
        frontend.connect(extra: persistent ? [("feature-persistent", "1")] : [])
        return frontend
    }
    /// Lets started reads and writes end: the descriptor would become readable.
    static func settle(_ frontend: BlockFrontend) throws -> [BlockResponse] {
        var responses = try frontend.takeAll()
        for _ in 0..<10_000 where frontend.ring.outstandingCount > 0 {
            frontend.bench.work.pollAll()
            frontend.bench.work.run()
            responses += try frontend.takeAll()
        }
        return responses
    }
    static func exchange(_ frontend: BlockFrontend, _ request: BlockRequest) throws -> BlockStatus? {
        frontend.put(request)
        frontend.submit()
        let responses = try settle(frontend)
        guard responses.count == 1, responses[0].identifier == request.identifier,
            responses[0].operation == request.operation
        else { return nil }
        return responses[0].status
    }

    // MARK: Handshake

    @Test func offersTheDiskAndConnects() throws {
        let image = try TemporaryImage(byteCount: 1 << 20)
        let bench = Bench()
        BlockFrontend.toolstack(bench.store, params: image.path)
        try bench.startHost { _, _ in BlockDriver(platform: bench.platform, domain: Bench.domain) }
        let frontend = BlockFrontend(bench)
        #expect(frontend.backendState == "2")
        #expect(frontend.backendKey("hotplug-status") == "connected")
        #expect(frontend.backendKey("feature-flush-cache") == "1")
        #expect(frontend.backendKey("feature-max-indirect-segments") == "64")
        #expect(frontend.backendKey("feature-discard") == "1")
        #expect(frontend.backendKey("sectors") == nil)
        frontend.connect()
        #expect(frontend.backendState == "4")
        #expect(frontend.backendKey("sectors") == "2048")
        #expect(frontend.backendKey("sector-size") == "512")
        #expect(frontend.backendKey("info") == "0")
        #expect(bench.grants.mappingCount == 1 && bench.events.boundCount == 1)
    }

    @Test func saysWhyADiskCannotBeOpened() throws {
        let bench = Bench()
        BlockFrontend.toolstack(bench.store, params: "/nowhere/disk.img")
        try bench.startHost { _, _ in BlockDriver(platform: bench.platform, domain: Bench.domain) }
        let error = try #require(bench.store.read("\(BlockFrontend.backendPath)/hotplug-error"))
        #expect(error.contains("/nowhere/disk.img") && error.contains("No such file"))
        #expect(bench.store.read("\(BlockFrontend.backendPath)/state") == "1")
        #expect(bench.store.read("\(BlockFrontend.backendPath)/hotplug-status") == "error")
    }

    @Test func refusesADiskInUse() throws {
        let image = try TemporaryImage(byteCount: 4096)
        let other = try FileStorage(path: image.path, isReadOnly: false)
        let bench = Bench()
        BlockFrontend.toolstack(bench.store, params: image.path)
        try bench.startHost { _, _ in BlockDriver(platform: bench.platform, domain: Bench.domain) }
        #expect(bench.store.read("\(BlockFrontend.backendPath)/hotplug-status") == nil)
        bench.work.run(limit: 10_000)
        let error = try #require(bench.store.read("\(BlockFrontend.backendPath)/hotplug-error"))
        #expect(error.contains("in use"))
        other.close()
    }

    /// A domain that restarts: the process of its earlier life lets go of the disk a little later.
    @Test func waitsForADiskThatIsLetGo() throws {
        let image = try TemporaryImage(byteCount: 4096)
        let other = try FileStorage(path: image.path, isReadOnly: false)
        let bench = Bench()
        BlockFrontend.toolstack(bench.store, params: image.path)
        try bench.startHost { _, _ in BlockDriver(platform: bench.platform, domain: Bench.domain) }
        bench.work.run(limit: 200)
        #expect(bench.store.read("\(BlockFrontend.backendPath)/state") == "1")
        other.close()
        bench.work.run(limit: 200)
        #expect(bench.store.read("\(BlockFrontend.backendPath)/state") == "2")
    }

    @Test(arguments: [
        ("mode", "x"), ("frontend-id", "8"), ("frontend-id", "many"),
    ]) func refusesBadToolstackKeys(key: String, value: String) throws {
        let image = try TemporaryImage(byteCount: 4096)
        let bench = Bench()
        BlockFrontend.toolstack(bench.store, params: image.path)
        bench.store.set("\(BlockFrontend.backendPath)/\(key)", value)
        try bench.startHost { _, _ in BlockDriver(platform: bench.platform, domain: Bench.domain) }
        let error = try #require(bench.store.read("\(BlockFrontend.backendPath)/hotplug-error"))
        #expect(error.contains(value))
    }

    @Test(arguments: [
        ("ring-ref", "99999"), ("ring-ref", "-1"), ("event-channel", "x"), ("protocol", "sparc-abi"),
        ("ring-page-order", "9"),
    ]) func refusesBadFrontendKeys(key: String, value: String) throws {
        let image = try TemporaryImage(byteCount: 4096)
        let bench = Bench()
        BlockFrontend.toolstack(bench.store, params: image.path)
        try bench.startHost { _, _ in BlockDriver(platform: bench.platform, domain: Bench.domain) }
        let frontend = BlockFrontend(bench)
        frontend.connect(extra: [(key, value)])
        #expect(frontend.backendState == "5")
        #expect(bench.store.read("/local/domain/0/error/backend/vbd/7/51712/error") != nil)
        #expect(bench.grants.mappingCount == 0 && bench.events.boundCount == 0)
        // The frontend may close and try again, properly this time.
        frontend.setState(6)
        #expect(frontend.backendState == "6")
        frontend.setState(1)
        #expect(frontend.backendState == "2")
        for gone in ["ring-page-order", "protocol"] {
            try bench.store.remove("\(BlockFrontend.frontendPath)/\(gone)")
        }
        frontend.connect()
        #expect(frontend.backendState == "4")
    }

    @Test func closesAndReconnects() throws {
        let image = try TemporaryImage(byteCount: 1 << 16)
        let frontend = try Self.connected(image)
        frontend.setState(5)
        #expect(frontend.backendState == "5")
        #expect(frontend.bench.grants.mappingCount == 0 && frontend.bench.events.boundCount == 0)
        frontend.setState(6)
        #expect(frontend.backendState == "6")
        frontend.setState(1)
        #expect(frontend.backendState == "2")
        let again = BlockFrontend(frontend.bench)
        again.connect()
        #expect(again.backendState == "4")
        #expect(try Self.exchange(again, again.transfer(.read, sector: 8)) == .okay)
        #expect(again.data.bytes(0, 4096) == Array(image.bytes[4096..<8192]))
    }

    @Test func endsWhenTheDeviceGoesOffline() throws {
        let image = try TemporaryImage(byteCount: 1 << 16)
        let frontend = try Self.connected(image)
        let bench = frontend.bench
        bench.store.set("\(BlockFrontend.backendPath)/online", "0")
        bench.work.run()
        #expect(!bench.isFinished)
        frontend.setState(5)
        frontend.setState(6)
        #expect(frontend.backendState == "6")
        #expect(bench.isFinished)
        #expect(bench.grants.mappingCount == 0 && bench.events.boundCount == 0)
    }

    @Test func endsWhenItsDirectoryIsRemoved() throws {
        let image = try TemporaryImage(byteCount: 1 << 16)
        let bench = try Self.connected(image).bench
        try bench.store.remove("/local/domain/0/backend/vbd/7")
        bench.work.run()
        #expect(bench.isFinished)
        #expect(bench.store.read("\(BlockFrontend.backendPath)/state") == nil)
        #expect(bench.grants.mappingCount == 0)
        // The disk is free again.
        try FileStorage(path: image.path, isReadOnly: false).close()
    }

    @Test func stopsProperlyWhenAsked() throws {
        let image = try TemporaryImage(byteCount: 1 << 16)
        let frontend = try Self.connected(image)
        frontend.bench.host?.stop()
        #expect(frontend.bench.isFinished)
        #expect(frontend.backendState == "6")
        #expect(frontend.bench.grants.mappingCount == 0 && frontend.bench.events.boundCount == 0)
    }

    // MARK: Data

    @Test(arguments: directories, [BlockRingABI.x86_64, .x86_32]) func readsAndWrites(
        directory: String, abi: BlockRingABI
    ) throws {
        let image = try TemporaryImage(byteCount: 1 << 20, directory: directory)
        let frontend = try Self.connected(image, abi: abi)
        #expect(try Self.exchange(frontend, frontend.transfer(.read, sector: 16, pageCount: 11)) == .okay)
        #expect(frontend.data.bytes(0, 11 * 4096) == Array(image.bytes[8192..<8192 + 11 * 4096]))
        let written = (0..<8192).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        frontend.data.write(written)
        #expect(try Self.exchange(frontend, frontend.transfer(.write, sector: 2032, pageCount: 2)) == .okay)
        #expect(
            try Self.exchange(frontend, .transfer(BlockTransfer(operation: .flush, identifier: 4, sector: 0)))
                == .okay)
        #expect(Array(image.bytes[(2032 * 512)...]) == written)
    }

    @Test(arguments: directories) func movesPartsOfPages(directory: String) throws {
        let image = try TemporaryImage(byteCount: 1 << 16, directory: directory)
        let frontend = try Self.connected(image)
        var transfer = BlockTransfer(operation: .read, identifier: 9, sector: 3, segmentCount: 3)
        transfer.segments[0] = BlockSegment(grant: frontend.grants[0], firstSector: 7, lastSector: 7)
        transfer.segments[1] = BlockSegment(grant: frontend.grants[1], firstSector: 1, lastSector: 2)
        transfer.segments[2] = BlockSegment(grant: frontend.grants[0], firstSector: 0, lastSector: 0)
        #expect(try Self.exchange(frontend, .transfer(transfer)) == .okay)
        #expect(frontend.data.bytes(7 * 512, 512) == Array(image.bytes[1536..<2048]))
        #expect(frontend.data.bytes(4096 + 512, 1024) == Array(image.bytes[2048..<3072]))
        #expect(frontend.data.bytes(0, 512) == Array(image.bytes[3072..<3584]))
        #expect(frontend.data.bytes(512, 512) == [UInt8](repeating: 0, count: 512))
    }

    @Test(arguments: directories, [false, true]) func takesIndirectRequests(
        directory: String, persistent: Bool
    ) throws {
        let image = try TemporaryImage(byteCount: 1 << 20, directory: directory)
        let frontend = try Self.connected(image, persistent: persistent)
        let table = RingPages()
        for index in 0..<64 {
            let words = BlockSegment(grant: frontend.grants[index], firstSector: 0, lastSector: 7).words
            for byte in 0..<4 {
                table[byte: index * 8 + byte] = UInt8(truncatingIfNeeded: words.0 >> (8 * UInt32(byte)))
                table[byte: index * 8 + 4 + byte] = UInt8(truncatingIfNeeded: words.1 >> (8 * UInt32(byte)))
            }
        }
        var grants = InlineArray<8, GrantReference>(repeating: GrantReference(rawValue: 0))
        grants[0] = frontend.bench.grants.grant(table)
        let read = BlockRequest.indirect(
            BlockIndirect(operation: .read, segmentCount: 64, identifier: 5, sector: 8, grants: grants))
        #expect(try Self.exchange(frontend, read) == .okay)
        #expect(frontend.data.bytes(0, 64 * 4096) == Array(image.bytes[4096..<65 * 4096]))
        frontend.data.write([UInt8](repeating: 0xee, count: 64 * 4096))
        let write = BlockRequest.indirect(
            BlockIndirect(operation: .write, segmentCount: 64, identifier: 6, sector: 512, grants: grants))
        #expect(try Self.exchange(frontend, write) == .okay)
        #expect(image.bytes[512 * 512..<(512 * 512 + 64 * 4096)].allSatisfy { $0 == 0xee })
        for bad in [UInt16(0), 65, 4096] {
            let request = BlockRequest.indirect(
                BlockIndirect(operation: .read, segmentCount: bad, identifier: 7, sector: 0, grants: grants))
            #expect(try Self.exchange(frontend, request) == .error)
        }
        let odd = BlockRequest.indirect(
            BlockIndirect(operation: .flush, segmentCount: 1, identifier: 8, sector: 0, grants: grants))
        #expect(try Self.exchange(frontend, odd) == .error)
        grants[0] = GrantReference(rawValue: 5)
        let ungranted = BlockRequest.indirect(
            BlockIndirect(operation: .read, segmentCount: 1, identifier: 9, sector: 0, grants: grants))
        #expect(try Self.exchange(frontend, ungranted) == .error)
    }

    @Test func mapsPersistentGrantsOnce() throws {
        let image = try TemporaryImage(byteCount: 1 << 16)
        let frontend = try Self.connected(image, persistent: true)
        #expect(frontend.backendKey("feature-persistent") == "1")
        for _ in 0..<3 {
            #expect(try Self.exchange(frontend, frontend.transfer(.read, sector: 8, pageCount: 4)) == .okay)
            #expect(frontend.data.bytes(0, 16384) == Array(image.bytes[4096..<20480]))
        }
        #expect(frontend.bench.grants.mappingCount == 5)  // the ring and four pages
        #expect(frontend.bench.grants.copySegmentCount == 0)
        frontend.setState(6)
        #expect(frontend.bench.grants.mappingCount == 0)
    }

    @Test(arguments: directories, [1, 4]) func keepsManyRequestsInFlight(directory: String, pageCount: Int)
        throws
    {
        let image = try TemporaryImage(byteCount: 1 << 20, directory: directory)
        let frontend = try Self.connected(image, pageCount: pageCount)
        var answered = 0
        for round in 0..<20 {
            let count = Int(frontend.ring.freeSlotCount)
            #expect(count == 32 * pageCount)
            for index in 0..<count {
                frontend.put(
                    frontend.transfer(
                        .read, identifier: UInt64(round * 1000 + index), sector: UInt64(index % 200) * 8,
                        page: index % 80))
            }
            frontend.submit()
            let responses = try Self.settle(frontend)
            #expect(responses.map(\.identifier) == (0..<count).map { UInt64(round * 1000 + $0) })
            #expect(responses.allSatisfy { $0.status == .okay })
            answered += responses.count
        }
        #expect(answered == 20 * 32 * pageCount)
        let last = 32 * pageCount - 1
        #expect(
            frontend.data.bytes(last % 80 * 4096, 4096) == Array(image.bytes[last * 4096..<(last + 1) * 4096])
        )
    }

    @Test func notifiesOnceForABatch() throws {
        let image = try TemporaryImage(byteCount: 1 << 16, directory: "/dev/shm")
        let frontend = try Self.connected(image)
        for index in 0..<20 { frontend.put(frontend.transfer(.read, identifier: UInt64(index), sector: 0)) }
        frontend.submit()
        #expect(frontend.bench.events.notified[BlockFrontend.port] == 1)
        #expect(frontend.bench.grants.copyCallCount == 1)
        #expect(try frontend.takeAll().count == 20)
    }

    @Test(arguments: directories) func discards(directory: String) throws {
        let image = try TemporaryImage(byteCount: 1 << 16, directory: directory)
        let frontend = try Self.connected(image)
        let whole = BlockRequest.discard(BlockDiscard(identifier: 1, sector: 16, sectorCount: 32))
        #expect(try Self.exchange(frontend, whole) == .okay)
        #expect(image.bytes[8192..<8192 + 16384].allSatisfy { $0 == 0 })
        #expect(image.bytes[8192 + 16384] == UInt8(truncatingIfNeeded: (8192 + 16384) / 512 + 8192 + 16384))
        for (sector, count) in [(UInt64(128), UInt64(1)), (0, 129), (UInt64.max, 2), (1, UInt64.max)] {
            let beyond = BlockRequest.discard(BlockDiscard(identifier: 2, sector: sector, sectorCount: count))
            #expect(try Self.exchange(frontend, beyond) == .error)
        }
        let nothing = BlockRequest.discard(BlockDiscard(identifier: 3, sector: 128, sectorCount: 0))
        #expect(try Self.exchange(frontend, nothing) == .okay)
    }

    @Test func offersNoDiscardIfTheConfigurationForbids() throws {
        let image = try TemporaryImage(byteCount: 1 << 16)
        let bench = Bench()
        BlockFrontend.toolstack(bench.store, params: image.path, discard: "0")
        try bench.startHost { _, _ in BlockDriver(platform: bench.platform, domain: Bench.domain) }
        let frontend = BlockFrontend(bench)
        #expect(frontend.backendKey("feature-discard") == nil)
        frontend.connect()
        let discard = BlockRequest.discard(BlockDiscard(identifier: 1, sector: 0, sectorCount: 8))
        #expect(try Self.exchange(frontend, discard) == .notSupported)
    }

    // MARK: Bad requests

    @Test(arguments: directories) func answersBadRequestsWithErrors(directory: String) throws {
        let image = try TemporaryImage(byteCount: 1 << 16, directory: directory)
        let before = image.bytes
        let frontend = try Self.connected(image)
        func request(
            _ operation: BlockOperation, sector: UInt64 = 0, count: UInt8 = 1, first: UInt8 = 0,
            last: UInt8 = 7,
            grant: GrantReference? = nil
        ) -> BlockRequest {
            var transfer = BlockTransfer(
                operation: operation, identifier: 1, sector: sector, segmentCount: count)
            for index in 0..<11 {
                transfer.segments[index] = BlockSegment(
                    grant: grant ?? frontend.grants[0], firstSector: first, lastSector: last)
            }
            return .transfer(transfer)
        }
        for operation in [BlockOperation.read, .write] {
            #expect(try Self.exchange(frontend, request(operation, sector: 121)) == .error)
            #expect(try Self.exchange(frontend, request(operation, sector: .max)) == .error)
            #expect(try Self.exchange(frontend, request(operation, sector: .max - 7)) == .error)
            #expect(try Self.exchange(frontend, request(operation, count: 0)) == .error)
            #expect(try Self.exchange(frontend, request(operation, count: 12)) == .error)
            #expect(try Self.exchange(frontend, request(operation, count: 255)) == .error)
            #expect(try Self.exchange(frontend, request(operation, first: 5, last: 4)) == .error)
            #expect(try Self.exchange(frontend, request(operation, last: 8)) == .error)
            let nobody = GrantReference(rawValue: 4_000_000)
            #expect(try Self.exchange(frontend, request(operation, grant: nobody)) == .error)
        }
        let readOnly = frontend.bench.grants.grant(frontend.data, page: 0, isWritable: false)
        #expect(try Self.exchange(frontend, request(.read, grant: readOnly)) == .error)
        #expect(try Self.exchange(frontend, request(.writeBarrier)) == .notSupported)
        let unknown = BlockRequest.unknown(BlockOperation(rawValue: 77), identifier: 3)
        #expect(try Self.exchange(frontend, unknown) == .notSupported)
        #expect(image.bytes == before)
        #expect(try Self.exchange(frontend, frontend.transfer(.read, sector: 120)) == .okay)
        #expect(frontend.backendState == "4")
    }

    @Test func writesNothingToAReadOnlyDisk() throws {
        let image = try TemporaryImage(byteCount: 1 << 16)
        let before = image.bytes
        let frontend = try Self.connected(image, mode: "r")
        #expect(frontend.backendKey("info") == "4")
        #expect(try Self.exchange(frontend, frontend.transfer(.write, sector: 0)) == .error)
        let discard = BlockRequest.discard(BlockDiscard(identifier: 1, sector: 0, sectorCount: 8))
        #expect(try Self.exchange(frontend, discard) == .notSupported)
        #expect(try Self.exchange(frontend, frontend.transfer(.read, sector: 0)) == .okay)
        #expect(image.bytes == before)
        // Others may read it at the same time.
        try FileStorage(path: image.path, isReadOnly: true).close()
    }

    @Test func closesTheDeviceOfABrokenRing() throws {
        let image = try TemporaryImage(byteCount: 1 << 16)
        let frontend = try Self.connected(image)
        frontend.ring.memory.header.store(1000, to: .requestProducer)
        frontend.bench.events.kick(BlockFrontend.port)
        frontend.bench.work.run()
        #expect(frontend.backendState == "5")
        let error = try #require(frontend.bench.store.read("/local/domain/0/error/backend/vbd/7/51712/error"))
        #expect(error.contains("1000"))
        #expect(frontend.bench.grants.mappingCount == 0 && frontend.bench.events.boundCount == 0)
        #expect(!frontend.bench.isFinished)
        // A new driver in the guest starts over.
        frontend.setState(6)
        frontend.setState(1)
        let again = BlockFrontend(frontend.bench)
        again.connect()
        #expect(again.backendState == "4")
    }

    /// Where a page of a mapped image cannot be had, the data goes through a buffer.
    @Test func fallsBackWhenTheMappedImageFails() throws {
        let image = try TemporaryImage(byteCount: 1 << 16, directory: "/dev/shm")
        let frontend = try Self.connected(image)
        frontend.bench.grants.failingLists = 1
        #expect(try Self.exchange(frontend, frontend.transfer(.read, sector: 8, pageCount: 2)) == .okay)
        #expect(frontend.data.bytes(0, 8192) == Array(image.bytes[4096..<12288]))
        frontend.bench.grants.failingLists = 1
        frontend.data.write([UInt8](repeating: 0x5a, count: 4096))
        #expect(try Self.exchange(frontend, frontend.transfer(.write, sector: 0)) == .okay)
        #expect(image.bytes[0..<4096].allSatisfy { $0 == 0x5a })
        frontend.bench.grants.failingLists = 2
        #expect(try Self.exchange(frontend, frontend.transfer(.write, sector: 0)) == .error)
        frontend.bench.grants.failingLists = 2
        #expect(try Self.exchange(frontend, frontend.transfer(.read, sector: 0)) == .error)
    }

    // MARK: A disk that fails, and one that takes its time

    static func scripted(_ storage: ScriptedStorage) throws -> BlockFrontend {
        let bench = Bench()
        BlockFrontend.toolstack(bench.store, params: "scripted")
        try bench.startHost { _, _ in
            BlockDriver(platform: bench.platform, domain: Bench.domain) { (_, _, _) throws(BackendError) in
                storage
            }
        }
        let frontend = BlockFrontend(bench)
        frontend.connect()
        return frontend
    }

    @Test func passesTheDisksErrorsOn() throws {
        let storage = ScriptedStorage()
        storage.geometry.discardGranularity = 512
        storage.error = 5
        let frontend = try Self.scripted(storage)
        #expect(try frontend.exchange(frontend.transfer(.read, sector: 0)) == .error)
        #expect(try frontend.exchange(frontend.transfer(.write, sector: 0)) == .error)
        #expect(
            try frontend.exchange(.transfer(BlockTransfer(operation: .flush, identifier: 1, sector: 0)))
                == .error)
        let discard = BlockRequest.discard(BlockDiscard(identifier: 1, sector: 0, sectorCount: 8))
        #expect(try frontend.exchange(discard) == .error)
        storage.error = 0
        #expect(try frontend.exchange(frontend.transfer(.read, sector: 0)) == .okay)
        #expect(
            storage.performed == ["read 0 4096", "write 0 4096", "flush", "discard 0 4096", "read 0 4096"])
    }

    @Test func aFlushWithDataIsDurable() throws {
        let storage = ScriptedStorage()
        let frontend = try Self.scripted(storage)
        #expect(try frontend.exchange(frontend.transfer(.flush, sector: 8)) == .okay)
        #expect(storage.performed == ["write 4096 4096", "flush"])
    }

    @Test func answersInOrderWhateverEndsFirst() throws {
        let storage = ScriptedStorage()
        storage.isAsynchronous = true
        let frontend = try Self.scripted(storage)
        for index in 0..<3 {
            frontend.put(frontend.transfer(.read, identifier: UInt64(index), sector: UInt64(index) * 8))
        }
        frontend.submit()
        #expect(storage.startedTokens.count == 3)
        storage.complete(2)
        frontend.bench.work.makeReadable(99)
        #expect(try frontend.takeAll().isEmpty)
        storage.complete(1, error: 5)
        storage.complete(0)
        frontend.bench.work.makeReadable(99)
        let responses = try frontend.takeAll()
        #expect(responses.map(\.identifier) == [0, 1, 2])
        #expect(responses.map(\.status) == [.okay, .error, .okay])
    }

    @Test func takesOnlyAsManyAsItHasPlacesFor() throws {
        let storage = ScriptedStorage()
        storage.isAsynchronous = true
        let frontend = try Self.scripted(storage)
        for index in 0..<32 { frontend.put(frontend.transfer(.write, identifier: UInt64(index), sector: 0)) }
        frontend.submit()
        #expect(storage.startedTokens.count == 32)
        storage.complete(0)
        frontend.bench.work.makeReadable(99)
        #expect(try frontend.takeAll().map(\.identifier) == [0])
        frontend.put(frontend.transfer(.write, identifier: 32, sector: 0))
        frontend.submit()
        #expect(storage.startedTokens.count == 32)
    }

    @Test func closingWaitsForTheDisk() throws {
        let storage = ScriptedStorage()
        storage.isAsynchronous = true
        let frontend = try Self.scripted(storage)
        for index in 0..<5 { frontend.put(frontend.transfer(.write, identifier: UInt64(index), sector: 0)) }
        frontend.submit()
        frontend.setState(5)
        #expect(try frontend.takeAll().count == 5)
        #expect(storage.startedTokens.isEmpty && frontend.bench.work.watchedCount == 0)
        #expect(!storage.isClosed)
        frontend.bench.store.set("\(BlockFrontend.backendPath)/online", "0")
        frontend.setState(6)
        #expect(storage.isClosed)
    }

    // MARK: After kill -9

    @Test func takesOverTheRingOfAKilledProcess() throws {
        let storage = ScriptedStorage()
        storage.isAsynchronous = true
        let frontend = try Self.scripted(storage)
        for index in 0..<3 {
            frontend.put(frontend.transfer(.write, identifier: UInt64(index), sector: UInt64(index)))
        }
        frontend.submit()
        storage.complete(0)
        frontend.bench.work.makeReadable(99)
        frontend.bench.killHost()
        let bench = frontend.bench
        let fresh = ScriptedStorage()
        let before = bench.events.notified[BlockFrontend.port] ?? 0
        try bench.startHost { _, _ in
            BlockDriver(platform: bench.platform, domain: Bench.domain) { (_, _, _) throws(BackendError) in
                fresh
            }
        }
        #expect(frontend.backendState == "4")
        #expect(fresh.performed == ["write 512 4096", "write 1024 4096"])
        #expect((bench.events.notified[BlockFrontend.port] ?? 0) > before)
        #expect(try frontend.takeAll().map(\.identifier) == [0, 1, 2])
        #expect(try frontend.exchange(frontend.transfer(.read, sector: 0)) == .okay)
    }

    @Test func doesNotTakeOverWhatItCannotTell() throws {
        let frontend = try Self.scripted(ScriptedStorage())
        frontend.put(frontend.transfer(.write, identifier: 1, sector: 0))
        frontend.submit()
        frontend.bench.killHost()
        // The process died between writing a response and publishing it.
        frontend.ring.memory.header.store(0x8000_0001, to: .privateWord)
        let bench = frontend.bench
        try bench.startHost { _, _ in
            BlockDriver(platform: bench.platform, domain: Bench.domain) {
                (_, _, _) throws(BackendError) in ScriptedStorage()
            }
        }
        #expect(frontend.backendState == "5")
        let error = try #require(bench.store.read("/local/domain/0/error/backend/vbd/7/51712/error"))
        #expect(error.contains("wrote responses"))
    }
}
