// SPDX-License-Identifier: Apache-2.0
import Foundation
import FuzzHypercalls

/// `fuzz-hypercalls [SECONDS=n] [SEED=s] [STEPS=n] [RUNS=n] [SKIP=a-b,c] [VERBOSE=1] [CHECK=n]`
@main
struct Driver {
    static func setting(_ name: String) -> String? {
        for argument in CommandLine.arguments.dropFirst() where argument.hasPrefix(name + "=") {
            let value = argument.dropFirst(name.count + 1)
            return value.isEmpty ? nil : String(value)
        }
        return nil
    }
    static func number(_ name: String) -> UInt64? {
        guard let text = setting(name) else { return nil }
        guard let value = text.hasPrefix("0x") ? UInt64(text.dropFirst(2), radix: 16) : UInt64(text) else {
            note("fuzz-hypercalls: \(name)=\(text) is no number")
            exit(2)
        }
        return value
    }
    static func print(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }
    static func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    static func main() {
        let start = number("SEED") ?? UInt64(Date().timeIntervalSince1970)
        let seconds = Double(number("SECONDS") ?? 60)
        let runs = number("RUNS").map { Int($0) } ?? .max
        var template = FuzzRun(seed: start)
        if let steps = number("STEPS") { template.stepCount = Int(steps) }
        if let check = number("CHECK") { template.stepsPerCheck = max(1, Int(check)) }
        if setting("VERBOSE") != nil { template.log = { print($0) } }
        template.skipped = skipped()
        // Who watches for a trap learns here which run it was.
        let state = setting("STATE")
        var total = Coverage()
        let began = Date()
        var shown = began
        print("fuzz: hypercalls, SEED=\(start)")
        var index = 0
        while index < runs, Date().timeIntervalSince(began) < seconds || index == 0 {
            var run = template
            run.seed = FuzzRun.seed(start, index)
            if let state { try? Data("\(run.seed)\n".utf8).write(to: URL(fileURLWithPath: state)) }
            do {
                try run.run { total.merge($0) }
            } catch {
                print("fuzz: FAILED SEED=\(run.seed): \(error)")
                exit(1)
            }
            index += 1
            if Date().timeIntervalSince(shown) >= 5 {
                shown = Date()
                progress(total, since: began, index)
            }
        }
        progress(total, since: began, index)
        if setting("COVERAGE") != nil { print(total.table) }
        print("fuzz: hypercalls: no failure")
    }
    static func progress(_ total: Coverage, since began: Date, _ runs: Int) {
        let time = Date().timeIntervalSince(began)
        let rate = Int(Double(total.calls) / max(time, 0.001))
        print(
            "fuzz: \(total.calls) calls, \(rate) calls/s, \(runs) machines, "
                + "\(total.results.count) operations, \(total.pairs) operation-result pairs")
    }
    static func skipped() -> Set<Int> {
        var set: Set<Int> = []
        for part in (setting("SKIP") ?? "").split(separator: ",") {
            let ends = part.split(separator: "-").compactMap { Int($0) }
            if let first = ends.first, let last = ends.last, first <= last { set.formUnion(first...last) }
        }
        return set
    }
}
