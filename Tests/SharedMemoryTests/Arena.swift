// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

/// A machine of a few frames, zeroed, aligned to pages.
@safe final class Arena {
    private let base: UnsafeMutableRawPointer
    let memory: MachineMemory

    init(frames: Int) {
        // SAFETY: freed in deinit; the memory value is not used after.
        unsafe base = .allocate(byteCount: frames * 4096, alignment: 4096)
        unsafe base.initializeMemory(as: UInt8.self, repeating: 0, count: frames * 4096)
        memory = unsafe MachineMemory(unsafeBase: base, frameCount: UInt64(frames))
    }
    deinit { unsafe base.deallocate() }
}

func frame(_ number: UInt64) -> MachineFrame { MachineFrame(rawValue: number) }

/// A block of fields of every width.
enum SampleLayout: ABILayout {
    static var byteCount: Int { 24 }
}
extension Field<SampleLayout, UInt8> {
    static var byte: Self { .init(at: 0) }
}
extension Field<SampleLayout, UInt16> {
    static var half: Self { .init(at: 2) }
}
extension Field<SampleLayout, UInt32> {
    static var word: Self { .init(at: 4) }
}
extension Field<SampleLayout, UInt64> {
    static var long: Self { .init(at: 8) }
    static var last: Self { .init(at: 16) }
}
