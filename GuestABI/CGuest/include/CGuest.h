// SPDX-License-Identifier: Apache-2.0
// CPU instructions a guest needs, as static inline functions, and the addresses that assembly and linker define.
// No structure definitions, no logic. AMD APM vol 3.
#ifndef CGUEST_H
#define CGUEST_H

#include <stdint.h>

#define GUEST_INLINE static inline __attribute__((always_inline))

// MARK: Symbols of entry.S and guest.ld. Only their addresses mean something.
extern const char guest_image_start[], guest_image_end[];
extern const char guest_fixups_start[], guest_fixups_end[];
extern const char guest_interrupt_stubs[], guest_secondary_entry[], guest_user_return[];
extern const char guest_trampoline_start[], guest_trampoline_end[];
extern const char guest_user_page[], guest_tiny_domain[];
extern const char guest_entry[], guest_data_start[], guest_data_end[], guest_data_copy[], guest_bss_start[];
extern char guest_pml4[], guest_idt[], guest_gdt[], guest_tss[];
extern char guest_boot_stack_top[], guest_fault_stack_top[], guest_user_stack_top[];
extern uint64_t guest_trampoline_stack, guest_trampoline_argument;
extern uint8_t guest_uses_vmmcall;

GUEST_INLINE uint64_t guest_address_image_start(void) { return (uint64_t)guest_image_start; }
GUEST_INLINE uint64_t guest_address_image_end(void) { return (uint64_t)guest_image_end; }
GUEST_INLINE uint64_t guest_address_fixups_start(void) { return (uint64_t)guest_fixups_start; }
GUEST_INLINE uint64_t guest_address_fixups_end(void) { return (uint64_t)guest_fixups_end; }
GUEST_INLINE uint64_t guest_address_interrupt_stubs(void) { return (uint64_t)guest_interrupt_stubs; }
GUEST_INLINE uint64_t guest_address_secondary_entry(void) { return (uint64_t)guest_secondary_entry; }
GUEST_INLINE uint64_t guest_address_user_return(void) { return (uint64_t)guest_user_return; }
GUEST_INLINE uint64_t guest_address_trampoline_start(void) { return (uint64_t)guest_trampoline_start; }
GUEST_INLINE uint64_t guest_address_trampoline_end(void) { return (uint64_t)guest_trampoline_end; }
GUEST_INLINE uint64_t guest_address_user_page(void) { return (uint64_t)guest_user_page; }
GUEST_INLINE uint64_t guest_address_tiny_domain(void) { return (uint64_t)guest_tiny_domain; }
GUEST_INLINE uint64_t guest_address_entry(void) { return (uint64_t)guest_entry; }
GUEST_INLINE uint64_t guest_address_data_start(void) { return (uint64_t)guest_data_start; }
GUEST_INLINE uint64_t guest_address_data_end(void) { return (uint64_t)guest_data_end; }
GUEST_INLINE uint64_t guest_address_data_copy(void) { return (uint64_t)guest_data_copy; }
GUEST_INLINE uint64_t guest_address_bss_start(void) { return (uint64_t)guest_bss_start; }
extern uint64_t guest_entry_time;
GUEST_INLINE uint64_t guest_get_entry_time(void) { return guest_entry_time; }
GUEST_INLINE uint64_t guest_address_pml4(void) { return (uint64_t)guest_pml4; }
GUEST_INLINE uint64_t guest_address_idt(void) { return (uint64_t)guest_idt; }
GUEST_INLINE uint64_t guest_address_gdt(void) { return (uint64_t)guest_gdt; }
GUEST_INLINE uint64_t guest_address_tss(void) { return (uint64_t)guest_tss; }
GUEST_INLINE uint64_t guest_address_boot_stack_top(void) { return (uint64_t)guest_boot_stack_top; }
GUEST_INLINE uint64_t guest_address_fault_stack_top(void) { return (uint64_t)guest_fault_stack_top; }
GUEST_INLINE uint64_t guest_address_user_stack_top(void) { return (uint64_t)guest_user_stack_top; }
GUEST_INLINE void guest_set_uses_vmmcall(uint8_t yes) { guest_uses_vmmcall = yes; }
GUEST_INLINE uint8_t guest_get_uses_vmmcall(void) { return guest_uses_vmmcall; }
GUEST_INLINE void guest_set_trampoline(uint64_t stack, uint64_t argument) {
    guest_trampoline_stack = stack;
    guest_trampoline_argument = argument;
}

