/* fault.h - makes the n-th fallible operation of the process fail, for tests.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Allocations, mappings, thread creations and file operations ask n2_fault() first and fail if it
 * says so. Compiled in with -DN2_FAULTS only; otherwise n2_fault() is a constant false.
 */
#ifndef N2_FAULT_H
#define N2_FAULT_H

#include "base.h"

#if defined(N2_FAULTS)
N2_API void
n2_fault_arm(int64_t nth);          /* the nth operation from now fails, from 0; < 0: none does */
N2_API int64_t n2_fault_hits(void); /* operations since then */
bool n2_fault(void);
#else
#define n2_fault() false
#endif

#endif
