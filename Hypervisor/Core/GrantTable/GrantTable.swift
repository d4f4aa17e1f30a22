// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// The outcome of one entry of a grant table operation, as the ABI numbers it (`GNTST_…`); not a `XenError`.
struct GrantStatus: RawRepresentable, Error, Equatable, BitwiseCopyable {
    let rawValue: Int16
    static var okay: Self { Self(rawValue: GrantStatusCode.okay) }
    static var generalError: Self { Self(rawValue: GrantStatusCode.generalError) }
    static var badDomain: Self { Self(rawValue: GrantStatusCode.badDomain) }
    static var badReference: Self { Self(rawValue: GrantStatusCode.badReference) }
    static var badHandle: Self { Self(rawValue: GrantStatusCode.badHandle) }
    static var noDeviceSpace: Self { Self(rawValue: GrantStatusCode.noDeviceSpace) }
    static var permissionDenied: Self { Self(rawValue: GrantStatusCode.permissionDenied) }
    static var badPage: Self { Self(rawValue: GrantStatusCode.badPage) }
    static var badCopyArgument: Self { Self(rawValue: GrantStatusCode.badCopyArgument) }
    static var badVirtualAddress: Self { Self(rawValue: GrantStatusCode.badVirtualAddress) }
    static var tryAgain: Self { Self(rawValue: GrantStatusCode.tryAgain) }
}

/// A frame of frame numbers, stored plus one; 0: none.
enum FrameDirectoryLayout: ABILayout {
    static var byteCount: Int { 4096 }
    static func entry(_ index: Int) -> Field<Self, UInt32> { .init(at: index &* 4) }
}

/// What the hypervisor knows of one grant that is mapped: 16 bytes, 256 to a frame. All zero: not mapped.
enum ActiveGrantLayout: ABILayout {
    static var byteCount: Int { 16 }
    /// The granted frame, fixed while any mapping lasts.
    static var frame: Field<Self, UInt32> { .init(at: 0) }
    /// The domain that maps it.
    static var domain: Field<Self, UInt16> { .init(at: 4) }
    /// Number of read-only mappings.
    static var readers: Field<Self, UInt32> { .init(at: 8) }
    /// Number of writable mappings.
    static var writers: Field<Self, UInt32> { .init(at: 12) }
}

/// One mapping of somebody's grant in the mapper's domain: 16 bytes, 256 to a frame. The handle is its index.
enum MaptrackLayout: ABILayout {
    static var byteCount: Int { 16 }
    /// Live: the grant reference. Free: next free handle.
    static var reference: Field<Self, UInt32> { .init(at: 0) }
    /// The granter.
    static var domain: Field<Self, UInt16> { .init(at: 4) }
    /// Bit 0: live. Bit 1: writable. Bits 15:12: bits 35:32 of the gfn.
    static var flags: Field<Self, UInt16> { .init(at: 6) }
    static var frame: Field<Self, UInt32> { .init(at: 8) }
    /// Bits 31:0 of the gfn where it is mapped.
    static var gfn: Field<Self, UInt32> { .init(at: 12) }

    static var live: UInt16 { 1 }
    static var writable: UInt16 { 2 }
}

extension Field<GrantEntryV1Layout, UInt32> {
    /// `flags` (bits 15:0) and `domid` (31:16) as the one word that is compared and exchanged.
    static var flagsAndDomain: Self { .init(at: 0) }
}

/// A domain's grant table, version 1: the frames that it shares with the hypervisor (512 entries each), what
/// of it others have mapped, and what it has mapped of others. Xen public/grant_table.h.
///
/// A mapping counts once in the mapper's maptrack, once in the granter's active record of the reference, once
/// as a pin of the frame, and is one nested entry of type `grant` (`checkInvariants`). Memory grows with use.
/// Guarded by the hypervisor lock.
public struct GrantTable: ~Copyable {
    static var entriesPerFrame: UInt32 { 512 }
    static var recordsPerFrame: UInt32 { 256 }
    static var noHandle: UInt32 { .max }
    /// Most frames a table can have. Two frames of active records belong to each.
    static var frameLimit: UInt32 { 256 }
    static var maptrackFrameLimit: UInt32 { 1024 }

    /// Frames the table may grow to.
    public let maximumFrames: UInt32
    /// Frames the maptrack may grow to, each for 256 mappings.
    public let maximumMaptrackFrames: UInt32
    /// Frames the table has.
    public internal(set) var frameCount: UInt32 = 0
    /// Entries 0 to 255: the table's frames. From 256 on: frames of active records.
    var directory: MachineFrame?
    /// References of this table that somebody has mapped.
    public internal(set) var activeCount: UInt32 = 0
    /// Frames of maptrack records.
    var maptrackDirectory: MachineFrame?
    var maptrackFrameCount: UInt32 = 0
    var firstFreeHandle: UInt32 = .max
    /// Mappings that this domain has of others' grants.
    public internal(set) var mappingCount: UInt32 = 0

