/* SPDX-License-Identifier: Apache-2.0
 * Entry points (Multiboot 1, Multiboot 2, PVH), the way to long mode, exception stubs and the VM entry stub. */

#define VIRTUAL 0xffffffff80000000
#define PHYSICAL(symbol) ((symbol) - VIRTUAL)

/* ---- Headers ---- */
    .section .multiboot, "a"
    .balign 8
multiboot1:                         /* Multiboot 1 specification §3.1: page-aligned modules, memory information */
    .long 0x1BADB002
    .long 0x00000003
    .long -(0x1BADB002 + 0x00000003)
    .balign 8
multiboot2:                         /* Multiboot 2 specification §3.1 */
    .long 0xE85250D6
    .long 0
    .long multiboot2_end - multiboot2
    .long -(0xE85250D6 + (multiboot2_end - multiboot2))
    .short 6, 1                     /* module alignment, optional */
    .long 8
    .short 0, 0                     /* end */
    .long 8
multiboot2_end:

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18                  /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long sv_entry_pvh

/* ---- 32-bit start, at physical addresses ---- */
    .section .boot32, "ax"
    .code32
    .globl sv_entry32, sv_entry_pvh
sv_entry_pvh:                       /* EBX: hvm_start_info, whose magic tells it apart */
    movl (%ebx), %eax
sv_entry32:                         /* EAX: magic, EBX: boot information */
    cli
    cld
    movl %eax, %ebp
    rdtsc                           /* when all began: ESI and EDX hold it over the clearing */
    movl %eax, %esi
    movl $PHYSICAL(sv_bss_start), %edi
    movl $PHYSICAL(sv_bss_end), %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl
    movl %ebp, PHYSICAL(sv_boot_magic)
    movl %ebx, PHYSICAL(sv_boot_info)
    movl %esi, PHYSICAL(sv_boot_tsc)
    movl %edx, PHYSICAL(sv_boot_tsc) + 4
    movl $PHYSICAL(sv_boot_stack_top), %esp

    /* Is there a long mode? */
    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    testl $(1 << 29), %edx
    jz no_long_mode

    /* Boot page tables: the first 4 GiB at 0 and at 0xffff800000000000, the first GiB at -2 GiB; 2 MiB pages. */
    movl $PHYSICAL(boot_pdpt), %eax
    orl $3, %eax
    movl %eax, PHYSICAL(boot_pml4)
    movl %eax, PHYSICAL(boot_pml4) + 256 * 8
    movl $PHYSICAL(boot_pdpt_high), %eax
    orl $3, %eax
    movl %eax, PHYSICAL(boot_pml4) + 511 * 8
    movl $PHYSICAL(boot_pd), %eax
    orl $3, %eax
    movl %eax, PHYSICAL(boot_pdpt_high) + 510 * 8
    movl %eax, PHYSICAL(boot_pdpt)
    addl $4096, %eax
    movl %eax, PHYSICAL(boot_pdpt) + 8
    addl $4096, %eax
    movl %eax, PHYSICAL(boot_pdpt) + 16
    addl $4096, %eax
    movl %eax, PHYSICAL(boot_pdpt) + 24
    movl $PHYSICAL(boot_pd), %edi
    movl $0x83, %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 1b

    movl %cr4, %eax
    orl $0x620, %eax                /* PAE, OSFXSR, OSXMMEXCPT */
    movl %eax, %cr4
    movl $PHYSICAL(boot_pml4), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x900, %eax                /* LME, NXE */
    wrmsr
    movl %cr0, %eax
    andl $~0xc, %eax                /* EM and TS off */
    orl $0x80010003, %eax           /* PG, WP, MP, PE */
    movl %eax, %cr0
    lgdt PHYSICAL(boot_gdt_pointer)
    ljmp $8, $start64_low

no_long_mode:
    movl $PHYSICAL(no_long_mode_text), %esi
    movw $0x3f8, %dx
2:  lodsb
    testb %al, %al
    jz 3f
    outb %al, %dx
    jmp 2b
3:  hlt
    jmp 3b

    .code64
start64_low:
    movabsq $start64, %rax
    jmpq *%rax

    .section .text.entry, "ax"
start64:
    movw $16, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %eax, %eax
    movw %ax, %fs
    movw %ax, %gs
    leaq sv_boot_stack_top(%rip), %rsp
    xorl %ebp, %ebp
    call sv_main
