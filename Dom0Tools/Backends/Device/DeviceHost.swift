// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// All backends of one domain: finds them in the store, and ends when the last is gone.
public final class DeviceHost {
    /// Makes the driver of a device: kind (such as `vbd`) and name (its number). Nil for what is not served here.
    public typealias DriverMaker = (_ kind: String, _ name: String) -> (any DeviceDriver)?

    private let domain: DomainID
    private let platform: BackendPlatform
    private let log: Log
    private let makeDriver: DriverMaker
    private let finished: () -> Void
    private var devices: [String: BackendDevice] = [:]
    /// Devices that have ended and whose directories are still there.
    private var ended: Set<String> = []
    private var watches: [Int] = []
    private var hadDevice = false
    private var isStopped = false

    private let kinds: [String]
    private let endsWithLastDevice: Bool

    /// - Parameters:
    ///   - kinds: names of the directories below `backend` to look into.
    ///   - endsWithLastDevice: there is nothing more to do when the last device has ended.
    ///   - finished: called once when the last device has ended, or after `stop`.
    public init(
        domain: DomainID, platform: BackendPlatform, log: Log, kinds: [String] = ["vbd", "vif"],
        endsWithLastDevice: Bool = true, makeDriver: @escaping DriverMaker, finished: @escaping () -> Void
    ) {
        self.kinds = kinds
        self.endsWithLastDevice = endsWithLastDevice
        self.domain = domain
        self.platform = platform
        self.log = log
        self.makeDriver = makeDriver
        self.finished = finished
    }

    /// Devices that have not ended.
    public var deviceCount: Int { devices.count }

    private func directory(_ kind: String) -> String { "/local/domain/0/backend/\(kind)/\(domain.rawValue)" }

    /// Begins to look for devices.
    public func start() throws(BackendError) {
        for kind in kinds {
            let token = try platform.store.watch(directory(kind)) { [weak self] path in
                self?.changed(kind, path)
            }
            watches.append(token)
        }
    }

    private func changed(_ kind: String, _ path: String) {
        guard !isStopped else { return }
        let base = directory(kind)
        let parts = path.dropFirst(base.count).split(separator: "/")
        guard path.hasPrefix(base), let name = parts.first else {
            rescan(kind)
            return
        }
        let devicePath = "\(base)/\(name)"
        guard let device = devices[devicePath] else {
            rescan(kind)
            return
        }
        if parts.count == 1 {
            rescan(kind)
        } else if parts[1] == "online" {
            device.look()
        }
    }

    /// Compares the store with what is served.
    private func rescan(_ kind: String) {
        do throws(BackendError) {
            let base = directory(kind)
            let present = Set(try platform.store.list(base).map { "\(base)/\($0)" })
            for (path, device) in devices where path.hasPrefix("\(base)/") && !present.contains(path) {
                device.end(writesState: false)
            }
            ended = ended.filter { !$0.hasPrefix("\(base)/") || present.contains($0) }
            for path in present.sorted() where devices[path] == nil && !ended.contains(path) {
                // The toolstack may still be writing: `frontend` and `state` tell that all is there.
                guard try platform.store.read("\(path)/frontend") != nil,
                    try platform.store.read("\(path)/state") != nil,
                    let driver = makeDriver(kind, String(path.dropFirst(base.count + 1)))
                else { continue }
                let device = BackendDevice(
                    path: path, domain: domain, driver: driver, platform: platform, log: log
                ) {
                    [weak self] device in self?.deviceEnded(device)
                }
                devices[path] = device
                hadDevice = true
                device.start()
            }
        } catch {
            // The watches fire again when the store is back.
            log.info(error.description)
        }
    }

    private func deviceEnded(_ device: BackendDevice) {
        devices[device.path] = nil
        ended.insert(device.path)
        if devices.isEmpty && hadDevice && !isStopped && endsWithLastDevice {
            isStopped = true
            finished()
        }
    }

    /// Ends all devices, each with state `closed`, and finishes.
    public func stop() {
        guard !isStopped else { return }
        isStopped = true
        for watch in watches { platform.store.unwatch(watch) }
        for device in devices.values.sorted(by: { $0.path < $1.path }) { device.end(writesState: true) }
        finished()
    }

    /// Lets go of everything and says nothing, for tests of what the end of a process leaves behind.
    public func abandon() {
        guard !isStopped else { return }
        isStopped = true
        for watch in watches { platform.store.unwatch(watch) }
        for device in devices.values { device.abandon() }
    }
}
