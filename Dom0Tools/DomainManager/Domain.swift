// SPDX-License-Identifier: Apache-2.0
import Configuration
import ControlAPI
import XenABI

/// A domain in svd's care.
final class Domain {
    enum Phase {
        /// Built, its devices not yet there.
        case starting
        case running
        /// It stopped and is kept to be looked at.
        case preserved
        /// It is being taken apart.
        case ending
    }
    let id: DomainID
    var record: DomainRecord
    let rings: GuestRings
    var phase = Phase.starting
    var console: Console?
    var backend: (any BackendProcess)?
    /// Times that a backend ended soon after its start.
    var backendRestarts = 0
    /// Seconds since 1970; 0 for a process of an earlier svd.
    var backendStartedAt = 0
    /// The files its disks use.
    var diskUses: [DiskUse] = []
    /// Called once, when the domain has stopped for good or has been replaced.
    var waiters: [(APIError?) -> Void] = []
    /// Called once with the reason if the backend ends while devices are awaited.
    var onBackendExit: ((String) -> Void)?

    init(id: DomainID, record: DomainRecord, rings: GuestRings) {
        self.id = id
        self.record = record
        self.rings = rings
    }

    var name: String { record.configuration.name }
    var nodes: DomainNodes {
        DomainNodes(id: id, uuid: record.uuid, configuration: record.configuration, rings: rings)
    }

    func tellWaiters(_ error: APIError?) {
        let waiting = waiters
        waiters = []
        for waiter in waiting { waiter(error) }
    }
}

/// A file in use as a disk.
struct DiskUse: Equatable {
    var identity: String
    var isReadOnly: Bool
    var vdev: String
}
