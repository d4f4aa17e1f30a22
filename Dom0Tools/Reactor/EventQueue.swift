// SPDX-License-Identifier: Apache-2.0
import CLinuxXen
import Glibc

/// The kernel's side of the reactor: epoll, eventfd and signalfd, with the memory they fill. All unsafe code of the
/// module is here.
@safe final class EventQueue: @unchecked Sendable {
    private let epoll: Int32
    /// Raised by other threads to interrupt a wait.
    let wakeDescriptor: Int32
    private(set) var signalDescriptor: Int32 = -1
    private var signals = sigset_t()
    private let batch: UnsafeMutablePointer<sv_epoll_batch>

    init() throws(SystemCallError) {
        epoll = sv_epoll_create()
        guard epoll >= 0 else { throw SystemCallError(operation: "create an epoll queue", number: -epoll) }
        wakeDescriptor = sv_eventfd()
        guard wakeDescriptor >= 0 else {
            close(epoll)
            throw SystemCallError(operation: "create an event descriptor", number: -wakeDescriptor)
        }
        // SAFETY: the batch is freed in deinit; the set is a member of self.
        unsafe batch = .allocate(capacity: 1)
        unsafe sigemptyset(&signals)
    }

    deinit {
        close(epoll)
        close(wakeDescriptor)
        if signalDescriptor >= 0 { close(signalDescriptor) }
        // SAFETY: allocated in init; nobody else has the pointer.
        unsafe batch.deallocate()
    }

    func add(_ fd: Int32, _ interest: Reactor.Interest, token: UInt64) throws(SystemCallError) {
        let result = sv_epoll_add(epoll, fd, interest.epollEvents, token)
        guard result == 0 else { throw SystemCallError(operation: "watch descriptor \(fd)", number: -result) }
    }

    func modify(_ fd: Int32, _ interest: Reactor.Interest, token: UInt64) throws(SystemCallError) {
        let result = sv_epoll_modify(epoll, fd, interest.epollEvents, token)
        guard result == 0 else { throw SystemCallError(operation: "watch descriptor \(fd)", number: -result) }
    }

    /// Forgets `fd`; one that is closed already is forgotten already.
    func remove(_ fd: Int32) {
        _ = sv_epoll_remove(epoll, fd)
    }

    /// Waits until something is ready or the time is over (-1: no limit), and hands out each token and its events.
    func wait(milliseconds: Int32, _ body: (UInt64, Reactor.Interest) -> Void) {
        // SAFETY: the batch lives as long as self; the kernel fills `count` entries of it. `body` may enter `wait`
        // again only through a nested turn, so tokens are copied out first.
        let count = unsafe sv_epoll_wait(epoll, batch, milliseconds)
        guard count > 0 else { return }  // -EINTR: a signal handler ran; the caller turns again
        if count == 1 {
            unsafe body(sv_epoll_token(batch, 0), Reactor.Interest(epollEvents: sv_epoll_events(batch, 0)))
            return
        }
        var ready: [(UInt64, Reactor.Interest)] = []
        ready.reserveCapacity(Int(count))
        for index in 0..<count {
            // SAFETY: index is below the count the kernel reported.
            unsafe ready.append(
                (sv_epoll_token(batch, index), Reactor.Interest(epollEvents: sv_epoll_events(batch, index))))
        }
        for (token, interest) in ready { body(token, interest) }
    }

    func wake() { sv_eventfd_raise(wakeDescriptor) }
    func drainWake() { sv_eventfd_drain(wakeDescriptor) }

    /// Makes the signal arrive at `signalDescriptor` in place of its disposition.
    func catchSignal(_ number: Int32) throws(SystemCallError) {
        // SAFETY: the set lives in self; sigaddset refuses a number out of range.
        guard unsafe sigaddset(&signals, number) == 0 else {
            throw SystemCallError(operation: "catch signal \(number)", number: EINVAL)
        }
        let result = unsafe sv_signalfd(signalDescriptor, &signals)
        guard result >= 0 else {
            unsafe sigdelset(&signals, number)
            throw SystemCallError(operation: "catch signal \(number)", number: -result)
        }
        signalDescriptor = result
    }

    /// The next caught signal, or nil.
    func nextSignal() -> Int32? {
        let number = sv_signalfd_next(signalDescriptor)
        return number == 0 ? nil : number
    }

    static var nanoseconds: UInt64 { sv_monotonic_nanoseconds() }
}

extension Reactor.Interest {
    fileprivate var epollEvents: UInt32 {
        (contains(.readable) ? sv_epoll_in | sv_epoll_peer_closed : 0)
            | (contains(.writable) ? sv_epoll_out : 0)
    }
    fileprivate init(epollEvents events: UInt32) {
        let readable = sv_epoll_in | sv_epoll_peer_closed | sv_epoll_hang_up | sv_epoll_error
        self.init(rawValue: (events & readable != 0 ? 1 : 0) | (events & sv_epoll_out != 0 ? 2 : 0))
    }
}

/// Where a `UnixListener` listens.
enum ListeningSocket {
    /// The descriptor, or the negative error number.
    static func make(at path: String) -> Int32 {
        // SAFETY: the text lives during the call.
        unsafe sv_unix_listen(path)
    }
    static func remove(at path: String) {
        // SAFETY: the text lives during the call.
        _ = unsafe unlink(path)
    }
}
