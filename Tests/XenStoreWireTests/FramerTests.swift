// SPDX-License-Identifier: Apache-2.0
import Testing
import XenABI
import XenStoreWire

@Suite struct FramerTests {
    /// Three packets, one empty, one as long as can be.
    private let packets: [(XenStoreHeader, [UInt8])] = [
        (XenStoreHeader(operation: .read, requestID: 1, transactionID: 2, length: 6), Array("/a/bc\0".utf8)),
        (XenStoreHeader(operation: .control, requestID: 3, length: 0), []),
        (
            XenStoreHeader(operation: .write, requestID: 4, length: 4096),
            (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        ),
    ]
    private var stream: [UInt8] {
        var bytes: [UInt8] = []
        for (header, payload) in packets { header.append(payload: payload.span, to: &bytes) }
        return bytes
    }

    private func split(_ bytes: [UInt8], chunk: Int) throws -> [(XenStoreHeader, [UInt8])] {
        var framer = XenStoreFramer()
        var got: [(XenStoreHeader, [UInt8])] = []
        var at = 0
        while at < bytes.count {
            let end = min(at + chunk, bytes.count)
            let taken = try framer.feed(bytes.span.extracting(at..<end)) {
                got.append(($0, $1.copied()))
                return true
            }
            #expect(taken == end - at)
            at = end
        }
        return got
    }

    @Test func splitsAtEveryChunkSize() throws {
        for chunk in Array(1...64) + Array(stride(from: 65, through: 4200, by: 97)) {
            let got = try split(stream, chunk: chunk)
            #expect(got.map(\.0) == packets.map(\.0), "chunks of \(chunk)")
            #expect(got.map(\.1) == packets.map(\.1), "chunks of \(chunk)")
        }
    }

    @Test func aPrefixGivesOnlyWholePackets() throws {
        let bytes = stream
        let ends = [16 + 6, 16 + 6 + 16, bytes.count]
        for count in 0..<bytes.count {
            let got = try split(Array(bytes[..<count]), chunk: .max / 2)
            #expect(got.count == ends.count { $0 <= count }, "\(count) bytes")
        }
    }

    @Test func saysHowMuchIsMissing() throws {
        var framer = XenStoreFramer()
        #expect(framer.missingByteCount == 16)
        let bytes = stream
        for count in 1..<22 {
            _ = try framer.feed(bytes.span.extracting((count - 1)..<count)) { _, _ in true }
            #expect(framer.missingByteCount == (count < 16 ? 16 - count : 22 - count))
        }
        #expect(framer.pendingBytes == Array(bytes[..<21]))
        var other = XenStoreFramer(pending: framer.pendingBytes)
        var packets = 0
        _ = try other.feed(bytes.span.extracting(21..<22)) { header, payload in
            #expect(payload.copied() == Array("/a/bc\0".utf8))
            packets += 1
            return true
        }
        #expect(packets == 1)
    }

    @Test func stopsWhenToldTo() throws {
        var framer = XenStoreFramer()
        let bytes = stream
        func feed(_ framer: inout XenStoreFramer, _ range: Range<Int>) throws -> Int {
            try framer.feed(bytes.span.extracting(range)) { _, _ in false }
        }
        #expect(try feed(&framer, 0..<bytes.count) == 22)
        #expect(try feed(&framer, 22..<bytes.count) == 16)
        // The same with a packet that was begun before.
        var second = XenStoreFramer()
        #expect(try feed(&second, 0..<5) == 5)
        #expect(try feed(&second, 5..<bytes.count) == 17)
        #expect(second.pendingBytes.isEmpty)
    }

    @Test(arguments: [4097, 0x7fff_ffff, 0xffff_ffff] as [UInt32], [1, 15, 16, 40])
    func refusesOverlongPackets(_ length: UInt32, _ chunk: Int) throws {
        var bytes: [UInt8] = []
        let header = XenStoreHeader(operation: .write, requestID: 9, length: length)
        header.append(to: &bytes)
        bytes += [1, 2, 3]
        #expect(throws: XenStoreFramer.Malformed.payloadTooLong(header)) { try split(bytes, chunk: chunk) }
    }
}

@Suite struct CodecTests {
    @Test func headersAreLittleEndian() {
        var bytes: [UInt8] = []
        let header = XenStoreHeader(
            operation: .directory, requestID: 0x0403_0201, transactionID: 0x0807_0605, length: 0x0c0b_0a09)
        header.append(to: &bytes)
        #expect(bytes == [1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
        #expect(XenStoreHeader(bytes.span) == header)
        for count in 0..<16 { #expect(XenStoreHeader(Array(bytes[..<count]).span) == nil) }
        #expect(XenStoreHeader(bytes.span, at: 1) == nil)
        #expect(XenStoreHeader(bytes.span, at: -1) == nil)
    }

    @Test func requestsHaveTheirPayloads() throws {
        let one = DomainID(rawValue: 1)
        let cases: [(XenStoreRequest, UInt32, String)] = [
            (.control(Array("check".utf8)), 0, "check|"), (.directory([0x2f]), 1, "/|"),
            (.read([0x2f]), 2, "/|"),
            (.getPermissions([0x2f]), 3, "/|"), (.watch([0x61], token: [0x62], depth: nil), 4, "a|b|"),
            (.watch([0x61], token: [0x62], depth: 12), 4, "a|b|12|"), (.unwatch([0x61], token: []), 5, "a||"),
            (.transactionStart, 6, "|"), (.transactionEnd(commits: true), 7, "T|"),
            (.transactionEnd(commits: false), 7, "F|"),
            (.introduce(one, frame: 0xfeffc, port: EventPort(rawValue: 3)), 8, "1|1044476|3|"),
            (.release(one), 9, "1|"),
            (.getDomainPath(one), 10, "1|"), (.write([0x61], value: [0x62, 0, 0x63]), 11, "a|b|c"),
            (.makeDirectory([0x61]), 12, "a|"), (.remove([0x61]), 13, "a|"),
            (.setPermissions([0x61], [.init(.none, one), .init(.readWrite, .zero)]), 14, "a|n1|b0|"),
            (.isDomainIntroduced(one), 17, "1|"), (.resume(one), 18, "1|"),
            (.setTarget(one, target: .zero), 19, "1|0|"),
            (.resetWatches, 21, "|"), (.directoryPart([0x61], offset: 4294967295), 22, "a|4294967295|"),
        ]
        for (request, number, payload) in cases {
            var bytes: [UInt8] = [0xaa]
            try request.encode(requestID: 5, transactionID: 6, to: &bytes)
            #expect(
                XenStoreHeader(bytes.span, at: 1)
                    == XenStoreHeader(
                        operation: XenStoreOperation(rawValue: number), requestID: 5, transactionID: 6,
                        length: UInt32(payload.utf8.count)))
            #expect(bytes[17...].map { $0 == 0 ? 0x7c : $0 } == Array(payload.utf8))
        }
    }

