// SPDX-License-Identifier: Apache-2.0
import SharedMemory

/// What a trace record is about.
public enum TraceEvent: UInt16, BitwiseCopyable, Sendable {
    case none = 0, exit, hypercall, switchTo, interrupt, inject, error, nestedFault, upcall, ended
}

/// One trace record: 32 bytes.
public struct TraceRecord: BitwiseCopyable, Sendable {
    public var tsc: UInt64 = 0
    public var event: TraceEvent = .none
    public var domain: UInt16 = 0
    public var vcpu: UInt32 = 0
    public var first: UInt64 = 0
    public var second: UInt64 = 0
    public init() {}
    public init(tsc: UInt64, event: TraceEvent, domain: UInt16, vcpu: UInt32, first: UInt64, second: UInt64) {
        self.tsc = tsc
        self.event = event
        self.domain = domain
        self.vcpu = vcpu
        self.first = first
        self.second = second
    }
}

/// The last things that happened, for the panic report and the console keys. Off until `isEnabled`: the hot path then pays
/// one test.
public struct TraceRing: ~Copyable {
    let storage: FixedArray<TraceRecord>
    public private(set) var produced: UInt64 = 0
    public var isEnabled = false
    /// - Parameter storage: a power of two of records.
    public init(storage: FixedArray<TraceRecord>) { self.storage = storage }
    public mutating func append(_ record: TraceRecord) {
        storage[Int(truncatingIfNeeded: produced & UInt64(storage.count &- 1))] = record
        produced &+= 1
    }
    /// The record `back` steps before the newest (0: the newest); nil if there is none.
    public func recent(_ back: UInt64) -> TraceRecord? {
        guard back < produced, back < UInt64(storage.count) else { return nil }
        return storage[Int(truncatingIfNeeded: (produced &- 1 &- back) & UInt64(storage.count &- 1))]
    }
}
