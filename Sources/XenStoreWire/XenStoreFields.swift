// SPDX-License-Identifier: Apache-2.0

/// Walks through the NUL-terminated fields of a payload.
public struct XenStoreFields: ~Escapable {
    private let bytes: Span<UInt8>
    private var at = 0

    @_lifetime(copy bytes)
    public init(_ bytes: Span<UInt8>) { self.bytes = bytes }

    /// Where the next field lies, without its NUL; nil if no NUL is left.
    public mutating func next() -> Range<Int>? {
        let start = at
        var end = start
        let count = bytes.count
        while end < count {
            if bytes[end] == 0 {
                at = end + 1
                return start..<end
            }
            end &+= 1
        }
        return nil
    }

    /// What follows the fields taken so far.
    public var rest: Range<Int> { at..<bytes.count }

    /// The payload's only field; nil if there is another, none, or bytes behind it.
    public static func only(_ bytes: Span<UInt8>) -> Range<Int>? {
        var fields = XenStoreFields(bytes)
        guard let field = fields.next(), fields.rest.isEmpty else { return nil }
        return field
    }
}
