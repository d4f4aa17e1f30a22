// SPDX-License-Identifier: Apache-2.0
import GuestABI
import GuestTesting
import SharedMemory
import XenABI

/// An operation whose argument is the address of a block, with a block that it can be called with again and again.
struct BlockCall {
    /// Which arguments the address and the operation are.
    enum Form {
        /// `(operation, block)`.
        case operation(UInt32)
        /// `(operation, vCPU 0, block)`.
        case vcpuOperation(UInt32)
        /// `(operation, blocks, 1)`.
        case listOperation(UInt32)
        /// `(blocks, 1)`.
        case list
        /// `(block)`.
        case block
    }
    /// Hypercall.
    let number: UInt32
    let form: Form
    let byteCount: Int
    /// Whether the hypervisor writes into the block when all is well.
    var writes = false
    /// Whether two calls write the same.
    var repeats = true
    /// Whether every byte of the block is needed, here and in the reference.
    var needsAll = true
    /// Writes the block at the start of a page of zeroes.
    let fill: (MappedPage) -> Void
    /// Takes back what a call did, even one that could only not tell its result.
    var undo: () -> Void = {}

    func callAsFunction(_ address: UInt64) -> Int64 {
        switch form {
        case .operation(let operation): Hypercall.invoke(number, UInt64(operation), address)
        case .vcpuOperation(let operation): Hypercall.invoke(number, UInt64(operation), 0, address)
        case .listOperation(let operation): Hypercall.invoke(number, UInt64(operation), address, 1)
        case .list: Hypercall.invoke(number, address, 1)
        case .block: Hypercall.invoke(number, address)
        }
    }
    var name: Text {
        let call = HypercallNumber.name(number)
        return switch form {
        case .operation(let operation), .vcpuOperation(let operation), .listOperation(let operation):
            "\(call) \(operation)"
        case .list, .block: "\(call)"
        }
    }
}

/// Two pages of virtual addresses, and the two pages of memory that lie there or do not: places for blocks.
struct Places: ~Copyable {
    static var start: UInt64 { AddressSpace.testArea + 0x10_0000 }
    static var border: UInt64 { start + 4096 }
    private let first: GuestPage
    private let second: GuestPage
    /// The block as it is given, and as it came back.
    private let given: GuestPage
    private let good: GuestPage

    init() throws(XenError) {
        guard let first = GuestPage(), let second = GuestPage(), let given = GuestPage(),
            let good = GuestPage()
        else { throw .noMemory }
        self.first = first
        self.second = second
        self.given = given
        self.good = good
    }
    /// What the two pages are mapped as; nil: not at all.
    func map(_ low: PageAccess?, _ high: PageAccess?) throws(XenError) {
        for (frame, address, access) in [
            (first.frame, Self.start, low), (second.frame, Self.border, high),
        ] {
            guard AddressSpace.map(frame, at: address, access ?? .writable) else { throw .noMemory }
            if access == nil { AddressSpace.unmap(at: address) }
        }
    }
    /// The byte that lies at a virtual address of the two pages, mapped or not.
    private func byte(_ address: UInt64) -> UInt8 {
        (address < Self.border ? first.memory : second.memory).load(at: Int(address & 4095), as: UInt8.self)
    }
    /// Puts the call's block at `address`, between bytes that are not its own.
    func put(_ call: BlockCall, at address: UInt64) {
        given.memory.fill(0)
        call.fill(given.memory)
        first.memory.fill(0xEE)
        second.memory.fill(0xEE)
        for index in 0..<call.byteCount {
            let at = address + UInt64(index)
            (at < Self.border ? first.memory : second.memory).store(
                given.memory.load(at: index, as: UInt8.self), at: Int(at & 4095))
        }
    }
    /// Fills both pages with one word.
    func fill(_ word: UInt32) {
        for index in 0..<1024 {
            first.memory.store(word, at: index * 4)
            second.memory.store(word, at: index * 4)
        }
    }
    /// Keeps the block at `address` as what a good call makes of it.
    func keep(_ call: BlockCall, at address: UInt64) {
        for index in 0..<call.byteCount {
            good.memory.store(byte(address + UInt64(index)), at: index)
        }
    }
    /// Whether the block at `address` is what was given, and the bytes around it are untouched.
    func isUntouched(_ call: BlockCall, at address: UInt64) -> Bool {
        isBlock(given.memory, call, at: address) && isSurroundingUntouched(call, at: address)
    }
    /// Whether the block at `address` is what the good call made, and the bytes around it are untouched.
    func isAsKept(_ call: BlockCall, at address: UInt64) -> Bool {
        (!call.repeats || isBlock(good.memory, call, at: address))
            && isSurroundingUntouched(call, at: address)
    }
    /// Whether everything behind the border is as `put` left it.
    func isUntouchedBehindBorder(_ call: BlockCall, at address: UInt64) -> Bool {
        let end = address + UInt64(call.byteCount)
        for at in Self.border..<(end + 64) {
            let given = at < end ? given.memory.load(at: Int(at - address), as: UInt8.self) : 0xEE
            if byte(at) != given { return false }
        }
        return true
    }
    private func isBlock(_ wanted: MappedPage, _ call: BlockCall, at address: UInt64) -> Bool {
        for index in 0..<call.byteCount
        where byte(address + UInt64(index)) != wanted.load(at: index, as: UInt8.self) { return false }
        return true
    }
    private func isSurroundingUntouched(_ call: BlockCall, at address: UInt64) -> Bool {
        let end = address + UInt64(call.byteCount)
        for at in (address - 64)..<address where at >= Self.start && byte(at) != 0xEE { return false }
        for at in end..<(end + 64) where at < Self.border + 4096 && byte(at) != 0xEE { return false }
        return true
    }
    deinit {
        AddressSpace.unmap(at: Self.start)
        AddressSpace.unmap(at: Self.border)
    }
}
