// SPDX-License-Identifier: Apache-2.0
public import XenABI
public import XenStoreWire

/// A path or a value of the store as bytes, written as a literal: `"device/vbd/\(number)/state"`.
///
/// Relative paths count from the directory of the domain that asks. What is no valid path the store refuses.
public struct StoreText: Equatable, Sendable, ExpressibleByStringInterpolation {
    public var bytes: [UInt8]

    public init(_ bytes: [UInt8] = []) { self.bytes = bytes }
    public init(_ path: XenStorePath) { bytes = path.bytes }
    public init(stringLiteral value: StaticString) {
        bytes = []
        bytes.append(value)
    }
    public init(stringInterpolation: StringInterpolation) { bytes = stringInterpolation.bytes }
    public init(decimal number: some UnsignedInteger & FixedWidthInteger) {
        bytes = []
        bytes.append(decimal: number)
    }

    /// The value as a decimal number; nil if it is none that fits.
    public func decimal<Number: FixedWidthInteger>(as type: Number.Type = Number.self) -> Number? {
        bytes.span.decimal(as: type)
    }
    /// Whether the bytes are those of the literal.
    public func matches(_ literal: StaticString) -> Bool { bytes.span.matches(literal) }
    /// The node of that name, or relative path, below this one.
    public func appending(_ name: StoreText) -> StoreText {
        var path = bytes
        if path.last != 0x2F { path.append(0x2F) }
        path.append(name.bytes.span)
        return StoreText(path)
    }

    /// Two texts are equal if their bytes are.
    public static func == (a: Self, b: Self) -> Bool { a.bytes.span.matches(b.bytes.span) }

    public struct StringInterpolation: StringInterpolationProtocol {
        var bytes: [UInt8] = []
        public init(literalCapacity: Int, interpolationCount: Int) {}
        public mutating func appendLiteral(_ literal: StaticString) { bytes.append(literal) }
        public mutating func appendInterpolation(_ literal: StaticString) { bytes.append(literal) }
        public mutating func appendInterpolation(_ other: StoreText) { bytes.append(other.bytes.span) }
        public mutating func appendInterpolation(_ number: some UnsignedInteger & FixedWidthInteger) {
            bytes.append(decimal: number)
        }
        public mutating func appendInterpolation(_ number: Int) {
            if number < 0 { bytes.append(0x2D) }
            bytes.append(decimal: number.magnitude)
        }
        public mutating func appendInterpolation(_ domain: DomainID) {
            bytes.append(decimal: domain.rawValue)
        }
        public mutating func appendInterpolation(_ port: EventPort) { bytes.append(decimal: port.rawValue) }
        public mutating func appendInterpolation(_ reference: GrantReference) {
            bytes.append(decimal: reference.rawValue)
        }
    }
}
