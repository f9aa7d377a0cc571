/* kernels_avx512.c - the kernels for x86-64 with AVX-512 and its VNNI: the 32 lanes are two
 *                    registers of sixteen.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")
#define AVX512 __attribute__((TARGET))
#define AVX512_INLINE static inline __attribute__((always_inline, TARGET))

/* Selects the first n of sixteen lanes; all from sixteen on. */
AVX512_INLINE __mmask16 first(size_t n)
{
    return (__mmask16)(n < 16 ? (1u << n) - 1 : UINT16_MAX);
}

AVX512_INLINE float fold(__m512 s0, __m512 s1)
{
    __m256 low = _mm256_add_ps(_mm512_castps512_ps256(s0), _mm512_extractf32x8_ps(s0, 1));
    __m256 high = _mm256_add_ps(_mm512_castps512_ps256(s1), _mm512_extractf32x8_ps(s1, 1));
    __m256 eight = _mm256_add_ps(low, high);
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/* sum + the products of sixteen coordinates; `l2` is a constant where this is inlined. */
AVX512_INLINE __m512 step(bool l2, __m512 sum, __m512 q, __m512 x)
{
    __m512 d = l2 ? _mm512_sub_ps(q, x) : q;
    return _mm512_add_ps(sum, _mm512_mul_ps(d, l2 ? d : x));
}

enum rows { FLOATS, HALVES, BYTES }; /* a constant where functions that take one are inlined */

/* Those of coordinates i..i + 15 of a row that the mask selects. */
AVX512_INLINE __m512 sixteen_of(enum rows kind, __mmask16 m, const void *row, size_t i, __m512 low,
                                __m512 unit)
{
    if (kind == FLOATS)
        return _mm512_maskz_loadu_ps(m, (const float *)row + i);
    if (kind == HALVES)
        return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(m, (const uint16_t *)row + i));
    __m128i bytes = _mm_maskz_loadu_epi8(m, (const unsigned char *)row + i);
    __m512 whole = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
    return _mm512_maskz_add_ps(m, low, _mm512_mul_ps(unit, whole));
}

/* A distance, of which coordinates 0..i - 1 are in the sums. */
AVX512_INLINE float distance(bool l2, enum rows kind, const float *q, const void *x, size_t i,
                             size_t dim, __m512 s0, __m512 s1)
{
    __m512 low = _mm512_setzero_ps(), unit = low;
    const __mmask16 all = UINT16_MAX;
    if (kind == BYTES) {
        struct n2_range range = n2_pack_range(x, dim);
        low = _mm512_set1_ps(range.low);
        unit = _mm512_set1_ps(range.step);
    }
    for (; i + 32 <= dim; i += 32) {
        s0 = step(l2, s0, _mm512_loadu_ps(q + i), sixteen_of(kind, all, x, i, low, unit));
        s1 = step(l2, s1, _mm512_loadu_ps(q + i + 16), sixteen_of(kind, all, x, i + 16, low, unit));
    }
    if (i < dim) {
        __mmask16 m = first(dim - i);
        s0 = step(l2, s0, _mm512_maskz_loadu_ps(m, q + i), sixteen_of(kind, m, x, i, low, unit));
    }
    if (i + 16 < dim) {
        __mmask16 m = first(dim - i - 16);
        s1 = step(l2, s1, _mm512_maskz_loadu_ps(m, q + i + 16),
                  sixteen_of(kind, m, x, i + 16, low, unit));
    }
    return fold(s0, s1);
}

/* Four distances, of rows that are read side by side. */
AVX512_INLINE void four_distances(bool l2, enum rows kind, const float *q, const void *const x[4],
                                  size_t dim, float out[4])
{
    __m512 s0[4], s1[4], low[4], unit[4];
    const __mmask16 all = UINT16_MAX;
    for (size_t r = 0; r < 4; r++) {
        struct n2_range range = kind == BYTES ? n2_pack_range(x[r], dim) : (struct n2_range){0, 0};
        s0[r] = s1[r] = _mm512_setzero_ps();
        low[r] = _mm512_set1_ps(range.low);
        unit[r] = _mm512_set1_ps(range.step);
    }
    size_t i = 0;
    for (; i + 32 <= dim; i += 32) {
        __m512 q0 = _mm512_loadu_ps(q + i), q1 = _mm512_loadu_ps(q + i + 16);
        for (size_t r = 0; r < 4; r++) {
            s0[r] = step(l2, s0[r], q0, sixteen_of(kind, all, x[r], i, low[r], unit[r]));
            s1[r] = step(l2, s1[r], q1, sixteen_of(kind, all, x[r], i + 16, low[r], unit[r]));
        }
    }
    for (size_t r = 0; r < 4; r++)
        out[r] = distance(l2, kind, q, x[r], i, dim, s0[r], s1[r]);
}

