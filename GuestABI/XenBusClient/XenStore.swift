// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI
public import XenBus

/// This guest's connection to the store: see `XenStoreConnection`.
public typealias XenStore = XenStoreConnection

extension XenStoreConnection {
    /// The connection of this domain, made at the first call: maps the page that the toolstack provided, takes it over from
    /// whatever ran here before, and lets `EventLoop` call the handlers of watches. Starts `Events` if need be.
    ///
    /// For vCPU 0, outside interrupt handlers. Waits for the store; while a request waits, nothing else of `EventLoop` runs.
    /// - Parameter timeout: for each request of the connection from now on that does not say otherwise; set at the first
    ///   call, and later `XenStoreConnection.timeout`.
    /// - Throws: `unreachable(noDevice)` in a domain without a store, as Dom0 is before it starts one; `timedOut` if the
    ///   store does not answer.
    public static func open(_ timeout: Timeout = .store) throws(XenStoreFailure) -> XenStore {
        if let known = EventLoop.knownStore { return known }
        let store: XenStore
        do throws(XenError) {
            try Events.start()
            let frame = try HVM.parameter(HVMParameter.storeFrame)
            let number = try HVM.parameter(HVMParameter.storePort)
            guard frame != 0, frame < 1 << 40, number != 0, number < EventChannelLimit.twoLevelPorts else {
                throw .noDevice
            }
            AddressSpace.ensureIdentity(GuestPhysical(rawValue: frame << 12))
            let port = EventPort(rawValue: UInt32(number))
            let page = MappedPage(unsafeAddress: frame << 12).sharedView(XenStoreRingLayout.self)
            // The handler has nothing to do but wake the vCPU.
            try Events.handle(port) {}
            store = XenStoreConnection(
                ring: XenStoreClientRing(page),
                waiting: Waiting(
                    now: { Clock.now }, isAllowed: { !Events.isDelivering },
                    sleep: { deadline, isDone in Events.wait(before: deadline, until: isDone) }),
                notify: { try? EventChannel.send(port) })
        } catch { throw .unreachable(error) }
        store.timeout = timeout
        try store.takeOver()
        EventLoop.keep(store)
        return store
    }
}
