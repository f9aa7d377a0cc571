/* alloc.h - checked allocation: sizes are multiplied without overflow, failures can be injected.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_ALLOC_H
#define N2_ALLOC_H

#include "base.h"

/* Memory for `count` objects of `size` bytes, at a multiple of 64 bytes, a cache line; not cleared.
 * NULL when there is none or the product overflows. A count of 0 gives a pointer that may be freed.
 */
void *n2_alloc(size_t count, size_t size);

/* The same, all zero bytes. */
void *n2_alloc_zero(size_t count, size_t size);

/* Frees what any of these returned; NULL is allowed. */
void n2_alloc_free(void *memory);

#endif
