/* SPDX-License-Identifier: Apache-2.0 */
/* The assembly files export their symbols through CX86.h. */
