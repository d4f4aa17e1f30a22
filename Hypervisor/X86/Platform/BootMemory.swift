// SPDX-License-Identifier: Apache-2.0
import CX86
import SharedMemory

/// Machine memory read by address during start-up: boot information and firmware tables. Reads beyond the first 4 GiB, or
/// beyond the direct map, give zero: firmware is trusted, but a wrong pointer should be a message, not a fault.
@safe public struct BootMemory: BitwiseCopyable {
    let base: UInt64
    let limit: UInt64
    public init(directMap: UInt64, limit: UInt64) {
        base = directMap
        self.limit = limit
    }
    @inline(__always)
    private func load<T: FixedWidthInteger & BitwiseCopyable>(_ address: UInt64, _ type: T.Type) -> T {
        guard address <= limit, limit &- address >= UInt64(MemoryLayout<T>.size),
            // SAFETY: checked against the end of the direct map just before.
            let pointer = unsafe UnsafeRawPointer(bitPattern: UInt(base &+ address))
        else { return 0 }
        // SAFETY: the direct map covers [0, limit).
        return unsafe pointer.loadUnaligned(as: type)
    }
    func u8(_ address: UInt64) -> UInt8 { load(address, UInt8.self) }
    func u16(_ address: UInt64) -> UInt16 { load(address, UInt16.self) }
    func u32(_ address: UInt64) -> UInt32 { load(address, UInt32.self) }
    func u64(_ address: UInt64) -> UInt64 { load(address, UInt64.self) }
    func store(_ value: UInt8, _ address: UInt64) {
        guard address < limit, let pointer = unsafe UnsafeMutableRawPointer(bitPattern: UInt(base &+ address))
        else { return }
        // SAFETY: the direct map covers [0, limit).
        unsafe pointer.storeBytes(of: value, as: UInt8.self)
    }
    func store(_ value: UInt32, _ address: UInt64) {
        var index: UInt64 = 0
        while index < 4 {
            store(UInt8(truncatingIfNeeded: value &>> UInt32(8 &* index)), address &+ index)
            index &+= 1
        }
    }
    func store(_ value: UInt64, _ address: UInt64) {
        store(UInt32(truncatingIfNeeded: value), address)
        store(UInt32(truncatingIfNeeded: value &>> 32), address &+ 4)
    }
    /// Copies bytes; the ranges may overlap.
    func move(_ byteCount: UInt64, from source: UInt64, to target: UInt64) {
        guard source <= limit, limit &- source >= byteCount, target <= limit, limit &- target >= byteCount,
            let from = unsafe UnsafeRawPointer(bitPattern: UInt(base &+ source)),
            let to = unsafe UnsafeMutableRawPointer(bitPattern: UInt(base &+ target))
        else { return }
        // SAFETY: both ranges lie in the direct map.
        unsafe to.copyMemory(from: from, byteCount: Int(byteCount))
    }
    func zero(_ byteCount: UInt64, at address: UInt64) {
        guard address <= limit, limit &- address >= byteCount,
            let pointer = unsafe UnsafeMutableRawPointer(bitPattern: UInt(base &+ address))
        else { return }
        // SAFETY: the range lies in the direct map.
        unsafe pointer.initializeMemory(as: UInt8.self, repeating: 0, count: Int(byteCount))
    }
    /// Storage for a hypervisor structure at a machine address.
    @unsafe func storage(at address: UInt64) -> UnsafeMutableRawPointer? {
        unsafe UnsafeMutableRawPointer(bitPattern: UInt(base &+ address))
    }
}
