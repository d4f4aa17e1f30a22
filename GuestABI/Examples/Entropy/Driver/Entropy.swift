// SPDX-License-Identifier: Apache-2.0
public import DriverKit
public import RingProtocol
public import XenABI

/// A device that gives random bytes: what both halves agree on.
public enum Entropy: SplitDevice {
    public static var kind: StaticString { "entropy" }
    /// Four pages: room for 1024 requests.
    public static var ringPageOrder: UInt32 { 2 }
    /// Bytes that one request can ask for: what a page holds.
    public static var limit: Int { 4096 }

    /// "Put so many random bytes into that page."
    public struct Request: RingMessage {
        public var slot: RingSlot<3>
        public init(slot: RingSlot<3>) { self.slot = slot }
        public init(count: Int, page: GrantReference) {
            slot = RingSlot()
            slot[word: 1] = UInt32(truncatingIfNeeded: count)
            slot[word: 2] = page.rawValue
        }
        public var count: Int { Int(slot[word: 1]) }
        public var page: GrantReference { GrantReference(rawValue: slot[word: 2]) }
    }

    /// "So many are there."
    public struct Response: RingMessage {
        public var slot: RingSlot<2>
        public init(slot: RingSlot<2>) { self.slot = slot }
        /// - Parameter count: as many as were asked for, or 0: the request could not be served.
        public init(count: Int) {
            slot = RingSlot()
            slot[word: 1] = UInt32(truncatingIfNeeded: count)
        }
        public var count: Int { Int(slot[word: 1]) }
    }
}

extension Frontend where Device == Entropy {
    /// Waits for `count` random bytes, at most `Entropy.limit`.
    /// - Throws: `exhausted` if the backend has none, and what `call` throws: `timedOut` after `requestTimeout`.
    public func randomBytes(_ count: Int) throws(DriverError) -> [UInt8] {
        while true {
            // A page of its own for each attempt: a backend that is gone, or late, may still write to the one before.
            let page = try share(isReadOnly: false)
            let answer: Entropy.Response
            do throws(DriverError) {
                let request = Entropy.Request(count: count, page: page.reference(0))
                answer = try call(request, keeping: [page])
            } catch {
                // To ask once more does no harm here.
                guard error == .disconnected else { throw error }
                continue
            }
            // The backend is not believed: a count that was not asked for is no answer.
            guard answer.count == count, count <= Entropy.limit else { throw .exhausted }
            return page.bytes(0, count)
        }
    }
}