#define ROWS(name, type, l2, kind)                                                                 \
    AVX512 static void name(const float *query, const type *rows, size_t stride,                   \
                            const uint32_t *nodes, size_t n, size_t dim, float *out)               \
    {                                                                                              \
        const __m512 none = _mm512_setzero_ps();                                                   \
        size_t i = 0, bytes = stride * sizeof(*rows);                                              \
        bool apart = n2_long_apart(bytes, nodes, n);                                               \
        for (; apart && i + 1 < n; i += n2_min(n - i, 4)) {                                        \
            const void *x[4];                                                                      \
            float four[4];                                                                         \
            n2_four_rows(rows, bytes, nodes + i, n - i, x);                                        \
            four_distances(l2, kind, query, x, dim, four);                                         \
            memcpy(out + i, four, n2_min(n - i, 4) * sizeof(*four));                               \
        }                                                                                          \
        for (; i < n; i++)                                                                         \
            out[i] =                                                                               \
                distance(l2, kind, query, rows + (size_t)nodes[i] * stride, 0, dim, none, none);   \
    }
ROWS(l2_rows, float, true, FLOATS)
ROWS(dot_rows, float, false, FLOATS)
ROWS(half_l2_rows, unsigned char, true, HALVES)
ROWS(half_dot_rows, unsigned char, false, HALVES)
ROWS(byte_l2_rows, unsigned char, true, BYTES)
ROWS(byte_dot_rows, unsigned char, false, BYTES)

AVX512_INLINE __m512i load(const void *bytes)
{
    return _mm512_loadu_si512(bytes);
}

AVX512_INLINE __m256i halves_added(__m512i x)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(x), _mm512_extracti64x4_epi64(x, 1));
}

/* The sums of the words of four registers. */
AVX512_INLINE __m128i fold_words(const __m512i x[4])
{
    __m256i four = _mm256_hadd_epi32(_mm256_hadd_epi32(halves_added(x[0]), halves_added(x[1])),
                                     _mm256_hadd_epi32(halves_added(x[2]), halves_added(x[3])));
    return _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
}

/* Stores the first min(n, 4) words of `four`. */
AVX512_INLINE void store_words(void *out, __m128i four, size_t n)
{
    _mm_mask_storeu_epi32(out, (__mmask8)first(n), four);
}

/* sum + the squared differences of bytes. */
AVX512_INLINE __m512i whole_step(__m512i sum, __m512i a, __m512i b)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i d = _mm512_or_si512(_mm512_subs_epu8(a, b), _mm512_subs_epu8(b, a));
    __m512i low = _mm512_unpacklo_epi8(d, zero), high = _mm512_unpackhi_epi8(d, zero);
    return _mm512_dpwssd_epi32(_mm512_dpwssd_epi32(sum, low, low), high, high);
}

AVX512 static void whole_l2_rows(const uint8_t *query, const unsigned char *rows, size_t stride,
                                 const uint32_t *nodes, size_t n, size_t dim, uint32_t *out)
{
    for (size_t i = 0; i < n; i += 4) {
        const void *x[4];
        n2_four_rows(rows, stride, nodes + i, n2_min(n - i, 4), x);
        __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                          _mm512_setzero_si512()};
        for (size_t j = 0; j < dim; j += 64) {
            __mmask64 m = dim - j < 64 ? (UINT64_C(1) << (dim - j)) - 1 : UINT64_MAX;
            __m512i q = _mm512_maskz_loadu_epi8(m, query + j);
            for (size_t r = 0; r < 4; r++) {
                const unsigned char *row = x[r];
                sum[r] = whole_step(sum[r], q, _mm512_maskz_loadu_epi8(m, row + j));
            }
        }
        store_words(out + i, fold_words(sum), n - i);
    }
}

/* sum + the squared differences of bytes up to 127, or their products by signed ones in `a`;
 * `squares` is a constant where this is inlined. */
AVX512_INLINE __m512i code_step(bool squares, __m512i sum, __m512i a, __m512i b)
{
    __m512i d = squares ? _mm512_abs_epi8(_mm512_sub_epi8(a, b)) : a;
    return _mm512_dpbusd_epi32(sum, squares ? d : b, d);
}

/* Four codes at once: their loads overlap, and they share one folding. */
AVX512_INLINE void rows_of(bool squares, size_t bytes, const void *code, const uint8_t *codes,
                           const uint32_t *nodes, size_t n, void *out)
{
    const uint8_t *a = code;
    uint32_t *sums = out;
    for (size_t i = 0; i < n; i += 4) {
        const uint8_t *x[4];
        for (size_t r = 0; r < 4; r++)
            x[r] = codes + (size_t)nodes[n2_min(i + r, n - 1)] * bytes;
        __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                          _mm512_setzero_si512()};
        for (size_t j = 0; j < bytes; j += 64)
            for (size_t r = 0; r < 4; r++)
                sum[r] = code_step(squares, sum[r], load(a + j), load(x[r] + j));
        store_words(sums + i, fold_words(sum), n - i);
    }
}

