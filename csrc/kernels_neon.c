/* kernels_neon.c - the kernels for arm64: the 32 lanes are eight registers of four.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

#define REGISTERS 8 /* of four lanes */

static inline float fold(const float32x4_t s[REGISTERS])
{
    float32x4_t low = vaddq_f32(vaddq_f32(s[0], s[2]), vaddq_f32(s[4], s[6]));
    float32x4_t high = vaddq_f32(vaddq_f32(s[1], s[3]), vaddq_f32(s[5], s[7]));
    float32x4_t four = vaddq_f32(low, high);
    float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

N2_INLINE float32x4_t step(bool l2, float32x4_t sum, float32x4_t q, float32x4_t x)
{
    float32x4_t d = l2 ? vsubq_f32(q, x) : q;
    return vaddq_f32(sum, vmulq_f32(d, l2 ? d : x)); /* two roundings, not vfmaq */
}

enum rows { FLOATS, HALVES, BYTES }; /* a constant where functions that take one are inlined */

/* Coordinates i..i + 31 of a row, in registers of four. */
N2_INLINE void load_lanes(enum rows kind, const void *row, size_t i, struct n2_range range,
                          float32x4_t x[REGISTERS])
{
    if (kind == FLOATS) {
        for (size_t r = 0; r < REGISTERS; r++)
            x[r] = vld1q_f32((const float *)row + i + 4 * r);
    } else if (kind == HALVES) {
        const __fp16 *halves = row;
        for (size_t r = 0; r < REGISTERS; r++)
            x[r] = vcvt_f32_f16(vld1_f16(halves + i + 4 * r));
    } else {
        const float32x4_t low = vdupq_n_f32(range.low), unit = vdupq_n_f32(range.step);
        for (size_t r = 0; r < REGISTERS; r += 2) {
            uint16x8_t eight = vmovl_u8(vld1_u8((const unsigned char *)row + i + 4 * r));
            float32x4_t first = vcvtq_f32_u32(vmovl_u16(vget_low_u16(eight)));
            float32x4_t second = vcvtq_f32_u32(vmovl_u16(vget_high_u16(eight)));
            x[r] = vaddq_f32(low, vmulq_f32(unit, first));
            x[r + 1] = vaddq_f32(low, vmulq_f32(unit, second));
        }
    }
}

/* The last coordinates i..dim - 1, padded with zeros, which add nothing. */
N2_INLINE void load_last(enum rows kind, const void *row, size_t i, size_t dim,
                         struct n2_range range, float32x4_t x[REGISTERS])
{
    float lanes[N2_LANES] = {0};
    for (size_t j = i; j < dim; j++)
        lanes[j - i] = kind == FLOATS   ? ((const float *)row)[j]
                       : kind == HALVES ? n2_unpack_half(((const uint16_t *)row)[j])
                                        : n2_unpack_byte(((const unsigned char *)row)[j], range);
    load_lanes(FLOATS, lanes, 0, range, x);
}

N2_INLINE float distance(bool l2, enum rows kind, const float *q, const void *row, size_t dim)
{
    const struct n2_range range = kind == BYTES ? n2_pack_range(row, dim) : (struct n2_range){0, 0};
    float32x4_t s[REGISTERS], of_q[REGISTERS], of_x[REGISTERS];
    for (int r = 0; r < REGISTERS; r++)
        s[r] = vdupq_n_f32(0);
    for (size_t i = 0; i < dim; i += N2_LANES) {
        if (i + N2_LANES <= dim) {
            load_lanes(FLOATS, q, i, range, of_q);
            load_lanes(kind, row, i, range, of_x);
        } else {
            load_last(FLOATS, q, i, dim, range, of_q);
            load_last(kind, row, i, dim, range, of_x);
        }
        for (size_t r = 0; r < REGISTERS; r++)
            s[r] = step(l2, s[r], of_q[r], of_x[r]);
    }
    return fold(s);
}

#define ROWS(name, type, l2, kind)                                                                 \
    static void name(const float *query, const type *rows, size_t stride, const uint32_t *nodes,   \
                     size_t n, size_t dim, float *out)                                             \
    {                                                                                              \
        for (size_t i = 0; i < n; i++)                                                             \
            out[i] = distance(l2, kind, query, rows + (size_t)nodes[i] * stride, dim);             \
    }
ROWS(l2_rows, float, true, FLOATS)
ROWS(dot_rows, float, false, FLOATS)
ROWS(half_l2_rows, unsigned char, true, HALVES)
ROWS(half_dot_rows, unsigned char, false, HALVES)
ROWS(byte_l2_rows, unsigned char, true, BYTES)
ROWS(byte_dot_rows, unsigned char, false, BYTES)

/* sum + the squared differences of 16 bytes. */
static uint32x4_t whole_step(uint32x4_t sum, uint8x16_t a, uint8x16_t b)
{
    uint8x16_t d = vabdq_u8(a, b);
    sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(d), vget_low_u8(d)));
    return vpadalq_u16(sum, vmull_u8(vget_high_u8(d), vget_high_u8(d)));
}

