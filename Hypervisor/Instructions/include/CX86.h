/* SPDX-License-Identifier: Apache-2.0
 * CPU instructions that Swift has no words for, and the symbols of the assembly files. No structures, no logic. */
#ifndef CX86_H
#define CX86_H
#include <stdint.h>

static inline uint64_t cx86_rdmsr(uint32_t n) {
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(n));
    return ((uint64_t)hi << 32) | lo;
}
static inline void cx86_wrmsr(uint32_t n, uint64_t v) {
    __asm__ volatile("wrmsr" : : "c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
static inline uint64_t cx86_rdtsc(void) {
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return ((uint64_t)hi << 32) | lo;
}
static inline void cx86_cpuid(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d) {
    __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "a"(leaf), "c"(sub));
}
static inline uint32_t cx86_cpuid_a(uint32_t leaf, uint32_t sub) { uint32_t a, b, c, d; cx86_cpuid(leaf, sub, &a, &b, &c, &d); return a; }
static inline uint32_t cx86_cpuid_b(uint32_t leaf, uint32_t sub) { uint32_t a, b, c, d; cx86_cpuid(leaf, sub, &a, &b, &c, &d); return b; }
static inline uint32_t cx86_cpuid_c(uint32_t leaf, uint32_t sub) { uint32_t a, b, c, d; cx86_cpuid(leaf, sub, &a, &b, &c, &d); return c; }
static inline uint32_t cx86_cpuid_d(uint32_t leaf, uint32_t sub) { uint32_t a, b, c, d; cx86_cpuid(leaf, sub, &a, &b, &c, &d); return d; }
static inline void cx86_out8(uint16_t p, uint8_t v) { __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(p)); }
static inline void cx86_out16(uint16_t p, uint16_t v) { __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(p)); }
static inline void cx86_out32(uint16_t p, uint32_t v) { __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(p)); }
static inline uint8_t cx86_in8(uint16_t p) { uint8_t v; __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline uint16_t cx86_in16(uint16_t p) { uint16_t v; __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline uint32_t cx86_in32(uint16_t p) { uint32_t v; __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(p)); return v; }
static inline uint64_t cx86_read_cr0(void) { uint64_t v; __asm__ volatile("mov %%cr0, %0" : "=r"(v)); return v; }
static inline uint64_t cx86_read_cr2(void) { uint64_t v; __asm__ volatile("mov %%cr2, %0" : "=r"(v)); return v; }
static inline uint64_t cx86_read_cr3(void) { uint64_t v; __asm__ volatile("mov %%cr3, %0" : "=r"(v)); return v; }
static inline uint64_t cx86_read_cr4(void) { uint64_t v; __asm__ volatile("mov %%cr4, %0" : "=r"(v)); return v; }
static inline void cx86_write_cr0(uint64_t v) { __asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory"); }
static inline void cx86_write_cr2(uint64_t v) { __asm__ volatile("mov %0, %%cr2" : : "r"(v) : "memory"); }
static inline void cx86_write_cr3(uint64_t v) { __asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory"); }
static inline void cx86_write_cr4(uint64_t v) { __asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory"); }
#define CX86_DEBUG_REGISTER(n) \
    static inline uint64_t cx86_read_dr##n(void) { \
        uint64_t v; \
        __asm__ volatile("mov %%dr" #n ", %0" : "=r"(v)); \
        return v; \
    } \
    static inline void cx86_write_dr##n(uint64_t v) { __asm__ volatile("mov %0, %%dr" #n : : "r"(v)); }
CX86_DEBUG_REGISTER(0)
CX86_DEBUG_REGISTER(1)
CX86_DEBUG_REGISTER(2)
CX86_DEBUG_REGISTER(3)
static inline void cx86_sti(void) { __asm__ volatile("sti" ::: "memory"); }
static inline void cx86_cli(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void cx86_hlt(void) { __asm__ volatile("hlt" ::: "memory"); }
static inline void cx86_sti_hlt_cli(void) { __asm__ volatile("sti; hlt; cli" ::: "memory"); }
static inline void cx86_sti_nop_cli(void) { __asm__ volatile("sti; nop; cli" ::: "memory"); }
static inline void cx86_pause(void) { __asm__ volatile("pause" ::: "memory"); }
static inline void cx86_stgi(void) { __asm__ volatile("stgi" ::: "memory"); }
static inline void cx86_clgi(void) { __asm__ volatile("clgi" ::: "memory"); }
static inline void cx86_xsetbv(uint32_t n, uint64_t v) {
    __asm__ volatile("xsetbv" : : "c"(n), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)));
}
static inline uint64_t cx86_xgetbv(uint32_t n) {
    uint32_t lo, hi;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(n));
    return ((uint64_t)hi << 32) | lo;
}
/* FPU and vector state of a stopped vCPU; p is 64-byte aligned, 2688 bytes at least where xsave is used. */
static inline void cx86_fxsave(void *p) { __asm__ volatile("fxsaveq (%0)" : : "r"(p) : "memory"); }
static inline void cx86_fxrstor(void *p) { __asm__ volatile("fxrstorq (%0)" : : "r"(p) : "memory"); }
static inline void cx86_xsave(void *p) { __asm__ volatile("xsaveq (%0)" : : "r"(p), "a"(-1), "d"(-1) : "memory"); }
static inline void cx86_xrstor(void *p) { __asm__ volatile("xrstorq (%0)" : : "r"(p), "a"(-1), "d"(-1) : "memory"); }
static inline void cx86_vmsave(uint64_t pa) { __asm__ volatile("vmsave %0" : : "a"(pa) : "memory"); }
static inline void cx86_vmload(uint64_t pa) { __asm__ volatile("vmload %0" : : "a"(pa) : "memory"); }
static inline void cx86_lidt(void *p) { __asm__ volatile("lidt (%0)" : : "r"(p) : "memory"); }
static inline void cx86_lgdt(void *p) { __asm__ volatile("lgdt (%0)" : : "r"(p) : "memory"); }
static inline void cx86_ltr(uint16_t s) { __asm__ volatile("ltr %0" : : "r"(s)); }
static inline uint64_t cx86_frame_pointer(void) { return (uint64_t)__builtin_frame_address(0); }
static inline void cx86_invlpg(uint64_t a) { __asm__ volatile("invlpg (%0)" : : "r"(a) : "memory"); }
static inline uint32_t cx86_mmio_read32(uint64_t a) { return *(volatile uint32_t *)a; }
static inline void cx86_mmio_write32(uint64_t a, uint32_t v) { *(volatile uint32_t *)a = v; }

/* Symbols of Hypervisor/Boot. Weak, so that the modules that use them link into host tests, where nobody calls them. */
#define SV_BOOT __attribute__((weak))
SV_BOOT void sv_vmrun(uint64_t vmcb_physical, uint64_t registers, uint64_t host_area_physical);
SV_BOOT extern char sv_image_start[], sv_text_end[], sv_rodata_end[], sv_image_end[], sv_isr_table[];
SV_BOOT extern char sv_boot_stack_guard[], sv_boot_stack_top[], sv_fault_stack_guard[], sv_fault_stack_top[];
SV_BOOT extern char sv_boot_gdt[], sv_boot_tss[];
SV_BOOT extern uint32_t sv_boot_magic;
SV_BOOT extern uint64_t sv_boot_tsc;
SV_BOOT extern uint64_t sv_boot_info;
extern char sv_symbols[] __attribute__((weak));
static inline uint64_t cx86_symbols(void) { return (uint64_t)sv_symbols; }
static inline uint64_t cx86_image_start(void) { return (uint64_t)sv_image_start; }
static inline uint64_t cx86_text_end(void) { return (uint64_t)sv_text_end; }
static inline uint64_t cx86_rodata_end(void) { return (uint64_t)sv_rodata_end; }
static inline uint64_t cx86_image_end(void) { return (uint64_t)sv_image_end; }
static inline uint64_t cx86_isr_table(void) { return (uint64_t)sv_isr_table; }
static inline uint64_t cx86_boot_stack_guard(void) { return (uint64_t)sv_boot_stack_guard; }
static inline uint64_t cx86_boot_stack_top(void) { return (uint64_t)sv_boot_stack_top; }
static inline uint64_t cx86_fault_stack_guard(void) { return (uint64_t)sv_fault_stack_guard; }
static inline uint64_t cx86_fault_stack_top(void) { return (uint64_t)sv_fault_stack_top; }
static inline uint64_t cx86_boot_gdt(void) { return (uint64_t)sv_boot_gdt; }
static inline uint64_t cx86_boot_tss(void) { return (uint64_t)sv_boot_tss; }
// The TSC at the image's first instruction.
static inline uint64_t cx86_boot_tsc(void) { return sv_boot_tsc; }
static inline uint32_t cx86_boot_magic(void) { return sv_boot_magic; }
static inline uint64_t cx86_boot_info(void) { return sv_boot_info; }
#endif
