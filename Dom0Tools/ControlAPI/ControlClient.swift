// SPDX-License-Identifier: Apache-2.0

/// Asks svd, one request a connection, blocking.
public struct ControlClient: Sendable {
    private let socketPath: String

    /// - Parameter runDirectory: where svd's sockets are.
    public init(runDirectory: String = ControlPaths.runDirectory) {
        socketPath = ControlPaths.apiSocket(in: runDirectory)
    }

    // MARK: Requests

    /// The answer to a request as `Answer`, or the error that svd or the connection gave.
    public func ask<Answer: Decodable>(
        _ method: String, _ path: String, body: (some Encodable)? = [String]?.none,
        for type: Answer.Type = Answer.self
    ) throws(APIError) -> Answer {
        let text = try text(method, path, body: body)
        do throws(APIError) {
            return try JSON.decode(Answer.self, from: text)
        } catch {
            throw APIError(
                .svdLost, "svd's answer cannot be read: \(error.message)",
                hint: "use svctl and svd of the same release")
        }
    }

    /// Sends a request whose answer holds nothing.
    public func tell(
        _ method: String, _ path: String, body: (some Encodable)? = [String]?.none
    ) throws(APIError) {
        _ = try text(method, path, body: body)
    }

    /// The body of the answer as it came.
    public func text(
        _ method: String, _ path: String, body: (some Encodable)? = [String]?.none
    ) throws(APIError) -> [UInt8] {
        var text: [UInt8] = []
        try exchange(method, path, body: body.map { JSON.encode($0) }) { bytes in
            text += bytes
            return true
        }
        return text
    }

    /// Calls `line` for each line of the answer as it arrives, until it returns false or the answer ends.
    public func lines(
        _ method: String, _ path: String, body: (some Encodable)? = [String]?.none, _ line: ([UInt8]) -> Bool
    ) throws(APIError) {
        var rest: [UInt8] = []
        try exchange(method, path, body: body.map { JSON.encode($0) }) { bytes in
            rest += bytes
            while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let text = Array(rest[..<end])
                rest.removeSubrange(...end)
                if !line(text) { return false }
            }
            return true
        }
        if !rest.isEmpty { _ = line(rest) }
    }

    // MARK: HTTP

    private func exchange(
        _ method: String, _ path: String, body: [UInt8]?, _ receive: ([UInt8]) -> Bool
    ) throws(APIError) {
        let socket = try Self.connect(socketPath)
        var request = "\(method) \(path) HTTP/1.1\r\nHost: svd\r\nConnection: close\r\n"
        request += "Swiftvisor-API: \(APIVersion.current)\r\nContent-Length: \(body?.count ?? 0)\r\n"
        if body != nil { request += "Content-Type: application/json\r\n" }
        request += "\r\n"
        var decoder = HTTPResponseDecoder()
        var failure: [UInt8] = []
        do throws(UnixSocket.Failure) {
            try socket.write(Array(request.utf8) + (body ?? []))
        } catch {
            throw Self.lost(error.text)
        }
        while !decoder.isComplete {
            let received = try Self.receive(from: socket, &decoder)
            if decoder.hasHead { try checkVersion(decoder) }
            guard !received.isEmpty else { continue }
            if (200..<300).contains(decoder.status) {
                if !receive(received) { return }
            } else {
                failure += received
            }
        }
        guard !(200..<300).contains(decoder.status) else { return }
        guard let error = try? JSON.decode(APIError.self, from: failure) else {
            throw APIError(
                .svdLost, "svd answered with HTTP status \(decoder.status) to \(method) \(path)",
                hint: "use svctl and svd of the same release")
        }
        throw error
    }

    /// The body bytes in what arrives next.
    private static func receive(
        from socket: borrowing UnixSocket, _ decoder: inout HTTPResponseDecoder
    ) throws(APIError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(UnixSocket.Failure) {
            bytes = try socket.read()
        } catch {
            throw lost(error.text)
        }
        var received: [UInt8] = []
        do throws(HTTPResponseDecoder.Malformed) {
            if bytes.isEmpty { try decoder.finish() } else { try decoder.take(bytes) { received.append($0) } }
        } catch {
            throw lost(error.what)
        }
        return received
    }

    private func checkVersion(_ decoder: HTTPResponseDecoder) throws(APIError) {
        guard let text = decoder.header(APIVersion.header), let version = Int(text) else { return }
        // A newer svd that still serves us answers with our own version.
        guard version == APIVersion.current else {
            throw APIVersion.mismatch(peer: version, own: APIVersion.current)
        }
    }

    private static func lost(_ why: String) -> APIError {
        APIError(
            .svdLost, "the connection to svd broke: \(why)",
            hint: "look at svd's log; domains keep running without it")
    }

    /// A connection to one of svd's sockets.
    public static func connect(_ path: String) throws(APIError) -> UnixSocket {
        do throws(UnixSocket.Failure) {
            return try UnixSocket(connectingTo: path)
        } catch {
            switch error {
            case .noSuchFile, .refused:
                throw APIError(
                    .svdNotRunning, "svd is not running: nobody listens at \(path)",
                    hint: "start it in domain 0: svd &   (or: systemctl start svd)")
            case .noAccess:
                throw APIError(.svdNoAccess, "no permission to use \(path)", hint: "run this as root")
            default:
                throw APIError(
                    .svdNotRunning, "cannot connect to \(path): \(error.text)", hint: "is svd running?")
            }
        }
    }

    /// `name` as one component of a path.
    public static func escaped(_ name: String) -> String {
        var text = ""
        for byte in name.utf8 {
            let isPlain =
                byte < 0x80
                && (Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber)
            if isPlain || "-._~".utf8.contains(byte) {
                text.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                text += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return text
    }
}