/* The first n bytes of 16, zeros behind them. */
static uint8x16_t load_first(const uint8_t *bytes, size_t n)
{
    uint8_t padded[16] = {0};
    memcpy(padded, bytes, n);
    return vld1q_u8(padded);
}

static void whole_l2_rows(const uint8_t *query, const unsigned char *rows, size_t stride,
                          const uint32_t *nodes, size_t n, size_t dim, uint32_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *x = rows + (size_t)nodes[i] * stride;
        uint32x4_t sum = vdupq_n_u32(0);
        size_t j = 0, left = dim % 16;
        for (; j + 16 <= dim; j += 16)
            sum = whole_step(sum, vld1q_u8(query + j), vld1q_u8(x + j));
        if (left)
            sum = whole_step(sum, load_first(query + j, left), load_first(x + j, left));
        out[i] = vaddvq_u32(sum);
    }
}

static uint32_t code_distance(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    uint32x4_t sum = vdupq_n_u32(0);
    for (size_t j = 0; j < bytes; j += 16) {
        uint8x16_t d = vabdq_u8(vld1q_u8(a + j), vld1q_u8(b + j));
        uint16x8_t squares = vmull_u8(vget_low_u8(d), vget_low_u8(d)); /* two fit: 2 * 127^2 */
        squares = vmlal_u8(squares, vget_high_u8(d), vget_high_u8(d));
        sum = vpadalq_u16(sum, squares);
    }
    return vaddvq_u32(sum);
}

static void code_rows(const uint8_t *code, const uint8_t *codes, size_t bytes,
                      const uint32_t *nodes, size_t n, uint32_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = code_distance(code, codes + (size_t)nodes[i] * bytes, bytes);
}

/* 0x40 in each of 16 bytes whose bit is set. */
static uint8x16_t fifths_of(uint16_t bits)
{
    static const uint8_t all_places[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                           1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t each = vcombine_u8(vdup_n_u8((uint8_t)bits), vdup_n_u8((uint8_t)(bits >> 8)));
    return vandq_u8(vtstq_u8(each, vld1q_u8(all_places)), vdupq_n_u8(0x40));
}

/* The sum of squared differences of a unit. */
static uint32x4_t unit_distance(uint32x4_t sum, const uint8_t *lanes, const uint8_t *unit)
{
    static const uint8_t in_use[N2_CODE_UNIT] = {[0 ... N2_SHORT_HALF - 1] = 0x3c};
    for (size_t half = 0; half < 2; half++) {
        uint64_t fifths = n2_code_fifth(unit, half);
        for (size_t i = 0; i < N2_CODE_UNIT; i += 16) {
            uint8x16_t x = vld1q_u8(unit + i);
            x = vandq_u8(half ? vshrq_n_u8(x, 2) : vshlq_n_u8(x, 2), vld1q_u8(in_use + i));
            x = vorrq_u8(x, fifths_of((uint16_t)(fifths >> i)));
            int8x16_t q = vreinterpretq_s8_u8(vld1q_u8(lanes + half * N2_CODE_UNIT + i));
            int8x16_t d = vsubq_s8(q, vreinterpretq_s8_u8(x));
            int16x8_t squares = vmull_s8(vget_low_s8(d), vget_low_s8(d)); /* two fit: 2 * 126^2 */
            squares = vmlal_s8(squares, vget_high_s8(d), vget_high_s8(d));
            sum = vpadalq_u16(sum, vreinterpretq_u16_s16(squares));
        }
    }
    return sum;
}

static void short_code_rows(const uint8_t *lanes, const uint8_t *codes, size_t bytes,
                            const uint32_t *nodes, size_t n, uint32_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *code = codes + (size_t)nodes[i] * bytes;
        uint32x4_t sum = vdupq_n_u32(0);
        for (size_t j = 0; j < bytes; j += N2_CODE_UNIT)
            sum = unit_distance(sum, lanes + 2 * j, code + j);
        out[i] = vaddvq_u32(sum);
    }
}

static int32_t weigh(const int8_t *weights, const uint8_t *code, size_t bytes)
{
    int32x4_t sum = vdupq_n_s32(0);
    for (size_t j = 0; j < bytes; j += 16) {
        int8x16_t w = vld1q_s8(weights + j), c = vreinterpretq_s8_u8(vld1q_u8(code + j));
        int16x8_t products = vmull_s8(vget_low_s8(w), vget_low_s8(c)); /* two fit: 2 * 127^2 */
        products = vmlal_s8(products, vget_high_s8(w), vget_high_s8(c));
        sum = vpadalq_s16(sum, products);
    }
    return vaddvq_s32(sum);
}

static void weigh_rows(const int8_t *weights, const uint8_t *codes, size_t bytes,
                       const uint32_t *nodes, size_t n, int32_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = weigh(weights, codes + (size_t)nodes[i] * bytes, bytes);
}

