// SPDX-License-Identifier: Apache-2.0
import KeyValue
import Testing

func bytes(_ text: String) -> Bytes { Bytes(text.utf8) }

/// Everything a decoder makes of bytes that come in pieces of `size`.
struct Decoded: Equatable {
    var requests: [[Bytes]] = []
    var error: RequestError?

    init(_ input: Bytes, inPiecesOf size: Int, limit: Int = 1 << 20) {
        let budget = MemoryBudget(limit: limit)
        do {
            var decoder = RequestDecoder(budget: budget)
            var start = 0
            pieces: while start < input.count {
                let piece = Array(input[start..<min(start + size, input.count)])
                var position = 0
                while position < piece.count {
                    do throws(RequestError) {
                        guard let request = try decoder.next(piece.span, &position) else { break }
                        requests.append(request)
                        decoder.giveBack(request)
                    } catch {
                        self.error = error
                        break pieces
                    }
                }
                #expect(position == piece.count)
                start += size
            }
        }
        // A decoder that is gone counts nothing any more.
        #expect(budget.used == 0)
    }
}

@Suite struct RequestDecoderTests {
    static let good: [(String, [[String]])] = [
        ("*1\r\n$4\r\nPING\r\n", [["PING"]]),
        (
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
            [["SET", "k", ""], ["GET", "k"]]
        ),
        ("*2\r\n$4\r\nECHO\r\n$4\r\n\r\n*1\r\n", [["ECHO", "\r\n*1"]]),
        (
            "PING\r\nPING\nset a 'b c'\r\n\r\n   \r\nget a\r\n",
            [["PING"], ["PING"], ["set", "a", "b c"], ["get", "a"]]
        ),
        (#"echo "a\x41\n\"b" 'it\'s \n' """# + "\n", [["echo", "aA\n\"b", #"it's \n"#, ""]]),
        ("*0\r\n*-1\r\nping\r\n", [["ping"]]),
        ("", []), ("\r\n\r\n", []), ("*2\r\n$4\r\nECHO\r\n$4\r\nab", []),
    ]
    @Test(arguments: good) func takesRequestsInPiecesOfAnySize(input: String, expected: [[String]]) {
        for size in 1...max(input.utf8.count, 1) {
            let decoded = Decoded(bytes(input), inPiecesOf: size)
            #expect(decoded.requests == expected.map { $0.map(bytes) }, "pieces of \(size)")
            #expect(decoded.error == nil)
        }
    }

    static let bad: [(String, RequestError)] = [
        ("*x\r\n", .invalidArgumentCount), ("*1025\r\n", .invalidArgumentCount),
        ("*+1\r\n", .invalidArgumentCount),
        ("*99999999999999999999\r\n", .invalidArgumentCount), ("*1\r\n:4\r\n", .expectedBulk(0x3A)),
        ("*1\r\n\r\n", .expectedBulk(0x0D)),
        ("*1\r\n$-1\r\n", .invalidBulkLength), ("*1\r\n$524289\r\n", .invalidBulkLength),
        ("*1\r\n$\r\n", .invalidBulkLength), ("*1\r\n$4\r\nPINGxx", .missingLineEnd),
        ("*1\r\n$4\r\nPING\rx", .missingLineEnd), ("*1" + String(repeating: "0", count: 40), .lineTooLong),
        (String(repeating: "a", count: 4097), .lineTooLong), ("get \"a\r\n", .unbalancedQuotes),
        ("get 'a'b\r\n", .unbalancedQuotes),
    ]
    @Test(arguments: bad) func refusesWhatIsNoRequest(input: String, expected: RequestError) {
        for size in [1, 2, 3, 5, 7, 64, 5000] {
            let decoded = Decoded(bytes(input), inPiecesOf: size)
            #expect(decoded.error == expected, "pieces of \(size)")
            #expect(decoded.requests.isEmpty)
        }
    }
    @Test func asksForMemoryBeforeItUsesIt() {
        #expect(Decoded(bytes("*2\r\n$9000\r\n"), inPiecesOf: 100, limit: 8192).error == .outOfMemory)
        #expect(Decoded(bytes("*2\r\n$4000\r\n"), inPiecesOf: 100, limit: 8192).error == nil)
    }

    /// Requests with something wrong here and there: the same result for every size of the pieces, and no trap.
    @Test(arguments: 0..<300) func takesAnythingInPiecesOfAnySize(seed: UInt64) {
        var random = Random(seed)
        var input: Bytes = []
        for _ in 0..<random.below(6) {
            if random.below(4) == 0 {
                input += (0..<random.below(30)).map { _ in UInt8(random.below(256)) } + [13, 10]
                continue
            }
            let count = random.below(4)
            input += bytes("*\(count)\r\n")
            for _ in 0..<count {
                let length = random.below(20)
                input +=
                    bytes("$\(length)\r\n") + (0..<length).map { _ in UInt8(random.below(256)) } + [13, 10]
            }
        }
        for _ in 0..<random.below(3) where !input.isEmpty {
            input[random.below(input.count)] = bytes("*$\r\n0129-\"' a")[random.below(12)]
        }
        let whole = Decoded(input, inPiecesOf: max(input.count, 1))
        for size in 1...max(1, min(input.count, 40)) { #expect(Decoded(input, inPiecesOf: size) == whole) }
    }
}

/// Numbers that are the same for the same seed.
struct Random {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 0xD1B5_4A32_D192_ED03 }
    mutating func below(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(state % UInt64(bound))
    }
}
