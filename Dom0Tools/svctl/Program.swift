// SPDX-License-Identifier: Apache-2.0
import ControlAPI
import Glibc

/// What the C library knows about this process.
enum Program {
    /// `svctl`, or `xl` when called by that name.
    static let name: String = {
        let path = CommandLine.arguments.first ?? "svctl"
        return path.split(separator: "/").last == "xl" ? "xl" : "svctl"
    }()
    static var isXl: Bool { name == "xl" }

    /// Directory of svd's sockets.
    static var runDirectory: String {
        environment(ControlPaths.runDirectoryVariable) ?? ControlPaths.runDirectory
    }

    static func environment(_ name: String) -> String? {
        // SAFETY: nothing here changes the environment, so the text stays while it is copied.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    static func exit(_ status: Int32) -> Never { Glibc.exit(status) }

    /// The working directory, `/` if it is gone.
    static var workingDirectory: String {
        // SAFETY: getcwd(nil) allocates the text, which is copied and freed here.
        guard let text = unsafe getcwd(nil, 0) else { return "/" }
        defer { unsafe free(text) }
        return unsafe String(cString: text)
    }

    /// `path` seen from the root: svd's working directory is not ours.
    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : workingDirectory + (workingDirectory == "/" ? "" : "/") + path
    }

    static var errorText: String {
        // SAFETY: strerror returns a zero-terminated text that stays until the next call; it is copied at once.
        unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "error \(errno)"
    }

    /// The bytes of a file; `-` is the standard input.
    static func read(file path: String) throws(APIError) -> [UInt8] {
        // SAFETY: the text of the path lives for the call.
        let descriptor = unsafe path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        func refused() -> APIError {
            APIError(.fileUnreadable, "\(path): \(errorText)", hint: "check the path and its permissions")
        }
        guard descriptor >= 0 else { throw refused() }
        defer { if path != "-" { _ = close(descriptor) } }
        var bytes: [UInt8] = []
        while bytes.count <= 4 << 20 {
            var result = 0
            // SAFETY: the call writes at most the capacity given, and reports how many bytes it initialised.
            let block = unsafe [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
                result = unsafe Glibc.read(descriptor, buffer.baseAddress, 65536)
                count = max(result, 0)
            }
            if result < 0, errno == EINTR { continue }
            guard result >= 0 else { throw refused() }
            if result == 0 { break }
            bytes += block
        }
        return bytes
    }
}

/// The standard output and error, unbuffered.
enum Output {
    static func print(_ text: String) { write(Array(text.utf8), to: STDOUT_FILENO) }
    static func error(_ text: String) { write(Array(text.utf8), to: STDERR_FILENO) }

    static func write(_ bytes: [UInt8], to descriptor: Int32) {
        var sent = 0
        while sent < bytes.count {
            // SAFETY: the pointer covers the array's bytes for the call, and `sent` stays within them.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(descriptor, buffer.baseAddress?.advanced(by: sent), bytes.count - sent)
            }
            if count < 0, errno == EINTR || errno == EAGAIN { continue }
            guard count > 0 else { return }
            sent += count
        }
    }
}
