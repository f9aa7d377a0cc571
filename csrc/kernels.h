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

#include "code.h"
#include "pack.h"

#define N2_LANES 32

/* out[i] = distance of query[dim] to the row that starts at rows + nodes[i] * stride, for i < n. */
typedef void n2_distances_fn(const float *query, const float *rows, size_t stride,
                             const uint32_t *nodes, size_t n, size_t dim, float *out);

/* The same for rows of half floats or of bytes (pack.h), `stride` bytes apart: exactly what the
 * kernels above give for the unpacked rows. */
typedef void n2_packed_distances_fn(const float *query, const unsigned char *rows, size_t stride,
                                    const uint32_t *nodes, size_t n, size_t dim, float *out);

/* out[i] = sum of squared differences of query[dim] to the bytes of the row that starts at rows +
 * nodes[i] * stride, for i < n. */
typedef void n2_whole_distances_fn(const uint8_t *query, const unsigned char *rows, size_t stride,
                                   const uint32_t *nodes, size_t n, size_t dim, uint32_t *out);

/* Rows of more bytes that lie apart are read four side by side: the processor, which runs ahead in
 * each of them, has more in hand then. Searches of vectors of 784 and 960 dimensions took 0.9 of
 * the time; a scan of all, in order, would take twice as long. */
#define N2_LONG_ROW 1024

N2_INLINE bool n2_long_apart(size_t bytes, const uint32_t *nodes, size_t n)
{
    return bytes > N2_LONG_ROW && n > 1 && nodes[n - 1] - nodes[0] >= 2 * n;
}

/* Sets x[4] to the rows of nodes[n], the last one again where there are fewer than four. */
N2_INLINE void n2_four_rows(const void *rows, size_t bytes, const uint32_t *nodes, size_t n,
                            const void *x[4])
{
    for (size_t r = 0; r < 4; r++)
        x[r] = (const unsigned char *)rows + nodes[n2_min(r, n - 1)] * bytes;
}

/* out[i] = sum of squared differences of code[bytes] to the code at codes + nodes[i] * bytes, for
 * i < n: long codes (code.h); or lanes[2 * bytes] to the lanes of short ones. */
typedef void n2_code_distances_fn(const uint8_t *code, const uint8_t *codes, size_t bytes,
                                  const uint32_t *nodes, size_t n, uint32_t *out);

/* out[i] = sum of weights[j] * code[j] over the bytes of the code at codes + nodes[i] * bytes, for
 * i < n. Weights are -N2_CODE_MAX..N2_CODE_MAX. */
typedef void n2_weigh_fn(const int8_t *weights, const uint8_t *codes, size_t bytes,
                         const uint32_t *nodes, size_t n, int32_t *out);

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

/* What a sketch (sketch.h) keeps of the way from one code to another. */
struct n2_residual {
    uint32_t squares;               /* sum of (to[i] - from[i])^2 */
    uint32_t lengths;               /* sum of |to[i] - from[i]| */
    uint32_t rising;                /* sum of from[i] over the i where to[i] > from[i] */
    uint32_t n_rising;              /* how many these are */
    uint8_t signs[N2_MAX_AXES / 8]; /* bit i of [bytes]: to[i] > from[i] */
};

/* Measures the way between two codes[bytes]. */
typedef void n2_residual_fn(const uint8_t *from, const uint8_t *to, size_t bytes,
                            struct n2_residual *out);

/* A group of a sketch: for each of 32 links `add` and `factor`, the upper halves of two floats, and
 * 4 bits for each of n_books books, a multiple of 4. Bytes 2 i and 2 i + 1 of a book hold links i
 * and i + 8 in their low halves, i + 16 and i + 24 in the high ones. */
#define N2_GROUP 32
#define N2_BOOK 16 /* bytes of a book, in a group and in a table */
#define N2_BOOKS 4 /* their number is a multiple of it */
struct n2_group {
    uint16_t add[N2_GROUP], factor[N2_GROUP];
    uint8_t books[];
};

/* The links of a group that may lie near: bit j is set where
 * add[j] - factor[j] * (2 * sum[j] + offset) < limit, sum[j] being that of table[book][bits] over
 * the books. The group may be written to meanwhile: then some bits have no meaning. */
typedef uint32_t n2_sketch_fn(const uint8_t *table, const struct n2_group *group, size_t n_books,
                              float offset, float limit);

struct n2_kernels {
    const char *name;
    n2_distances_fn *l2;  /* sum of (q_i - x_i)^2 */
    n2_distances_fn *dot; /* sum of q_i x_i */
    n2_packed_distances_fn *half_l2, *half_dot, *byte_l2, *byte_dot;
    n2_whole_distances_fn *whole_l2;
    n2_code_distances_fn *code, *short_code; /* whole numbers: the same on all processors */
    n2_weigh_fn *weigh;
    n2_quantise_fn *quantise;
    n2_project_fn *project;
    n2_residual_fn *residual;
    n2_sketch_fn *sketch;
};

/* The float whose upper half is `half`. */
N2_INLINE float n2_half_float(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, 4);
    return x;
}

/* The upper half of a finite float, rounded to the nearest. */
N2_INLINE uint16_t n2_float_half(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

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
extern const struct n2_kernels n2_kernels_avx512; /* x86-64 with AVX-512 F, BW, DQ, VL and VNNI */
extern const struct n2_kernels n2_kernels_neon;   /* arm64 */
/* arm64 with FEAT_DotProd; its name is NULL if the compiler does not know that. */
extern const struct n2_kernels n2_kernels_neon_dotprod;

/* The table of that name, or NULL where this processor cannot run it. */
const struct n2_kernels *n2_kernels_named(const char *name);

/* The table in use. */
const struct n2_kernels *n2_kernels(void);

#endif
