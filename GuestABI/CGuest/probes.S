// SPDX-License-Identifier: Apache-2.0
// What the virtual CPU does around non-maskable interrupts, seen from inside: handlers that write down their frames.
// All run on one vCPU with interrupts off. AMD APM vol 2 §8.2.3 (NMI), §8.9 (frames).

// Sends this vCPU an NMI: VCPUOP_send_nmi of vCPU 0. Keeps all but RAX, RDX, RSI and RDI.
    .macro send_nmi
    movl $24, %eax
    movl $11, %edi
    xorl %esi, %esi
    xorl %edx, %edx
    vmmcall
    .endm
// Writes down an exception: its number, and the frame at `offset` from RSP. Uses RAX and RCX.
    .macro note number, offset
    movq guest_probe_count(%rip), %rcx
    shlq $5, %rcx
    movq $\number, guest_probe_log(%rcx)
    movq \offset(%rsp), %rax
    movq %rax, guest_probe_log + 8(%rcx)
    movq \offset + 16(%rsp), %rax
    movq %rax, guest_probe_log + 16(%rcx)
    .endm
    .macro note_word
    movq %rax, guest_probe_log + 24(%rcx)
    incq guest_probe_count(%rip)
    .endm

// Sets breakpoint 0 on the frame at RSP: eight bytes, reads and writes. AMD APM vol 2 §13.1.1.4.
    .macro watch_frame
    pushq %rax
    leaq 8(%rsp), %rax
    movq %rax, %dr0
    movl $0xB0402, %eax
    movq %rax, %dr7
    popq %rax
    .endm

// MARK: EDI = how many NMIs in all (1 to 8), ESI = how their handlers return: see CGuest.h. Returns the trap flag as the
// code behind the first NMI sees it. The log holds what happened up to there; what comes later is added.
    .section .text.guest_probe_nmi, "ax", @progbits
    .globl guest_probe_nmi
    .type guest_probe_nmi, @function
guest_probe_nmi:
    pushq %rbx
    pushfq
    cli
    movl %edi, %eax
    movq %rax, guest_probe_limit(%rip)
    movl %esi, %eax
    movq %rax, guest_probe_way(%rip)
    movq $0, guest_probe_sent(%rip)
    movq $0, guest_probe_count(%rip)
    send_nmi
    .globl guest_probe_sent_from
guest_probe_sent_from:
    pushfq
    movq guest_probe_count(%rip), %rax
    movq %rax, guest_probe_count_at_once(%rip)
    popq %rax
    andl $0x100, %eax
    popfq
    popq %rbx
    ret

    .globl guest_probe_nmi_handler
    .balign 16
guest_probe_nmi_handler:
    pushq %rax
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    note 2, 40
    xorl %eax, %eax
    note_word
    movq guest_probe_sent(%rip), %rax
    incq %rax
    movq %rax, guest_probe_sent(%rip)
    cmpq guest_probe_limit(%rip), %rax
    jae 1f
    send_nmi
1:  movq guest_probe_sent(%rip), %rcx
    popq %rdi
    popq %rsi
    popq %rdx
    cmpq $1, %rcx                   // only the first returns in an unusual way
    jne 9f
    movq guest_probe_way(%rip), %rcx
    cmpq $1, %rcx
    je 2f
    cmpq $2, %rcx
    je 3f
    cmpq $3, %rcx
    je 4f
    cmpq $4, %rcx
    je 6f
9:  popq %rcx
    popq %rax
    iretq
2:  popq %rcx                       // a bad code segment: #GP
    popq %rax
    movq $0xFFF8, 8(%rsp)
    jmp 5f
3:  popq %rcx                       // no stack: #PF
    popq %rax
    movq %rsp, guest_probe_stack(%rip)
    movq guest_probe_hole(%rip), %rsp
    jmp 5f
4:  popq %rcx                       // the trap flag set: #DB behind the IRET
    popq %rax
    pushfq
    orq $0x100, (%rsp)
    popfq
    iretq
6:  popq %rcx                       // a breakpoint on the frame: #DB behind the IRET
    popq %rax
    watch_frame
    .globl guest_probe_return
guest_probe_return:
5:  iretq

    .globl guest_probe_protection_handler
    .balign 16
guest_probe_protection_handler:     // puts the code segment of the frame that IRET reads right
    pushq %rax
    pushq %rcx
    note 13, 24
    movq 16(%rsp), %rax
    note_word
    movq 48(%rsp), %rax
    movq $8, 8(%rax)
    popq %rcx
    popq %rax
    addq $8, %rsp
    iretq

    .globl guest_probe_page_handler
    .balign 16
