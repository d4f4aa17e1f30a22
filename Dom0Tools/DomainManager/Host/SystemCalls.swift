// SPDX-License-Identifier: Apache-2.0
import Glibc

/// A descriptor that becomes readable when the process ends. Linux 5.3, glibc 2.36; not in Swift's Glibc module.
@_extern(c) private func pidfd_open(_ process: Int32, _ flags: UInt32) -> Int32

/// The system calls the manager uses, each with a Swift face. All pointers of this module are here.
enum System {
    /// The text of the last error.
    static func lastError() -> HostFailure { failure(errno) }

    static func failure(_ number: Int32) -> HostFailure {
        // SAFETY: strerror returns a zero-terminated text that stays until the next call; it is copied at once.
        HostFailure(unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)")
    }

    static func open(_ path: String, _ flags: Int32, mode: mode_t = 0o600) throws(HostFailure) -> Int32 {
        // SAFETY: the text of the path lives for the call.
        let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC, mode)
        guard descriptor >= 0 else { throw lastError() }
        return descriptor
    }

    /// Writes all of `bytes` to a file.
    static func writeAll(_ bytes: [UInt8], to descriptor: Int32) throws(HostFailure) {
        var sent = 0
        while sent < bytes.count {
            // SAFETY: the pointer covers the array's bytes for the call, and `sent` stays within them.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe write(descriptor, buffer.baseAddress?.advanced(by: sent), bytes.count - sent)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw lastError() }
            sent += count
        }
    }

    enum Transfer: Equatable {
        case bytes([UInt8])
        /// The other side has ended, or there was an error.
        case end
        /// Nothing now.
        case later
    }

    /// Reads what is there, without waiting if the descriptor is non-blocking.
    static func readSome(_ descriptor: Int32, limit: Int = 4096) -> Transfer {
        while true {
            var result = 0
            // SAFETY: the call writes at most the capacity given, and reports how many bytes it initialised.
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                result = unsafe read(descriptor, buffer.baseAddress, limit)
                count = max(result, 0)
            }
            if result > 0 { return .bytes(bytes) }
            if result == 0 { return .end }
            if errno == EINTR { continue }
            return errno == EAGAIN ? .later : .end
        }
    }

    /// Sends what fits; nil if the peer is gone.
    static func sendSome(_ bytes: ArraySlice<UInt8>, to descriptor: Int32) -> Int? {
        while true {
            // SAFETY: the pointer covers the slice's bytes for the call.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe send(
                    descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
            }
            if count >= 0 { return count }
            if errno == EINTR { continue }
            return errno == EAGAIN ? 0 : nil
        }
    }

    /// The whole of a small file.
    static func readFile(_ path: String, limit: Int = 1 << 20) throws(HostFailure) -> [UInt8] {
        let descriptor = try open(path, O_RDONLY)
        defer { _ = close(descriptor) }
        var all: [UInt8] = []
        while all.count < limit, case .bytes(let bytes) = readSome(descriptor, limit: 65536) { all += bytes }
        return all
    }

    /// Replaces a file so that a reader sees the old or the new content, also after a crash.
    static func replaceFile(_ path: String, with bytes: [UInt8]) throws(HostFailure) {
        let temporary = path + ".new"
        let descriptor = try open(temporary, O_WRONLY | O_CREAT | O_TRUNC)
        do throws(HostFailure) {
            try writeAll(bytes, to: descriptor)
        } catch {
            _ = close(descriptor)
            throw error
        }
        _ = close(descriptor)
        try move(temporary, to: path)
    }

    /// Gives a file another name, in place of what has it.
    static func move(_ path: String, to other: String) throws(HostFailure) {
        // SAFETY: both texts live for the call.
        guard unsafe rename(path, other) == 0 else { throw lastError() }
    }

    static func remove(_ path: String) {
        // SAFETY: the text lives for the call.
        _ = unsafe unlink(path)
    }

    /// Makes a directory and those above it.
    static func makeDirectory(_ path: String) throws(HostFailure) {
        var prefix = ""
        for part in path.split(separator: "/") {
            prefix += "/" + part
            // SAFETY: the text lives for the call.
            if unsafe mkdir(prefix, 0o755) != 0, errno != EEXIST { throw lastError() }
        }
    }

    /// Names of the entries of a directory; empty if it cannot be read.
    static func entries(_ path: String) -> [String] {
        // SAFETY: the stream is closed below, and entries are copied before the next is read.
        guard let directory = unsafe opendir(path) else { return [] }
        defer { _ = unsafe closedir(directory) }
        var names: [String] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    static func exists(_ path: String) -> Bool {
        // SAFETY: the text lives for the call.
        unsafe access(path, F_OK) == 0
    }

    static func status(_ descriptor: Int32) throws(HostFailure) -> stat {
        var status = stat()
        // SAFETY: the pointer is to a live local of the right type.
        guard unsafe fstat(descriptor, &status) == 0 else { throw lastError() }
        return status
    }

    /// Names of this kernel: host, release, version, machine.
    static func kernelNames() -> [String] {
        var names = utsname()
        // SAFETY: the pointer is to a live local of the right type, whose fields the call fills with zero-terminated texts.
        guard unsafe uname(&names) == 0 else { return ["", "", "", ""] }
        func text<Field>(_ field: Field) -> String {
            unsafe withUnsafeBytes(of: field) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
        }
        return [text(names.nodename), text(names.release), text(names.version), text(names.machine)]
    }

    // MARK: Processes

    /// Starts a program with an empty signal mask, its output and errors appended to a file.
    static func start(_ arguments: [String], output: String) throws(HostFailure) -> pid_t {
        // SAFETY: all structures here are live locals, initialised before use and destroyed after; the argument list ends with
        // nil and lives until it is freed above.
        var actions = unsafe posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        var mask = sigset_t()
        var pointers: [UnsafeMutablePointer<CChar>?] = unsafe arguments.map { unsafe strdup($0) }
        unsafe pointers.append(nil)
        defer { unsafe pointers.forEach { unsafe free($0) } }
        var process: pid_t = 0
        unsafe posix_spawn_file_actions_init(&actions)
        unsafe posix_spawnattr_init(&attributes)
        unsafe sigemptyset(&mask)
        unsafe posix_spawnattr_setsigmask(&attributes, &mask)
        unsafe posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETPGROUP))
        unsafe posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        unsafe posix_spawn_file_actions_adddup2(&actions, 1, 2)
        let result = unsafe posix_spawnp(&process, arguments[0], &actions, &attributes, pointers, environ)
        unsafe posix_spawn_file_actions_destroy(&actions)
        unsafe posix_spawnattr_destroy(&attributes)
        guard result == 0 else { throw failure(result) }
        return process
    }

    /// A descriptor that becomes readable when the process ends.
    static func watch(_ process: pid_t) throws(HostFailure) -> Int32 {
        let descriptor = pidfd_open(process, 0)  // close-on-exec by itself
        guard descriptor >= 0 else { throw lastError() }
        return descriptor
    }

    /// What became of a child: nil while it runs.
    static func reap(_ process: pid_t) -> String? {
        var status: Int32 = 0
        // SAFETY: the pointer is to a live local.
        let result = unsafe waitpid(process, &status, WNOHANG)
        guard result != 0 else { return nil }
        guard result == process else { return "it is gone" }  // somebody else's child
        let signal = status & 0x7F
        return signal == 0 ? "exit status \(status >> 8 & 0xFF)" : "signal \(signal)"
    }
}
