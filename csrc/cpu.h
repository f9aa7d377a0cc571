/* cpu.h - what this processor can do, and how many of it there are.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_CPU_H
#define N2_CPU_H

#include "base.h"

struct n2_cpu {
    bool sse42, avx2, avx512; /* avx2: with F16C. The operating system saves the registers too */
    bool dotprod;             /* of arm64: FEAT_DotProd */
};

/* Detected at the first call. */
const struct n2_cpu *n2_cpu(void);

/* Processors this process may run on, at least 1. */
int n2_cpu_count(void);

#endif