    /// - Parameters:
    ///   - maximumFrames: 1 to 256; what lies outside is taken as the nearest, all ones as the default, 64.
    ///   - maximumMaptrackFrames: at most 1024; more, and all ones, is taken as 1024.
    public init(maximumFrames: UInt32, maximumMaptrackFrames: UInt32) {
        let maximumFrames = maximumFrames == .max ? 64 : maximumFrames
        self.maximumFrames = max(1, min(maximumFrames, Self.frameLimit))
        self.maximumMaptrackFrames = min(maximumMaptrackFrames, Self.maptrackFrameLimit)
    }
}

extension Ref<Domain> {
    /// Entry of a directory frame; nil: none.
    @inline(__always)
    private func directoryEntry(_ directory: MachineFrame?, _ index: Int) -> MachineFrame? {
        guard let directory else { return nil }
        let word = hypervisor.state.memory.view(FrameDirectoryLayout.self, in: directory)[
            FrameDirectoryLayout.entry(index & 1023)]
        return word == 0 ? nil : MachineFrame(rawValue: UInt64(word &- 1))
    }
    private func setDirectoryEntry(_ directory: MachineFrame, _ index: Int, _ frame: MachineFrame?) {
        hypervisor.state.memory.view(FrameDirectoryLayout.self, in: directory)[
            FrameDirectoryLayout.entry(index & 1023)] =
            frame.map { UInt32(truncatingIfNeeded: $0.rawValue) &+ 1 } ?? 0
    }
    private func allocateTableFrame() throws(XenError) -> MachineFrame {
        guard let frame = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor) else {
            throw .noMemory
        }
        return frame
    }

    // MARK: The table proper

    /// The `index`th frame of the table, if the table has grown that far.
    func existingGrantFrame(_ index: UInt32) -> MachineFrame? {
        guard index < state.grants.frameCount else { return nil }
        return directoryEntry(state.grants.directory, Int(index))
    }
    /// The `index`th frame of the table, which grows to have it.
    ///
    /// Throws `invalidArgument` beyond the table's maximum (and for status frames, which version 1 lacks),
    /// `noMemory`.
    public func grantFrame(_ index: UInt32) throws(XenError) -> MachineFrame {
        guard index < state.grants.maximumFrames else { throw .invalidArgument }
        if let frame = existingGrantFrame(index) { return frame }
        guard state.lifecycle == .alive else { throw .invalidArgument }
        let directory: MachineFrame
        if let existing = state.grants.directory {
            directory = existing
        } else {
            directory = try allocateTableFrame()
            state.grants.directory = directory
        }
        var last = MachineFrame(rawValue: 0)
        while state.grants.frameCount <= index {
            last = try allocateTableFrame()
            setDirectoryEntry(directory, Int(state.grants.frameCount), last)
            state.grants.frameCount &+= 1
        }
        return last
    }
    /// The shared entry of a reference; nil beyond the table.
    @inline(__always)
    func grantEntry(_ reference: UInt32) -> SharedView<GrantEntryV1Layout>? {
        guard let frame = existingGrantFrame(reference / GrantTable.entriesPerFrame) else { return nil }
        return hypervisor.state.memory.sharedView(
            GrantEntryV1Layout.self, in: frame,
            at: Int(reference % GrantTable.entriesPerFrame) &* GrantEntryV1Layout.byteCount)
    }

    // MARK: Active records

    /// The active record of a reference of this table; nil: none of its page's references was ever mapped.
    @inline(__always)
    func activeGrant(_ reference: UInt32) -> ABIView<ActiveGrantLayout>? {
        guard reference < state.grants.frameCount &* GrantTable.entriesPerFrame,
            let frame = directoryEntry(
                state.grants.directory, Int(GrantTable.frameLimit &+ reference / GrantTable.recordsPerFrame))
        else { return nil }
        return hypervisor.state.memory.view(
            ActiveGrantLayout.self, in: frame,
            at: Int(reference % GrantTable.recordsPerFrame) &* ActiveGrantLayout.byteCount)
    }
    /// Allocates the page of a reference's active record. Throws `noMemory`. The reference lies within the
    /// table.
    func needActiveGrant(_ reference: UInt32) throws(XenError) -> ABIView<ActiveGrantLayout> {
        if let record = activeGrant(reference) { return record }
        guard let directory = state.grants.directory else { throw .invalidArgument }
        let frame = try allocateTableFrame()
        setDirectoryEntry(
            directory, Int(GrantTable.frameLimit &+ reference / GrantTable.recordsPerFrame), frame)
        return hypervisor.state.memory.view(
            ActiveGrantLayout.self, in: frame,
            at: Int(reference % GrantTable.recordsPerFrame) &* ActiveGrantLayout.byteCount)
    }

    // MARK: Maptrack

    /// The record of a handle; nil beyond what was ever given out.
    @inline(__always)
    func maptrack(_ handle: UInt32) -> ABIView<MaptrackLayout>? {
        guard handle < state.grants.maptrackFrameCount &* GrantTable.recordsPerFrame,
            let frame = directoryEntry(
                state.grants.maptrackDirectory, Int(handle / GrantTable.recordsPerFrame))
        else { return nil }
        return hypervisor.state.memory.view(
            MaptrackLayout.self, in: frame,
            at: Int(handle % GrantTable.recordsPerFrame) &* MaptrackLayout.byteCount)
    }
    /// The handle that the next mapping gets; nil: the maptrack is full, or memory is.
    func nextHandle() -> UInt32? {
        if state.grants.firstFreeHandle == GrantTable.noHandle { growMaptrack() }
        return state.grants.firstFreeHandle == GrantTable.noHandle ? nil : state.grants.firstFreeHandle
    }
    private func growMaptrack() {
        let count = state.grants.maptrackFrameCount
        guard count < state.grants.maximumMaptrackFrames else { return }
        if state.grants.maptrackDirectory == nil {
            state.grants.maptrackDirectory = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor)
        }
        guard let directory = state.grants.maptrackDirectory,
            let frame = hypervisor.state.frames.allocate(order: 0, owner: .hypervisor)
        else { return }
        setDirectoryEntry(directory, Int(count), frame)
        state.grants.maptrackFrameCount = count &+ 1
        let first = count &* GrantTable.recordsPerFrame
        var handle = first &+ GrantTable.recordsPerFrame
        while handle > first {
            handle &-= 1
            maptrack(handle)?[MaptrackLayout.reference] = state.grants.firstFreeHandle
            state.grants.firstFreeHandle = handle
        }
    }
    /// Gives a live handle back.
    func freeHandle(_ handle: UInt32, _ record: ABIView<MaptrackLayout>) {
        record[MaptrackLayout.flags] = 0
        record[MaptrackLayout.domain] = 0
        record[MaptrackLayout.frame] = 0
        record[MaptrackLayout.gfn] = 0
        record[MaptrackLayout.reference] = state.grants.firstFreeHandle
        state.grants.firstFreeHandle = handle
        state.grants.mappingCount &-= 1
    }

    // MARK: Teardown

    /// True while another domain (or this one) has pages mapped that this domain granted.
    public var hasMappedPages: Bool { state.grants.activeCount != 0 }

    /// Ends up to `limit` mappings that this domain has of others' grants. True when none is left; then the
    /// maptrack's memory is given back. The domain runs no more. Its physmap must still be there.
    public func releaseGrantMappings(limit: Int) -> Bool {
        var left = limit
        // Handles are released from the top, so that a page never looked at again can go at once.
        while state.grants.maptrackFrameCount > 0 {
            let first = (state.grants.maptrackFrameCount &- 1) &* GrantTable.recordsPerFrame
            var handle = first
            while state.grants.mappingCount > 0, handle &- first < GrantTable.recordsPerFrame {
                if let record = maptrack(handle), record[MaptrackLayout.flags] & MaptrackLayout.live != 0 {
                    guard left > 0 else { return false }
                    left &-= 1
                    endMapping(handle, record)
                }
                handle &+= 1
            }
            guard let directory = state.grants.maptrackDirectory else { break }
            let index = Int(state.grants.maptrackFrameCount &- 1)
            if let frame = directoryEntry(directory, index) { hypervisor.state.frames.free(frame) }
            setDirectoryEntry(directory, index, nil)
            state.grants.maptrackFrameCount &-= 1
            // Free handles may link to records of this page: nobody asks for a handle any more.
            state.grants.firstFreeHandle = GrantTable.noHandle
        }
        if let directory = state.grants.maptrackDirectory {
            hypervisor.state.frames.free(directory)
            state.grants.maptrackDirectory = nil
        }
        return true
    }
    /// Ends all mappings that this domain has of others' grants.
    public func releaseAllGrantMappings() { _ = releaseGrantMappings(limit: .max) }

    /// Gives back the memory of the table itself, once nothing of it is mapped (`hasMappedPages`). A frame of
    /// the table that another domain has in its map becomes free when that mapping ends.
    func freeGrantTable() {
        guard let directory = state.grants.directory else { return }
        var index = 0
        while index < 1024 {
            if let frame = directoryEntry(directory, index) {
                _ = hypervisor.state.frames.releaseFromOwner(frame)
            }
            index &+= 1
        }
        hypervisor.state.frames.free(directory)
        state.grants.directory = nil
        state.grants.frameCount = 0
        state.grants.activeCount = 0
    }
}
