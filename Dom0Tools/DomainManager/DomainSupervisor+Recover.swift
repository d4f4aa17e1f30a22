// SPDX-License-Identifier: Apache-2.0
import Configuration
import ControlAPI
import XenABI

extension DomainSupervisor {
    /// Takes over the domains that an earlier svd left, and removes what it left unfinished. Call it once, at the start.
    public func recover() throws(APIError) {
        let there = try with.hypervisor.domains()
        with.store.releaseAll(except: Set(there.map(\.id)))
        for record in with.records.all() {
            let status = there.first { $0.handle == record.uuid.bytes && $0.id != .zero }
            if let status, record.isStarted, !record.isRestarting, record.id == Int(status.id.rawValue),
                let rings = record.rings
            {
                adopt(record, rings, status)
            } else if let status, !record.isRestarting || record.id == nil {
                logger.warning("removing \(record.configuration.name), which was not finished")
                end(
                    Domain(id: status.id, record: record, rings: record.rings ?? GuestRings.none),
                    keepsRecord: record.isRestarting
                ) {
                    [self] in
                    if record.isRestarting { restart(record) }
                }
            } else if record.isRestarting {
                restart(record)
            } else {
                // It stopped while nobody looked; its nodes may still be there.
                if let id = record.id, !there.contains(where: { $0.id.rawValue == UInt16(clamping: id) }) {
                    let nodes = DomainNodes(
                        id: DomainID(rawValue: UInt16(clamping: id)), uuid: record.uuid,
                        configuration: record.configuration, rings: record.rings ?? .none)
                    for root in nodes.roots { with.store.remove(root) }
                    with.consoleHistory(nodes.id)?.remove()
                    with.host.forgetTraffic(of: nodes.id)
                }
                with.records.remove(record.uuid)
            }
        }
        domainsChanged()
    }

    private func restart(_ record: DomainRecord) {
        create(
            record.configuration, paused: false, programWait: limits.deviceWait, progress: { _ in }
        ) { [self] result in
            if case .failure(let error) = result {
                with.records.remove(record.uuid)
                logger.error("\(record.configuration.name) cannot be started again: \(error.message)")
            }
        }
    }

    private func adopt(_ record: DomainRecord, _ rings: GuestRings, _ status: DomainStatus) {
        let domain = Domain(id: status.id, record: record, rings: rings)
        domain.phase = record.isPreserved ? .preserved : .running
        domains[status.id] = domain
        for disk in record.configuration.disks {
            guard let file = try? with.host.inspect(disk.target, forWriting: false) else { continue }
            domain.diskUses.append(
                DiskUse(identity: file.identity, isReadOnly: disk.isReadOnly, vdev: disk.vdev))
        }
        do throws(APIError) {
            let nodes = domain.nodes
            // The store kept its contents if it is durable; otherwise the domain finds at least what it started with.
            if with.store.read(nodes.home + "/domid") == nil {
                try write(nodes.skeleton())
                for device in nodes.devices() { try write(device.nodes) }
            }
            try attachRings(domain)
            guard nodes.devices().contains(where: { $0.program == nil }), !record.isPreserved else { return }
            domain.backend = record.backendProcess.flatMap { number in
                with.host.adoptBackend(number, for: domain.id) { [weak self, weak domain] why in
                    guard let self, let domain else { return }
                    self.backendEnded(domain, why)
                }
            }
            if domain.backend == nil { try startBackend(domain) }
        } catch {
            logger.error("\(domain.name) cannot be taken over fully: \(error.message)")
        }
        logger.info("took over \(domain.name), domain \(domain.id.rawValue)")
    }
}

extension GuestRings {
    /// Those of a domain that has none yet.
    static var none: GuestRings { GuestRings(storeFrame: 0, storePort: 0, consoleFrame: 0, consolePort: 0) }
}
