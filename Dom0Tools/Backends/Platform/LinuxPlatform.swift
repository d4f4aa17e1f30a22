// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc
import LinuxXen
public import Reactor
import XenABI

/// Grants through Linux's grant device.
final class LinuxGrants: GrantAccess {
    private final class Mapping: MappedGrants {
        private let mapping: GrantMapping
        let memory: LocalMemory
        init(_ mapping: GrantMapping) {
            self.mapping = mapping
            // SAFETY: `mapping` keeps the pages as long as this object lives.
            memory = unsafe LocalMemory(unsafeBase: mapping.pages.base, byteCount: mapping.pages.byteCount)
        }
    }
    private let device: GrantDevice
    /// A second open file, for copies: they belong to no mapping.
    private let descriptor: Int32

    init() throws(BackendError) {
        do throws(XenCallError) { device = try GrantDevice() } catch { throw .hypervisor(error.description) }
        descriptor = unsafe sv_open_device("/dev/xen/gntdev")
        guard descriptor >= 0 else {
            throw .hypervisor("/dev/xen/gntdev: \(BackendError.text(-descriptor))")
        }
    }
    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    func map(
        _ references: [GrantReference], of domain: DomainID, isWritable: Bool
    ) throws(BackendError) -> any MappedGrants {
        do throws(XenCallError) {
            return Mapping(try device.map(references, of: domain, isWritable: isWritable))
        } catch {
            throw .hypervisor(error.description)
        }
    }

    func copy(_ list: inout GrantCopyList) -> Bool {
        let descriptor = descriptor
        // SAFETY: the kernel reads and writes `count` segments; their local sides were bounds-checked when added.
        return unsafe list.submit { (count, segments) in unsafe sv_gntdev_copy(descriptor, count, segments) }
            >= 0
    }
}

/// Event channels through Linux's event channel device.
final class LinuxEvents: EventAccess {
    private let device: EventChannelDevice
    /// By local port.
    private var handlers: [(() -> Void)?] = []

    init(_ reactor: Reactor) throws(BackendError) {
        do throws(XenCallError) { device = try EventChannelDevice() } catch {
            throw .hypervisor(error.description)
        }
        do throws(SystemCallError) {
            try reactor.watch(device.descriptor, .readable) { [unowned self] _ in dispatch() }
        } catch {
            throw .hypervisor("event channel device: \(error)")
        }
    }

    private func dispatch() {
        try? device.readPendingPorts { port in
            let index = Int(port.rawValue)
            // A port that was closed while its event was on its way.
            guard index < handlers.count, let handler = handlers[index] else { return }
            handler()
            if handlers[index] != nil { try? device.unmask(port) }
        }
    }

    func bind(
        to port: EventPort, of domain: DomainID, _ handler: @escaping () -> Void
    ) throws(BackendError) -> EventPort {
        do throws(XenCallError) {
            let local = try device.bind(to: port, of: domain)
            while handlers.count <= Int(local.rawValue) { handlers.append(nil) }
            handlers[Int(local.rawValue)] = handler
            return local
        } catch {
            throw .hypervisor(error.description)
        }
    }
    func notify(_ port: EventPort) { try? device.notify(port) }
    func unbind(_ port: EventPort) {
        if Int(port.rawValue) < handlers.count { handlers[Int(port.rawValue)] = nil }
        try? device.unbind(port)
    }
}

/// Work and descriptors in the process's event loop.
final class ReactorWork: WorkAccess {
    private let reactor: Reactor
    private var watchings: [Int: Reactor.Watching] = [:]
    private var next = 0

    init(_ reactor: Reactor) { self.reactor = reactor }

    func after(milliseconds: Int, _ work: @escaping () -> Void) {
        reactor.after(milliseconds: milliseconds, work)
    }
    func watchReadable(_ descriptor: Int32, _ handler: @escaping () -> Void) throws(BackendError) -> Int {
        do throws(SystemCallError) {
            next += 1
            watchings[next] = try reactor.watch(descriptor, .readable) { _ in handler() }
            return next
        } catch {
            throw .hypervisor("event loop: \(error)")
        }
    }
    func setActive(_ token: Int, _ isActive: Bool) {
        if let watching = watchings[token] { try? reactor.update(watching, isActive ? .readable : []) }
    }
    func cancelWatching(_ token: Int) {
        if let watching = watchings.removeValue(forKey: token) { reactor.cancel(watching) }
    }
}

extension BackendPlatform {
    /// The real ones: Linux's Xen devices, and the store behind a unix socket.
    /// - Throws: `hypervisor` or `store`, if this is no Dom0 or the store's daemon does not run.
    public static func linux(
        _ reactor: Reactor, storePath: String, traffic: Traffic, log: Log
    ) throws(BackendError) -> BackendPlatform {
        return BackendPlatform(
            grants: try LinuxGrants(), events: try LinuxEvents(reactor),
            store: try LinuxStore(reactor, path: storePath, log: log), work: ReactorWork(reactor),
            traffic: traffic)
    }
}
