/* kernels_avx2.c - the kernels for x86-64 with AVX2: the 32 lanes are four registers of eight.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kernels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,f16c")))
#define AVX2_INLINE static inline __attribute__((always_inline, target("avx2,f16c")))

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

enum rows { FLOATS, HALVES, BYTES }; /* a constant where functions that take one are inlined */

/* Coordinates i..i + 7 of a row; of floats there are so many. */
AVX2_INLINE __m256 eight_of(enum rows kind, const void *row, size_t i, __m256 low, __m256 unit)
{
    if (kind == FLOATS)
        return _mm256_loadu_ps((const float *)row + i);
    if (kind == HALVES)
        return _mm256_cvtph_ps(
            _mm_loadu_si128((const __m128i *)(const void *)((const uint16_t *)row + i)));
    __m128i bytes =
        _mm_loadl_epi64((const __m128i *)(const void *)((const unsigned char *)row + i));
    __m256 whole = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes));
    return _mm256_add_ps(low, _mm256_mul_ps(unit, whole));
}

/* A distance, of which coordinates 0..i - 1 are in the sums. */
AVX2_INLINE float distance(bool l2, enum rows kind, const float *q, const void *x, size_t i,
                           size_t dim, const __m256 s[4])
{
    __m256 s0 = s[0], s1 = s[1], s2 = s[2], s3 = s[3], low = _mm256_setzero_ps(), unit = low;
    if (kind == BYTES) {
        struct n2_range range = n2_pack_range(x, dim);
        low = _mm256_set1_ps(range.low);
        unit = _mm256_set1_ps(range.step);
    }
    for (; i + 32 <= dim; i += 32) {
        s0 = step(l2, s0, _mm256_loadu_ps(q + i), eight_of(kind, x, i, low, unit));
        s1 = step(l2, s1, _mm256_loadu_ps(q + i + 8), eight_of(kind, x, i + 8, low, unit));
        s2 = step(l2, s2, _mm256_loadu_ps(q + i + 16), eight_of(kind, x, i + 16, low, unit));
        s3 = step(l2, s3, _mm256_loadu_ps(q + i + 24), eight_of(kind, x, i + 24, low, unit));
    }
    size_t rest = dim - i; /* 0..31 */
    __m256 *last = &s0;
    if (rest >= 8) {
        s0 = step(l2, s0, _mm256_loadu_ps(q + i), eight_of(kind, x, i, low, unit));
        last = &s1;
    }
    if (rest >= 16) {
        s1 = step(l2, s1, _mm256_loadu_ps(q + i + 8), eight_of(kind, x, i + 8, low, unit));
        last = &s2;
    }
    if (rest >= 24) {
        s2 = step(l2, s2, _mm256_loadu_ps(q + i + 16), eight_of(kind, x, i + 16, low, unit));
        last = &s3;
    }
    if (rest & 7) {
        __m256i mask = _mm256_loadu_si256((const __m256i *)(tail_mask + 8 - (rest & 7)));
        i += rest & ~(size_t)7;
        __m256 tail = kind == FLOATS ? _mm256_maskload_ps((const float *)x + i, mask)
                                     : _mm256_and_ps(eight_of(kind, x, i, low, unit),
                                                     _mm256_castsi256_ps(mask));
        *last = step(l2, *last, _mm256_maskload_ps(q + i, mask), tail);
    }
    return fold(s0, s1, s2, s3);
}

/* Four distances, of rows that are read side by side. */
AVX2_INLINE void four_distances(bool l2, enum rows kind, const float *q, const void *const x[4],
                                size_t dim, float out[4])
{
    __m256 s[4][4], low[4], unit[4];
    for (size_t r = 0; r < 4; r++) {
        struct n2_range range = kind == BYTES ? n2_pack_range(x[r], dim) : (struct n2_range){0, 0};
        s[r][0] = s[r][1] = s[r][2] = s[r][3] = _mm256_setzero_ps();
        low[r] = _mm256_set1_ps(range.low);
        unit[r] = _mm256_set1_ps(range.step);
    }
    size_t i = 0;
    for (; i + 32 <= dim; i += 32)
        for (size_t r = 0; r < 4; r++)
            for (size_t j = 0; j < 4; j++)
                s[r][j] = step(l2, s[r][j], _mm256_loadu_ps(q + i + 8 * j),
                               eight_of(kind, x[r], i + 8 * j, low[r], unit[r]));
    for (size_t r = 0; r < 4; r++)
        out[r] = distance(l2, kind, q, x[r], i, dim, s[r]);
}

