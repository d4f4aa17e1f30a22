// SPDX-License-Identifier: Apache-2.0

/// A place in a configuration: the file (or `command line`), and line and column, both counted from 1.
public struct SourcePosition: Hashable, Sendable, CustomStringConvertible {
    public let source: String
    public let line: Int
    /// In characters, not bytes.
    public let column: Int
    public init(source: String, line: Int, column: Int) {
        self.source = source
        self.line = line
        self.column = column
    }
    public var description: String { "\(source):\(line):\(column)" }
}

/// Why a configuration was refused.
///
/// Nothing was created when this is thrown. `Docs/Errors.md` has an entry for each `Code`.
public struct ConfigurationError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of refusal, by the name that `Docs/Errors.md` lists.
    public enum Code: String, CaseIterable, Sendable {
        case syntax = "config-syntax"
        case unknownKey = "config-unknown-key"
        case wrongType = "config-type"
        case outOfRange = "config-range"
        case missing = "config-missing"
        case notSupported = "config-not-supported"
        case badDisk = "config-disk"
        case badVif = "config-vif"
        case badDevice = "config-device"
    }
    public let code: Code
    /// What is wrong, without the place.
    public let message: String
    /// What to do, if that is known.
    public let hint: String?
    /// Where, or nil for what is missing altogether or did not come from a file.
    public let position: SourcePosition?

    public init(_ code: Code, _ message: String, hint: String? = nil, at position: SourcePosition? = nil) {
        self.code = code
        self.message = message
        self.hint = hint
        self.position = position
    }
    /// The same refusal, with a place if it had none.
    func located(at place: SourcePosition) -> ConfigurationError {
        position == nil ? ConfigurationError(code, message, hint: hint, at: place) : self
    }
    /// `web.cfg:3:10: message`.
    public var description: String {
        guard let position else { return message }
        return "\(position): \(message)"
    }
}

/// Something in a configuration that has no effect here. The domain starts all the same.
public struct ConfigurationWarning: Hashable, Sendable, CustomStringConvertible {
    public let message: String
    public let position: SourcePosition
    public var description: String { "\(position): \(message)" }
}
