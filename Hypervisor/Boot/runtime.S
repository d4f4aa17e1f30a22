/* SPDX-License-Identifier: Apache-2.0
 * The C library functions that compiled code calls. Bulk moves go by eight bytes. */
    .section .text.runtime, "ax"
    .globl memcpy, memmove, memset, memcmp, strlen
    .balign 16
memmove:
    movq %rdi, %rax
    subq %rsi, %rax
    cmpq %rdx, %rax                 /* target inside source: copy backwards */
    jb 1f
memcpy:
    movq %rdi, %rax
    movq %rdx, %rcx
    shrq $3, %rcx
    rep movsq
    movl %edx, %ecx
    andl $7, %ecx
    rep movsb
    ret
1:  movq %rdi, %rax
    leaq -1(%rdi,%rdx), %rdi
    leaq -1(%rsi,%rdx), %rsi
    movq %rdx, %rcx
    std
    rep movsb
    cld
    ret
    .balign 16
memset:
    movq %rdi, %r8
    movzbl %sil, %eax
    movabsq $0x0101010101010101, %rcx
    imulq %rcx, %rax
    movq %rdx, %rcx
    shrq $3, %rcx
    rep stosq
    movl %edx, %ecx
    andl $7, %ecx
    rep stosb
    movq %r8, %rax
    ret
    .balign 16
memcmp:
    xorl %eax, %eax
    movq %rdx, %rcx
    testq %rcx, %rcx
    jz 2f
1:  movzbl (%rdi), %eax
    movzbl (%rsi), %r8d
    subl %r8d, %eax
    jnz 2f
    incq %rdi
    incq %rsi
    decq %rcx
    jnz 1b
2:  ret
strlen:
    xorl %eax, %eax
1:  cmpb $0, (%rdi,%rax)
    je 2f
    incq %rax
    jmp 1b
2:  ret

/* The allocator pair of Embedded Swift: an arena that is never given back. */
    .globl posix_memalign, free
posix_memalign:
    jmp sv_allocate
free:
    ret

/* 128-bit by 64-bit division, all that `dividingFullWidth` needs: rsi:rdi / rcx:rdx with rcx 0. */
    .globl __udivti3
__udivti3:
    testq %rcx, %rcx
    jnz 1f
    movq %rdx, %r8
    movq %rsi, %rax
    xorl %edx, %edx
    divq %r8
    movq %rax, %r9
    movq %rdi, %rax
    divq %r8
    movq %r9, %rdx
    ret
1:  ud2
