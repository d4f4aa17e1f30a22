// SPDX-License-Identifier: Apache-2.0

// Lock order of the hypervisor, from outermost to innermost.
//
// 1. The hypervisor lock. One ticket lock over all of `Hypervisor`, `Domain` and `VirtualCPU` state. Taken by the first
//    instruction after an exit or a host interrupt, dropped by the last before VM entry or the idle HLT. Holding a
//    `Ref` is not holding the lock; every function of Core that takes a `Ref` is called with the lock held.
// 2. The console lock of the panic path, which may be taken with anything held.
//
// Per-CPU state (the current vCPU, the host stack, the host APIC) is touched only by its CPU with interrupts off.
// Guests' memory is never guarded by a lock: it is read once, atomically. Why one lock: Docs/Decisions/0004.
