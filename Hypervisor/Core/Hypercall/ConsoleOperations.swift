// SPDX-License-Identifier: Apache-2.0
import SharedMemory
import XenABI

extension Ref<VirtualCPU> {
    /// `HYPERVISOR_console_io`: the hypervisor's own console. Lines of other domains than 0 get the domain's number before
    /// them, so that two domains' lines do not mix. Xen public/xen.h.
    func consoleOperation(_ command: UInt64, _ count: UInt64, _ buffer: UInt64) throws(XenError) -> Int64 {
        // Guest-controlled from here.
        switch command {
        case UInt64(ConsoleIOOperation.write):
            // 32 bits, as the caller's C type is an int.
            let count = count & 0xffff_ffff
            var done: UInt64 = 0
            while done < count {
                let run = min(UInt64(TextChunkLayout.byteCount), count &- done)
                var block = ArgumentBlock<TextChunkLayout>()
                try copyIn(&block, byteCount: Int(run), at: buffer &+ done)
                var index = 0
                while index < Int(run) {
                    putConsole(block[Field<TextChunkLayout, UInt8>(at: index)])
                    index &+= 1
                }
                done &+= run
                if done < count, shouldPreempt {
                    continueHypercall(HypercallNumber.consoleIO, command, count &- done, buffer &+ done)
                    return 0
                }
            }
            return 0
        case UInt64(ConsoleIOOperation.read):
            guard domain.state.isHardwareDomain else { throw .notPermitted }
            var done: UInt64 = 0
            let hypervisor = hypervisor
            while done < count & 0xffff_ffff, hypervisor.state.console.hasTyped {
                // The address is checked before a byte is taken: none is lost to a bad one.
                guard translate(linear: buffer &+ done, forWriting: true) != nil else { throw .badAddress }
                guard let byte = hypervisor.state.console.takeTyped() else { break }
                try write(byte, at: buffer &+ done)
                done &+= 1
            }
            return Int64(truncatingIfNeeded: done)
        default: throw .notImplemented
        }
    }

    private func putConsole(_ byte: UInt8) {
        if domain.state.isHardwareDomain { hypervisor.putByte(byte) } else { domain.putConsoleLine(byte) }
    }
}

extension Ref<Domain> {
    /// Collects a line of a guest and prints it when it ends or is full. What is not printable becomes a dot.
    public func putConsoleLine(_ byte: UInt8) {
        switch byte {
        case 10: flushConsoleLine()
        case 0, 13: break
        default:
            if state.consoleLineCount >= state.consoleLine.count { flushConsoleLine() }
            state.consoleLine[state.consoleLineCount] = (byte >= 32 && byte < 127) || byte == 9 ? byte : 46
            state.consoleLineCount &+= 1
        }
    }
    /// Prints the line collected so far with the domain's number before it.
    public func flushConsoleLine() {
        let hypervisor = hypervisor
        hypervisor.print("(d")
        hypervisor.print(decimal: UInt64(id.rawValue))
        hypervisor.print(") ")
        var index = 0
        while index < state.consoleLineCount {
            hypervisor.putByte(state.consoleLine[index])
            index &+= 1
        }
        hypervisor.putByte(10)
        state.consoleLineCount = 0
    }
}
