// SPDX-License-Identifier: Apache-2.0

/// Carries requests out on one table, as a Redis server would. Names, replies and errors are Redis's.
public final class Server {
    public let table: Table
    /// Three quarters of the memory: keys and values.
    public let budget: MemoryBudget
    /// The rest: requests and replies, so that a full table still gets and answers them.
    public let clientBudget: MemoryBudget
    public private(set) var requestCount: UInt64 = 0
    /// Clients connected; whoever connects them counts.
    public var clientCount = 0
    private let startTime: UInt64
    private let outOfMemory: StaticString = "OOM command not allowed when used memory > 'maxmemory'."

    /// - Parameters:
    ///   - memoryLimit: bytes for keys, values, requests and replies.
    ///   - now: milliseconds of any clock that never goes back, 1 or more.
    public init(memoryLimit: Int, seed: UInt64, now: UInt64) {
        budget = MemoryBudget(limit: memoryLimit / 4 * 3)
        clientBudget = MemoryBudget(limit: memoryLimit / 4)
        table = Table(budget: budget, seed: seed)
        startTime = now
    }

    /// Carries one request out. False: the connection is to be closed after the reply.
    public func perform(_ request: [Bytes], now: UInt64, reply: ReplyBuffer) -> Bool {
        requestCount &+= 1
        let count = request.count
        let name = request[0]
        func refuseCount() -> Bool {
            reply.error("ERR wrong number of arguments for '", name, "' command")
            return true
        }
        func takes(_ counts: ClosedRange<Int>) -> Bool {
            if counts.contains(count) { return true }
            return !refuseCount()
        }
        // The most frequent first.
        if name.matches("get") {
            if takes(2...2) { reply.bulk(table.value(of: request[1], now: now)) }
        } else if name.matches("set") {
            if takes(3...1024) { set(request, now, reply) }
        } else if name.matches("incr") {
            if takes(2...2) { add(1, to: request[1], now, reply) }
        } else if name.matches("decr") {
            if takes(2...2) { add(-1, to: request[1], now, reply) }
        } else if name.matches("incrby") || name.matches("decrby") {
            guard takes(3...3) else { return true }
            guard let step = request[2].integer, step != .min else {
                reply.error("ERR value is not an integer or out of range")
                return true
            }
            add(name.matches("incrby") ? step : -step, to: request[1], now, reply)
        } else if name.matches("ping") {
            guard takes(1...2) else { return true }
            if count == 2 { reply.bulk(request[1]) } else { reply.status("PONG") }
        } else if name.matches("mset") {
            if count < 3 || count % 2 == 0 { return refuseCount() }
            setSeveral(request, now, reply)
        } else if name.matches("mget") {
            guard takes(2...1024) else { return true }
            reply.array(count - 1)
            for index in 1..<count { reply.bulk(table.value(of: request[index], now: now)) }
        } else if name.matches("del") || name.matches("unlink") {
            guard takes(2...1024) else { return true }
            var removed: Int64 = 0
            for index in 1..<count
            where table.find(request[index], now: now) != nil && table.remove(request[index]) {
                removed += 1
            }
            reply.integer(removed)
        } else if name.matches("exists") {
            guard takes(2...1024) else { return true }
            var found: Int64 = 0
            for index in 1..<count where table.find(request[index], now: now) != nil { found += 1 }
            reply.integer(found)
        } else if name.matches("append") {
            if takes(3...3) { append(request[2], to: request[1], now, reply) }
        } else if name.matches("strlen") {
            if takes(2...2) { reply.integer(Int64(table.find(request[1], now: now)?.value.count ?? 0)) }
        } else if name.matches("setnx") {
            guard takes(3...3) else { return true }
            if table.find(request[1], now: now) != nil {
                reply.integer(0)
            } else if table.set(request[1], request[2], end: 0, now: now) {
                reply.integer(1)
            } else {
                reply.error(outOfMemory)
            }
        } else if name.matches("getdel") {
            guard takes(2...2) else { return true }
            reply.bulk(table.value(of: request[1], now: now))
            _ = table.remove(request[1])
        } else if name.matches("expire") {
            if takes(3...3) { expire(request, unit: 1000, now, reply) }
        } else if name.matches("pexpire") {
            if takes(3...3) { expire(request, unit: 1, now, reply) }
        } else if name.matches("persist") {
            guard takes(2...2) else { return true }
            let entry = table.find(request[1], now: now)
            reply.integer(entry != nil && entry?.end != 0 ? 1 : 0)
            entry?.end = 0
        } else if name.matches("ttl") {
            if takes(2...2) { reply.integer(timeToLive(request[1], unit: 1000, now)) }
        } else if name.matches("pttl") {
            if takes(2...2) { reply.integer(timeToLive(request[1], unit: 1, now)) }
        } else if name.matches("type") {
            guard takes(2...2) else { return true }
            reply.status(table.find(request[1], now: now) == nil ? "none" : "string")
        } else if name.matches("dbsize") {
            if takes(1...1) { reply.integer(Int64(table.count)) }
        } else if name.matches("flushall") || name.matches("flushdb") {
            guard takes(1...2) else { return true }
            table.removeAll()
            reply.status("OK")
        } else if name.matches("keys") {
            if takes(2...2) { keys(request[1], now, reply) }
        } else if name.matches("scan") {
            if takes(2...8) { scan(request, now, reply) }
        } else {
            return performRest(request, name, now: now, reply: reply)
        }
        return true
    }

