/* alloc.c - checked, fault-injectable allocation.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "alloc.h"

#include "fault.h"

#include <stdlib.h>

#define ALIGNMENT 64

#if defined(N2_FAULTS)
static int64_t fault_nth = -1;
static int64_t fault_hits;

void n2_fault_arm(int64_t nth)
{
    N2_STORE(&fault_hits, 0);
    N2_STORE(&fault_nth, nth);
}

int64_t n2_fault_hits(void)
{
    return N2_LOAD(&fault_hits);
}

bool n2_fault(void)
{
    return N2_FETCH_ADD(&fault_hits, 1) == N2_LOAD(&fault_nth);
}
#endif

/* Bytes of `count` objects of `size`, at least 1; SIZE_MAX if that overflows. */
static size_t product(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - ALIGNMENT)
        return SIZE_MAX;
    return bytes ? bytes : 1;
}

void *n2_alloc(size_t count, size_t size)
{
    size_t bytes = product(count, size);
    return bytes == SIZE_MAX || n2_fault() ? NULL : malloc(bytes);
}

void *n2_alloc_zero(size_t count, size_t size)
{
    size_t bytes = product(count, size);
    return bytes == SIZE_MAX || n2_fault() ? NULL : calloc(1, bytes);
}

void *n2_alloc_aligned(size_t count, size_t size)
{
    size_t bytes = product(count, size);
    void *memory = NULL;
    if (bytes == SIZE_MAX || n2_fault() || posix_memalign(&memory, ALIGNMENT, bytes) != 0)
        return NULL;
    return memory;
}

void n2_alloc_free(void *memory)
{
    free(memory);
}
