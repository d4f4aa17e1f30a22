// SPDX-License-Identifier: Apache-2.0

/// What an unprivileged domain may use of the store. The defaults are those of the reference implementation.
public struct Quota: Equatable, Sendable {
    /// Nodes it may own and still make one more.
    public var nodes = 1000
    public var watches = 128
    /// Value, in bytes.
    public var nodeByteCount = 2048
    /// Transactions open at the same time.
    public var transactions = 10
    /// Entries of a node's permission list.
    public var permissionsPerNode = 5
    /// Nodes read or written in one transaction.
    public var nodesPerTransaction = 1024
    /// Replies and events it has not taken out of its ring; no more requests are taken from it meanwhile.
    public var outstandingRequests = 20
    /// Path, in bytes.
    public var pathByteCount = 2048
    /// Memory of nodes, watches and pending events, in bytes. Above it the domain is logged.
    public var memorySoft = 2 << 20
    /// Above it requests that need memory fail, and events are lost.
    public var memoryHard = 5 << 19

    public init() {}

    /// The limits by the names CONTROL knows them by.
    static var names: [(String, WritableKeyPath<Quota, Int>)] {
        [
            ("nodes", \.nodes), ("watches", \.watches), ("node-size", \.nodeByteCount),
            ("transactions", \.transactions), ("node-permissions", \.permissionsPerNode),
            ("transaction-nodes", \.nodesPerTransaction), ("outstanding", \.outstandingRequests),
            ("path-length", \.pathByteCount), ("memory-soft", \.memorySoft), ("memory", \.memoryHard),
        ]
    }
}