#define ROWS(name, type, l2, kind)                                                                 \
    AVX2 static void name(const float *query, const type *rows, size_t stride,                     \
                          const uint32_t *nodes, size_t n, size_t dim, float *out)                 \
    {                                                                                              \
        const __m256 none[4] = {0};                                                                \
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
            out[i] = distance(l2, kind, query, rows + (size_t)nodes[i] * stride, 0, dim, none);    \
    }
ROWS(l2_rows, float, true, FLOATS)
ROWS(dot_rows, float, false, FLOATS)
ROWS(half_l2_rows, unsigned char, true, HALVES)
ROWS(half_dot_rows, unsigned char, false, HALVES)
ROWS(byte_l2_rows, unsigned char, true, BYTES)
ROWS(byte_dot_rows, unsigned char, false, BYTES)

AVX2_INLINE __m256i load(const void *bytes)
{
    return _mm256_loadu_si256((const __m256i *)bytes);
}

/* sum + the products of 32 bytes by 32 signed ones, no pair of which leaves 16 bits. */
AVX2_INLINE __m256i products_added(__m256i sum, __m256i bytes, __m256i by)
{
    return _mm256_add_epi32(
        sum, _mm256_madd_epi16(_mm256_maddubs_epi16(bytes, by), _mm256_set1_epi16(1)));
}

/* sum + the squared differences of 32 bytes, or their products; `squares` is a constant where this
 * is inlined. */
AVX2_INLINE __m256i code_step(bool squares, __m256i sum, __m256i a, __m256i b)
{
    __m256i d = squares ? _mm256_abs_epi8(_mm256_sub_epi8(a, b)) : a;
    return products_added(sum, squares ? d : b, d);
}

/* The sums of the words of a, b, c and d. */
AVX2_INLINE __m128i fold_words(__m256i a, __m256i b, __m256i c, __m256i d)
{
    __m256i four = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256(four, 1));
}

/* Stores the first min(n, 4) words of `four`. */
AVX2_INLINE void store_words(void *out, __m128i four, size_t n)
{
    const __m128i places = _mm_setr_epi32(0, 1, 2, 3);
    if (n >= 4)
        _mm_storeu_si128((__m128i *)out, four);
    else
        _mm_maskstore_epi32((int *)out, _mm_cmpgt_epi32(_mm_set1_epi32((int)n), places), four);
}

/* sum + the squared differences of 32 bytes. */
AVX2_INLINE __m256i whole_step(__m256i sum, __m256i a, __m256i b)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i d = _mm256_or_si256(_mm256_subs_epu8(a, b), _mm256_subs_epu8(b, a));
    __m256i low = _mm256_unpacklo_epi8(d, zero), high = _mm256_unpackhi_epi8(d, zero);
    return _mm256_add_epi32(
        sum, _mm256_add_epi32(_mm256_madd_epi16(low, low), _mm256_madd_epi16(high, high)));
}

/* The first n bytes of 32, zeros behind them. */
AVX2_INLINE __m256i load_first(const uint8_t *bytes, size_t n)
{
    uint8_t padded[32] = {0};
    memcpy(padded, bytes, n);
    return load(padded);
}

