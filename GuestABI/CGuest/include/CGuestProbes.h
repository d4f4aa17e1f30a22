// SPDX-License-Identifier: Apache-2.0
// probes.S: handlers to be put into the interrupt table, and what they wrote down: 32 records of four words, which are
// exception number, RIP, RFLAGS and DR6 (#DB), the error code (#GP) or CR2 (#PF).
#ifndef CGUEST_PROBES_H
#define CGUEST_PROBES_H

#include <stdint.h>

extern const char guest_probe_nmi_handler[], guest_probe_protection_handler[], guest_probe_page_handler[];
extern const char guest_probe_debug_handler[], guest_probe_breakpoint_handler[], guest_probe_nest_handler[];
extern const char guest_probe_sent_from[], guest_probe_return[], guest_probe_interrupted_at[];
extern char guest_probe_log[];
extern volatile uint64_t guest_probe_count;
extern uint64_t guest_probe_count_at_once, guest_probe_hole;
// Sends `count` NMIs, the second from the handler of the first and so on. The first handler returns by IRET: 0 plainly,
// 1 with a bad code segment, 2 with a stack at `guest_probe_hole`, 3 with the trap flag set, 4 with a breakpoint on its frame. Returns the trap flag as the
// code behind the first NMI saw it.
uint64_t guest_probe_nmi(uint32_t count, uint32_t way);
// `int $0x81`, whose handler sets a breakpoint on its frame before it returns.
void guest_probe_breakpoint(void);
// Writes to the first of four words with breakpoints; the handler of each #DB writes to the next.
void guest_probe_nest(uint64_t words);
static inline uint64_t guest_address_probe_nmi_handler(void) { return (uint64_t)guest_probe_nmi_handler; }
static inline uint64_t guest_address_probe_protection_handler(void) { return (uint64_t)guest_probe_protection_handler; }
static inline uint64_t guest_address_probe_page_handler(void) { return (uint64_t)guest_probe_page_handler; }
static inline uint64_t guest_address_probe_debug_handler(void) { return (uint64_t)guest_probe_debug_handler; }
static inline uint64_t guest_address_probe_breakpoint_handler(void) { return (uint64_t)guest_probe_breakpoint_handler; }
static inline uint64_t guest_address_probe_nest_handler(void) { return (uint64_t)guest_probe_nest_handler; }
static inline uint64_t guest_address_probe_interrupted_at(void) { return (uint64_t)guest_probe_interrupted_at; }
static inline uint64_t guest_address_probe_sent_from(void) { return (uint64_t)guest_probe_sent_from; }
static inline uint64_t guest_address_probe_return(void) { return (uint64_t)guest_probe_return; }
static inline uint64_t guest_address_probe_log(void) { return (uint64_t)guest_probe_log; }
static inline uint64_t guest_get_probe_count(void) { return guest_probe_count; }
static inline uint64_t guest_get_probe_count_at_once(void) { return guest_probe_count_at_once; }
static inline void guest_set_probe_hole(uint64_t address) { guest_probe_hole = address; }
// Steps over instructions that the hypervisor executes.
void guest_probe_step(void);
extern const char guest_probe_step_handler[];
extern const char guest_probe_after_cpuid[], guest_probe_after_rdmsr[], guest_probe_after_in[], guest_probe_after_call[];
static inline uint64_t guest_address_probe_step_handler(void) { return (uint64_t)guest_probe_step_handler; }
static inline uint64_t guest_address_probe_after(int which) {
    return (uint64_t)(which == 0 ? guest_probe_after_cpuid : which == 1 ? guest_probe_after_rdmsr
                      : which == 2 ? guest_probe_after_in : guest_probe_after_call);
}
// Loads a word that is not aligned in ring 3, from the page of `guest_probe_user_page` at `address`, with RFLAGS.AC set.
// Returns RAX as `guest_run_in_user` does.
uint64_t guest_probe_misaligned_load(uint64_t address);
extern const char guest_probe_user_page[];
static inline uint64_t guest_address_probe_user_page(void) { return (uint64_t)guest_probe_user_page; }
static inline void guest_write_cr0(uint64_t value) { __asm__ volatile("movq %0, %%cr0" : : "r"(value) : "memory"); }

#endif
