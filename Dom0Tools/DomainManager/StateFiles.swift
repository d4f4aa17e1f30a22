// SPDX-License-Identifier: Apache-2.0
public import Configuration

/// What has to be known about a domain to take it over after svd was killed.
public struct DomainRecord: Codable, Hashable, Sendable {
    public var configuration: DomainConfiguration
    public var uuid: DomainUUID
    /// Nil while the domain is being built.
    public var id: Int?
    public var rings: GuestRings?
    /// True from the moment the domain was let run.
    public var isStarted: Bool
    public var startedAt: Int
    public var backendProcess: Int?
    /// True for a domain that stopped and is kept to be looked at.
    public var isPreserved: Bool
    /// True between the end of the old domain and the start of the new one when a domain restarts.
    public var isRestarting: Bool

    public init(configuration: DomainConfiguration, uuid: DomainUUID, startedAt: Int) {
        self.configuration = configuration
        self.uuid = uuid
        self.startedAt = startedAt
        isStarted = false
        isPreserved = false
        isRestarting = false
    }
}

/// Keeps the records of domains across the life of svd.
public protocol RecordKeeping: AnyObject {
    func save(_ record: DomainRecord) throws(HostFailure)
    func remove(_ uuid: DomainUUID)
    func all() -> [DomainRecord]
}
