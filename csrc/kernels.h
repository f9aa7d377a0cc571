/* kernels.h - distances between vectors and between codes, one table of functions per instruction
 *             set.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every kernel of floats sums in the same order, so that all give the same bits: coordinate i is
 * added to lane i mod 32, and the 32 lanes are folded as `fold` of kernels_scalar.c does it.
 * Products are rounded before they are added, never fused: so one input gives one file on all
 * machines. On a Zen 5, with the vectors in the first-level cache, fused kernels took 5.5 ns
 * instead of 5.8 for L2 of 100 coordinates, and 28.0 instead of 27.7 of 784; a search waits for
 * memory ten times as long.
 */
#ifndef N2_KERNELS_H
#define N2_KERNELS_H

#include "base.h"

#include <math.h>

#define N2_LANES 32

/* out[i] = distance of query[dim] to the row that starts at rows + nodes[i] * stride, for i < n. */
typedef void n2_distances_fn(const float *query, const float *rows, size_t stride,
                             const uint32_t *nodes, size_t n, size_t dim, float *out);

/* Codes hold N2_CODE_UNIT bytes or a multiple of it, each 0..N2_CODE_MAX: differences fit a signed
 * byte, and the sum of two squares a signed 16-bit word, which is what AVX2 multiplies fastest. */
#define N2_CODE_UNIT 64
#define N2_CODE_MAX 127

/* out[i] = sum of squared differences of code[bytes] to the code at codes + nodes[i] * bytes, for
 * i < n. */
typedef void n2_code_distances_fn(const uint8_t *code, const uint8_t *codes, size_t bytes,
                                  const uint32_t *nodes, size_t n, uint32_t *out);

/* Vectors are projected in whole numbers too: exactly, and in a quarter of the memory that floats
 * take. Rows have a multiple of N2_ROW_UNIT numbers, zeros behind the last coordinate. */
#define N2_ROW_UNIT 32

/* out[i] = (vector[i] * factor - mean[i]) * scale, rounded to the nearest and bounded by +-limit,
 * for i < n. NaN gives -limit. */
typedef void n2_quantise_fn(const float *vector, float factor, const float *mean, float scale,
                            float limit, size_t n, int16_t *out);

/* out[j] = sum of x[i] * rows[j * width + i] over i < width, for j < n_rows. The sum of |x| times
 * 128 is below 2^31. */
typedef void n2_project_fn(const int16_t *x, const int8_t *rows, size_t width, size_t n_rows,
                           int32_t *out);

struct n2_kernels {
    const char *name;
    n2_distances_fn *l2;        /* sum of (q_i - x_i)^2 */
    n2_distances_fn *dot;       /* sum of q_i x_i */
    n2_code_distances_fn *code; /* whole numbers: exact, the same on all processors */
    n2_quantise_fn *quantise;
    n2_project_fn *project;
};

N2_INLINE int16_t n2_quantise_one(float x, float factor, float mean, float scale, float limit)
{
    float y = (x * factor - mean) * scale;
    y = y > -limit ? y < limit ? y : limit : -limit;
    return (int16_t)lrintf(y); /* to the nearest, of two to the even one */
}

/* n2_quantise_fn in plain C, from coordinate i on. */
N2_INLINE void n2_quantise_from(size_t i, const float *vector, float factor, const float *mean,
                                float scale, float limit, size_t n, int16_t *out)
{
    for (; i < n; i++)
        out[i] = n2_quantise_one(vector[i], factor, mean[i], scale, limit);
}

extern const struct n2_kernels n2_kernels_scalar; /* the reference, on every processor */
extern const struct n2_kernels n2_kernels_avx2;   /* x86-64 with AVX2 */
extern const struct n2_kernels n2_kernels_neon;   /* arm64 */

/* The table of that name, or NULL where this processor cannot run it. */
const struct n2_kernels *n2_kernels_named(const char *name);

/* The table in use. */
const struct n2_kernels *n2_kernels(void);

#endif