AVX2 static void whole_l2_rows(const uint8_t *query, const unsigned char *rows, size_t stride,
                               const uint32_t *nodes, size_t n, size_t dim, uint32_t *out)
{
    for (size_t i = 0; i < n; i += 4) {
        const void *x[4];
        n2_four_rows(rows, stride, nodes + i, n2_min(n - i, 4), x);
        __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                          _mm256_setzero_si256()};
        size_t j = 0, left = dim % 32;
        for (; j + 32 <= dim; j += 32)
            for (size_t r = 0; r < 4; r++)
                sum[r] = whole_step(sum[r], load(query + j), load((const uint8_t *)x[r] + j));
        for (size_t r = 0; r < 4 && left; r++)
            sum[r] = whole_step(sum[r], load_first(query + j, left),
                                load_first((const uint8_t *)x[r] + j, left));
        store_words(out + i, fold_words(sum[0], sum[1], sum[2], sum[3]), n - i);
    }
}

/* Four codes at once: their loads overlap, and they share one folding. */
AVX2_INLINE void rows_of(bool squares, size_t bytes, const void *code, const uint8_t *codes,
                         const uint32_t *nodes, size_t n, void *out)
{
    const uint8_t *a = code;
    uint32_t *sums = out;
    for (size_t i = 0; i < n; i += 4) {
        const uint8_t *x[4];
        for (size_t r = 0; r < 4; r++)
            x[r] = codes + (size_t)nodes[n2_min(i + r, n - 1)] * bytes;
        __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                          _mm256_setzero_si256()};
        for (size_t j = 0; j < bytes; j += 32)
            for (size_t r = 0; r < 4; r++)
                sum[r] = code_step(squares, sum[r], load(a + j), load(x[r] + j));
        store_words(sums + i, fold_words(sum[0], sum[1], sum[2], sum[3]), n - i);
    }
}

/* The loops of the usual lengths are unrolled. */
AVX2_INLINE void rows_by_length(bool squares, const void *code, const uint8_t *codes, size_t bytes,
                                const uint32_t *nodes, size_t n, void *out)
{
    if (bytes == N2_CODE_UNIT)
        rows_of(squares, N2_CODE_UNIT, code, codes, nodes, n, out);
    else if (bytes == 2 * N2_CODE_UNIT)
        rows_of(squares, 2 * N2_CODE_UNIT, code, codes, nodes, n, out);
    else
        rows_of(squares, bytes, code, codes, nodes, n, out);
}

AVX2 static void code_rows(const uint8_t *code, const uint8_t *codes, size_t bytes,
                           const uint32_t *nodes, size_t n, uint32_t *out)
{
    rows_by_length(true, code, codes, bytes, nodes, n, out);
}

/* sum + the squared differences of 32 lanes: `four` holds four bits of each number, and the fifth
 * is bit place[i] of byte from[i] of `bits`. Lane i is in use where in_use[i] is 0x40. */
AVX2_INLINE __m256i short_step(__m256i sum, const uint8_t *lanes, __m256i four, __m256i bits,
                               const uint8_t *from, __m256i place, const uint8_t *in_use)
{
    __m256i fifth = _mm256_and_si256(_mm256_shuffle_epi8(bits, load(from)), place);
    fifth = _mm256_and_si256(_mm256_cmpeq_epi8(fifth, place), load(in_use));
    return code_step(true, sum, load(lanes), _mm256_or_si256(four, fifth));
}

/* sum + the squared differences of a unit. Its last 16 bytes hold the fifth bits: those of the
 * lower half from bit 0 of byte 3 on, those of the upper half from bit 3 of byte 9 on. */
