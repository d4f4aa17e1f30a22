// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Configuration

@Suite struct ConfigurationSyntaxTests {
    private func parse(_ text: String) throws -> [ConfigurationSetting] {
        try ConfigurationSyntax.parse(Array(text.utf8), source: "t.cfg")
    }
    private func content(_ text: String) throws -> ConfigurationValue.Content? {
        try parse("k = " + text).first?.value.content
    }
    private func refusal(_ text: String) -> String {
        do {
            _ = try parse(text)
            return "accepted"
        } catch {
            return "\(error)"
        }
    }

    @Test func readsStringsInEitherQuoteWithEscapes() throws {
        #expect(try content(#""a 'b'""#) == .string("a 'b'"))
        #expect(try content(#"'a "b"'"#) == .string(#"a "b""#))
        #expect(try content(#""\t\x41\101\\\"""#) == .string("\tAA\\\""))
        #expect(try content("'größe'") == .string("größe"))
    }

    @Test func readsNumbersInThreeBases() throws {
        #expect(try content("10") == .integer(10))
        #expect(try content("0x1F") == .integer(31))
        #expect(try content("017") == .integer(15))
        #expect(try content("0") == .integer(0))
        #expect(try content("-5") == .integer(-5))
    }

    @Test func readsListsOverLines() throws {
        let settings = try parse("disk = [ 'a', # first\n  'b',\n ['c', 1], ]\nname='x'")
        #expect(settings.map(\.name) == ["disk", "name"])
        guard case .list(let items) = settings[0].value.content else { Issue.record("no list"); return }
        #expect(items.count == 3)
        #expect(items[1].position == SourcePosition(source: "t.cfg", line: 2, column: 3))
    }

    @Test func separatesSettingsByNewlineAndSemicolon() throws {
        #expect(try parse("a=1;b=2 ; c = 3\n\n# only a comment\nd=4").map(\.name) == ["a", "b", "c", "d"])
        #expect(try parse("").isEmpty)
        #expect(try parse("\r\n a = 1\r\n").map(\.name) == ["a"])
        #expect(try parse("\u{FEFF}a=1").map(\.name) == ["a"])
    }

    @Test func laterSettingReplacesEarlier() throws {
        let settings = try parse("a=1\nb=2\na=3")
        #expect(settings.map(\.name) == ["b", "a"])
        #expect(settings[1].value.content == .integer(3))
    }

    @Test func plusEqualsJoinsListsAndStrings() throws {
        #expect(try parse("a='x'\na+='y'").first?.value.content == .string("xy"))
        guard case .list(let items) = try parse("a=['x']\na+=['y','z']").first?.value.content else {
            Issue.record("no list")
            return
        }
        #expect(items.count == 3)
        #expect(try parse("a+='y'").first?.value.content == .string("y"))
        #expect(refusal("a='x'\na+=['y']").hasPrefix("t.cfg:2:1: "))
    }

    @Test(arguments: [
        ("name 'x'", "t.cfg:1:6: expected \"=\" after \"name\", found \"'\""),
        ("= 1", "t.cfg:1:1: expected the name of a setting, found \"=\""),
        ("a = web", "t.cfg:1:5: expected a value, found \"web\""),
        ("a =", "t.cfg:1:4: expected a value, found the end of the file"),
        ("a =\nb = 1", "t.cfg:1:4: expected a string, a number or a list, found the end of the line"),
        ("\n\n  a = 'x", "t.cfg:3:7: this string is not closed"),
        ("a = [ 'x'\nb = 1", "t.cfg:2:1: expected \",\" or \"]\" in a list, found \"b\""),
        ("a = [ 'x',", "t.cfg:1:5: this list is not closed"),
        ("a = 1 b = 2", "t.cfg:1:7: expected the end of the line, found \"b\""),
        ("a = 12x", "t.cfg:1:5: \"12x\" is not a number"),
        ("a = 08", "t.cfg:1:5: \"08\" is not a number"),
        ("a = 99999999999999999999", "t.cfg:1:5: \"99999999999999999999\" is not a number"),
        ("a = '\\q'", "t.cfg:1:6: unknown escape \"\\\" before \"q\""),
        ("a = '\\0'", "t.cfg:1:6: an escaped byte must be 1 to 255"),
        ("a = '\\777'", "t.cfg:1:6: an escaped byte must be 1 to 255"),
        ("a = [[[[[[[[[1]]]]]]]]]", "t.cfg:1:13: lists nest deeper than 8 levels"),
        ("größe = 1", "t.cfg:1:3: expected \"=\" after \"gr\", found byte 0xc3"),
        ("a = 'ö' x", "t.cfg:1:9: expected the end of the line, found \"x\""),
    ])
    func refusesWithLineAndColumn(text: String, message: String) {
        #expect(refusal(text) == message)
    }

    @Test func refusesWhatIsNotText() {
        #expect(throws: ConfigurationError.self) {
            try ConfigurationSyntax.parse([0x61, 0x3D, 0x22, 0xFF, 0x22], source: "t")
        }
        #expect(throws: ConfigurationError.self) {
            try ConfigurationSyntax.parse(
                [UInt8](repeating: 0x20, count: ConfigurationSyntax.maximumByteCount + 1), source: "t")
        }
    }

    @Test func everyPrefixOfAValidFileIsReadOrRefused() throws {
        let text = Array("name = 'x'; disk = [ 'a,raw,xvda,w', \"b\\x41\" ]\nmemory = 0x80 # c\n".utf8)
        for count in 0...text.count {
            do throws(ConfigurationError) {
                _ = try ConfigurationSyntax.parse(Array(text[..<count]), source: "t")
            } catch {
                #expect(error.code == .syntax && error.position != nil)
            }
        }
    }

    /// Bytes that look like configuration often, so that the parser's inside is reached.
    @Test func randomBytesNeverTrap() {
        var generator = Xorshift(state: 0x1234_5678_9ABC_DEF1)
        let pieces: [[UInt8]] = [
            "name", "=", "'", "\"", "[", "]", ",", ";", "\n", "#", "\\", "x", "7", "0x", "-", " ", "+=",
            "disk", "vif", "memory",
            "phy:", "xvda", "mac=", "target=", "kernel='k'\nname='n'\nmemory=64\n", "vif=['", "disk=['", "']",
        ].map { Array($0.utf8) }
        for _ in 0..<20_000 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 0..<24, using: &generator) {
                if Int.random(in: 0..<4, using: &generator) == 0 {
                    bytes.append(UInt8.random(in: .min ... .max, using: &generator))
                } else {
                    bytes += pieces[Int.random(in: pieces.indices, using: &generator)]
                }
            }
            do throws(ConfigurationError) {
                let result = try DomainConfiguration.read(bytes, source: "fuzz")
                #expect((try? result.configuration.validate()) != nil)
            } catch {
                #expect(!error.message.isEmpty)
            }
        }
    }
}

/// A small generator with a fixed start, so that a failure repeats.
struct Xorshift: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
