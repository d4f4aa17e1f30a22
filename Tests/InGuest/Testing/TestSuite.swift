// SPDX-License-Identifier: Apache-2.0
public import GuestABI
public import XenABI

/// How one test, or all of a guest, ended. The worst of several wins.
public enum TestResult: Int, Comparable, Sendable {
    case success, skip, error, failure
    public static func < (a: TestResult, b: TestResult) -> Bool { a.rawValue < b.rawValue }
    /// The word of a `TEST` line.
    var word: StaticString {
        switch self {
        case .success: "PASS"
        case .skip: "SKIP"
        case .error: "ERROR"
        case .failure: "FAIL"
        }
    }
}

/// One test: what it expects, and what it found. *Failure* means the hypervisor is wrong, *error* that the test is.
public struct Test: ~Copyable {
    public internal(set) var result = TestResult.success
    var detail = Text()

    mutating func note(_ result: TestResult, _ text: Text) {
        if self.result < result {
            self.result = result
            detail = text
        } else if result != .success {
            Console.print("  also: \(text)")
        }
    }

    /// `condition` must hold.
    public mutating func expect(_ condition: Bool, _ what: Text, line: Int = #line) {
        if !condition { note(.failure, "line \(line): \(what)") }
    }
    /// `found` must be `wanted`.
    public mutating func expectEqual<Number: FixedWidthInteger>(
        _ found: Number, _ wanted: Number, _ what: Text, line: Int = #line
    ) {
        if found != wanted { note(.failure, "line \(line): \(what) is \(hex: found), not \(hex: wanted)") }
    }
    /// `body` must throw exactly `wanted`.
    public mutating func expectError(
        _ wanted: XenError, _ what: Text, line: Int = #line, _ body: () throws(XenError) -> Void
    ) {
        do throws(XenError) {
            try body()
            note(.failure, "line \(line): \(what) succeeded, \(wanted) expected")
        } catch {
            if error != wanted { note(.failure, "line \(line): \(what) gave \(error), not \(wanted)") }
        }
    }
    /// A raw hypercall result must be the error `wanted`.
    public mutating func expectReturn(_ found: Int64, _ wanted: XenError, _ what: Text, line: Int = #line) {
        if found != wanted.returnValue {
            note(.failure, "line \(line): \(what) returned \(found), not \(wanted.returnValue)")
        }
    }
    /// A raw hypercall result must be `wanted`.
    public mutating func expectReturn(_ found: Int64, _ wanted: Int64, _ what: Text, line: Int = #line) {
        if found != wanted { note(.failure, "line \(line): \(what) returned \(found), not \(wanted)") }
    }
    /// `body` must throw the grant status `wanted`.
    public mutating func expectStatus(
        _ wanted: Int16, _ what: Text, line: Int = #line, _ body: () throws(GrantStatus) -> Void
    ) {
        do throws(GrantStatus) {
            try body()
            if wanted != GrantStatusCode.okay {
                note(.failure, "line \(line): \(what) succeeded, status \(wanted) expected")
            }
        } catch {
            if error.rawValue != wanted {
                note(.failure, "line \(line): \(what) gave status \(error.rawValue), not \(wanted)")
            }
        }
    }
    /// `body` must throw exactly `wanted`.
    public mutating func expectStatus(
        _ wanted: GrantStatus, _ what: Text, line: Int = #line, _ body: () throws(GrantStatus) -> Void
    ) {
        expectStatus(wanted.rawValue, what, line: line, body)
    }
    /// `body` must raise the exception `wanted`.
    public mutating func expectFault(
        _ wanted: Fault, _ what: Text, line: Int = #line, _ body: () throws(Fault) -> Void
    ) {
        do throws(Fault) {
            try body()
            note(.failure, "line \(line): \(what) did not fault")
        } catch {
            if error != wanted {
                note(.failure, "line \(line): \(what) raised \(error.vector), not \(wanted.vector)")
            }
        }
    }
    /// Something the test needs is not there, through no fault of the hypervisor.
    public mutating func skip(_ why: Text) { note(.skip, why) }
    /// The test itself cannot go on.
    public mutating func error(_ why: Text, line: Int = #line) { note(.error, "line \(line): \(why)") }
}

/// The tests of one guest, in order, and their worst result.
public struct TestSuite: ~Copyable {
    private var worst = TestResult.success
    private let name: Text
    /// Whether this guest was started by itself as a DomU; see `runAgainAsDomU`.
    public static var isChild: Bool { BootInformation.current.commandLine.starts(with: "child") }
    /// Whether somebody else started this guest as a DomU: the tools under Debian's Xen, see Tests/System/reference.sh. What
    /// is different there on purpose is skipped, and stands in Docs/ABI.md.
    public static var isReference: Bool { !BootInformation.current.isInitialDomain && !isChild }

    public init(_ name: StaticString) {
        self.name = Self.isChild ? "domu.\(name)" : "\(name)"
        Console.print("SUITE \(self.name)")
    }
    /// In domain 0: starts a DomU with two vCPUs from this same image, which runs the same tests and prints its own
    /// lines, and waits for its end. Elsewhere does nothing.
    public mutating func runAgainAsDomU() {
        guard BootInformation.current.isInitialDomain else { return }
        test("ends_well_as_a_domu") { t throws(XenError) in
            try Events.start()
            let child = try ChildDomain(vcpuCount: 2, pageCount: ChildDomain.ownImagePageCount)
            try child.loadOwnImage(commandLine: "child")
            try child.unpause()
            guard let reason = try child.waitForShutdown(nanoseconds: 60_000_000_000) else {
                return t.expect(false, "it does not end")
            }
            t.expectEqual(reason, ShutdownReason.powerOff, "reason")
            try child.destroy()
        }
    }
    /// Runs one test and prints its line. An error that `body` lets through is a failure.
    public mutating func test(_ name: StaticString, _ body: (inout Test) throws(XenError) -> Void) {
        var test = Test()
        do throws(XenError) {
            try body(&test)
        } catch {
            test.note(.failure, "unexpected \(error)")
        }
        if test.result == .success {
            Console.print("TEST \(self.name).\(name) PASS")
        } else {
            Console.print("TEST \(self.name).\(name) \(test.result.word) \(test.detail)")
        }
        worst = max(worst, test.result)
    }
    /// Prints the worst result and shuts the domain down.
    public consuming func finish() -> Never {
        switch worst {
        case .success: Console.print("Test result: SUCCESS")
        case .skip: Console.print("Test result: SKIP")
        case .error: Console.print("Test result: ERROR")
        case .failure: Console.print("Test result: FAILURE")
        }
        // A child's parent reads the result from the reason.
        shutDown(Self.isChild && worst > .skip ? ShutdownReason.reboot : ShutdownReason.powerOff)
    }
}
