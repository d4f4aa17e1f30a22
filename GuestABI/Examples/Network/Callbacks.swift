// SPDX-License-Identifier: Apache-2.0
import CNetworkStack
import DeviceProtocols
import GuestABI
import XenBus

// What the stack calls: see NetworkStack.h. All on vCPU 0, inside calls from Network.swift and TCPConnection.swift.
// SAFETY: `Network.state` is used by vCPU 0 outside interrupt handlers.

@c(network_random) @used
func networkRandom() -> UInt32 {
    // SAFETY: as above. Numbers that a stranger cannot easily guess, no more.
    guard let state = unsafe Network.state else { return 4 }
    state.random = (state.random ^ Clock.now) &* 0x5851_F42D_4C95_7F2D &+ 0x1405_7B7E_F767_814F
    return UInt32(truncatingIfNeeded: state.random >> 32)
}

@c(network_milliseconds) @used
func networkMilliseconds() -> UInt32 { UInt32(truncatingIfNeeded: Clock.now / 1_000_000) }

@c(network_transmit) @used
func networkTransmit(
    _ frame: UnsafeRawPointer?, _ count: UInt16, _ segment: UInt16, _ isChecksumBlank: Bool
) -> Bool {
    // SAFETY: as above.
    guard let state = unsafe Network.state else { return false }
    let offload = NetTransmitOffload(isChecksumBlank: isChecksumBlank, segmentByteCount: segment)
    // An error closes the card; `run` finds out.
    let isSent = try? state.card.send(byteCount: Int(count), offload: offload) { bytes, offset in
        // SAFETY: the stack copies as many bytes of its frame as the span has.
        unsafe bytes.withUnsafeMutableBytes {
            unsafe stack_transmit_copy(frame, UInt16(offset), $0.baseAddress, UInt16($0.count))
        }
    }
    return isSent ?? false
}

@c(network_opened) @used
func networkOpened(_ number: UInt32, _ port: UInt16) {
    // SAFETY: as above.
    guard let state = unsafe Network.state else { return }
    state.generations[Int(number)] &+= 1
    state.openCount += 1
    let connection = TCPConnection(number: number, generation: state.generations[Int(number)])
    for opener in state.openers where opener.port == port {
        if let session = opener.open(connection) {
            if Network.isOpen(connection) { state.sessions[Int(number)] = session }
            return
        }
        break
    }
    connection.abort()
}

@c(network_ready) @used
func networkReady(_ number: UInt32) {
    // SAFETY: as above.
    if let session = unsafe Network.state?.sessions[Int(number)] { session.ready() }
}

@c(network_lost) @used
func networkLost(_ number: UInt32) {
    // SAFETY: as above.
    guard let state = unsafe Network.state else { return }
    let session = state.sessions[Int(number)]
    Network.forget(TCPConnection(number: number, generation: state.generations[Int(number)]))
    session?.lost()
}