// Runs code at `rip` in ring 3 with RAX, RDI, RSI, RDX, R10, R8 from `registers[6]`, until `int $0x82`; returns its RAX.
uint64_t guest_run_in_user(uint64_t rip, const uint64_t *registers);

// Makes a hypercall from 32-bit code in ring 0 with EBX, ECX, EDX, ESI, EDI from `arguments[5]`; returns EAX.
uint64_t guest_hypercall_from_32_bit(uint32_t number, const uint32_t *arguments);

// MARK: Hypercalls: number in RAX, arguments in RDI, RSI, RDX, R10, R8, result in RAX.
GUEST_INLINE int64_t guest_vmmcall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    __asm__ volatile("vmmcall"
                     : "+a"(number), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8) : : "memory");
    return (int64_t)number;
}
GUEST_INLINE int64_t guest_vmcall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    __asm__ volatile("vmcall"
                     : "+a"(number), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8) : : "memory");
    return (int64_t)number;
}
GUEST_INLINE int64_t guest_hypercall(uint64_t number, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e) {
    return guest_uses_vmmcall ? guest_vmmcall(number, a, b, c, d, e) : guest_vmcall(number, a, b, c, d, e);
}
// Calls slot `number` of a hypercall page at `page`.
GUEST_INLINE int64_t guest_hypercall_through_page(uint64_t page, uint64_t number, uint64_t a, uint64_t b) {
    uint64_t target = page + number * 32, result;
    register uint64_t r10 __asm__("r10") = 0;
    register uint64_t r8 __asm__("r8") = 0;
    uint64_t c = 0;
    __asm__ volatile("call *%[target]"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c), "+r"(r10), "+r"(r8)
                     : [target] "b"(target) : "memory");
    return (int64_t)result;
}

// MARK: Instructions that may fault. The fault is not a panic: it comes back as 0x100 | vector, 0 when there was none.
#define GUEST_FIXUP(from, to) \
    ".pushsection .guest_fixups,\"a\"\n.balign 8\n.long " from " - ., " to " - .\n.popsection\n"

