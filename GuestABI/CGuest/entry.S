// SPDX-License-Identifier: Apache-2.0
// The PVH entry of a guest, its interrupt stubs and the way to ring 3 and back.
// Xen docs/misc/pvh.pandoc; AMD APM vol 2 §14 (initialisation), §8.9 (long-mode interrupt frames).

// MARK: ELF note XEN_ELFNOTE_PHYS32_ENTRY (public/elfnote.h): where a loader enters the image.
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 8, 18
    .asciz "Xen"
    .quad guest_entry

// MARK: Entry: 32-bit protected mode, paging off, EBX = address of hvm_start_info.
    .section .text.guest_entry, "ax", @progbits
    .code32
    .globl guest_entry
    .type guest_entry, @function
guest_entry:
    rdtsc                           // when it began: kept in EBP and ESP until there is memory for it
    movl %eax, %ebp
    movl %edx, %esp
    cli
    cld
    movl $guest_bss_start, %edi
    movl $guest_bss_end, %ecx
    subl %edi, %ecx
    shrl $2, %ecx
    xorl %eax, %eax
    rep stosl
    movl %ebp, guest_entry_time
    movl %esp, guest_entry_time + 4

    // Keep the initial data as it is in the file, so that this guest can start another domain from itself.
    movl $guest_data_start, %esi
    movl $guest_data_copy, %edi
    movl $guest_data_end, %ecx
    subl %esi, %ecx
    shrl $2, %ecx
    rep movsl

    // Identity map of the first 4 GiB: 2048 pages of 2 MiB, present | writable | large.
    movl $guest_page_directories, %edi
    movl $0x83, %eax
    movl $2048, %ecx
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    decl %ecx
    jnz 1b
    movl $guest_page_directories + 0x0003, guest_pdpt
    movl $guest_page_directories + 0x1003, guest_pdpt + 8
    movl $guest_page_directories + 0x2003, guest_pdpt + 16
    movl $guest_page_directories + 0x3003, guest_pdpt + 24
    movl $guest_pdpt + 3, guest_pml4

    movl $guest_pml4, %eax
    movl %eax, %cr3
    movl $0x20, %eax                // CR4.PAE
    movl %eax, %cr4
    movl $0xC0000080, %ecx          // EFER: long mode and no-execute
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl $0x80010031, %eax          // CR0: PG, WP, NE, ET, PE
    movl %eax, %cr0
    lgdt guest_gdt_pointer
    ljmp $0x08, $1f

    .code64
1:  movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movq $guest_boot_stack_top, %rsp
    xorl %ebp, %ebp
    movl %ebx, %edi
    call guest_start
2:  cli
    hlt
    jmp 2b

// MARK: Entry of a further vCPU that starts in long mode (VCPUOP_initialise): RDI = its number, stack set.
    .section .text.guest_secondary_entry, "ax", @progbits
    .globl guest_secondary_entry
    .type guest_secondary_entry, @function
guest_secondary_entry:
    lgdt guest_gdt_pointer(%rip)
    pushq $0x08
    leaq 1f(%rip), %rax
    pushq %rax
    lretq
1:  movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %ebp, %ebp
    call guest_secondary_start
2:  cli
    hlt
    jmp 2b

// MARK: Entry of a further vCPU that starts with INIT and SIPI: real mode, copied to a page below 1 MiB.
    .section .text.guest_trampoline, "ax", @progbits
    .balign 16
    .globl guest_trampoline_start, guest_trampoline_end
    .code16
guest_trampoline_start:
    cli
    movw %cs, %ax
    movw %ax, %ds
    lgdtl (guest_trampoline_gdt_pointer - guest_trampoline_start)
    movl $1, %eax
    movl %eax, %cr0
    ljmpl $0x18, $guest_trampoline_protected
    .balign 4
guest_trampoline_gdt_pointer:
    .word guest_trampoline_gdt_end - guest_trampoline_gdt - 1
    .long guest_trampoline_gdt
guest_trampoline_end:
    .code32
guest_trampoline_protected:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $guest_pml4, %eax
    movl %eax, %cr3
    movl $0x20, %eax
    movl %eax, %cr4
    movl $0xC0000080, %ecx
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl $0x80010031, %eax
    movl %eax, %cr0
    ljmp $0x08, $1f
    .code64
1:  movq guest_trampoline_stack(%rip), %rsp
    movq guest_trampoline_argument(%rip), %rdi
    jmp guest_secondary_entry

// MARK: The C library's name for giving memory back, where there is no C library.
#ifndef __linux__
    .section .text.free, "ax", @progbits
    .globl free
    .type free, @function
free:
    jmp guest_free
#endif

// MARK: Interrupt stubs: 256 of 16 bytes, then one common path to `guest_interrupt(frame)`.
    .section .text.guest_interrupt_stubs, "ax", @progbits
    .balign 16
    .globl guest_interrupt_stubs
guest_interrupt_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    pushq $0
    .endif
    pushq $vector
    jmp guest_interrupt_common
    .set vector, vector + 1
    .endr

    .balign 16
guest_interrupt_common:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call guest_interrupt
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq

// MARK: Ring 3. RDI = user RIP, RSI = RAX, RDI, RSI, RDX, R10, R8 to start with. Returns RAX at `int $0x82`.
    .section .text.guest_run_in_user, "ax", @progbits
    .globl guest_run_in_user
    .type guest_run_in_user, @function