/* The loops of the usual lengths are unrolled. */
AVX512_INLINE void rows_by_length(bool squares, const void *code, const uint8_t *codes,
                                  size_t bytes, const uint32_t *nodes, size_t n, void *out)
{
    if (bytes == N2_CODE_UNIT)
        rows_of(squares, N2_CODE_UNIT, code, codes, nodes, n, out);
    else if (bytes == 2 * N2_CODE_UNIT)
        rows_of(squares, 2 * N2_CODE_UNIT, code, codes, nodes, n, out);
    else
        rows_of(squares, bytes, code, codes, nodes, n, out);
}

AVX512 static void code_rows(const uint8_t *code, const uint8_t *codes, size_t bytes,
                             const uint32_t *nodes, size_t n, uint32_t *out)
{
    rows_by_length(true, code, codes, bytes, nodes, n, out);
}

AVX512 static void short_code_rows(const uint8_t *lanes, const uint8_t *codes, size_t bytes,
                                   const uint32_t *nodes, size_t n, uint32_t *out)
{
    const __m512i top = _mm512_set1_epi8(0x40);
    const __m512i in_use =
        _mm512_maskz_set1_epi8((UINT64_C(1) << N2_SHORT_HALF) - 1, 0x3c); /* the other bits */
    for (size_t i = 0; i < n; i += 4) {
        const void *x[4];
        n2_four_rows(codes, bytes, nodes + i, n2_min(n - i, 4), x);
        __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                          _mm512_setzero_si512()};
        for (size_t j = 0; j < bytes; j += N2_CODE_UNIT) {
            __m512i q0 = load(lanes + 2 * j), q1 = load(lanes + 2 * j + N2_CODE_UNIT);
            for (size_t r = 0; r < 4; r++) {
                const uint8_t *unit = (const uint8_t *)x[r] + j;
                __m512i halves = load(unit);
                __m512i low = _mm512_and_si512(_mm512_slli_epi16(halves, 2), in_use);
                __m512i high = _mm512_and_si512(_mm512_srli_epi16(halves, 2), in_use);
                low = _mm512_mask_add_epi8(low, n2_code_fifth(unit, false), low, top);
                high = _mm512_mask_add_epi8(high, n2_code_fifth(unit, true), high, top);
                sum[r] = code_step(true, code_step(true, sum[r], q0, low), q1, high);
            }
        }
        store_words(out + i, fold_words(sum), n - i);
    }
}

AVX512 static void weigh_rows(const int8_t *weights, const uint8_t *codes, size_t bytes,
                              const uint32_t *nodes, size_t n, int32_t *out)
{
    rows_by_length(false, weights, codes, bytes, nodes, n, out);
}

AVX512 static void quantise(const float *vector, float factor, const float *mean, float scale,
                            float limit, size_t n, int16_t *out)
{
    const __m512 f = _mm512_set1_ps(factor), s = _mm512_set1_ps(scale);
    const __m512 top = _mm512_set1_ps(limit), bottom = _mm512_set1_ps(-limit);
    for (size_t i = 0; i < n; i += 16) {
        __mmask16 m = first(n - i);
        __m512 y = _mm512_mul_ps(_mm512_maskz_loadu_ps(m, vector + i), f);
        y = _mm512_mul_ps(_mm512_sub_ps(y, _mm512_maskz_loadu_ps(m, mean + i)), s);
        y = _mm512_min_ps(_mm512_max_ps(y, bottom), top); /* of NaN and another: the other */
        _mm256_mask_storeu_epi16(out + i, m, _mm512_cvtsepi32_epi16(_mm512_cvtps_epi32(y)));
    }
}

/* Four rows at once share what is loaded of x, and one folding. */
AVX512 static void project(const int16_t *x, const int8_t *rows, size_t width, size_t n_rows,
                           int32_t *out)
{
    for (size_t j = 0; j < n_rows; j += 4) {
        const int8_t *row[4];
        for (size_t r = 0; r < 4; r++)
            row[r] = rows + n2_min(j + r, n_rows - 1) * width;
        __m512i sum[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                          _mm512_setzero_si512()};
        for (size_t i = 0; i < width; i += 32) {
            __m512i of_x = load(x + i);
            for (size_t r = 0; r < 4; r++) {
                __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)(row[r] + i));
                sum[r] = _mm512_dpwssd_epi32(sum[r], _mm512_cvtepi8_epi16(bytes), of_x);
            }
        }
        store_words(out + j, fold_words(sum), n_rows - j);
    }
}