guest_probe_page_handler:           // puts the stack back
    pushq %rax
    pushq %rcx
    note 14, 24
    movq %cr2, %rax
    note_word
    movq guest_probe_stack(%rip), %rax
    movq %rax, 48(%rsp)
    popq %rcx
    popq %rax
    addq $8, %rsp
    iretq

    .globl guest_probe_debug_handler
    .balign 16
guest_probe_debug_handler:
    pushq %rax
    pushq %rcx
    note 1, 16
    movq %dr6, %rax
    note_word
    movl $0x400, %eax
    movq %rax, %dr7
    popq %rcx
    popq %rax
    iretq

// MARK: `int $0x81`, whose handler sets breakpoint 0 on the frame that its IRET reads: #DB behind the IRET.
    .section .text.guest_probe_breakpoint, "ax", @progbits
    .globl guest_probe_breakpoint
    .type guest_probe_breakpoint, @function
guest_probe_breakpoint:
    pushfq
    cli
    movq $0, guest_probe_count(%rip)
    int $0x81
    .globl guest_probe_interrupted_at
guest_probe_interrupted_at:
    popfq
    ret
    .globl guest_probe_breakpoint_handler
    .balign 16
guest_probe_breakpoint_handler:
    watch_frame
    iretq

// MARK: Writes to the first of four words with breakpoints on them. The handler writes to the next, inside itself.
    .section .text.guest_probe_nest, "ax", @progbits
    .globl guest_probe_nest
    .type guest_probe_nest, @function
guest_probe_nest:
    pushfq
    cli
    movq $0, guest_probe_count(%rip)
    movq %rdi, guest_probe_hole(%rip)
    movq $1, (%rdi)
    nop
    popfq
    ret
    .globl guest_probe_nest_handler
    .balign 16
guest_probe_nest_handler:
    pushq %rax
    pushq %rcx
    note 1, 16
    movq %dr6, %rax
    note_word
    movq guest_probe_count(%rip), %rcx
    cmpq $4, %rcx
    jae 1f
    movq guest_probe_hole(%rip), %rax
    movq %rcx, (%rax, %rcx, 8)
    nop
1:  popq %rcx
    popq %rax
    iretq

// MARK: With the trap flag set: instructions that the hypervisor executes, each followed by a label.
    .section .text.guest_probe_step, "ax", @progbits
    .globl guest_probe_step
    .type guest_probe_step, @function
guest_probe_step:
    pushq %rbx
    pushfq
    cli
    movq $0, guest_probe_count(%rip)
    xorl %eax, %eax
    pushfq
    orq $0x100, (%rsp)
    popfq
    cpuid
    .globl guest_probe_after_cpuid, guest_probe_after_rdmsr, guest_probe_after_in, guest_probe_after_call
guest_probe_after_cpuid:
    movl $0x1B, %ecx
    rdmsr
guest_probe_after_rdmsr:
    movl $0x2F0, %edx
    inb %dx, %al
guest_probe_after_in:
    movl $17, %eax
    xorl %edi, %edi
    xorl %esi, %esi
    vmmcall
guest_probe_after_call:
    popfq
    popq %rbx
    ret
    .globl guest_probe_step_handler
    .balign 16
guest_probe_step_handler:
    pushq %rax
    pushq %rcx
    note 1, 16
    movq %dr6, %rax
    note_word
    movl $0xFFFF0FF0, %eax
    movq %rax, %dr6
    popq %rcx
    popq %rax
    iretq

// MARK: RDI = where `guest_probe_user_page` is mapped for ring 3. Returns by `guest_user_return` of entry.S.
    .section .text.guest_probe_misaligned_load, "ax", @progbits
    .globl guest_probe_misaligned_load
    .type guest_probe_misaligned_load, @function
guest_probe_misaligned_load:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, guest_user_return_stack(%rip)
    xorl %eax, %eax
    pushq $0x1B
    pushq $0
    pushq $0x40002                  // RFLAGS.AC
    pushq $0x23
    pushq %rdi
    iretq
    .section .text.guest_probe_user_page, "ax", @progbits
    .balign 4096
    .globl guest_probe_user_page
guest_probe_user_page:
    movl 1f + 1(%rip), %ecx
    int $0x82
    .balign 8
1:  .quad 0
    .balign 4096

    .section .bss.guest_probes, "aw", @nobits
    .balign 8
    .globl guest_probe_log, guest_probe_count, guest_probe_count_at_once, guest_probe_hole
guest_probe_log:            .skip 32 * 32
guest_probe_count:          .skip 8
guest_probe_count_at_once:  .skip 8
guest_probe_sent:           .skip 8
guest_probe_limit:          .skip 8
guest_probe_way:            .skip 8
guest_probe_stack:          .skip 8
guest_probe_hole:           .skip 8

    .section .note.GNU-stack, "", @progbits
