// SPDX-License-Identifier: Apache-2.0
import SharedMemory
public import XenABI

/// What the hypervisor says of itself. `HYPERVISOR_xen_version`, `public/version.h`.
public enum Version {
    /// Version number: major in bits 31:16, minor in 15:0. `XENVER_version`.
    public static func number() throws(XenError) -> UInt64 {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.version, UInt64(VersionOperation.version)))
    }
    /// What follows the number, such as `.1`. `XENVER_extraversion`.
    public static func extra() throws(XenError) -> Text {
        try text(VersionOperation.extraVersion, byteCount: VersionTextSize.extraVersion)
    }
    /// The kinds of guest that there may be, with blanks between them. `XENVER_capabilities`.
    public static func capabilities() throws(XenError) -> Text {
        try text(VersionOperation.capabilities, byteCount: VersionTextSize.capabilities)
    }
    /// The source that it was built from. `XENVER_changeset`.
    public static func changeset() throws(XenError) -> Text {
        try text(VersionOperation.changeset, byteCount: VersionTextSize.changeset)
    }
    /// The hypervisor's command line, `<denied>` for all but the control domain. `XENVER_commandline`.
    public static func commandLine() throws(XenError) -> Text {
        try text(VersionOperation.commandLine, byteCount: VersionTextSize.commandLine)
    }
    /// How, by whom, where and when it was built. `XENVER_compile_info`.
    public static func compilation() throws(XenError) -> (
        compiler: Text, by: Text, domain: Text, date: Text
    ) {
        let bytes = try bytes(VersionOperation.compileInfo, byteCount: CompileInfoLayout.byteCount)
        typealias Byte = Field<CompileInfoLayout, UInt8>
        return (
            text(bytes, Byte.compiler.offset..<Byte.compileBy.offset),
            text(bytes, Byte.compileBy.offset..<Byte.compileDomain.offset),
            text(bytes, Byte.compileDomain.offset..<Byte.compileDate.offset),
            text(bytes, Byte.compileDate.offset..<CompileInfoLayout.byteCount)
        )
    }
    /// The caller's handle, as tools set it. `XENVER_guest_handle`.
    public static func ownHandle() throws(XenError) -> DomainHandle {
        let bytes = try bytes(VersionOperation.guestHandle, byteCount: VersionTextSize.guestHandle)
        return DomainHandle(low: bytes.load(at: 0), high: bytes.load(at: 8))
    }
    /// Where the hypervisor's own addresses start in a paravirtual guest. `XENVER_platform_parameters`.
    public static func virtualStart() throws(XenError) -> UInt64 {
        try bytes(VersionOperation.platformParameters, byteCount: PlatformParametersLayout.byteCount).load(
            at: 0)
    }
    /// A number of the build: `noData` where there is none, `notPermitted` for all but the control domain.
    /// `XENVER_build_id`.
    public static func buildID(maximum byteCount: Int = 64) throws(XenError) -> [UInt8] {
        var buffer = HypercallBuffer(byteCount: BuildIDLayout.byteCount + byteCount)
        buffer[Field<BuildIDLayout, UInt32>.length, at: 0] = UInt32(truncatingIfNeeded: byteCount)
        let found = try Hypercall.check(
            Hypercall.withAddress(of: &buffer) {
                Hypercall.invoke(HypercallNumber.version, UInt64(VersionOperation.buildID), $0)
            })
        buffer.keep(first: BuildIDLayout.byteCount + Int(found))
        buffer.bytes.removeFirst(BuildIDLayout.byteCount)
        return buffer.bytes
    }
    /// What is offered to guests. `XENVER_get_features`, word 0.
    public static func features() throws(XenError) -> HypervisorFeatures {
        HypervisorFeatures(rawValue: try features(word: 0))
    }
    /// A word of the feature bits; `invalidArgument` for any but 0. `XENVER_get_features`.
    public static func features(word index: UInt32) throws(XenError) -> UInt32 {
        var block = ArgumentBlock<FeatureInfoLayout>()
        block[.submapIndex] = index
        try Hypercall.call(HypercallNumber.version, VersionOperation.getFeatures, &block)
        return block[.submap]
    }
    /// Bytes in a page. `XENVER_pagesize`.
    public static func pageByteCount() throws(XenError) -> UInt64 {
        try Hypercall.check(Hypercall.invoke(HypercallNumber.version, UInt64(VersionOperation.pageSize)))
    }

    /// What an operation wrote. A hypervisor may fill the buffer as far as it is specified: `overflow` if it wrote further.
    private static func bytes(_ operation: UInt32, byteCount: Int) throws(XenError) -> HypercallBuffer {
        var buffer = HypercallBuffer(byteCount: byteCount + 1)
        buffer.bytes[byteCount] = 0xFF
        try Hypercall.check(
            Hypercall.withAddress(of: &buffer) {
                Hypercall.invoke(HypercallNumber.version, UInt64(operation), $0)
            })
        if buffer.bytes[byteCount] != 0xFF { throw .overflow }
        return buffer
    }
    /// The raw form: a NUL-terminated text of at most `byteCount` bytes, `overflow` if more were written.
    public static func text(_ operation: UInt32, byteCount: Int) throws(XenError) -> Text {
        text(try bytes(operation, byteCount: byteCount), 0..<byteCount)
    }
    /// The bytes up to a NUL, as far as a `Text` has room.
    private static func text(_ buffer: HypercallBuffer, _ range: Range<Int>) -> Text {
        var text = Text()
        for index in range {
            if buffer.bytes[index] == 0 { break }
            text.append(byte: buffer.bytes[index])
        }
        return text
    }
}

/// Optional behaviours of the hypervisor towards this domain. `HYPERVISOR_vm_assist`, `public/xen.h`.
public enum VMAssist {
    /// What may be switched. `VMASST_TYPE_…`.
    public struct Behaviour: RawRepresentable, Hashable, BitwiseCopyable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        /// The highest bit of `RunstateInfo.stateEntryTime` in a registered area says that it is being written.
        public static var runstateUpdateFlag: Behaviour {
            Behaviour(rawValue: VMAssistType.runstateUpdateFlag)
        }
    }
    /// `invalidArgument` for what is not offered. `VMASST_CMD_enable`.
    public static func enable(_ behaviour: Behaviour) throws(XenError) {
        try call(VMAssistOperation.enable, behaviour)
    }
    /// `VMASST_CMD_disable`.
    public static func disable(_ behaviour: Behaviour) throws(XenError) {
        try call(VMAssistOperation.disable, behaviour)
    }
    private static func call(_ command: UInt32, _ behaviour: Behaviour) throws(XenError) {
        try Hypercall.check(
            Hypercall.invoke(HypercallNumber.vmAssist, UInt64(command), UInt64(behaviour.rawValue)))
    }
}
