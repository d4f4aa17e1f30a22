// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ControlAPI

@Suite struct HTTPRequestDecoderTests {
    private static let post =
        "POST /v1/domains/a%20b/rename?x=1&y=%2F&z HTTP/1.1\r\nHost: svd\r\nContent-Length: 12\r\nX-Y:  v \r\n\r\n{\"name\":\"b\"}"
    private static let get = "GET /v1/domains HTTP/1.1\r\nConnection: close\r\n\r\n"

    private func requests(_ text: String, size: Int = 1000) throws -> [HTTPRequest] {
        var decoder = HTTPRequestDecoder()
        var found: [HTTPRequest] = []
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            decoder.take(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
            while let request = try decoder.next() { found.append(request) }
        }
        return found
    }

    @Test(arguments: [1, 2, 3, 7, 1000]) func takesRequestsAtEveryChunkSize(size: Int) throws {
        let found = try requests(Self.post + Self.get + Self.post, size: size)
        #expect(found.count == 3)
        let first = try #require(found.first)
        #expect(first.method == "POST" && first.path == ["v1", "domains", "a b", "rename"])
        #expect(first.query == ["x": "1", "y": "/", "z": ""])
        #expect(
            first.headers["x-y"] == "v" && String(decoding: first.body, as: UTF8.self) == "{\"name\":\"b\"}")
        #expect(first.keepsAlive && !found[1].keepsAlive && found[1].body.isEmpty && found[2] == first)
    }

    @Test func aPrefixIsNoRequest() throws {
        let bytes = Array(Self.post.utf8)
        for count in 0..<bytes.count {
            var decoder = HTTPRequestDecoder()
            decoder.take(Array(bytes[..<count]))
            #expect(try decoder.next() == nil)
        }
    }

    @Test func asksForTheBodyOfAClientThatWaits() throws {
        var decoder = HTTPRequestDecoder()
        decoder.take(Array("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n".utf8))
        #expect(try decoder.next() == nil)
        #expect(decoder.takeContinue() && !decoder.takeContinue())
        decoder.take(Array("{}".utf8))
        #expect(try decoder.next()?.body.count == 2)
    }

    @Test func oldClientsDoNotKeepTheConnection() throws {
        #expect(try requests("GET / HTTP/1.0\r\n\r\n").first?.keepsAlive == false)
        #expect(try requests("GET / HTTP/1.0\nConnection: keep-alive\n\n").first?.keepsAlive == true)
    }

    @Test(arguments: [
        ("hello\r\n\r\n", 400), ("GET v1 HTTP/1.1\r\n\r\n", 400), ("GET /v1 HTTP/2\r\n\r\n", 400),
        ("get / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nnonsense\r\n\r\n", 400), ("GET /%zz HTTP/1.1\r\n\r\n", 400),
        ("GET /%00 HTTP/1.1\r\n\r\n", 400),
        ("GET /%ff HTTP/1.1\r\n\r\n", 400), ("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n", 413),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
    ])
    func refuses(text: String, status: Int) {
        do {
            let found = try requests(text)
            Issue.record("accepted \(found)")
        } catch {
            #expect((error as? HTTPRequestDecoder.Refusal)?.status == status)
        }
    }

    @Test func endlessHeadersAreRefused() {
        #expect(throws: HTTPRequestDecoder.Refusal.self) {
            try requests(String(repeating: "a", count: 20_000))
        }
        #expect(throws: HTTPRequestDecoder.Refusal.self) {
            try requests("GET / HTTP/1.1\r\n" + String(repeating: "a: b\r\n", count: 200) + "\r\n")
        }
    }

    @Test func randomBytesNeverTrap() {
        var random = XorShift()
        for _ in 0..<5000 {
            var bytes = Array((Self.post + Self.get).utf8)
            random.spoil(&bytes, limit: 6)
            var decoder = HTTPRequestDecoder()
            decoder.take(bytes)
            do throws(HTTPRequestDecoder.Refusal) {
                while try decoder.next() != nil {}
            } catch {
                #expect((400..<500).contains(error.status))
            }
        }
    }
}
