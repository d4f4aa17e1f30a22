// SPDX-License-Identifier: Apache-2.0
import Glibc

/// How much is written to the standard error output.
public enum LogLevel: Int, Comparable, CaseIterable, Sendable {
    case error, warning, info, debug
    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    /// From the name on the command line.
    public init?(name: String) {
        guard let level = Self.allCases.first(where: { "\($0)" == name }) else { return nil }
        self = level
    }
}

/// Lines on the standard error output. *Error* means our own fault; what a guest does wrong is a *warning*.
public struct Log: Sendable {
    public let level: LogLevel
    /// Put in front of every line.
    public let prefix: String

    public init(level: LogLevel = .warning, prefix: String) {
        self.level = level
        self.prefix = prefix
    }
    /// The same, about one thing.
    public func about(_ subject: String) -> Log { Log(level: level, prefix: "\(prefix) \(subject)") }

    public func error(_ message: @autoclosure () -> String) { write(.error, message) }
    public func warning(_ message: @autoclosure () -> String) { write(.warning, message) }
    public func info(_ message: @autoclosure () -> String) { write(.info, message) }
    public func debug(_ message: @autoclosure () -> String) { write(.debug, message) }

    private func write(_ level: LogLevel, _ message: () -> String) {
        guard level <= self.level else { return }
        let line = Array("\(prefix): \(level): \(message())\n".utf8)
        // SAFETY: the array outlives the call. A line that cannot be written is lost.
        unsafe line.withUnsafeBytes { _ = unsafe Glibc.write(2, $0.baseAddress, $0.count) }
    }
}
