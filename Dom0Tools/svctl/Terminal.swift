// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Glibc

/// The settings the terminal had before it was made raw. Read by the signal handler.
// SAFETY: written once, by the only thread, before the handlers are installed.
nonisolated(unsafe) private var savedSettings: termios?

/// The terminal behind the standard input.
enum Terminal {
    static var isPresent: Bool { isatty(STDIN_FILENO) == 1 }

    /// Hands every key to the program until `restore`, which also happens when the process ends by itself or by a signal.
    static func makeRaw() {
        var settings = termios()
        // SAFETY: the pointers are to live locals of the right type.
        guard unsafe tcgetattr(STDIN_FILENO, &settings) == 0 else { return }
        unsafe savedSettings = settings
        atexit { Terminal.restore() }
        for number in [SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGPIPE] {
            // SAFETY: the handler calls only functions that are safe in a handler: tcsetattr, signal, raise.
            _ = signal(number) { number in
                Terminal.restore()
                _ = signal(number, SIG_DFL)
                raise(number)
            }
        }
        // SAFETY: as above.
        unsafe cfmakeraw(&settings)
        _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }

    static func restore() {
        // SAFETY: written once, before any handler is installed.
        guard var settings = unsafe savedSettings else { return }
        _ = unsafe tcsetattr(STDIN_FILENO, TCSANOW, &settings)
    }

    /// Copies between the terminal and `socket` until the peer ends or the user presses the escape key (Ctrl-]).
    ///
    /// - Parameter pending: bytes that came with the answer already.
    /// - Returns: true if the user left, false if the peer did.
    static func relay(_ socket: borrowing UnixSocket, pending: [UInt8]) throws(APIError) -> Bool {
        Output.write(pending, to: STDOUT_FILENO)
        let isTerminal = isPresent
        if isTerminal { makeRaw() }
        defer { if isTerminal { restore() } }
        var keyboard = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        while true {
            var descriptors = [pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0), keyboard]
            // SAFETY: the pointer covers the array's two elements for the call.
            let count = unsafe descriptors.withUnsafeMutableBufferPointer {
                unsafe poll($0.baseAddress, nfds_t($0.count), -1)
            }
            if count < 0 { continue }
            if descriptors[0].revents != 0 {
                guard let bytes = try? socket.read(), !bytes.isEmpty else { return false }
                Output.write(bytes, to: STDOUT_FILENO)
            }
            guard descriptors[1].revents != 0 else { continue }
            var typed = readKeyboard()
            if typed.isEmpty {
                // The input has ended: what the guest says is still wanted, unless a terminal hung up.
                if isTerminal { return true }
                keyboard.fd = -1
                continue
            }
            let escape = isTerminal ? typed.firstIndex(of: 0x1D) : nil
            if let escape { typed.removeSubrange(escape...) }
            do throws(UnixSocket.Failure) {
                try socket.write(typed)
            } catch {
                return false
            }
            if escape != nil { return true }
        }
    }

    private static func readKeyboard() -> [UInt8] {
        while true {
            var result = 0
            // SAFETY: the call writes at most the capacity given, and reports how many bytes it initialised.
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 1024) { buffer, count in
                result = unsafe read(STDIN_FILENO, buffer.baseAddress, 1024)
                count = max(result, 0)
            }
            if result < 0, errno == EINTR { continue }
            return bytes
        }
    }
}
