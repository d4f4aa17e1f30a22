// SPDX-License-Identifier: Apache-2.0
import KeyValue
import Testing

/// A server and a client that types lines.
final class Console {
    let server: Server
    let session: Session
    var now: UInt64 = 1000
    init(memoryLimit: Int = 1 << 20) {
        server = Server(memoryLimit: memoryLimit, seed: 7, now: now)
        session = Session(server)
    }
    func send(_ input: Bytes) -> String {
        var start = 0
        var output: Bytes = []
        while start < input.count {
            start += session.receive(input.span.extracting(start..<input.count), now: now)
            let before = output.count
            session.reply.drain { span in
                for index in 0..<span.count { output.append(span[index]) }
                return span.count
            }
            if session.isClosing || output.count == before { break }
        }
        return String(decoding: output, as: UTF8.self)
    }
    /// One line; the reply without its last line end.
    func type(_ line: String) -> String {
        let reply = send(bytes(line + "\r\n"))
        return reply.hasSuffix("\r\n") ? String(reply.dropLast(2)) : reply
    }
}

extension String {
    /// Swift takes CR LF for one character.
    fileprivate func dropLast(_ count: Int) -> String {
        String(decoding: utf8.dropLast(count), as: UTF8.self)
    }
}

@Suite struct ServerTests {
    static let dialogue: [(String, String)] = [
        ("ping", "+PONG"), ("PING hi", "$2\r\nhi"), ("echo 'a b'", "$3\r\na b"),
        ("get k", "$-1"), ("set k v", "+OK"), ("GET k", "$1\r\nv"), ("strlen k", ":1"), ("strlen none", ":0"),
        ("exists k k none", ":2"), ("type k", "+string"), ("type none", "+none"), ("dbsize", ":1"),
        ("set k w nx", "$-1"), ("set k w xx", "+OK"), ("set none w xx", "$-1"), ("set k x get", "$1\r\nw"),
        ("set k y nx xx", "-ERR syntax error"), ("set k y ex", "-ERR syntax error"),
        ("set k y ex 0", "-ERR invalid expire time in 'set' command"),
        ("set k y ex a", "-ERR value is not an integer or out of range"),
        ("set k y px 9223372036854775807", "-ERR invalid expire time in 'set' command"),
        ("append k yz", ":3"), ("append n a", ":1"), ("get k", "$3\r\nxyz"),
        ("incr c", ":1"), ("incr c", ":2"), ("decr c", ":1"), ("incrby c 41", ":42"), ("decrby c 50", ":-8"),
        ("incr k", "-ERR value is not an integer or out of range"), ("set m 9223372036854775807", "+OK"),
        ("incr m", "-ERR increment or decrement would overflow"),
        ("decrby m -9223372036854775808", "-ERR value is not an integer or out of range"),
        ("set m 01", "+OK"), ("incr m", "-ERR value is not an integer or out of range"),
        ("mset a 1 b 2", "+OK"), ("mget a none b", "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2"),
        ("mset a", "-ERR wrong number of arguments for 'mset' command"), ("del a b none", ":2"),
        ("setnx a 1", ":1"), ("setnx a 2", ":0"), ("getdel a", "$1\r\n1"), ("getdel a", "$-1"),
        ("select 0", "+OK"), ("select 1", "-ERR DB index is out of range"),
        ("get", "-ERR wrong number of arguments for 'get' command"),
        ("nonsense x", "-ERR unknown command 'nonsense'"),
        ("config get save", "*2\r\n$4\r\nsave\r\n$0\r\n"), ("config get none", "*0"), ("command", "*0"),
        ("keys c*", "*1\r\n$1\r\nc"), ("flushall", "+OK"), ("dbsize", ":0"),
        ("scan 70000", "-ERR invalid cursor"),
    ]
    @Test func repliesAsRedisDoes() {
        let console = Console()
        for (line, reply) in Self.dialogue { #expect(console.type(line) == reply, "\(line)") }
        #expect(console.server.budget.used == 0)
    }
    @Test func endsKeysByTheirTime() {
        let console = Console()
        _ = console.type("set a 1 px 1500")
        _ = console.type("set b 1 ex 10")
        #expect(console.type("ttl a") == ":2" && console.type("pttl a") == ":1500")
        #expect(console.type("ttl b") == ":10" && console.type("ttl none") == ":-2")
        console.now += 1500
        #expect(console.type("get a") == "$-1" && console.type("dbsize") == ":1")
        #expect(
            console.type("persist b") == ":1" && console.type("ttl b") == ":-1"
                && console.type("persist b") == ":0")
        #expect(console.type("expire b 1") == ":1" && console.type("expire none 1") == ":0")
        #expect(console.type("set b 2 keepttl") == "+OK" && console.type("ttl b") == ":1")
        #expect(console.type("set c 1") == "+OK" && console.type("pexpire c 5") == ":1")
        #expect(
            console.type("set d 1") == "+OK" && console.type("expire d 0") == ":1"
                && console.type("get d") == "$-1")
        console.now += 1000
        // Nobody asks for them: the sweep finds them.
        console.server.table.sweep(chainCount: Table.chainCount, now: console.now)
        #expect(console.server.table.count == 0 && console.server.table.expiredCount == 3)
        #expect(
            console.type("set e 1 ex 1") == "+OK" && console.type("set e 2") == "+OK"
                && console.type("ttl e") == ":-1")
    }
    @Test func saysWhenMemoryIsUsedUp() {
        let console = Console(memoryLimit: 256 * 1024)
        let value = String(repeating: "v", count: 2000)
        var count = 0
        while console.type("set key\(count) \(value)") == "+OK" { count += 1 }
        #expect(count > 40 && count < 100)
        #expect(
            console.type("set key \(value)") == "-OOM command not allowed when used memory > 'maxmemory'.")
        #expect(
            console.type("append key0 \(value)") == "-OOM command not allowed when used memory > 'maxmemory'."
        )
        #expect(console.type("strlen key0") == ":2000")
        // Removing makes room for values of that size.
        #expect(console.type("del key0") == ":1" && console.type("set key \(value)") == "+OK")
        #expect(console.type("flushall") == "+OK")
        for index in 0..<count { #expect(console.type("set key\(index) \(value)") == "+OK") }
        #expect(console.server.budget.committed <= 192 * 1024)
    }
    @Test func disconnectsWhoAsksForMoreThanThereIs() {
        let console = Console(memoryLimit: 512 * 1024)
        #expect(console.type("set k " + String(repeating: "v", count: 4000)) == "+OK")
        // A thousand times 4000 bytes do not fit the replies that may wait.
        let input = bytes("mget" + String(repeating: " k", count: 1000) + "\r\n")
        #expect(console.session.receive(input.span, now: 1) == input.count)
        #expect(console.session.isClosing && console.session.reply.hasOverflown)
        let other = Session(console.server)
        let huge = bytes("*1\r\n$200000\r\n")
        _ = other.receive(huge.span, now: 1)
        #expect(other.isClosing)
    }
    @Test func readsNoMoreWhileRepliesWait() {
        let console = Console()
        _ = console.type("set k " + String(repeating: "v", count: 4000))
        let input = bytes(String(repeating: "get k\r\n", count: 100))
        let used = console.session.receive(input.span, now: 1)
        #expect(used < input.count && used % 7 == 0 && console.session.reply.byteCount < 80 * 1024)
        let rest = Bytes(input[used...])
        #expect(console.send(rest).utf8.count > 0)
    }
    @Test func listsEveryKeyOnce() {
        let console = Console()
        for index in 0..<300 { _ = console.type("set key:\(index) 1") }
        var found: Set<String> = []
        var cursor = "0"
        var rounds = 0
        repeat {
            let lines = console.type("scan \(cursor) match key:* count 7").split(separator: "\r\n")
            cursor = String(lines[2])
            for line in lines.dropFirst(4) where !line.hasPrefix("$") {
                #expect(found.insert(String(line)).inserted)
            }
            rounds += 1
        } while cursor != "0"
        #expect(found.count == 300 && rounds > 20)
        #expect(console.type("keys key:1[0-2]?").hasPrefix("*30\r\n"))
        #expect(console.type("keys [^k]*") == "*0" && console.type("keys *:29?").hasPrefix("*10\r\n"))
        #expect(console.type("keys key\\:1") == "*1\r\n$5\r\nkey:1")
    }
    @Test func quitsAndReportsErrorsLast() {
        let console = Console()
        #expect(console.send(bytes("ping\r\nquit\r\nping\r\n")) == "+PONG\r\n+OK\r\n")
        #expect(console.session.isClosing)
        let other = Console()
        #expect(
            other.send(bytes("ping\r\n*x\r\nping\r\n"))
                == "+PONG\r\n-ERR Protocol error: invalid multibulk length\r\n")
        #expect(Console().type("info").contains("redis_version:"))
    }

    /// Random requests against a dictionary.
    @Test(arguments: 0..<20) func agreesWithADictionary(seed: UInt64) {
        var random = Random(seed)
        let console = Console()
        var model: [String: String] = [:]
        for _ in 0..<500 {
            let key = "k\(random.below(12))"
            switch random.below(5) {
            case 0:
                let value = "v\(random.below(1000))"
                #expect(console.type("set \(key) \(value)") == "+OK")
                model[key] = value
            case 1:
                #expect(console.type("del \(key)") == (model.removeValue(forKey: key) == nil ? ":0" : ":1"))
            case 2:
                model[key, default: ""] += "x"
                #expect(console.type("append \(key) x") == ":\(model[key]?.utf8.count ?? 0)")
            case 3: #expect(console.type("dbsize") == ":\(model.count)")
            default:
                let expected = model[key].map { "$\($0.utf8.count)\r\n\($0)" } ?? "$-1"
                #expect(console.type("get \(key)") == expected)
            }
        }
        _ = console.type("flushall")
        #expect(console.server.budget.used == 0)
    }
}
