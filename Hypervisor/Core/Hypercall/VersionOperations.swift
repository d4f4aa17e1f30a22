// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// What this hypervisor says it is. Guests and tools compare the numbers with those of the interface they know.
public enum HypervisorVersion {
    /// The interface version spoken: 4.17.
    public static var number: Int64 { 4 << 16 | 17 }
    static var extra: StaticString { ".0-swiftvisor" }
    static var compiler: StaticString { "Swift 6.3" }
    static var compiledBy: StaticString { "swiftvisor" }
    static var compileDomain: StaticString { "" }
    static var compileDate: StaticString { "" }
    static var capabilities: StaticString { "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 " }
    static var changeset: StaticString { "swiftvisor" }
    static var denied: StaticString { "<denied>" }
    /// Start of the part of the address space that a PV guest would leave to the hypervisor.
    static var virtualStart: UInt64 { 0xffff_8000_0000_0000 }
    /// Feature word 0 of every guest.
    static var features: UInt32 {
        1 << FeatureBit.writablePageTables | 1 << FeatureBit.autoTranslatedPhysmap | 1
            << FeatureBit.callbackVector
            | 1 << FeatureBit.safePVClock | 1 << FeatureBit.memoryOperationVNode
    }
}

extension Ref<VirtualCPU> {
    /// `HYPERVISOR_xen_version`. Xen public/version.h, public/features.h.
    func versionOperation(_ command: UInt64, _ argument: UInt64) throws(XenError) -> Int64 {
        // Guest-controlled from here.
        switch command {
        case UInt64(VersionOperation.version): return HypervisorVersion.number
        case UInt64(VersionOperation.extraVersion):
            try writeText(HypervisorVersion.extra, capacity: VersionTextSize.extraVersion, at: argument)
            return 0
        case UInt64(VersionOperation.compileInfo):
            var block = ArgumentBlock<CompileInfoLayout>()
            block.setText(HypervisorVersion.compiler, at: .compiler, capacity: 64)
            block.setText(HypervisorVersion.compiledBy, at: .compileBy, capacity: 16)
            block.setText(HypervisorVersion.compileDomain, at: .compileDomain, capacity: 32)
            block.setText(HypervisorVersion.compileDate, at: .compileDate, capacity: 32)
            try copyOut(block, to: argument)
            return 0
        case UInt64(VersionOperation.capabilities):
            try writePaddedText(
                HypervisorVersion.capabilities, capacity: VersionTextSize.capabilities, at: argument)
            return 0
        case UInt64(VersionOperation.changeset):
            try writeText(HypervisorVersion.changeset, capacity: VersionTextSize.changeset, at: argument)
            return 0
        case UInt64(VersionOperation.platformParameters):
            // A 32-bit kernel leaves no room: what it is told is 0, as by Xen.
            try writeLong(callerIs32Bit ? 0 : HypervisorVersion.virtualStart, argument, 0)
            return 0
        case UInt64(VersionOperation.getFeatures):
            let block = try copyIn(FeatureInfoLayout.self, at: argument)
            guard block[.submapIndex] == 0 else { throw .invalidArgument }
            try copyOut(features, field: Field<FeatureInfoLayout, UInt32>.submap, of: argument)
            return 0
        case UInt64(VersionOperation.pageSize):
            guard argument == 0 else { throw .invalidArgument }
            return Int64(pageSize)
        case UInt64(VersionOperation.guestHandle):
            var index = 0
            while index < VersionTextSize.guestHandle {
                try write(domain.state.handle[index], at: argument &+ UInt64(truncatingIfNeeded: index))
                index &+= 1
            }
            return 0
        case UInt64(VersionOperation.commandLine):
            guard domain.state.isPrivileged else {
                try writePaddedText(
                    HypervisorVersion.denied, capacity: VersionTextSize.commandLine, at: argument)
                return 0
            }
            // 255 characters at most, and zeroes up to the size of the caller's buffer.
            var block = ArgumentBlock<TextChunkLayout>()
            var index = 0
            while index < VersionTextSize.commandLine {
                let byte = index < 255 ? hypervisor.state.commandLine[index] : 0
                block[Field<TextChunkLayout, UInt8>(at: index % TextChunkLayout.byteCount)] = byte
                index &+= 1
                if index % TextChunkLayout.byteCount == 0 {
                    try copyOut(
                        block, to: argument &+ UInt64(truncatingIfNeeded: index &- TextChunkLayout.byteCount))
                }
            }
            return 0
        case UInt64(VersionOperation.buildID):
            guard domain.state.isPrivileged else { throw .notPermitted }
            throw .noData
        default: throw .notImplemented
        }
    }

    private var features: UInt32 {
        guard domain.state.isHardwareDomain else {
            return HypervisorVersion.features | 1 << FeatureBit.notDirectMapped
        }
        return HypervisorVersion.features | 1 << FeatureBit.domain0 | 1 << FeatureBit.directMapped
    }
    /// Writes a text and zeroes up to `capacity`, a multiple of 128, by chunks.
    private func writePaddedText(_ text: StaticString, capacity: Int, at linear: UInt64) throws(XenError) {
        var start = 0
        while start < capacity {
            var block = ArgumentBlock<TextChunkLayout>()
            var index = 0
            while index < TextChunkLayout.byteCount {
                if start &+ index < capacity &- 1 {
                    block[Field<TextChunkLayout, UInt8>(at: index)] = text.byte(at: start &+ index)
                }
                index &+= 1
            }
            try copyOut(block, to: linear &+ UInt64(truncatingIfNeeded: start))
            start &+= TextChunkLayout.byteCount
        }
    }

    /// `HYPERVISOR_vm_assist`: the flag that marks run state updates is the only type for these guests.
    func assistOperation(_ command: UInt64, _ type: UInt64) throws(XenError) -> Int64 {
        switch command {
        case UInt64(VMAssistOperation.enable), UInt64(VMAssistOperation.disable):
            guard type == UInt64(VMAssistType.runstateUpdateFlag) else { throw .invalidArgument }
            domain.state.updatesRunStateFlag = command == UInt64(VMAssistOperation.enable)
            return 0
        default: throw .notImplemented
        }
    }
}

/// Part of a text on its way to a guest.
enum TextChunkLayout: ABILayout { static var byteCount: Int { 128 } }

extension ArgumentBlock {
    /// Writes a text, cut to `capacity` less one byte, at a field; the rest of the field stays.
    mutating func setText(_ text: StaticString, at field: Field<Layout, UInt8>, capacity: Int) {
        var index = 0
        while index < capacity &- 1, index < text.utf8CodeUnitCount {
            self[Field<Layout, UInt8>(at: field.offset &+ index)] = text.byte(at: index)
            index &+= 1
        }
    }
    /// A field of an inner block that starts at `offset`.
    subscript<Inner: ABILayout, Value: BitwiseCopyable>(_ field: Field<Inner, Value>, in offset: Int) -> Value
    {
        get { self[Field<Layout, Value>(at: offset &+ field.offset)] }
        set { self[Field<Layout, Value>(at: offset &+ field.offset)] = newValue }
    }
}
