// SPDX-License-Identifier: Apache-2.0
public import DriverKit
public import XenABI
public import XenBus
import XenStoreWire

/// What `DriverKit`'s frontends stand on in a guest: its grant table, its event channels, its store. For vCPU 0, outside
/// interrupt handlers.
public final class GuestPlatform: FrontendPlatform {
    /// A port with a handler.
    public final class Port: FrontendPort {
        private let owned: OwnedPort
        public var port: EventPort { owned.port }

        fileprivate init(for domain: DomainID, _ onEvent: @escaping () -> Void) throws(XenError) {
            owned = try OwnedPort(unboundFor: domain)
            try Events.handle(owned.port, onEvent)
        }
        deinit { Events.ignore(owned.port) }
        public func notify() { try? owned.send() }
    }
    /// A watch that is set.
    public final class Watch {
        private let watch: XenStoreWatch
        fileprivate init(_ watch: consuming XenStoreWatch) { self.watch = watch }
    }

    private let store: XenStore

    /// Connects to the store, if that has not happened yet.
    /// - Throws: `store`.
    public init() throws(DriverError) {
        do throws(XenStoreFailure) { store = try XenStore.open() } catch { throw .store(error) }
    }

    public func share(
        pageCount: Int, with domain: DomainID, isReadOnly: Bool
    ) throws(DriverError) -> SharedGuestPages {
        do throws(XenError) {
            return try SharedGuestPages(count: pageCount, for: domain, isReadOnly: isReadOnly)
        } catch {
            throw error == .noMemory || error == .noSpace ? .exhausted : .hypervisor(error)
        }
    }
    public func openPort(
        to domain: DomainID, onEvent: @escaping () -> Void
    ) throws(DriverError) -> Port {
        do throws(XenError) { return try Port(for: domain, onEvent) } catch { throw .hypervisor(error) }
    }
    public func read(_ path: StoreText) throws(DriverError) -> StoreText? {
        do throws(XenStoreFailure) { return try store.readIfPresent(path) } catch {
            // A missing node below a directory that is not ours is refused as `accessDenied`: a backend that went.
            if error == .refused(.accessDenied) { return nil }
            throw .store(error)
        }
    }
    public func write(_ values: [(path: StoreText, value: StoreText)]) throws(DriverError) {
        do throws(XenStoreFailure) {
            try store.transaction { transaction throws(XenStoreFailure) in
                for (path, value) in values { try transaction.write(path, value) }
            }
        } catch {
            throw .store(error)
        }
    }
    public func watch(_ path: StoreText, _ onChange: @escaping () -> Void) throws(DriverError) -> Watch {
        do throws(XenStoreFailure) { return Watch(try store.watch(path) { _ in onChange() }) } catch {
            throw .store(error)
        }
    }
    public var now: UInt64 { Clock.now }
    public func wait(before deadline: UInt64, until condition: () -> Bool) -> Bool {
        EventLoop.wait(before: deadline, until: condition)
    }
}
