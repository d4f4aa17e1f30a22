// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Glibc

/// The settings the terminal had before it was made raw. Read by the signal handler.
// SAFETY: written once, by the only thread, before the handlers are installed.
nonisolated(unsafe) private var savedSettings: termios?

/// The terminal behind the standard input, and the one behind the standard output.
enum Terminal {
    static var isPresent: Bool { isatty(STDIN_FILENO) == 1 }
    static var isScreen: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Of the standard output; 80 by 24 if it does not say.
    static var size: (columns: Int, rows: Int) {
        var size = winsize()
        // SAFETY: the pointer is to a live local of the type that the request fills.
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0
        else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Waits for the time to pass, or for keys.
    ///
    /// - Returns: what was typed; nil if the terminal has gone.
    static func wait(milliseconds: Int, forKeys: Bool) -> [UInt8]? {
        // A negative descriptor is passed over.
        var keyboard = pollfd(fd: forKeys ? STDIN_FILENO : -1, events: Int16(POLLIN), revents: 0)
        // SAFETY: the pointer is to one live structure.
        let count = unsafe poll(&keyboard, 1, Int32(clamping: milliseconds))
        guard count > 0 else { return [] }
        let typed = readKeyboard()
        return typed.isEmpty ? nil : typed
    }

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
