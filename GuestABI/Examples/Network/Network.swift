// SPDX-License-Identifier: Apache-2.0
import CNetworkStack
import DeviceProtocols
public import GuestABI
import XenABI
public import XenBus

/// The guest's TCP servers: lwIP over a `NetFrontend`. One network card, one IPv4 address, vCPU 0.
public enum Network {
    final class State {
        let card: NetFrontend
        /// The session of each connection.
        var sessions: [TCPSession?]
        var generations: [UInt32]
        var openers: [(port: UInt16, open: (TCPConnection) -> TCPSession?)] = []
        var openCount = 0
        /// System time at which the stack's timers run next.
        var deadline: UInt64 = 0
        var random: UInt64
        /// Why the toolstack wants the domain to end, as a `ShutdownReason`.
        var shutdownRequest: UInt32?
        var shutdownWatch: XenStoreWatch?

        init(_ card: consuming NetFrontend) {
            self.card = card
            sessions = Array(repeating: nil, count: Int(STACK_CONNECTIONS))
            generations = Array(repeating: 0, count: Int(STACK_CONNECTIONS))
            random = Clock.now | 1
        }
    }
    // SAFETY: made once by `start`; used by vCPU 0 outside interrupt handlers.
    nonisolated(unsafe) static var state: State?

    /// Connects the first network card and takes the address. Once.
    public static func start(_ settings: NetworkSettings) throws(FrontendFailure) {
        precondition(unsafe state == nil)
        let store: XenStore
        do throws(XenStoreFailure) { store = try XenStore.open() } catch { throw .store(error) }
        let card = try NetFrontend(store)
        let mac = card.macAddress
        let segments = card.features.segmentsTCP4
        let made = State(card)
        do throws(XenStoreFailure) {
            made.shutdownWatch = try store.watch("control/shutdown") { path in
                guard let wish = try? store.readIfPresent(path), !wish.bytes.isEmpty else { return }
                // Tells the toolstack that it was heard.
                try? store.write(path, "")
                made.shutdownRequest =
                    wish.matches("reboot") ? ShutdownReason.reboot : ShutdownReason.powerOff
            }
        } catch { throw .store(error) }
        // SAFETY: see `state`.
        unsafe state = made
        var bytes = mac.bytes
        // SAFETY: six bytes that the stack copies during the call.
        unsafe withUnsafeBytes(of: &bytes) {
            unsafe stack_start(
                $0.baseAddress?.assumingMemoryBound(to: UInt8.self), settings.address.bigEndian,
                settings.mask.bigEndian, settings.gateway.bigEndian, segments)
        }
    }

    /// Serves a port: `open` makes the session of each connection, or refuses it with nil.
    /// - Returns: false if the port is served already, or four are.
    public static func listen(port: UInt16, open: @escaping (TCPConnection) -> TCPSession?) -> Bool {
        // SAFETY: see `state`.
        guard let state = unsafe state, stack_listen(port) else { return false }
        state.openers.append((port, open))
        return true
    }
    /// Connections that are open.
    // SAFETY: see `state`.
    public static var connectionCount: Int { unsafe state?.openCount ?? 0 }
    /// The card's counts, for reports.
    public static var packetCounts: (received: UInt64, sent: UInt64, failed: UInt64, notifications: UInt64) {
        // SAFETY: see `state`.
        guard let state = unsafe state else { return (0, 0, 0, 0) }
        return (
            state.card.receivedPacketCount, state.card.sentPacketCount, state.card.failedPacketCount,
            state.card.notificationCount
        )
    }

    /// Serves all ports until `condition`, which is asked after each round of work and once a second, holds, or until the
    /// toolstack wants the domain to end (`svctl shutdown`): does that.
    /// - Throws: what made the card unusable for good. A backend that goes and comes back is no reason.
    public static func run(until condition: () -> Bool = { false }) throws(FrontendFailure) {
        // SAFETY: see `state`.
        guard let state = unsafe state else { return }
        while !condition() {
            try state.card.receive { take($0) }
            if try state.card.hasRoomAgain() { stack_transmit_again() }
            if Clock.now >= state.deadline {
                let pause = UInt64(min(stack_run_timers(), 1000))
                state.deadline = Clock.now + max(pause, 1) * 1_000_000
            }
            state.card.flush()
            if let reason = state.shutdownRequest { shutDown(reason) }
            _ = EventLoop.wait(before: state.deadline) {
                state.card.hasWork || state.shutdownRequest != nil
            }
            if let failure = state.card.failure, failure == .protocolViolation { throw failure }
        }
    }

    private static func take(_ packet: NetPacket) {
        guard stack_receive_begin(UInt16(packet.byteCount)) else { return }
        for index in 0..<packet.pieceCount {
            packet.withPiece(index) { bytes in
                // SAFETY: the stack copies the bytes during the call.
                unsafe bytes.withUnsafeBytes { unsafe stack_receive_piece($0.baseAddress, UInt16($0.count)) }
            }
        }
        stack_receive_end(packet.isChecksumGood)
    }

    // MARK: Sessions

    static func isOpen(_ connection: TCPConnection) -> Bool {
        // SAFETY: see `state`.
        unsafe state?.generations[Int(connection.number)] == connection.generation
            && connection.generation & 1 == 1
    }
    static func forget(_ connection: TCPConnection) {
        guard isOpen(connection), let state = unsafe state else { return }
        state.generations[Int(connection.number)] &+= 1
        state.sessions[Int(connection.number)] = nil
        state.openCount -= 1
    }
}
