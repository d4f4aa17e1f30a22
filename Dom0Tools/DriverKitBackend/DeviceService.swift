// SPDX-License-Identifier: Apache-2.0
public import Backends
public import DriverKit
public import XenABI

/// The backend's half of a split device, as its author writes it: one object for each device of each domain.
///
/// All calls come from one thread. The requests are the guest's: any words at all may stand in them.
public protocol DeviceService: AnyObject {
    associatedtype Device: SplitDevice
    /// Requests are answered in the order in which they came. Then a backend process that was killed can be started again
    /// without the guest noticing; otherwise its devices begin anew. True unless said otherwise.
    static var answersInOrder: Bool { get }
    /// Opens what the device stands for, as its settings say.
    /// - Throws: what is wrong with the settings; it goes into the log and the store.
    init(_ device: DeviceContext) throws(BackendError)
    /// What the frontend may want to know before it connects: keys of the backend's directory. Empty unless said otherwise.
    var offers: [(key: String, value: String)] { get }
    /// Answers one request, now or later, through `reply`.
    func serve(_ request: Device.Request, _ reply: Reply<Device>)
    /// The frontend has gone; replies are not sent any more. Nothing unless said otherwise.
    func disconnected()
}

extension DeviceService {
    public static var answersInOrder: Bool { true }
    public var offers: [(key: String, value: String)] { [] }
    public func disconnected() {}
}

/// What a service knows of its device, and how it reaches the guest's pages.
public final class DeviceContext {
    /// The domain of the frontend.
    public let domain: DomainID
    public let log: Log
    /// The device's directory of the backend: its settings are the keys of `device = [ '…' ]` in the configuration.
    public let settings: DeviceKeys
    /// Grants, event channels, store and timers, for what the methods here do not cover.
    public let platform: BackendPlatform

    init(domain: DomainID, settings: DeviceKeys, platform: BackendPlatform, log: Log) {
        self.domain = domain
        self.settings = settings
        self.platform = platform
        self.log = log
    }

    /// Copies bytes out of a page that the guest shared. Nil if the range leaves the page or the guest shared no such page.
    public func copy(from reference: GrantReference, offset: Int, count: Int) -> [UInt8]? {
        guard offset >= 0, count > 0, offset <= 4096, count <= 4096 - offset,
            let buffer = LocalMemory.allocate(byteCount: 4096)
        else { return count == 0 ? [] : nil }
        defer { buffer.deallocate() }
        var list = GrantCopyList(capacity: 1)
        list.append(from: reference, of: domain, offset: offset, to: buffer.slice(0, count))
        guard platform.grants.copy(&list), list.succeeded(0..<1) else { return nil }
        return (0..<count).map { buffer.load($0, as: UInt8.self) }
    }

    /// Copies bytes into a page that the guest shared. False if they do not fit there, or the guest shared no such page.
    public func copy(_ bytes: [UInt8], to reference: GrantReference, offset: Int) -> Bool {
        guard offset >= 0, offset <= 4096, bytes.count <= 4096 - offset else { return false }
        guard !bytes.isEmpty else { return true }
        guard let buffer = LocalMemory.allocate(byteCount: 4096) else { return false }
        defer { buffer.deallocate() }
        for (index, byte) in bytes.enumerated() { buffer.store(byte, at: index) }
        var list = GrantCopyList(capacity: 1)
        list.append(from: buffer.slice(0, bytes.count), to: reference, of: domain, offset: offset)
        return platform.grants.copy(&list) && list.succeeded(0..<1)
    }
}

/// The way to answer one request: call `send` once. Dropped without, the request is never answered, and the log says so.
public final class Reply<Device: SplitDevice> {
    private let number: UInt32
    private let log: Log
    private var put: ((Device.Response) -> Void)?

    init(number: UInt32, log: Log, put: @escaping (Device.Response) -> Void) {
        self.number = number
        self.log = log
        self.put = put
    }
    deinit { if put != nil { log.error("request \(number) was dropped without an answer") } }

    /// Sends the answer, at the latest when the service has returned to its event loop.
    public func send(_ response: Device.Response) {
        guard let put else { return log.error("request \(number) was answered twice") }
        self.put = nil
        var slot = response.slot
        slot[word: 0] = number
        put(Device.Response(slot: slot))
    }
}
