// SPDX-License-Identifier: Apache-2.0
import HypervisorRuntime
import HypervisorX86

/// Called by `start64` with paging on and a stack; never returns.
@c(sv_main)
public func main() { StartUp.run() }

/// Called by the exception stubs with the address of the saved frame.
@c(sv_exception)
// SAFETY: the exception stub passes the address of the frame it just built.
public func exception(_ frame: UnsafeMutableRawPointer) { unsafe HostInterrupts.handle(unsafeFrame: frame) }
