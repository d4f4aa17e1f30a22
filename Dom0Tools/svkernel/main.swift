// SPDX-License-Identifier: Apache-2.0
import DomainBuilder
import Glibc

/// `svkernel extract IN OUT` writes the ELF file inside a kernel image.
func run(_ arguments: [String]) -> Int32 {
    guard arguments.count == 3, arguments[0] == "extract" else {
        KernelExtraction.printError(
            "usage: svkernel extract KERNEL ELF\n\nWrites the ELF file inside the bzImage KERNEL to ELF.")
        return 2
    }
    do {
        try KernelExtraction.extract(arguments[1], to: arguments[2])
        return 0
    } catch {
        KernelExtraction.printError("svkernel: \(error)")
        return 1
    }
}

exit(run(Array(CommandLine.arguments.dropFirst())))
