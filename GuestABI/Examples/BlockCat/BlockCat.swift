// SPDX-License-Identifier: Apache-2.0
import DeviceProtocols
import GuestABI
import XenABI
import XenBus

/// What the command line asks for.
struct Settings {
    /// 0 is the first disk there is.
    var disk: UInt32 = 0
    /// Bytes of one request.
    var chunk = 64 << 10
    /// Requests under way at the same time.
    var depth = 4
    /// MiB to go over, from the start of the disk; 0 is all of it.
    var mebibytes: UInt64 = 0
    /// Chooses the pattern.
    var seed: UInt64 = 1
    var options = BlockDiskOptions()
}

/// A pattern that tells each word's place: the seed and the word's number on the disk, mixed.
func word(_ number: UInt64, _ seed: UInt64) -> UInt64 {
    let mixed = (number &+ seed &* 0x9E37_79B9_7F4A_7C15) &* 0xBF58_476D_1CE4_E5B9
    return mixed ^ (mixed &>> 29)
}

/// How a run goes over the disk.
enum Mode {
    case read, write, rewrite, verify
    var isWrite: Bool { self == .write || self == .rewrite }
    var name: StaticString {
        switch self {
        case .read: "read"
        case .write: "write"
        case .rewrite: "rewrite"
        case .verify: "verify"
        }
    }
}

/// Goes over the disk with several requests under way, each with a buffer of its own.
struct Run: ~Copyable {
    private final class Lane {
        let buffer: BlockBuffer
        var isBusy = false
        var sector: UInt64 = 0
        var byteCount = 0
        var error: BlockError?
        init(_ buffer: consuming BlockBuffer) { self.buffer = buffer }
    }
    private var lanes: [Lane] = []
    private let settings: Settings
    private let byteCount: UInt64
    /// Words that are not what `verify` expected, and the first of them.
    private(set) var wrongCount: UInt64 = 0
    private(set) var firstWrong: UInt64 = 0
    private(set) var sum: UInt64 = 0

    init(_ disk: borrowing BlockDisk, _ settings: Settings) throws(BlockError) {
        self.settings = settings
        let size = disk.geometry?.byteCount ?? 0
        byteCount = settings.mebibytes == 0 ? size : settings.mebibytes << 20
        if byteCount > size { throw .outOfRange }
        for _ in 0..<settings.depth {
            lanes.append(Lane(try disk.makeBuffer(byteCount: settings.chunk)))
        }
    }

    /// Starts a request for each chunk and looks at each that ended.
    mutating func go(_ disk: borrowing BlockDisk, _ mode: Mode) throws(BlockError) {
        let isWrite = mode.isWrite
        let name = mode.name
        let start = Clock.now
        var position: UInt64 = 0
        var done: UInt64 = 0
        var shown: UInt64 = 0
        var index = 0
        while done < byteCount {
            let lane = lanes[index]
            index = (index + 1) % lanes.count
            if lane.isBusy || lane.byteCount > 0 {
                // Chunks are looked at in the order they were asked for.
                EventLoop.wait { !lane.isBusy }
                if let error = lane.error { throw error }
                if !isWrite { check(lane, verifies: mode == .verify) }
                done += UInt64(lane.byteCount)
                lane.byteCount = 0
                if done - shown >= byteCount / 4, done < byteCount {
                    shown = done
                    Console.print("blockcat: \(name) \(done >> 10) of \(byteCount >> 10) KiB")
                }
            }
            guard position < byteCount else { continue }
            lane.byteCount = Int(min(UInt64(settings.chunk), byteCount - position))
            lane.sector = position / 512
            lane.isBusy = true
            position += UInt64(lane.byteCount)
            let finished: (BlockError?) -> Void = {
                lane.error = $0
                lane.isBusy = false
            }
            if isWrite {
                if mode == .write { fill(lane) }
                try disk.write(
                    sector: lane.sector, from: lane.buffer, 0..<lane.byteCount, completion: finished)
            } else {
                try disk.read(
                    sector: lane.sector, into: lane.buffer, 0..<lane.byteCount, completion: finished)
            }
        }
        if isWrite, disk.geometry?.flushOperation != nil { try disk.flush() }
        let nanoseconds = max(1, Clock.now - start)
        let rate = (byteCount >> 10) * 1_000_000 / (nanoseconds / 1000 + 1)
        Console.print(
            "blockcat: \(name) \(byteCount >> 10) KiB, \(nanoseconds / 1_000_000) ms, \(rate) KiB/s")
    }

    private func fill(_ lane: Lane) {
        let first = lane.sector * 64
        for index in 0..<lane.byteCount / 8 {
            lane.buffer[word: index * 8] = word(first + UInt64(index), settings.seed)
        }
    }
    private mutating func check(_ lane: Lane, verifies: Bool) {
        let first = lane.sector * 64
        // Reading for the throughput alone looks at a word of each page.
        let step = verifies ? 8 : 4096
        for offset in stride(from: 0, to: lane.byteCount, by: step) {
            let found = lane.buffer[word: offset]
            sum = sum &* 31 &+ found
            if verifies, found != word(first + UInt64(offset / 8), settings.seed) {
                if wrongCount == 0 { firstWrong = lane.sector * 512 + UInt64(offset) }
                wrongCount += 1
            }
        }
    }
}
