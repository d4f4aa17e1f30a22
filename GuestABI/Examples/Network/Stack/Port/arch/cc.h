// SPDX-License-Identifier: Apache-2.0
// What lwIP asks of a compiler and a C library where there is none.
#ifndef ARCH_CC_H
#define ARCH_CC_H

#include <stddef.h>
#include <stdint.h>

#define LWIP_NO_INTTYPES_H 1
#define LWIP_NO_UNISTD_H 1
#define LWIP_NO_CTYPE_H 1
#define LWIP_ERR_T int8_t
#define SSIZE_MAX INTPTR_MAX
typedef intptr_t ssize_t;
#define U8_F "u"
#define U16_F "u"
#define S16_F "d"
#define X16_F "x"
#define U32_F "u"
#define S32_F "d"
#define X32_F "x"
#define SZT_F "zu"
#define X8_F "x"

#define LWIP_PLATFORM_DIAG(x)
#define LWIP_PLATFORM_ASSERT(x) __builtin_trap()
uint32_t network_random(void);
#define LWIP_RAND() network_random()

#endif
