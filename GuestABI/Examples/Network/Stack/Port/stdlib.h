// SPDX-License-Identifier: Apache-2.0
// Only named by lwIP's interface lookup, which the linker leaves out.
#ifndef NETWORK_STDLIB_H
#define NETWORK_STDLIB_H
int atoi(const char *text);
#endif