AVX2_INLINE __m256i unit_step(__m256i sum, const uint8_t *lanes, const uint8_t *unit)
{
#define EIGHT(x) x, x, x, x, x, x, x, x
    static const uint8_t four_in_use[N2_CODE_UNIT] = {[0 ... N2_SHORT_HALF - 1] = 0x3c};
    static const uint8_t fifth_in_use[N2_CODE_UNIT] = {[0 ... N2_SHORT_HALF - 1] = 0x40};
    static const uint8_t low_from[N2_CODE_UNIT] = {EIGHT(3), EIGHT(4), EIGHT(5), EIGHT(6),
                                                   EIGHT(7), EIGHT(8), EIGHT(9)};
    static const uint8_t high_from[N2_CODE_UNIT] = {
        9, 9, 9, 9, 9, EIGHT(10), EIGHT(11), EIGHT(12), EIGHT(13), EIGHT(14), EIGHT(15)};
#undef EIGHT
    const __m256i low_place = _mm256_set1_epi64x((int64_t)0x8040201008040201);
    const __m256i high_place = _mm256_set1_epi64x(0x0402018040201008);
    const __m256i bits = _mm256_broadcastsi128_si256(
        _mm_loadu_si128((const __m128i *)(const void *)(unit + N2_CODE_UNIT - 16)));
    for (size_t i = 0; i < N2_CODE_UNIT; i += 32) {
        __m256i both = load(unit + i), used = load(four_in_use + i);
        sum = short_step(sum, lanes + i, _mm256_and_si256(_mm256_slli_epi16(both, 2), used), bits,
                         low_from + i, low_place, fifth_in_use + i);
        sum = short_step(sum, lanes + N2_CODE_UNIT + i,
                         _mm256_and_si256(_mm256_srli_epi16(both, 2), used), bits, high_from + i,
                         high_place, fifth_in_use + i);
    }
    return sum;
}

AVX2 static void short_code_rows(const uint8_t *lanes, const uint8_t *codes, size_t bytes,
                                 const uint32_t *nodes, size_t n, uint32_t *out)
{
    for (size_t i = 0; i < n; i += 4) {
        const void *x[4];
        n2_four_rows(codes, bytes, nodes + i, n2_min(n - i, 4), x);
        __m256i sum[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                          _mm256_setzero_si256()};
        for (size_t j = 0; j < bytes; j += N2_CODE_UNIT)
            for (size_t r = 0; r < 4; r++)
                sum[r] = unit_step(sum[r], lanes + 2 * j, (const uint8_t *)x[r] + j);
        store_words(out + i, fold_words(sum[0], sum[1], sum[2], sum[3]), n - i);
    }
}

AVX2 static void weigh_rows(const int8_t *weights, const uint8_t *codes, size_t bytes,
                            const uint32_t *nodes, size_t n, int32_t *out)
{
    rows_by_length(false, weights, codes, bytes, nodes, n, out);
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
            __m256i of_x = load(x + i);
            for (size_t r = 0; r < 4; r++) {
                __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(row[r] + i));
                sum[r] =
                    _mm256_add_epi32(sum[r], _mm256_madd_epi16(_mm256_cvtepi8_epi16(bytes), of_x));
            }
        }
        store_words(out + j, fold_words(sum[0], sum[1], sum[2], sum[3]), n_rows - j);
    }
}

AVX2_INLINE uint32_t fold_sums(__m256i sums) /* four of 64 bits */
{
    __m128i two = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    return (uint32_t)(_mm_cvtsi128_si64(two) + _mm_extract_epi64(two, 1));
}

AVX2 static void residual(const uint8_t *from, const uint8_t *to, size_t bytes,
                          struct n2_residual *out)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i squares = zero, lengths = zero, rising = zero;
    out->n_rising = 0;
    for (size_t i = 0; i < bytes; i += 32) {
        __m256i a = load(from + i), b = load(to + i);
        __m256i d = _mm256_abs_epi8(_mm256_sub_epi8(a, b)), rises = _mm256_cmpgt_epi8(b, a);
        squares = products_added(squares, d, d);
        lengths = _mm256_add_epi64(lengths, _mm256_sad_epu8(d, zero));
        rising = _mm256_add_epi64(rising, _mm256_sad_epu8(_mm256_and_si256(a, rises), zero));
        uint32_t signs = (uint32_t)_mm256_movemask_epi8(rises);
        memcpy(out->signs + i / 8, &signs, 4);
        out->n_rising += (uint32_t)__builtin_popcount(signs);
    }
    __m256i words = _mm256_add_epi64(_mm256_and_si256(squares, _mm256_set1_epi64x(UINT32_MAX)),
                                     _mm256_srli_epi64(squares, 32));
    out->squares = fold_sums(words);
    out->lengths = fold_sums(lengths);
    out->rising = fold_sums(rising);
}

