// SPDX-License-Identifier: Apache-2.0
import CBackends
import Glibc
public import RingProtocol

/// A run of this process's memory with its bounds: buffers, mapped images, mapped grants.
///
/// A range beyond the bounds is our mistake and traps; numbers that a guest chose are checked before they come here.
@safe public struct LocalMemory: BitwiseCopyable, @unchecked Sendable {
    // SAFETY: the bounds beside it are those of the memory it names.
    /// First byte.
    @unsafe public let base: UnsafeMutableRawPointer
    /// Size in bytes.
    public let byteCount: Int

    /// - Parameter unsafeBase: `byteCount` bytes that outlive every use of the value.
    public init(unsafeBase: UnsafeMutableRawPointer, byteCount: Int) {
        // SAFETY: the caller answers for the bytes, as the parameter's doc says.
        unsafe base = unsafeBase
        self.byteCount = byteCount
    }

    /// `count` bytes from `offset`.
    @inline(__always) public func slice(_ offset: Int, _ count: Int) -> LocalMemory {
        precondition(offset >= 0 && count >= 0 && offset &+ count <= byteCount)
        // SAFETY: the range is inside this one.
        return unsafe LocalMemory(unsafeBase: base + offset, byteCount: count)
    }

    /// A little-endian number of any width, at any alignment.
    @inline(__always) public func load<Value: FixedWidthInteger & BitwiseCopyable>(
        _ offset: Int, as: Value.Type
    ) -> Value {
        precondition(offset >= 0 && offset &+ MemoryLayout<Value>.size <= byteCount)
        // SAFETY: the value lies inside.
        return unsafe base.loadUnaligned(fromByteOffset: offset, as: Value.self)
    }
    @inline(__always) public func store<Value: FixedWidthInteger & BitwiseCopyable>(
        _ value: Value, at offset: Int
    ) {
        precondition(offset >= 0 && offset &+ MemoryLayout<Value>.size <= byteCount)
        // SAFETY: the value lies inside.
        unsafe base.storeBytes(of: value, toByteOffset: offset, as: Value.self)
    }

    /// Copies all of `source` to the start of this.
    public func copy(from source: LocalMemory) {
        precondition(source.byteCount <= byteCount)
        // SAFETY: both ranges are in bounds; they may overlap.
        unsafe base.copyMemory(from: source.base, byteCount: source.byteCount)
    }

    /// The ring that starts here.
    public func ring(slotByteCount: Int) -> RingMemory {
        // SAFETY: whole pages inside these bounds.
        unsafe RingMemory(unsafeBase: base, pageCount: byteCount / 4096, slotByteCount: slotByteCount)
    }

    /// Fresh memory, zeroed, page-aligned, and taken from the system only where it is touched. Nil if there is none.
    public static func allocate(byteCount: Int) -> LocalMemory? {
        // SAFETY: the kernel gives that many bytes or none.
        guard let start = unsafe sv_map_memory(-1, UInt64(byteCount), 0) else { return nil }
        return unsafe LocalMemory(unsafeBase: start, byteCount: byteCount)
    }
    /// Memory for a service's data, until `deallocate`.
    /// - Throws: `hypervisor`, with `name` of the ring for the message, if there is none.
    static func buffers(byteCount: Int, of name: String) throws(BackendError) -> LocalMemory {
        guard let memory = allocate(byteCount: byteCount) else {
            throw .hypervisor("no memory for the buffers of a \(name) ring")
        }
        return memory
    }
    /// All of an open file. Nil if it cannot be mapped.
    static func map(file: Int32, byteCount: Int, isReadOnly: Bool) -> LocalMemory? {
        guard let start = unsafe sv_map_memory(file, UInt64(byteCount), isReadOnly ? 1 : 0) else {
            return nil
        }
        return unsafe LocalMemory(unsafeBase: start, byteCount: byteCount)
    }
    /// Gives back what `allocate` or `map` returned.
    public func deallocate() { unsafe sv_unmap_memory(base, UInt64(byteCount)) }
}

extension BackRing {
    /// Joins a ring: fresh, or left behind by a backend that died.
    /// - Throws: `ring`, with `name` for the message.
    static func join(_ memory: RingMemory, isResuming: Bool, name: String) throws(BackendError) -> BackRing {
        guard isResuming else { return BackRing(memory) }
        do throws(RingError) { return try BackRing(resuming: memory) } catch {
            throw .ring(name: name, error)
        }
    }
}