    /// What clients ask about the server rather than about keys.
    private func performRest(_ request: [Bytes], _ name: Bytes, now: UInt64, reply: ReplyBuffer) -> Bool {
        let count = request.count
        if name.matches("echo"), count == 2 {
            reply.bulk(request[1])
        } else if name.matches("select"), count == 2 {
            if request[1].integer == 0 {
                reply.status("OK")
            } else {
                reply.error("ERR DB index is out of range")
            }
        } else if name.matches("quit") {
            reply.status("OK")
            return false
        } else if name.matches("info") {
            reply.bulk(information(now))
        } else if name.matches("command") {
            reply.array(0)
        } else if name.matches("config"), count >= 3, request[1].matches("get") {
            configuration(request[2], reply)
        } else if name.matches("client"), count >= 2, request[1].matches("setname") {
            reply.status("OK")
        } else if name.matches("echo") || name.matches("select") || name.matches("config") {
            reply.error("ERR wrong number of arguments for '", name, "' command")
        } else {
            reply.error("ERR unknown command '", name, "'")
        }
        return true
    }

    // MARK: Values

    /// When a time to live given as `number` of `unit` milliseconds ends; nil if it is none.
    private func end(_ number: Bytes, unit: Int64, now: UInt64) -> UInt64? {
        guard let number = number.integer, number > 0, number <= Int64.max / 2 / unit else { return nil }
        return now + UInt64(number * unit)
    }
    private func set(_ request: [Bytes], _ now: UInt64, _ reply: ReplyBuffer) {
        var end: UInt64 = 0
        var (onlyNew, onlyOld, keepsEnd, givesOld, hasEnd) = (false, false, false, false, false)
        var index = 3
        while index < request.count {
            let word = request[index]
            if word.matches("nx"), !onlyOld {
                onlyNew = true
            } else if word.matches("xx"), !onlyNew {
                onlyOld = true
            } else if word.matches("keepttl"), !hasEnd {
                keepsEnd = true
            } else if word.matches("get") {
                givesOld = true
            } else if word.matches("ex") || word.matches("px"), !keepsEnd, !hasEnd, index + 1 < request.count
            {
                guard
                    let time = self.end(request[index + 1], unit: word.matches("ex") ? 1000 : 1, now: now)
                else {
                    reply.error(
                        request[index + 1].integer == nil
                            ? "ERR value is not an integer or out of range"
                            : "ERR invalid expire time in 'set' command")
                    return
                }
                end = time
                hasEnd = true
                index += 1
            } else {
                reply.error("ERR syntax error")
                return
            }
            index += 1
        }
        let old = table.find(request[1], now: now)
        let oldValue = old?.value
        if onlyNew && old != nil || onlyOld && old == nil {
            reply.bulk(givesOld ? oldValue : nil)
            return
        }
        if keepsEnd { end = old?.end ?? 0 }
        guard table.set(request[1], request[2], end: end, now: now) else {
            reply.error(outOfMemory)
            return
        }
        if givesOld { reply.bulk(oldValue) } else { reply.status("OK") }
    }
    private func setSeveral(_ request: [Bytes], _ now: UInt64, _ reply: ReplyBuffer) {
        var index = 1
        while index + 1 < request.count {
            // Those before stay set: unlike Redis, which looks at its memory before it begins.
            guard table.set(request[index], request[index + 1], end: 0, now: now) else {
                reply.error(outOfMemory)
                return
            }
            index += 2
        }
        reply.status("OK")
    }
    private func add(_ step: Int64, to key: Bytes, _ now: UInt64, _ reply: ReplyBuffer) {
        let entry = table.find(key, now: now)
        guard let number = entry == nil ? 0 : entry?.value.integer else {
            reply.error("ERR value is not an integer or out of range")
            return
        }
        let (sum, overflow) = number.addingReportingOverflow(step)
        guard !overflow else {
            reply.error("ERR increment or decrement would overflow")
            return
        }
        var value: Bytes = []
        value.append(decimal: sum)
        let isSet =
            if let entry { table.replace(entry, value) } else { table.set(key, value, end: 0, now: now) }
        if isSet { reply.integer(sum) } else { reply.error(outOfMemory) }
    }
    private func append(_ bytes: Bytes, to key: Bytes, _ now: UInt64, _ reply: ReplyBuffer) {
        guard let entry = table.find(key, now: now) else {
            if table.set(key, bytes, end: 0, now: now) {
                reply.integer(Int64(bytes.count))
            } else {
                reply.error(outOfMemory)
            }
            return
        }
        let count = entry.value.count + bytes.count
        guard count <= RequestDecoder.maximumBulkLength else {
            reply.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
            return
        }
        // Memory is asked for before it is used.
        guard budget.take(count) else {
            reply.error(outOfMemory)
            return
        }
        var value = Bytes(repeating: 0, count: count)
        var target = value.mutableSpan
        for index in 0..<entry.value.count { target[index] = entry.value[index] }
        for index in 0..<bytes.count { target[entry.value.count + index] = bytes[index] }
        budget.give(count)
        if table.replace(entry, value) { reply.integer(Int64(count)) } else { reply.error(outOfMemory) }
    }

