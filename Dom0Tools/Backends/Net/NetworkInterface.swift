// SPDX-License-Identifier: Apache-2.0
import CBackends
import Glibc

/// What packets from the interface may leave to their receiver.
public struct NetworkOffload: Equatable, Sendable {
    /// The frontend takes packets whose transport checksum is blank.
    public var checksum = false
    /// The frontend takes such packets over IPv6.
    public var checksum6 = false
    /// The frontend cuts large TCP packets itself.
    public var tcp4 = false
    public var tcp6 = false
    public init() {}
}

/// Dom0's side of a virtual network card: frames, each after a 10-byte `virtio_net_hdr`.
public protocol NetworkInterface: AnyObject {
    /// Bytes before each frame.
    static var headerByteCount: Int { get }
    /// Readable when a frame waits.
    var descriptor: Int32 { get }
    /// Says what frames that are read may leave undone.
    func setOffload(_ offload: NetworkOffload)
    /// Up while a frontend is connected.
    func setUp(_ isUp: Bool)
    /// Why nothing can be read any more; nil while the interface works.
    var failure: BackendError? { get }
    /// Reads one header and frame into `memory`. Bytes read; nil if none waits.
    func receive(into memory: LocalMemory) -> Int?
    /// Sends a header and frame. False if it was refused; it is lost then.
    func send(_ memory: LocalMemory) -> Bool
    func close()
}

/// The header before a frame. `struct virtio_net_hdr`, Virtio 1.2 §5.1.6, little-endian.
struct VirtioNetHeader: Equatable {
    static let byteCount = 10
    var flags: UInt8 = 0
    var gsoType: UInt8 = 0
    var headerByteCount: UInt16 = 0
    var segmentByteCount: UInt16 = 0
    var checksumStart: UInt16 = 0
    var checksumOffset: UInt16 = 0

    init() {}
    init(decoding memory: LocalMemory) {
        flags = memory.load(0, as: UInt8.self)
        gsoType = memory.load(1, as: UInt8.self)
        headerByteCount = memory.load(2, as: UInt16.self)
        segmentByteCount = memory.load(4, as: UInt16.self)
        checksumStart = memory.load(6, as: UInt16.self)
        checksumOffset = memory.load(8, as: UInt16.self)
    }
    func encode(to memory: LocalMemory) {
        memory.store(flags, at: 0)
        memory.store(gsoType, at: 1)
        memory.store(headerByteCount, at: 2)
        memory.store(segmentByteCount, at: 4)
        memory.store(checksumStart, at: 6)
        memory.store(checksumOffset, at: 8)
    }
    /// `VIRTIO_NET_HDR_F_NEEDS_CSUM`.
    static var needsChecksum: UInt8 { sv_vnet_needs_checksum }
    /// `VIRTIO_NET_HDR_F_DATA_VALID`.
    static var dataValid: UInt8 { sv_vnet_data_valid }
    /// `VIRTIO_NET_HDR_GSO_TCPV4`.
    static var gsoTCP4: UInt8 { sv_vnet_gso_tcp4 }
    /// `VIRTIO_NET_HDR_GSO_TCPV6`.
    static var gsoTCP6: UInt8 { sv_vnet_gso_tcp6 }
    /// `VIRTIO_NET_HDR_GSO_ECN`, a bit beside the type.
    static var gsoECN: UInt8 { sv_vnet_gso_ecn }
}

/// A tap device of the kernel, attached to a bridge. It vanishes when it is closed.
public final class TapInterface: NetworkInterface {
    public static var headerByteCount: Int { VirtioNetHeader.byteCount }
    public let descriptor: Int32
    public let name: String
    public private(set) var failure: BackendError?
    private var isClosed = false

    /// - Parameters:
    ///   - bridge: to attach it to; nil for none.
    ///   - mtu: bytes; nil for the kernel's default.
    /// - Throws: `network`.
    public init(name: String, bridge: String?, mtu: Int?) throws(BackendError) {
        self.name = name
        // 15 characters is Linux's limit.
        guard name.utf8.count < 16 else { throw .network(interface: name, problem: "the name is too long") }
        // SAFETY: here and below, the C functions read the terminated text and keep nothing of it.
        if let bridge, unsafe sv_interface_index(bridge) < 0 {
            throw .network(
                interface: name,
                problem: "bridge '\(bridge)' does not exist: create it (ip link add \(bridge) type bridge) "
                    + "or correct the vif's bridge=")
        }
        let fd = unsafe sv_tap_open(name)
        guard fd >= 0 else {
            var problem = "no tap device: \(BackendError.text(-fd))"
            if fd == -ENOENT || fd == -ENODEV { problem += "; load the kernel module 'tun'" }
            throw .network(interface: name, problem: problem)
        }
        do throws(BackendError) {
            try Self.check(unsafe sv_interface_set_port_address(name), name, "set its address")
            if let mtu {
                try Self.check(
                    unsafe sv_interface_set_mtu(name, Int32(clamping: mtu)), name, "set its MTU \(mtu)")
            }
            if let bridge {
                let index = unsafe sv_interface_index(name)
                // SAFETY: the C function reads the terminated text and keeps nothing of it.
                try Self.check(unsafe sv_bridge_add(bridge, index), name, "attach it to bridge '\(bridge)'")
            }
        } catch {
            _ = Glibc.close(fd)
            throw error
        }
        descriptor = fd
    }

    private static func check(_ result: Int32, _ name: String, _ action: String) throws(BackendError) {
        guard result >= 0 else {
            throw .network(interface: name, problem: "cannot \(action): \(BackendError.text(-result))")
        }
    }

    public func setOffload(_ offload: NetworkOffload) {
        _ = sv_tap_set_offload(
            descriptor, offload.checksum ? 1 : 0, offload.tcp4 ? 1 : 0, offload.tcp6 ? 1 : 0)
    }
    public func setUp(_ isUp: Bool) { _ = unsafe sv_interface_set_up(name, isUp ? 1 : 0) }

    public func receive(into memory: LocalMemory) -> Int? {
        // SAFETY: `memory` gives its own bounds.
        let count = unsafe sv_tap_read(descriptor, memory.base, UInt64(memory.byteCount))
        if count < 0 && count != Int64(-EAGAIN) && count != Int64(-EINTR) {
            failure = .network(
                interface: name, problem: "cannot be read: \(BackendError.text(Int32(-count)))")
        }
        return count > 0 ? Int(count) : nil
    }
    public func send(_ memory: LocalMemory) -> Bool {
        // SAFETY: `memory` gives its own bounds.
        unsafe sv_tap_write(descriptor, memory.base, UInt64(memory.byteCount)) >= 0
    }
    public func close() {
        guard !isClosed else { return }
        isClosed = true
        _ = Glibc.close(descriptor)
    }
    deinit { close() }
}