/* Eight floats of which `halves` are the upper halves. */
AVX2_INLINE __m256 widen(const uint16_t *halves)
{
    __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)halves));
    return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
}

/* What the kernel says of links at..at + 7, whose sums are given. */
AVX2_INLINE uint32_t near_of(const struct n2_group *group, size_t at, __m128i sums, __m256 offset,
                             __m256 limit)
{
    __m256i twice = _mm256_slli_epi32(_mm256_cvtepu16_epi32(sums), 1);
    __m256 product = _mm256_add_ps(_mm256_cvtepi32_ps(twice), offset);
    __m256 estimate =
        _mm256_sub_ps(widen(group->add + at), _mm256_mul_ps(widen(group->factor + at), product));
    return (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(estimate, limit, _CMP_LT_OQ)) << at;
}

/* Two books at once, one in each half of a register; a shuffle looks 32 links up (FastScan: Andre,
 * Kermarrec, Le Scouarnec, "Cache locality is not enough", VLDB 2015). Sums of bytes at odd places
 * get into the upper halves of words, from where they are taken out in the end. */
N2_RACY AVX2 static uint32_t sketch(const uint8_t *table, const struct n2_group *group,
                                    size_t n_books, float offset, float limit)
{
    const __m256i low = _mm256_set1_epi8(15);
    __m256i even0 = _mm256_setzero_si256(), odd0 = even0, even1 = even0, odd1 = even0;
    for (size_t m = 0; m < n_books * N2_BOOK; m += 2 * N2_BOOK) {
        __m256i bits = load(group->books + m), values = load(table + m);
        __m256i first = _mm256_shuffle_epi8(values, _mm256_and_si256(bits, low));
        __m256i second =
            _mm256_shuffle_epi8(values, _mm256_and_si256(_mm256_srli_epi16(bits, 4), low));
        even0 = _mm256_add_epi16(even0, first);
        odd0 = _mm256_add_epi16(odd0, _mm256_srli_epi16(first, 8));
        even1 = _mm256_add_epi16(even1, second);
        odd1 = _mm256_add_epi16(odd1, _mm256_srli_epi16(second, 8));
    }
    even0 = _mm256_sub_epi16(even0, _mm256_slli_epi16(odd0, 8));
    even1 = _mm256_sub_epi16(even1, _mm256_slli_epi16(odd1, 8));
    /* Links 0-7 and 8-15 of the first book in the halves, then those of the other; their sum. */
    __m256i sums0 = _mm256_add_epi16(_mm256_permute2x128_si256(even0, odd0, 0x20),
                                     _mm256_permute2x128_si256(even0, odd0, 0x31));
    __m256i sums1 = _mm256_add_epi16(_mm256_permute2x128_si256(even1, odd1, 0x20),
                                     _mm256_permute2x128_si256(even1, odd1, 0x31));
    const __m256 offsets = _mm256_set1_ps(offset), limits = _mm256_set1_ps(limit);
    return near_of(group, 0, _mm256_castsi256_si128(sums0), offsets, limits) |
           near_of(group, 8, _mm256_extracti128_si256(sums0, 1), offsets, limits) |
           near_of(group, 16, _mm256_castsi256_si128(sums1), offsets, limits) |
           near_of(group, 24, _mm256_extracti128_si256(sums1, 1), offsets, limits);
}

const struct n2_kernels n2_kernels_avx2 = {
    "avx2",       l2_rows,       dot_rows,      half_l2_rows, half_dot_rows,
    byte_l2_rows, byte_dot_rows, whole_l2_rows, code_rows,    short_code_rows,
    weigh_rows,   quantise,      project,       residual,     sketch};
#else
typedef int n2_kernels_avx2_unused; /* a translation unit holds at least one declaration */
#endif