    // MARK: Times

    private func expire(_ request: [Bytes], unit: Int64, _ now: UInt64, _ reply: ReplyBuffer) {
        guard let number = request[2].integer else {
            reply.error("ERR value is not an integer or out of range")
            return
        }
        guard number <= Int64.max / 2 / unit else {
            reply.error("ERR invalid expire time in '", request[0], "' command")
            return
        }
        guard let entry = table.find(request[1], now: now) else {
            reply.integer(0)
            return
        }
        if number <= 0 { _ = table.remove(request[1]) } else { entry.end = now + UInt64(number * unit) }
        reply.integer(1)
    }
    /// -2: there is no such key; -1: it never ends. Rounded to the nearest unit, as Redis does.
    private func timeToLive(_ key: Bytes, unit: UInt64, _ now: UInt64) -> Int64 {
        guard let entry = table.find(key, now: now) else { return -2 }
        return entry.end == 0 ? -1 : Int64((entry.end - now + unit / 2) / unit)
    }

    // MARK: All keys

    private func keys(_ pattern: Bytes, _ now: UInt64, _ reply: ReplyBuffer) {
        // Counted first: the count stands before the keys.
        for pass in 0..<2 {
            var count = 0
            for chain in 0..<Table.chainCount {
                table.forEachKey(inChain: chain, now: now) { key in
                    guard matchesGlob(key, pattern) else { return }
                    count += 1
                    if pass == 1 { reply.bulk(key) }
                }
            }
            if pass == 0 { reply.array(count) }
        }
    }
    /// The cursor is a chain: a key that is there from the first call to the last is found once.
    private func scan(_ request: [Bytes], _ now: UInt64, _ reply: ReplyBuffer) {
        guard let start = request[1].integer, start >= 0, start < Int64(Table.chainCount) else {
            reply.error("ERR invalid cursor")
            return
        }
        var pattern: Bytes?
        var wanted = 10
        var index = 2
        while index < request.count {
            guard index + 1 < request.count else {
                reply.error("ERR syntax error")
                return
            }
            if request[index].matches("match") {
                pattern = request[index + 1]
            } else if request[index].matches("count"), let number = request[index + 1].integer, number > 0 {
                wanted = Int(min(number, 1000))
            } else {
                reply.error("ERR syntax error")
                return
            }
            index += 2
        }
        var chain = Int(start)
        var found: [Bytes] = []
        var visited = 0
        // Empty chains are walked over, but not all of them at once.
        let last = min(chain + 4096, Table.chainCount)
        while chain < last, visited < wanted {
            table.forEachKey(inChain: chain, now: now) { key in
                visited += 1
                if let pattern, !matchesGlob(key, pattern) { return }
                found.append(key)
            }
            chain += 1
        }
        reply.array(2)
        var cursor: Bytes = []
        cursor.append(decimal: Int64(chain == Table.chainCount ? 0 : chain))
        reply.bulk(cursor)
        reply.array(found.count)
        for key in found { reply.bulk(key) }
    }

    // MARK: About the server

    private func configuration(_ name: Bytes, _ reply: ReplyBuffer) {
        var value: Bytes = []
        if name.matches("save") {
        } else if name.matches("appendonly") {
            value.append("no")
        } else if name.matches("databases") {
            value.append("1")
        } else if name.matches("maxmemory") {
            value.append(decimal: Int64(budget.limit))
        } else {
            reply.array(0)
            return
        }
        reply.array(2)
        reply.bulk(name)
        reply.bulk(value)
    }
    private func information(_ now: UInt64) -> Bytes {
        var text: Bytes = []
        func line(_ name: StaticString, _ number: Int64) {
            text.append(name)
            text.append(decimal: number)
            text.append("\r\n")
        }
        text.append("# Server\r\nredis_version:7.0.0\r\nredis_mode:standalone\r\nos:Swiftvisor guest\r\n")
        line("uptime_in_seconds:", Int64((now - startTime) / 1000))
        text.append("\r\n# Clients\r\n")
        line("connected_clients:", Int64(clientCount))
        text.append("\r\n# Memory\r\n")
        line("used_memory:", Int64(budget.used))
        line("used_memory_committed:", Int64(budget.committed))
        line("maxmemory:", Int64(budget.limit))
        text.append("maxmemory_policy:noeviction\r\n\r\n# Stats\r\n")
        line("total_commands_processed:", Int64(truncatingIfNeeded: requestCount))
        line("expired_keys:", Int64(truncatingIfNeeded: table.expiredCount))
        text.append("\r\n# Keyspace\r\n")
        if table.count > 0 {
            text.append("db0:keys=")
            text.append(decimal: Int64(table.count))
            text.append(",expires=0,avg_ttl=0\r\n")
        }
        return text
    }
}
