// SPDX-License-Identifier: Apache-2.0
public import XenABI

/// What a domain's vCPUs and emulated devices are set to, as records: a header, any others, an end. `public/hvm/save.h`.
public struct SavedContext: Equatable, Sendable {
    /// One record among the bytes of all.
    public struct Record: Equatable, BitwiseCopyable, Sendable {
        /// An `HVMSaveRecord`.
        public var type: UInt16
        /// Which of several alike, such as the vCPU.
        public var instance: UInt16
        /// Where its body starts and how long it is, in bytes.
        public var start: Int
        public var byteCount: Int
    }
    /// Descriptors and bodies, one after another.
    public var buffer: HypercallBuffer

    /// Records as a call left them, or would take them. They are not looked at.
    public init(_ buffer: HypercallBuffer) { self.buffer = buffer }
    /// A header alone. `cpuid` is what CPUID leaf 1 has in EAX.
    public init(cpuid: UInt32, kilohertz: UInt32 = 0) {
        buffer = HypercallBuffer(byteCount: 0)
        var header = HypercallBlock<HVMSaveHeaderLayout>()
        header[.magic] = HVMSaveMagic.value
        header[.version] = HVMSaveMagic.version
        header[.cpuid] = cpuid
        header[.guestTSCKilohertz] = kilohertz
        append(header, type: HVMSaveRecord.header)
    }

    /// Adds a record behind the last.
    public mutating func append<Layout: ABILayout>(
        _ body: HypercallBlock<Layout>, type: UInt16, instance: UInt16 = 0
    ) {
        appendDescriptor(type, instance, body.buffer.byteCount)
        buffer.bytes.append(contentsOf: body.buffer.bytes)
    }
    /// Adds the record that ends the list.
    public mutating func end() { appendDescriptor(HVMSaveRecord.end, 0, 0) }
    private mutating func appendDescriptor(_ type: UInt16, _ instance: UInt16, _ byteCount: Int) {
        var descriptor = HypercallBlock<HVMSaveDescriptorLayout>()
        descriptor[.typecode] = type
        descriptor[.instance] = instance
        descriptor[.length] = UInt32(truncatingIfNeeded: byteCount)
        buffer.bytes.append(contentsOf: descriptor.buffer.bytes)
    }

    /// The records up to and without the end, as far as their descriptors are whole and their bodies inside the bytes.
    public var records: [Record] {
        typealias Short = Field<HVMSaveDescriptorLayout, UInt16>
        var found: [Record] = []
        var start = 0
        while buffer.byteCount - start >= HVMSaveDescriptorLayout.byteCount {
            let type = buffer[Short.typecode, at: start]
            let byteCount = Int(buffer[Field<HVMSaveDescriptorLayout, UInt32>.length, at: start])
            let body = start + HVMSaveDescriptorLayout.byteCount
            if type == HVMSaveRecord.end || byteCount > buffer.byteCount - body { break }
            found.append(
                Record(
                    type: type, instance: buffer[Short.instance, at: start], start: body, byteCount: byteCount
                ))
            start = body + byteCount
        }
        return found
    }
    /// The body of a record, as far as it and `Layout` go; nil if there is no such record.
    public func block<Layout: ABILayout>(
        _ layout: Layout.Type = Layout.self, type: UInt16, instance: UInt16 = 0
    ) -> HypercallBlock<Layout>? {
        for record in records where record.type == type && record.instance == instance {
            var block = HypercallBlock<Layout>()
            for index in 0..<min(record.byteCount, Layout.byteCount) {
                block.buffer.bytes[index] = buffer.bytes[record.start + index]
            }
            return block
        }
        return nil
    }
}