    @Test func requestsThatDoNotFitAreRefused() throws {
        var bytes: [UInt8] = [1]
        let fits = XenStoreRequest.write([0x61], value: [UInt8](repeating: 0, count: 4094))
        try fits.encode(to: &bytes)
        #expect(bytes.count == 1 + 16 + 4096)
        let tooLong = XenStoreRequest.write([0x61], value: [UInt8](repeating: 0, count: 4095))
        #expect(throws: XenStoreError.tooBig) { try tooLong.encode(to: &bytes) }
        #expect(bytes.count == 1 + 16 + 4096)
    }

    @Test func errorsHaveNamesAndNumbers() {
        for error in XenStoreError.allCases {
            var name: [UInt8] = []
            name.append(error.name)
            #expect(XenStoreError(name: name.span) == error)
            name.append(0)
            #expect(XenStoreError(name: name.span) == error)
        }
        #expect(XenStoreError(name: Array("ENOWHERE".utf8).span) == .inputOutput)
        #expect(XenStoreError(name: [UInt8]().span) == .inputOutput)
        #expect(Set(XenStoreError.allCases.map(\.number)).count == 16)
    }

    @Test(arguments: [
        ("/", XenStorePath.Kind.absolute), ("/a", .absolute), ("/A-z_0/@9", .absolute), ("a/b", .relative),
        ("@releaseDomain", .special), ("device-0", .relative),
    ])
    func pathsOfEveryKind(_ text: String, _ kind: XenStorePath.Kind) {
        #expect(XenStorePath.kind(of: Array(text.utf8).span) == kind)
        #expect((XenStorePath(text) != nil) == (kind == .absolute))
    }

    @Test func everyOtherCharacterIsRefused() {
        let allowed = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-/_@".utf8)
        for byte in UInt8.min...UInt8.max {
            let path: [UInt8] = [0x2f, 0x61, byte, 0x61]
            #expect((XenStorePath.kind(of: path.span) != nil) == allowed.contains(byte), "byte \(byte)")
        }
    }

    @Test func pathsComeApartAndTogether() throws {
        let home = XenStorePath.home(of: DomainID(rawValue: 32751))
        #expect(home.description == "/local/domain/32751")
        #expect(
            home.appending("device/vbd").appending(decimal: 51712 as UInt32).description
                == "/local/domain/32751/device/vbd/51712")
        #expect(try #require(XenStorePath("/")).appending("a").description == "/a")
        func isBelow(_ path: String, _ ancestor: String) -> Bool {
            XenStorePath.isAtOrBelow(Array(path.utf8).span, Array(ancestor.utf8).span)
        }
        #expect(isBelow("/a/b", "/a") && isBelow("/a", "/a") && isBelow("/a", "/"))
        #expect(!isBelow("/ab", "/a") && !isBelow("/a", "/a/b") && !isBelow("/b/a", "/a"))
    }

    @Test func permissionsReadAndWrite() {
        for text in ["n0", "r5", "w32767", "b1"] {
            let permission = XenStorePermission(Array(text.utf8).span)
            var bytes: [UInt8] = []
            permission?.append(to: &bytes)
            #expect(String(decoding: bytes, as: UTF8.self) == text + "\0")
        }
        for text in ["", "n", "x1", "1", "n-1", "n65536", "r1x", "R1"] {
            #expect(XenStorePermission(Array(text.utf8).span) == nil, "\(text)")
        }
    }

    @Test func numbersAreDigitsThatFit() {
        func decimal(_ text: String) -> UInt16? { Array(text.utf8).span.decimal() }
        #expect(decimal("0") == 0 && decimal("65535") == 65535 && decimal("007") == 7)
        for text in ["", "65536", "99999999999999999999", "1a", "-1", " 1", "+1"] {
            #expect(decimal(text) == nil)
        }
        for value: UInt64 in [0, 9, 10, 12345, .max] {
            var bytes: [UInt8] = []
            bytes.append(decimal: value)
            #expect(String(decoding: bytes, as: UTF8.self) == "\(value)")
        }
    }
}