GUEST_INLINE uint64_t guest_rdmsr_safe(uint32_t msr, uint64_t *value) {
    register uint64_t fault __asm__("r11") = 0;
    uint32_t low = 0, high = 0;
    __asm__ volatile("1: rdmsr\n2:\n" GUEST_FIXUP("1b", "2b")
                     : "+a"(low), "+d"(high), "+r"(fault) : "c"(msr) : "memory");
    *value = (uint64_t)high << 32 | low;
    return fault;
}
GUEST_INLINE uint64_t guest_wrmsr_safe(uint32_t msr, uint64_t value) {
    register uint64_t fault __asm__("r11") = 0;
    __asm__ volatile("1: wrmsr\n2:\n" GUEST_FIXUP("1b", "2b")
                     : "+r"(fault) : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
    return fault;
}
GUEST_INLINE uint64_t guest_load64_safe(uint64_t address, uint64_t *value) {
    register uint64_t fault __asm__("r11") = 0;
    uint64_t result = 0;
    __asm__ volatile("1: movq (%[address]), %[result]\n2:\n" GUEST_FIXUP("1b", "2b")
                     : [result] "+r"(result), "+r"(fault) : [address] "r"(address) : "memory");
    *value = result;
    return fault;
}
GUEST_INLINE uint64_t guest_store64_safe(uint64_t address, uint64_t value) {
    register uint64_t fault __asm__("r11") = 0;
    __asm__ volatile("1: movq %[value], (%[address])\n2:\n" GUEST_FIXUP("1b", "2b")
                     : "+r"(fault) : [value] "r"(value), [address] "r"(address) : "memory");
    return fault;
}
GUEST_INLINE uint64_t guest_undefined_instruction(void) {
    register uint64_t fault __asm__("r11") = 0;
    __asm__ volatile("1: ud2\n2:\n" GUEST_FIXUP("1b", "2b") : "+r"(fault) : : "memory");
    return fault;
}
GUEST_INLINE uint64_t guest_wrong_vendor_hypercall(uint64_t number, int64_t *result) {
    register uint64_t fault __asm__("r11") = 0;
    if (guest_uses_vmmcall)
        __asm__ volatile("1: vmcall\n2:\n" GUEST_FIXUP("1b", "2b")
                         : "+a"(number), "+r"(fault) : : "memory");
    else
        __asm__ volatile("1: vmmcall\n2:\n" GUEST_FIXUP("1b", "2b")
                         : "+a"(number), "+r"(fault) : : "memory");
    *result = (int64_t)number;
    return fault;
}
GUEST_INLINE uint64_t guest_rdpmc_safe(uint32_t counter, uint64_t *value) {
    register uint64_t fault __asm__("r11") = 0;
    uint32_t low = 0, high = 0;
    __asm__ volatile("1: rdpmc\n2:\n" GUEST_FIXUP("1b", "2b")
                     : "+a"(low), "+d"(high), "+r"(fault) : "c"(counter) : "memory");
    *value = (uint64_t)high << 32 | low;
    return fault;
}
// OUTSB of one byte at `address`.
GUEST_INLINE uint64_t guest_out_string_safe(uint16_t port, uint64_t address) {
    register uint64_t fault __asm__("r11") = 0;
    __asm__ volatile("1: outsb\n2:\n" GUEST_FIXUP("1b", "2b")
                     : "+S"(address), "+r"(fault) : "d"(port) : "memory");
    return fault;
}
_Noreturn GUEST_INLINE void guest_trap(void) {
    __asm__ volatile("ud2");
    __builtin_unreachable();
}

// MARK: Plain instructions.
GUEST_INLINE uint32_t guest_exchange32(uint32_t *word, uint32_t value) {
    __asm__ volatile("xchgl %0, %1" : "+r"(value), "+m"(*word) : : "memory");
    return value;
}
GUEST_INLINE uint64_t guest_rdtsc(void) {
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}
GUEST_INLINE void guest_cpuid(uint32_t leaf, uint32_t subleaf, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d) {
    __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(subleaf) : "memory");
}
GUEST_INLINE uint8_t guest_in8(uint16_t port) {
    uint8_t value;
    __asm__ volatile("inb %w1, %b0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
GUEST_INLINE uint16_t guest_in16(uint16_t port) {
    uint16_t value;
    __asm__ volatile("inw %w1, %w0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
GUEST_INLINE uint32_t guest_in32(uint16_t port) {
    uint32_t value;
    __asm__ volatile("inl %w1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}
GUEST_INLINE void guest_out8(uint16_t port, uint8_t value) {
    __asm__ volatile("outb %b0, %w1" : : "a"(value), "Nd"(port) : "memory");
}
GUEST_INLINE void guest_out16(uint16_t port, uint16_t value) {
    __asm__ volatile("outw %w0, %w1" : : "a"(value), "Nd"(port) : "memory");
}
GUEST_INLINE void guest_out32(uint16_t port, uint32_t value) {
    __asm__ volatile("outl %0, %w1" : : "a"(value), "Nd"(port) : "memory");
}
GUEST_INLINE void guest_out_string8(uint16_t port, const uint8_t *bytes, uint64_t count) {
    __asm__ volatile("rep outsb" : "+S"(bytes), "+c"(count) : "d"(port) : "memory");
}
GUEST_INLINE void guest_hlt(void) { __asm__ volatile("hlt" : : : "memory"); }
// Enables interrupts and halts with no window between the two (the shadow of STI covers HLT).
GUEST_INLINE void guest_sti_hlt(void) { __asm__ volatile("sti\n\thlt" : : : "memory"); }
GUEST_INLINE void guest_cli(void) { __asm__ volatile("cli" : : : "memory"); }
GUEST_INLINE void guest_sti(void) { __asm__ volatile("sti" : : : "memory"); }
GUEST_INLINE void guest_nop(void) { __asm__ volatile("nop" : : : "memory"); }
GUEST_INLINE void guest_pause(void) { __asm__ volatile("pause" : : : "memory"); }
GUEST_INLINE uint64_t guest_flags(void) {
    uint64_t flags;
    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
    return flags;
}
GUEST_INLINE uint64_t guest_read_cr0(void) {
    uint64_t value;
    __asm__ volatile("movq %%cr0, %0" : "=r"(value) : : "memory");
    return value;
}
GUEST_INLINE uint64_t guest_read_cr2(void) {
    uint64_t value;
    __asm__ volatile("movq %%cr2, %0" : "=r"(value) : : "memory");
    return value;
}
GUEST_INLINE uint64_t guest_read_cr3(void) {
    uint64_t value;
    __asm__ volatile("movq %%cr3, %0" : "=r"(value) : : "memory");
    return value;
}
GUEST_INLINE uint64_t guest_read_cr4(void) {
    uint64_t value;
    __asm__ volatile("movq %%cr4, %0" : "=r"(value) : : "memory");
    return value;
}
GUEST_INLINE void guest_write_cr3(uint64_t value) { __asm__ volatile("movq %0, %%cr3" : : "r"(value) : "memory"); }
GUEST_INLINE uint64_t guest_read_cr8(void) {
    uint64_t value;
    __asm__ volatile("movq %%cr8, %0" : "=r"(value) : : "memory");
    return value;
}
GUEST_INLINE void guest_write_cr8(uint64_t value) { __asm__ volatile("movq %0, %%cr8" : : "r"(value) : "memory"); }
GUEST_INLINE void guest_write_cr4(uint64_t value) { __asm__ volatile("movq %0, %%cr4" : : "r"(value) : "memory"); }
GUEST_INLINE void guest_invlpg(uint64_t address) { __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory"); }
GUEST_INLINE void guest_ltr(uint16_t selector) { __asm__ volatile("ltr %0" : : "r"(selector) : "memory"); }
// `pointer` names 10 bytes: limit, base.
GUEST_INLINE void guest_lidt(const uint8_t *pointer) { __asm__ volatile("lidt (%0)" : : "r"(pointer) : "memory"); }

// MARK: Debug registers and debug exceptions. AMD APM vol 2 §13.1.
#define GUEST_DEBUG_REGISTER(n) \
    GUEST_INLINE uint64_t guest_read_dr##n(void) { \
        uint64_t value; \
        __asm__ volatile("movq %%dr" #n ", %0" : "=r"(value) : : "memory"); \
        return value; \
    } \
    GUEST_INLINE void guest_write_dr##n(uint64_t value) { \
        __asm__ volatile("movq %0, %%dr" #n : : "r"(value) : "memory"); \
    }
GUEST_DEBUG_REGISTER(0)
GUEST_DEBUG_REGISTER(1)
GUEST_DEBUG_REGISTER(2)
GUEST_DEBUG_REGISTER(3)
GUEST_DEBUG_REGISTER(6)
GUEST_DEBUG_REGISTER(7)
// One NOP with the trap flag set: a debug exception follows it, whose handler clears the flag.
GUEST_INLINE void guest_single_step(void) {
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tnop" : : : "memory", "cc");
}

// MARK: Device registers: one plain MOV each, never removed or joined.
GUEST_INLINE uint32_t guest_load32(uint64_t address) {
    uint32_t value;
    __asm__ volatile("movl (%1), %0" : "=r"(value) : "r"(address) : "memory");
    return value;
}
GUEST_INLINE void guest_store32(uint64_t address, uint32_t value) {
    __asm__ volatile("movl %0, (%1)" : : "r"(value), "r"(address) : "memory");
}

// MARK: Memory blocks.
GUEST_INLINE void guest_copy_forward(void *to, const void *from, uint64_t count) {
    uint64_t words = count >> 3;
    count &= 7;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
}
GUEST_INLINE void guest_copy_backward(void *to, const void *from, uint64_t count) {
    uint8_t *last_to = (uint8_t *)to + count - 1;
    const uint8_t *last_from = (const uint8_t *)from + count - 1;
    __asm__ volatile("std\n\trep movsb\n\tcld" : "+D"(last_to), "+S"(last_from), "+c"(count) : : "memory");
}
GUEST_INLINE void guest_fill(void *to, uint8_t value, uint64_t count) {
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(value) : "memory");
}

#include "CGuestProbes.h"

#endif
