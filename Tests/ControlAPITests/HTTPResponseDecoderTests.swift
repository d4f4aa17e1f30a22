// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import ControlAPI

@Suite struct HTTPResponseDecoderTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        var name: String
        var text: String
        var body: String
        var endsByItself: Bool
        var testDescription: String { name }
    }
    static let samples = [
        Sample(
            name: "length", text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX: y\r\n\r\nhello", body: "hello",
            endsByItself: true),
        Sample(
            name: "empty", text: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", body: "",
            endsByItself: true),
        Sample(name: "no content", text: "HTTP/1.1 204\r\n\r\n", body: "", endsByItself: false),
        Sample(
            name: "chunks",
            text:
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n, chunked!\r\n0\r\nT: r\r\n\r\n",
            body: "hello, chunked!", endsByItself: true),
        Sample(name: "until close", text: "HTTP/1.0 200 OK\r\n\r\nhello", body: "hello", endsByItself: false),
        Sample(
            name: "bare newlines", text: "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", body: "ok",
            endsByItself: true),
    ]

    @Test(arguments: samples, [1, 2, 3, 7, 1000]) func decodesAtEveryChunkSize(sample: Sample, size: Int)
        throws
    {
        var decoder = HTTPResponseDecoder()
        var body: [UInt8] = []
        var rest = Array(sample.text.utf8)[...]
        while !rest.isEmpty {
            try decoder.take(rest.prefix(size)) { body.append($0) }
            rest = rest.dropFirst(size)
        }
        if !sample.endsByItself { try decoder.finish() }
        #expect(decoder.isComplete && String(decoding: body, as: UTF8.self) == sample.body)
    }

    @Test(arguments: samples) func aPrefixIsNotAnAnswer(sample: Sample) throws {
        let bytes = Array(sample.text.utf8)
        let head = sample.text.utf8.count - sample.body.utf8.count
        for count in 0..<(sample.endsByItself ? bytes.count : head) {
            if sample.name == "no content" && count >= head { continue }
            var decoder = HTTPResponseDecoder()
            try decoder.take(bytes[..<count]) { _ in }
            #expect(!decoder.isComplete)
            #expect(throws: HTTPResponseDecoder.Malformed.self) { try decoder.finish() }
        }
    }

    @Test(arguments: [
        "SSH-2.0-x\r\n", "HTTP/2 200\r\n", "HTTP/1.1 20 OK\r\n", "HTTP/1.1 200 OK\r\nnonsense\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n+5\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFF\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab",
    ])
    func refusesWhatIsNotAnAnswer(text: String) {
        var decoder = HTTPResponseDecoder()
        #expect(throws: HTTPResponseDecoder.Malformed.self) { try decoder.take(text.utf8) { _ in } }
    }

    @Test func headersAreLimited() {
        var decoder = HTTPResponseDecoder()
        #expect(throws: HTTPResponseDecoder.Malformed.self) {
            try decoder.take([UInt8](repeating: 65, count: 20_000)) { _ in }
        }
        var many = HTTPResponseDecoder()
        #expect(throws: HTTPResponseDecoder.Malformed.self) {
            try many.take(("HTTP/1.1 200 OK\r\n" + String(repeating: "a: b\r\n", count: 200)).utf8) { _ in }
        }
    }

    @Test func randomBytesNeverTrap() {
        var random = XorShift()
        let starts = Self.samples.map { Array($0.text.utf8) } + [[]]
        for _ in 0..<5000 {
            var bytes = starts[Int(random.next() % UInt64(starts.count))]
            random.spoil(&bytes, limit: 8)
            var decoder = HTTPResponseDecoder()
            do {
                try decoder.take(bytes) { _ in }
                try decoder.finish()
                #expect(decoder.isComplete)
            } catch {
                #expect(!error.what.isEmpty)
            }
        }
    }
}
