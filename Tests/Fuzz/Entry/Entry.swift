// SPDX-License-Identifier: Apache-2.0
import FuzzTargets
import Glibc

// libFuzzer's side. One program holds every target; FUZZ_TARGET in the environment chooses.
private let target: FuzzTarget = {
    // SAFETY: getenv returns a NUL-terminated text or nil.
    guard let name = unsafe getenv("FUZZ_TARGET").map({ unsafe String(cString: $0) }),
        let target = FuzzTarget(rawValue: name)
    else { fatalError("FUZZ_TARGET must name a target") }
    return target
}()

/// Called by libFuzzer with every input.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    // SAFETY: libFuzzer gives `count` readable bytes.
    target.run(unsafe Array(UnsafeBufferPointer(start: bytes, count: count)))
    return 0
}
