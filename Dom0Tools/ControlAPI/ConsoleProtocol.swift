// SPDX-License-Identifier: Apache-2.0

/// How a console is attached to over svd's second socket: the client sends the domain's name or number and a newline; the
/// answer is a line of JSON, empty object for yes or an `APIError`, and then the bytes of the console both ways.
public enum ConsoleProtocol {
    /// Longest first line, in bytes.
    public static let lineLimit = 1024

    private struct Answer: Codable { var error: APIError? }

    /// The line a client sends.
    public static func request(for domain: String) -> [UInt8] { Array(domain.utf8) + [UInt8(ascii: "\n")] }

    /// The line that answers it.
    public static func answer(_ error: APIError?) -> [UInt8] {
        JSON.encode(Answer(error: error)) + [UInt8(ascii: "\n")]
    }

    /// Asks for the console of `domain`; the bytes that came behind the answer are returned.
    public static func attach(to domain: String, over socket: borrowing UnixSocket) throws(APIError)
        -> [UInt8]
    {
        let lost = APIError(.svdLost, "svd ended the connection", hint: "look at svd's log")
        var bytes: [UInt8] = []
        do throws(UnixSocket.Failure) {
            try socket.write(request(for: domain))
            while !bytes.contains(UInt8(ascii: "\n")) {
                let more = try socket.read()
                if more.isEmpty || bytes.count > 1 << 20 { throw .refused }
                bytes += more
            }
        } catch {
            throw lost
        }
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")) else { throw lost }
        if let error = try JSON.decode(Answer.self, from: Array(bytes[..<end])).error { throw error }
        return Array(bytes[(end + 1)...])
    }
}
