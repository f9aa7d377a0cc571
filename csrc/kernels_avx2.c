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

/* sum + the squared differences of 32 bytes, in eight words. */
AVX2_INLINE __m256i code_step(__m256i sum, const uint8_t *a, const uint8_t *b)
{
    __m256i d = _mm256_sub_epi8(_mm256_loadu_si256((const __m256i *)(const void *)a),
                                _mm256_loadu_si256((const __m256i *)(const void *)b));
    d = _mm256_abs_epi8(d);
    return _mm256_add_epi32(sum,
                            _mm256_madd_epi16(_mm256_maddubs_epi16(d, d), _mm256_set1_epi16(1)));
}

/* The sums of the words of a, b, c and d. */
AVX2_INLINE __m128i fold_words(__m256i a, __m256i b, __m256i c, __m256i d)
{
    __m256i four = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
}

/* Four codes at once: their loads overlap, and they share one folding. */
AVX2_INLINE void code_rows_of(size_t bytes, const uint8_t *code, const uint8_t *codes,
                              const uint32_t *nodes, size_t n, uint32_t *out)
{
    for (size_t i = 0; i < n; i += 4) {
        const uint8_t *x[4];
        for (size_t r = 0; r < 4; r++)
            x[r] = codes + (size_t)nodes[n2_min(i + r, n - 1)] * bytes;
        __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                          _mm256_setzero_si256()};
        for (size_t j = 0; j < bytes; j += 32)
            for (size_t r = 0; r < 4; r++)
                sum[r] = code_step(sum[r], code + j, x[r] + j);
        uint32_t four[4];
        _mm_storeu_si128((__m128i *)(void *)four, fold_words(sum[0], sum[1], sum[2], sum[3]));
        memcpy(out + i, four, n2_min(n - i, 4) * sizeof(*four));
    }
}

/* The loops of the usual lengths are unrolled. */
AVX2 static void code_rows(const uint8_t *code, const uint8_t *codes, size_t bytes,
                           const uint32_t *nodes, size_t n, uint32_t *out)
{
    if (bytes == N2_CODE_UNIT)
        code_rows_of(N2_CODE_UNIT, code, codes, nodes, n, out);
    else if (bytes == 2 * N2_CODE_UNIT)
        code_rows_of(2 * N2_CODE_UNIT, code, codes, nodes, n, out);
    else
        code_rows_of(bytes, code, codes, nodes, n, out);
}

AVX2 static void quantise(const float *vector, float factor, const float *mean, float scale,
                          float limit, size_t n, int16_t *out)
{
    const __m256 f = _mm256_set1_ps(factor), s = _mm256_set1_ps(scale);
    const __m256 top = _mm256_set1_ps(limit), bottom = _mm256_set1_ps(-limit);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 y = _mm256_mul_ps(_mm256_loadu_ps(vector + i), f);
        y = _mm256_mul_ps(_mm256_sub_ps(y, _mm256_loadu_ps(mean + i)), s);
        y = _mm256_min_ps(_mm256_max_ps(y, bottom), top); /* of NaN and another: the other */
        __m256i whole = _mm256_cvtps_epi32(y);
        __m128i halves =
            _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
        _mm_storeu_si128((__m128i *)(void *)(out + i), halves);
    }
    n2_quantise_from(i, vector, factor, mean, scale, limit, n, out);
}

/* Four rows at once share what is loaded of x, and one folding. */
AVX2 static void project(const int16_t *x, const int8_t *rows, size_t width, size_t n_rows,
                         int32_t *out)
{
    for (size_t j = 0; j < n_rows; j += 4) {
        const int8_t *row[4];
        for (size_t r = 0; r < 4; r++)
            row[r] = rows + n2_min(j + r, n_rows - 1) * width;
        __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                          _mm256_setzero_si256()};
        for (size_t i = 0; i < width; i += 16) {
            __m256i of_x = _mm256_loadu_si256((const __m256i *)(const void *)(x + i));
            for (size_t r = 0; r < 4; r++) {
                __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(row[r] + i));
                sum[r] =
                    _mm256_add_epi32(sum[r], _mm256_madd_epi16(_mm256_cvtepi8_epi16(bytes), of_x));
            }
        }
        int32_t four[4];
        _mm_storeu_si128((__m128i *)(void *)four, fold_words(sum[0], sum[1], sum[2], sum[3]));
        memcpy(out + j, four, n2_min(n_rows - j, 4) * sizeof(*four));
    }
}

const struct n2_kernels n2_kernels_avx2 = {"avx2", l2_rows, dot_rows, code_rows, quantise, project};
#else
typedef int n2_kernels_avx2_unused; /* a translation unit holds at least one declaration */
#endif
