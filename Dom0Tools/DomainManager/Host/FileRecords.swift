// SPDX-License-Identifier: Apache-2.0
public import Configuration
import ControlAPI

/// Records as JSON files, one a domain, named for its UUID.
public final class FileRecords: RecordKeeping {
    private let directory: String

    /// - Parameter stateDirectory: `/var/lib/swiftvisor`.
    public init(stateDirectory: String) throws(HostFailure) {
        directory = stateDirectory + "/domains"
        try System.makeDirectory(directory)
    }

    private func path(_ uuid: DomainUUID) -> String { "\(directory)/\(uuid).json" }

    public func save(_ record: DomainRecord) throws(HostFailure) {
        try System.replaceFile(path(record.uuid), with: JSON.encode(record, isPretty: true))
    }
    public func remove(_ uuid: DomainUUID) { System.remove(path(uuid)) }

    /// Files that are not records are left alone.
    public func all() -> [DomainRecord] {
        System.entries(directory).filter { $0.hasSuffix(".json") }.compactMap { name in
            guard let bytes = try? System.readFile("\(directory)/\(name)") else { return nil }
            return try? JSON.decode(DomainRecord.self, from: bytes)
        }
    }
}
