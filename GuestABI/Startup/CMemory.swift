// SPDX-License-Identifier: Apache-2.0
import CGuest

// What compiled code expects underneath when there is no C library. On a host these come from the C library.
#if hasFeature(Embedded)
    // SAFETY: C's contract: the caller names `count` valid bytes at each pointer; written byte by byte through
    // volatile-free pointers in loops the compiler may not turn back into a call to itself.

    // SAFETY: as above.
    @c(memcpy) @used
    func copyBytes(
        _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
    ) -> UnsafeMutableRawPointer {
        unsafe guest_copy_forward(destination, source, UInt64(count))
        return unsafe destination
    }

    @c(memmove) @used
    func moveBytes(
        _ destination: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ count: Int
    ) -> UnsafeMutableRawPointer {
        let from = UInt(bitPattern: source)
        let to = UInt(bitPattern: destination)
        if to &- from >= UInt(count) {
            unsafe guest_copy_forward(destination, source, UInt64(count))
        } else {
            unsafe guest_copy_backward(destination, source, UInt64(count))
        }
        return unsafe destination
    }

    @c(memset) @used
    func setBytes(_ destination: UnsafeMutableRawPointer, _ value: Int32, _ count: Int)
        -> UnsafeMutableRawPointer
    {
        // SAFETY: C's contract: the caller names valid bytes.
        unsafe guest_fill(destination, UInt8(truncatingIfNeeded: value), UInt64(count))
        return unsafe destination
    }

    @c(memcmp) @used
    func compareBytes(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ count: Int) -> Int32 {
        var index = 0
        while index < count {
            let x = unsafe a.load(fromByteOffset: index, as: UInt8.self)
            let y = unsafe b.load(fromByteOffset: index, as: UInt8.self)
            if x != y { return Int32(x) - Int32(y) }
            index &+= 1
        }
        return 0
    }

    @c(posix_memalign) @used
    func allocateAligned(
        _ result: UnsafeMutablePointer<UnsafeMutableRawPointer?>, _ alignment: Int, _ byteCount: Int
    ) -> Int32 {
        // SAFETY: C's contract: `result` is a valid word.
        unsafe result.pointee = Heap.allocate(byteCount: byteCount, alignment: alignment)
        guard unsafe result.pointee == nil else { return 0 }
        // Compiled Swift stops at this, with no word of why.
        Console.print("heap: no memory for \(byteCount) bytes")
        return 12
    }

    // The name `free` itself is a jump in entry.S: the compiler reserves it.
    @c(guest_free) @used
    func release(_ block: UnsafeMutableRawPointer?) {
        if let block = unsafe block { unsafe Heap.release(block) }
    }

    @c(putchar) @used
    func putCharacter(_ character: Int32) -> Int32 {
        Console.put(UInt8(truncatingIfNeeded: character))
        return character
    }
#endif