static void quantise(const float *vector, float factor, const float *mean, float scale, float limit,
                     size_t n, int16_t *out)
{
    n2_quantise_from(0, vector, factor, mean, scale, limit, n, out);
}

static void project(const int16_t *x, const int8_t *rows, size_t width, size_t n_rows, int32_t *out)
{
    for (size_t j = 0; j < n_rows; j++) {
        int32x4_t low = vdupq_n_s32(0), high = low;
        for (size_t i = 0; i < width; i += 8) {
            int16x8_t a = vmovl_s8(vld1_s8(rows + j * width + i)), b = vld1q_s16(x + i);
            low = vmlal_s16(low, vget_low_s16(a), vget_low_s16(b));
            high = vmlal_s16(high, vget_high_s16(a), vget_high_s16(b));
        }
        out[j] = vaddvq_s32(vaddq_s32(low, high));
    }
}

static void residual(const uint8_t *from, const uint8_t *to, size_t bytes, struct n2_residual *out)
{
    static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t place = vld1q_u8(places);
    uint32x4_t squares = vdupq_n_u32(0), lengths = squares, rising = squares;
    out->n_rising = 0;
    for (size_t i = 0; i < bytes; i += 16) {
        uint8x16_t a = vld1q_u8(from + i), b = vld1q_u8(to + i);
        uint8x16_t d = vabdq_u8(a, b), rises = vcgtq_u8(b, a), bits = vandq_u8(rises, place);
        uint16x8_t two = vmull_u8(vget_low_u8(d), vget_low_u8(d));
        squares = vpadalq_u16(squares, vmlal_u8(two, vget_high_u8(d), vget_high_u8(d)));
        lengths = vpadalq_u16(lengths, vpaddlq_u8(d));
        rising = vpadalq_u16(rising, vpaddlq_u8(vandq_u8(a, rises)));
        out->signs[i / 8] = vaddv_u8(vget_low_u8(bits));
        out->signs[i / 8 + 1] = vaddv_u8(vget_high_u8(bits));
        out->n_rising += vaddvq_u8(vshrq_n_u8(rises, 7));
    }
    out->squares = vaddvq_u32(squares);
    out->lengths = vaddvq_u32(lengths);
    out->rising = vaddvq_u32(rising);
}

/* Four floats of which `halves` are the upper halves. */
N2_INLINE float32x4_t widen(const uint16_t *halves)
{
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(halves), 16));
}

N2_INLINE uint32_t near_of(const struct n2_group *group, size_t at, uint16x4_t sums, float offset,
                           float limit)
{
    static const uint32_t places[4] = {1, 2, 4, 8};
    float32x4_t product = vaddq_f32(vcvtq_f32_u32(vshll_n_u16(sums, 1)), vdupq_n_f32(offset));
    float32x4_t estimate =
        vsubq_f32(widen(group->add + at), vmulq_f32(widen(group->factor + at), product));
    uint32x4_t near = vcltq_f32(estimate, vdupq_n_f32(limit));
    return vaddvq_u32(vandq_u32(near, vld1q_u32(places))) << at;
}

N2_RACY static uint32_t sketch(const uint8_t *table, const struct n2_group *group, size_t n_books,
                               float offset, float limit)
{
    uint16x8_t sums[4] = {vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0), vdupq_n_u16(0)};
    for (size_t m = 0; m < n_books * N2_BOOK; m += N2_BOOK) {
        uint8x16_t bits = vld1q_u8(group->books + m), values = vld1q_u8(table + m);
        uint8x16_t first = vqtbl1q_u8(values, vandq_u8(bits, vdupq_n_u8(15)));
        uint8x16_t second = vqtbl1q_u8(values, vshrq_n_u8(bits, 4));
        /* Bytes at even places are links i, those at odd ones i + 8. */
        uint8x16_t first_apart = vuzp1q_u8(first, vextq_u8(first, first, 1));
        uint8x16_t second_apart = vuzp1q_u8(second, vextq_u8(second, second, 1));
        sums[0] = vaddw_u8(sums[0], vget_low_u8(first_apart));
        sums[1] = vaddw_u8(sums[1], vget_high_u8(first_apart));
        sums[2] = vaddw_u8(sums[2], vget_low_u8(second_apart));
        sums[3] = vaddw_u8(sums[3], vget_high_u8(second_apart));
    }
    uint32_t near = 0;
    for (size_t i = 0; i < 4; i++)
        near |= near_of(group, 8 * i, vget_low_u16(sums[i]), offset, limit) |
                near_of(group, 8 * i + 4, vget_high_u16(sums[i]), offset, limit);
    return near;
}

const struct n2_kernels n2_kernels_neon = {
    "neon",       l2_rows,       dot_rows,      half_l2_rows, half_dot_rows,
    byte_l2_rows, byte_dot_rows, whole_l2_rows, code_rows,    short_code_rows,
    weigh_rows,   quantise,      project,       residual,     sketch};
#else
typedef int n2_kernels_neon_unused; /* a translation unit holds at least one declaration */
#endif