4:  cli
    hlt
    jmp 4b

/* ---- Exceptions and interrupts: 256 stubs of 16 bytes ---- */
    .balign 16
    .globl sv_isr_table
sv_isr_table:
    vector = 0
    .rept 256
    .balign 16
    .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    pushq $0
    .endif
    pushq $vector
    jmp isr_common
    vector = vector + 1
    .endr

isr_common:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rbx
    pushq %rbp
    pushq %rsi
    pushq %rdi
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi                 /* the frame, laid out as ExceptionFrameLayout */
    movq %rsp, %rbx
    andq $-16, %rsp
    call sv_exception
    movq %rbx, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rdi
    popq %rsi
    popq %rbp
    popq %rbx
    popq %rdx
    popq %rcx
    popq %rax
    addq $16, %rsp
    iretq

/* ---- VM entry ----
 * rdi: machine address of the VMCB, rsi: guest registers (GuestRegistersLayout), rdx: machine address of the host's
 * VMSAVE area. Called and left with interrupts off. Between CLGI and STGI the interrupt flag is set, so that a host
 * interrupt ends the guest's stay instead of being lost (APM vol 2 §15.13, §15.17). RAX and RSP live in the VMCB. */
    .globl sv_vmrun
    .balign 16
sv_vmrun:
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rdx
    pushq %rsi
    clgi
    sti
    movq %rdi, %rax
    movq 8(%rsi), %rcx
    movq 16(%rsi), %rdx
    movq 24(%rsi), %rbx
    movq 40(%rsi), %rbp
    movq 56(%rsi), %rdi
    movq 64(%rsi), %r8
    movq 72(%rsi), %r9
    movq 80(%rsi), %r10
    movq 88(%rsi), %r11
    movq 96(%rsi), %r12
    movq 104(%rsi), %r13
    movq 112(%rsi), %r14
    movq 120(%rsi), %r15
    movq 48(%rsi), %rsi
    vmload %rax
    vmrun %rax
    vmsave %rax
    pushq %rsi
    movq 8(%rsp), %rsi
    movq %rcx, 8(%rsi)
    movq %rdx, 16(%rsi)
    movq %rbx, 24(%rsi)
    movq %rbp, 40(%rsi)
    movq %rdi, 56(%rsi)
    movq %r8, 64(%rsi)
    movq %r9, 72(%rsi)
    movq %r10, 80(%rsi)
    movq %r11, 88(%rsi)
    movq %r12, 96(%rsi)
    movq %r13, 104(%rsi)
    movq %r14, 112(%rsi)
    movq %r15, 120(%rsi)
    popq %rax
    movq %rax, 48(%rsi)
    popq %rsi
    popq %rax
    vmload %rax
    cli
    stgi
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    ret

/* ---- Data ---- */
    .section .rodata.boot, "a"
no_long_mode_text:
    .asciz "Swiftvisor: this CPU has no 64-bit mode; halted.\r\n"

    .section .data.boot, "aw"
    .balign 16
    .globl sv_boot_gdt
sv_boot_gdt:
    .quad 0
    .quad 0x00af9a000000ffff        /* 8: 64-bit code */
    .quad 0x00cf92000000ffff        /* 16: data */
    .quad 0, 0                      /* 24: TSS, filled in by the platform code */
sv_boot_gdt_end:
boot_gdt_pointer:
    .word sv_boot_gdt_end - sv_boot_gdt - 1
    .quad PHYSICAL(sv_boot_gdt)

    .section .bss.boot, "aw", @nobits
    .balign 4096
boot_pml4: .skip 4096
boot_pdpt: .skip 4096
boot_pdpt_high: .skip 4096
boot_pd: .skip 4 * 4096
    .balign 16
    .globl sv_boot_tss
sv_boot_tss: .skip 128
    .globl sv_boot_magic, sv_boot_info, sv_boot_tsc
sv_boot_tsc: .skip 8
sv_boot_magic: .skip 8
sv_boot_info: .skip 8

    .section .stacks, "aw", @nobits
    .balign 4096
    .globl sv_boot_stack_guard, sv_boot_stack_top, sv_fault_stack_guard, sv_fault_stack_top
sv_boot_stack_guard: .skip 4096
    .skip 65536
sv_boot_stack_top:
sv_fault_stack_guard: .skip 4096
    .skip 16384
sv_fault_stack_top:
