/* kernels_avx2.c - the kernels for x86-64 with AVX2: the 32 lanes are four registers of eight.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2")))

/* tail_mask + 8 - r selects the first r of eight lanes. */
static const int32_t tail_mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1};

AVX2_INLINE float fold(__m256 s0, __m256 s1, __m256 s2, __m256 s3)
{
    __m256 eight = _mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* sum + the products of eight coordinates; `l2` is a constant where this is inlined. */
AVX2_INLINE __m256 step(bool l2, __m256 sum, __m256 q, __m256 x)
{
    __m256 d = l2 ? _mm256_sub_ps(q, x) : q;
    return _mm256_add_ps(sum, _mm256_mul_ps(d, l2 ? d : x));
}

AVX2_INLINE float distance(bool l2, const float *q, const float *x, size_t dim)
{
    __m256 s0 = _mm256_setzero_ps(), s1 = s0, s2 = s0, s3 = s0;
    size_t i = 0;
    for (; i + 32 <= dim; i += 32) {
        s0 = step(l2, s0, _mm256_loadu_ps(q + i), _mm256_loadu_ps(x + i));
        s1 = step(l2, s1, _mm256_loadu_ps(q + i + 8), _mm256_loadu_ps(x + i + 8));
        s2 = step(l2, s2, _mm256_loadu_ps(q + i + 16), _mm256_loadu_ps(x + i + 16));
        s3 = step(l2, s3, _mm256_loadu_ps(q + i + 24), _mm256_loadu_ps(x + i + 24));
    }
    size_t rest = dim - i; /* 0..31 */
    q += i;
    x += i;
    __m256 *last = &s0;
    if (rest >= 8) {
        s0 = step(l2, s0, _mm256_loadu_ps(q), _mm256_loadu_ps(x));
        last = &s1;
    }
    if (rest >= 16) {
        s1 = step(l2, s1, _mm256_loadu_ps(q + 8), _mm256_loadu_ps(x + 8));
        last = &s2;
    }
    if (rest >= 24) {
        s2 = step(l2, s2, _mm256_loadu_ps(q + 16), _mm256_loadu_ps(x + 16));
        last = &s3;
    }
    if (rest & 7) {
        __m256i mask = _mm256_loadu_si256((const __m256i *)(tail_mask + 8 - (rest & 7)));
        size_t at = rest & ~(size_t)7;
        *last = step(l2, *last, _mm256_maskload_ps(q + at, mask), _mm256_maskload_ps(x + at, mask));
    }
    return fold(s0, s1, s2, s3);
}

AVX2 static void l2_rows(const float *query, const float *rows, size_t stride,
                         const uint32_t *nodes, size_t n, size_t dim, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = distance(true, query, rows + (size_t)nodes[i] * stride, dim);
}

AVX2 static void dot_rows(const float *query, const float *rows, size_t stride,
                          const uint32_t *nodes, size_t n, size_t dim, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = distance(false, query, rows + (size_t)nodes[i] * stride, dim);
}

const struct n2_kernels n2_kernels_avx2 = {"avx2", l2_rows, dot_rows};
#else
typedef int n2_kernels_avx2_unused; /* a translation unit holds at least one declaration */
#endif