AVX512 static void residual(const uint8_t *from, const uint8_t *to, size_t bytes,
                            struct n2_residual *out)
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i squares = zero, lengths = zero, rising = zero;
    out->n_rising = 0;
    for (size_t i = 0; i < bytes; i += 64) {
        __m512i a = load(from + i), b = load(to + i);
        __m512i d = _mm512_abs_epi8(_mm512_sub_epi8(a, b));
        __mmask64 rises = _mm512_cmpgt_epi8_mask(b, a);
        squares = _mm512_dpbusd_epi32(squares, d, d);
        lengths = _mm512_add_epi64(lengths, _mm512_sad_epu8(d, zero));
        rising = _mm512_add_epi64(rising, _mm512_sad_epu8(_mm512_maskz_mov_epi8(rises, a), zero));
        memcpy(out->signs + i / 8, &rises, sizeof(rises));
        out->n_rising += (uint32_t)__builtin_popcountll(rises);
    }
    out->squares = (uint32_t)_mm512_reduce_add_epi32(squares);
    out->lengths = (uint32_t)_mm512_reduce_add_epi64(lengths);
    out->rising = (uint32_t)_mm512_reduce_add_epi64(rising);
}

/* Sixteen floats of which `halves` are the upper halves. */
AVX512_INLINE __m512 widen(const uint16_t *halves)
{
    __m512i words =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)halves));
    return _mm512_castsi512_ps(_mm512_slli_epi32(words, 16));
}

/* What the kernel says of links at..at + 15: their sums are those of bytes at even places, then of
 * those at odd ones, each in four parts. */
AVX512_INLINE uint32_t near_of(const struct n2_group *group, size_t at, __m512i even, __m512i odd,
                               __m512 offset, __m512 limit)
{
    __m256i two_even =
        _mm256_add_epi16(_mm512_castsi512_si256(even), _mm512_extracti64x4_epi64(even, 1));
    __m256i two_odd =
        _mm256_add_epi16(_mm512_castsi512_si256(odd), _mm512_extracti64x4_epi64(odd, 1));
    __m256i sums = _mm256_add_epi16(_mm256_permute2x128_si256(two_even, two_odd, 0x20),
                                    _mm256_permute2x128_si256(two_even, two_odd, 0x31));
    __m512i twice = _mm512_slli_epi32(_mm512_cvtepu16_epi32(sums), 1);
    __m512 product = _mm512_add_ps(_mm512_cvtepi32_ps(twice), offset);
    __m512 estimate =
        _mm512_sub_ps(widen(group->add + at), _mm512_mul_ps(widen(group->factor + at), product));
    return (uint32_t)_mm512_cmp_ps_mask(estimate, limit, _CMP_LT_OQ) << at;
}

/* As for AVX2, with four books at once. */
N2_RACY AVX512 static uint32_t sketch(const uint8_t *table, const struct n2_group *group,
                                      size_t n_books, float offset, float limit)
{
    const __m512i low = _mm512_set1_epi8(15);
    __m512i even0 = _mm512_setzero_si512(), odd0 = even0, even1 = even0, odd1 = even0;
    for (size_t m = 0; m < n_books * N2_BOOK; m += 4 * N2_BOOK) {
        __m512i bits = load(group->books + m), values = load(table + m);
        __m512i one = _mm512_shuffle_epi8(values, _mm512_and_si512(bits, low));
        __m512i other =
            _mm512_shuffle_epi8(values, _mm512_and_si512(_mm512_srli_epi16(bits, 4), low));
        even0 = _mm512_add_epi16(even0, one);
        odd0 = _mm512_add_epi16(odd0, _mm512_srli_epi16(one, 8));
        even1 = _mm512_add_epi16(even1, other);
        odd1 = _mm512_add_epi16(odd1, _mm512_srli_epi16(other, 8));
    }
    even0 = _mm512_sub_epi16(even0, _mm512_slli_epi16(odd0, 8));
    even1 = _mm512_sub_epi16(even1, _mm512_slli_epi16(odd1, 8));
    const __m512 offsets = _mm512_set1_ps(offset), limits = _mm512_set1_ps(limit);
    return near_of(group, 0, even0, odd0, offsets, limits) |
           near_of(group, 16, even1, odd1, offsets, limits);
}

const struct n2_kernels n2_kernels_avx512 = {
    "avx512",     l2_rows,       dot_rows,      half_l2_rows, half_dot_rows,
    byte_l2_rows, byte_dot_rows, whole_l2_rows, code_rows,    short_code_rows,
    weigh_rows,   quantise,      project,       residual,     sketch};
#else
typedef int n2_kernels_avx512_unused; /* a translation unit holds at least one declaration */
#endif
