// SPDX-License-Identifier: Apache-2.0
#if canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A connected unix stream socket, blocking. Closed when dropped.
@safe public struct UnixSocket: ~Copyable {
    /// The number of an error as the C library gives it.
    public struct Failure: Error, Equatable, Sendable {
        public let number: Int32
        /// `No such file or directory`, …
        public var text: String {
            // SAFETY: strerror returns a zero-terminated text that stays until the next call; it is copied at once.
            unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
        }
        public static let noSuchFile = Failure(number: ENOENT)
        public static let refused = Failure(number: ECONNREFUSED)
        public static let noAccess = Failure(number: EACCES)
        public static let tooLong = Failure(number: ENAMETOOLONG)
        static var current: Failure { Failure(number: errno) }
    }

    /// The descriptor, for poll. It belongs to this value.
    public let descriptor: Int32

    deinit { _ = close(descriptor) }

    /// Takes over a connected socket.
    public init(owning descriptor: Int32) { self.descriptor = descriptor }

    /// Connects to the socket at `path` (at most 107 bytes).
    public init(connectingTo path: String) throws(Failure) {
        var address = sockaddr_un()
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < capacity else { throw .tooLong }
        address.sun_family = sa_family_t(AF_UNIX)
        // SAFETY: the buffer is the whole array, and the path with its zero is shorter, as just checked.
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            for (index, byte) in path.utf8.enumerated() { unsafe bytes[index] = byte }
        }
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw .current }
        // SAFETY: the address is a live local of the size given.
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { rebound in
                unsafe connect(descriptor, rebound, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else {
            let failure = Failure.current
            _ = close(descriptor)
            throw failure
        }
        self.descriptor = descriptor
    }

    /// Writes all of `bytes`; a peer that is gone is an error, not a signal.
    public borrowing func write(_ bytes: [UInt8]) throws(Failure) {
        var sent = 0
        while sent < bytes.count {
            // SAFETY: the pointer covers the array's bytes for the call, and `sent` stays within them.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe send(
                    descriptor, buffer.baseAddress?.advanced(by: sent), bytes.count - sent,
                    Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw .current
            }
            sent += count
        }
    }

    /// Reads at most `limit` bytes, waiting for the first; empty at the end.
    public borrowing func read(limit: Int = 16 * 1024) throws(Failure) -> [UInt8] {
        while true {
            var failed = false
            // SAFETY: the call writes at most the capacity given, and reports how many bytes it initialised.
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
                let result = unsafe recv(descriptor, buffer.baseAddress, limit, 0)
                failed = result < 0
                count = max(result, 0)
            }
            if !failed { return bytes }
            if errno != EINTR { throw .current }
        }
    }
}
