/* kernels.h - distances between float vectors, one table of functions per instruction set.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every kernel sums in the same order, so that all give the same bits: coordinate i is added to
 * lane i mod 32, and the 32 lanes are folded as `fold` of kernels_scalar.c does it. Products are
 * rounded before they are added, never fused: so one input gives one file on all machines. On a
 * Zen 5, with the vectors in the first-level cache, fused kernels took 5.5 ns instead of 5.8 for L2
 * of 100 coordinates, and 28.0 instead of 27.7 of 784; a search waits for memory ten times as long.
 */
#ifndef N2_KERNELS_H
#define N2_KERNELS_H

#include "base.h"

#define N2_LANES 32

/* out[i] = distance of query[dim] to the row that starts at rows + nodes[i] * stride, for i < n. */
typedef void n2_distances_fn(const float *query, const float *rows, size_t stride,
                             const uint32_t *nodes, size_t n, size_t dim, float *out);

struct n2_kernels {
    const char *name;
    n2_distances_fn *l2;  /* sum of (q_i - x_i)^2 */
    n2_distances_fn *dot; /* sum of q_i x_i */
};

extern const struct n2_kernels n2_kernels_scalar; /* the reference, on every processor */
extern const struct n2_kernels n2_kernels_avx2;   /* x86-64 with AVX2 */
extern const struct n2_kernels n2_kernels_neon;   /* arm64 */

/* The table of that name, or NULL where this processor cannot run it. */
const struct n2_kernels *n2_kernels_named(const char *name);

/* The table in use. */
const struct n2_kernels *n2_kernels(void);

#endif