guest_run_in_user:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, guest_user_return_stack(%rip)
    pushq $0x1B
    pushq $0
    pushq $0x2
    pushq $0x23
    pushq %rdi
    movq 0(%rsi), %rax
    movq 8(%rsi), %rdi
    movq 24(%rsi), %rdx
    movq 32(%rsi), %r10
    movq 40(%rsi), %r8
    movq 16(%rsi), %rsi
    iretq
    .globl guest_user_return
guest_user_return:
    movq guest_user_return_stack(%rip), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

// MARK: A hypercall from 32-bit code in ring 0. EDI = number, RSI = five words. Returns EAX, zero-extended.
    .section .text.guest_hypercall_from_32_bit, "ax", @progbits
    .globl guest_hypercall_from_32_bit
    .type guest_hypercall_from_32_bit, @function
guest_hypercall_from_32_bit:
    pushq %rbx
    pushfq
    cli
    movl %edi, %eax
    pushq $0xA8
    leaq 1f(%rip), %rdx
    pushq %rdx
    movl (%rsi), %ebx
    movl 4(%rsi), %ecx
    movl 8(%rsi), %edx
    movl 16(%rsi), %edi
    movl 12(%rsi), %esi
    lretq
    .code32
1:  cmpb $0, guest_uses_vmmcall
    je 2f
    vmmcall
    jmp 3f
2:  vmcall
3:  ljmp $0x08, $4f
    .code64
4:  movl %eax, %eax
    popfq
    popq %rbx
    ret

// Code to run in ring 3: one page, copied nowhere; mapped a second time as a user page.
    .section .text.guest_user_page, "ax", @progbits
    .balign 4096
    .globl guest_user_page
guest_user_page:
    vmmcall
    int $0x82
    .balign 16
    vmcall
    int $0x82
    .balign 16
    cli
    int $0x82
    .balign 4096

// Code for a domain that a test builds: one page that runs at 0x1000, position independent, in pieces of 256 bytes.
    .section .text.guest_tiny_domain, "ax", @progbits
    .balign 4096
    .globl guest_tiny_domain
guest_tiny_domain:
    // +0x000, 64-bit: signature, EBX as the reason, SCHEDOP_shutdown.
    .code64
    movl $0x54494E59, 0x1800
    movl %ebx, 0x1804
    movl $29, %eax
    movl $2, %edi
    movl $0x1804, %esi
    vmmcall
1:  hlt
    jmp 1b
    .balign 256
    // +0x100, 32-bit: signature, then HLT with interrupts off.
    .code32
    movl $0x54494E59, 0x1800
    cli
1:  hlt
    jmp 1b
    .balign 256
    // +0x200, 64-bit: counts for ever.
    .code64
    movl $0x54494E59, 0x1800
1:  incq 0x1808
    jmp 1b
    .balign 256
    // +0x300, 32-bit: a triple fault: no interrupt table, then an undefined instruction.
    .code32
    movl $0x54494E59, 0x1800
    ud2
    .balign 256
    .code64
    .balign 4096

// MARK: Tables.
    .section .data.guest_tables, "aw", @progbits
    .balign 16
    .globl guest_gdt
guest_gdt:
    .quad 0
    .quad 0x00AF9B000000FFFF        // 0x08 kernel code, 64-bit
    .quad 0x00CF93000000FFFF        // 0x10 kernel data
    .quad 0x00CFF3000000FFFF        // 0x18 user data
    .quad 0x00AFFB000000FFFF        // 0x20 user code, 64-bit
    .fill 16, 8, 0                  // 0x28 one 16-byte TSS descriptor for each of 8 vCPUs
    .quad 0x00CF9B000000FFFF        // 0xA8 kernel code, 32-bit
guest_gdt_end:
guest_gdt_pointer:
    .word guest_gdt_end - guest_gdt - 1
    .quad guest_gdt
    .balign 16
guest_trampoline_gdt:
    .quad 0
    .quad 0x00AF9B000000FFFF        // 0x08 code, 64-bit
    .quad 0x00CF93000000FFFF        // 0x10 data
    .quad 0x00CF9B000000FFFF        // 0x18 code, 32-bit
guest_trampoline_gdt_end:
    .balign 8
    .globl guest_trampoline_stack, guest_trampoline_argument, guest_user_return_stack, guest_uses_vmmcall
guest_trampoline_stack:     .quad 0
guest_trampoline_argument:  .quad 0
guest_user_return_stack:    .quad 0
guest_uses_vmmcall:         .byte 1

    .section .bss.guest_pages, "aw", @nobits
    .balign 4096
    .globl guest_pml4, guest_idt, guest_tss, guest_boot_stack_top, guest_fault_stack_top, guest_user_stack_top
guest_pml4:             .skip 4096
guest_pdpt:             .skip 4096
guest_page_directories: .skip 4 * 4096
guest_idt:              .skip 4096
guest_tss:              .skip 8 * 128
    .globl guest_entry_time
guest_entry_time:       .skip 8
    .balign 4096
                        .skip 16 * 4096
guest_boot_stack_top:
                        .skip 2 * 4096
guest_fault_stack_top:
                        .skip 2 * 4096
guest_user_stack_top:

    .section .note.GNU-stack, "", @progbits
