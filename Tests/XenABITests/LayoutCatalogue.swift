// SPDX-License-Identifier: Apache-2.0
import XenABI

/// One field of a layout table, as the tests see it.
struct LayoutRow {
    let name: String
    /// Path of the field in the C struct; "-" if there is none.
    let cName: String
    let type: String
    let offset: Int
    /// Size of one element in bytes.
    let byteCount: Int
    /// Elements of the array that starts here; 1 for a plain field.
    let count: Int
    /// Shares its bytes with other members of a union.
    let isUnionMember: Bool

    init<Layout: ABILayout, Value: BitwiseCopyable>(
        _ name: String, c cName: String, _ field: Field<Layout, Value>, count: Int = 1,
        isUnionMember: Bool = false
    ) {
        self.name = name
        self.cName = cName
        type = "\(Value.self)"
        offset = field.offset
        byteCount = field.byteCount
        self.count = count
        self.isUnionMember = isUnionMember
    }

    var range: Range<Int> { offset..<offset + byteCount * count }
    /// One line of the golden table.
    var text: String {
        "    \(name) \(cName) \(type)\(count > 1 ? "[\(count)]" : "") @\(offset)\(isUnionMember ? " union" : "")"
    }
}

/// One layout and all its fields.
struct LayoutTable {
    let name: String
    /// Tag of the C struct, "union " before it for a union; "-" if C has none.
    let cName: String
    let byteCount: Int
    let rows: [LayoutRow]

    init<Layout: ABILayout>(_ layout: Layout.Type, c cName: String, _ rows: [LayoutRow]) {
        name = "\(layout)"
        self.cName = cName
        byteCount = layout.byteCount
        self.rows = rows
    }

    var text: [String] { ["\(name) \(cName) \(byteCount)"] + rows.map(\.text) }
}

/// One named number.
struct ConstantRow {
    let name: String
    let cName: String
    let value: String
    init(_ name: String, c cName: String, _ value: some BinaryInteger) {
        self.name = name
        self.cName = cName
        self.value = String(value)
    }
    var text: String { "    \(name) \(cName) \(value)" }
}

/// One group of named numbers.
struct ConstantTable {
    let name: String
    let type: String
    let rows: [ConstantRow]
    init(_ name: String, _ type: String, _ rows: [ConstantRow]) {
        self.name = name
        self.type = type
        self.rows = rows
    }
    var text: [String] { ["enum \(name) \(type)"] + rows.map(\.text) }
}

/// Every layout table and every group of constants of `Sources/XenABI`, in one list.
///
/// A new layout goes into one of the `LayoutCatalogue+….swift` files; a test looks for layouts that are missing here.
enum LayoutCatalogue {
    static var layouts: [LayoutTable] {
        hypercallNumberLayouts + eventChannelLayouts + grantTableLayouts + memoryLayouts + schedulerLayouts
            + sharedInfoLayouts + versionLayouts + hvmParameterLayouts + startInfoLayouts + hvmContextLayouts
            + domctlLayouts + sysctlLayouts + platformLayouts + deviceLayouts
    }

    static var constants: [ConstantTable] {
        hypercallNumberConstants + eventChannelConstants + grantTableConstants + memoryConstants
            + schedulerConstants
            + sharedInfoConstants + versionConstants + hvmParameterConstants + startInfoConstants
            + hvmContextConstants + domctlConstants + sysctlConstants + platformConstants + deviceConstants
    }

    /// The golden table's lines.
    static var text: String {
        var lines: [String] = []
        for table in layouts { lines += table.text }
        for table in constants { lines += table.text }
        return lines.joined(separator: "\n") + "\n"
    }
}
