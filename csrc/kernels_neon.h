/* kernels_neon.h - the kernels for arm64: the 32 lanes are eight registers of four.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A template: a file that includes it gets the table NEON_TABLE, whose name is NEON_NAME. Before
 * that it defines what depends on the instructions that a processor has for products of bytes:
 *
 *   add_squares(sum, d)        sum + the squares of 16 bytes, in any lanes
 *
 *   add_products(sum, a, b)    sum + the products of 16 bytes of -N2_CODE_MAX..N2_CODE_MAX
 *
 *   project                    as in kernels.h
 */
#ifndef N2_KERNELS_NEON_H
#define N2_KERNELS_NEON_H

#include "kernels.h"

#if defined(NEON_TABLE)

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

/* The first n bytes of 16, zeros behind them; all from sixteen on. */
static uint8x16_t load_first(const uint8_t *bytes, size_t n)
{
    uint8_t padded[16] = {0};
    if (n >= 16)
        return vld1q_u8(bytes);
    memcpy(padded, bytes, n);
    return vld1q_u8(padded);
}

/* sum + the squared differences of 16 bytes. */
N2_INLINE uint32x4_t whole_step(uint32x4_t sum, uint8x16_t a, uint8x16_t b)
{
    return add_squares(sum, vabdq_u8(a, b));
}

/* Two sums, here and below: an addition need not wait for the one before. */
static void whole_l2_rows(const uint8_t *query, const unsigned char *rows, size_t stride,
                          const uint32_t *nodes, size_t n, size_t dim, uint32_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *x = rows + (size_t)nodes[i] * stride;
        uint32x4_t even = vdupq_n_u32(0), odd = even;
        size_t j = 0;
        for (; j + 32 <= dim; j += 32) {
            even = whole_step(even, vld1q_u8(query + j), vld1q_u8(x + j));
            odd = whole_step(odd, vld1q_u8(query + j + 16), vld1q_u8(x + j + 16));
        }
        for (; j < dim; j += 16)
            even = whole_step(even, load_first(query + j, dim - j), load_first(x + j, dim - j));
        out[i] = vaddvq_u32(vaddq_u32(even, odd));
    }
}

/* sum + the squared differences of 16 bytes up to 127, or their products by signed ones in `a`;
 * `squares` is a constant where this is inlined. */
N2_INLINE int32x4_t code_step(bool squares, int32x4_t sum, uint8x16_t a, uint8x16_t b)
{
    int8x16_t d = vreinterpretq_s8_u8(squares ? vabdq_u8(a, b) : a);
    return add_products(sum, d, squares ? d : vreinterpretq_s8_u8(b));
}

N2_INLINE void rows_of(bool squares, size_t bytes, const uint8_t *code, const uint8_t *codes,
                       const uint32_t *nodes, size_t n, int32_t *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *x = codes + (size_t)nodes[i] * bytes;
        int32x4_t even = vdupq_n_s32(0), odd = even;
        for (size_t j = 0; j < bytes; j += N2_CODE_UNIT) {
            even = code_step(squares, even, vld1q_u8(code + j), vld1q_u8(x + j));
            odd = code_step(squares, odd, vld1q_u8(code + j + 16), vld1q_u8(x + j + 16));
            even = code_step(squares, even, vld1q_u8(code + j + 32), vld1q_u8(x + j + 32));
            odd = code_step(squares, odd, vld1q_u8(code + j + 48), vld1q_u8(x + j + 48));
        }
        out[i] = vaddvq_s32(vaddq_s32(even, odd));
    }
}

/* The loops of the usual lengths are unrolled, and keep the code in registers. */
N2_INLINE void rows_by_length(bool squares, const void *code, const uint8_t *codes, size_t bytes,
                              const uint32_t *nodes, size_t n, void *out)
{
    if (bytes == N2_CODE_UNIT)
        rows_of(squares, N2_CODE_UNIT, code, codes, nodes, n, out);
    else if (bytes == 2 * N2_CODE_UNIT)
        rows_of(squares, 2 * N2_CODE_UNIT, code, codes, nodes, n, out);
    else
        rows_of(squares, bytes, code, codes, nodes, n, out);
}

static void code_rows(const uint8_t *code, const uint8_t *codes, size_t bytes,
                      const uint32_t *nodes, size_t n, uint32_t *out)
{
    rows_by_length(true, code, codes, bytes, nodes, n, out);
}

static void weigh_rows(const int8_t *weights, const uint8_t *codes, size_t bytes,
                       const uint32_t *nodes, size_t n, int32_t *out)
{
    rows_by_length(false, weights, codes, bytes, nodes, n, out);
}

/* sum + the squared differences of 16 lanes: where in_use[i] is 0x3c, `four` holds four bits of a
 * number, and the fifth is that bit of byte from[i] of `bits` which lies to_top[i] below bit 6. */
N2_INLINE int32x4_t short_step(int32x4_t sum, const uint8_t *lanes, uint8x16_t four,
                               const uint8_t *in_use, uint8x16_t bits, const uint8_t *from,
                               const int8_t *to_top)
{
    uint8x16_t fifth = vshlq_u8(vqtbl1q_u8(bits, vld1q_u8(from)), vld1q_s8(to_top));
    uint8x16_t x = vbslq_u8(vld1q_u8(in_use), four, vandq_u8(fifth, vdupq_n_u8(0x40)));
    int8x16_t d = vsubq_s8(vreinterpretq_s8_u8(vld1q_u8(lanes)), vreinterpretq_s8_u8(x));
    return add_products(sum, d, d);
}

/* Adds the squared differences of a unit. Its last 16 bytes hold the fifth bits: those of the lower
 * half from bit 0 of byte 3 on, those of the upper half from bit 3 of byte 9 on. */
N2_INLINE void add_unit(int32x4_t *lower, int32x4_t *upper, const uint8_t *lanes,
                        const uint8_t *unit)
{
#define EIGHT(x) x, x, x, x, x, x, x, x
#define UNUSED [N2_SHORT_HALF... N2_CODE_UNIT - 1] = UINT8_MAX /* looked up, gives 0 */
    static const uint8_t in_use[N2_CODE_UNIT] = {[0 ... N2_SHORT_HALF - 1] = 0x3c};
    static const uint8_t from_lower[N2_CODE_UNIT] = {
        EIGHT(3), EIGHT(4), EIGHT(5), EIGHT(6), EIGHT(7), EIGHT(8), 9, 9, 9, UNUSED};
    static const uint8_t from_upper[N2_CODE_UNIT] = {
        9,         9,  9,  9,  9,  EIGHT(10), EIGHT(11), EIGHT(12), EIGHT(13),
        EIGHT(14), 15, 15, 15, 15, 15,        15,        UNUSED};
#undef EIGHT
#undef UNUSED
    static const int8_t to_top_lower[16] = {6, 5, 4, 3, 2, 1, 0, -1, 6, 5, 4, 3, 2, 1, 0, -1};
    static const int8_t to_top_upper[16] = {3, 2, 1, 0, -1, 6, 5, 4, 3, 2, 1, 0, -1, 6, 5, 4};
    const uint8x16_t bits = vld1q_u8(unit + N2_CODE_UNIT - 16);
    for (size_t i = 0; i < N2_CODE_UNIT; i += 16) {
        uint8x16_t both = vld1q_u8(unit + i);
        *lower = short_step(*lower, lanes + i, vshlq_n_u8(both, 2), in_use + i, bits,
                            from_lower + i, to_top_lower);
        *upper = short_step(*upper, lanes + N2_CODE_UNIT + i, vshrq_n_u8(both, 2), in_use + i, bits,
                            from_upper + i, to_top_upper);
    }
}

static void short_code_rows(const uint8_t *lanes, const uint8_t *codes, size_t bytes,
                            const uint32_t *nodes, size_t n, uint32_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *code = codes + (size_t)nodes[i] * bytes;
        int32x4_t lower = vdupq_n_s32(0), upper = lower;
        for (size_t j = 0; j < bytes; j += N2_CODE_UNIT)
            add_unit(&lower, &upper, lanes + 2 * j, code + j);
        out[i] = (uint32_t)vaddvq_s32(vaddq_s32(lower, upper));
    }
}

static void quantise(const float *vector, float factor, const float *mean, float scale, float limit,
                     size_t n, int16_t *out)
{
    n2_quantise_from(0, vector, factor, mean, scale, limit, n, out);
}

static void residual(const uint8_t *from, const uint8_t *to, size_t bytes, struct n2_residual *out)
{
    static const uint8_t places[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t place = vld1q_u8(places);
    int32x4_t squares = vdupq_n_s32(0);
    uint16x8_t lengths = vdupq_n_u16(0), rising = lengths; /* of bytes / 8 * 127 at most */
    uint8x16_t n_rising = vdupq_n_u8(0);                   /* of bytes / 16 */
    for (size_t i = 0; i < bytes; i += N2_CODE_UNIT) {
        uint8x16_t bits[N2_CODE_UNIT / 16];
        for (size_t r = 0; r < N2_CODE_UNIT / 16; r++) {
            uint8x16_t a = vld1q_u8(from + i + 16 * r), b = vld1q_u8(to + i + 16 * r);
            uint8x16_t d = vabdq_u8(a, b), rises = vcgtq_u8(b, a);
            squares = code_step(true, squares, a, b);
            lengths = vpadalq_u8(lengths, d);
            rising = vpadalq_u8(rising, vandq_u8(a, rises));
            n_rising = vsubq_u8(n_rising, rises);
            bits[r] = vandq_u8(rises, place);
        }
        uint8x16_t four = vpaddq_u8(vpaddq_u8(bits[0], bits[1]), vpaddq_u8(bits[2], bits[3]));
        vst1_u8(out->signs + i / 8, vpadd_u8(vget_low_u8(four), vget_high_u8(four)));
    }
    out->squares = (uint32_t)vaddvq_s32(squares);
    out->lengths = vaddlvq_u16(lengths);
    out->rising = vaddlvq_u16(rising);
    out->n_rising = vaddlvq_u8(n_rising);
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

const struct n2_kernels NEON_TABLE = {NEON_NAME,     l2_rows,         dot_rows,      half_l2_rows,
                                      half_dot_rows, byte_l2_rows,    byte_dot_rows, whole_l2_rows,
                                      code_rows,     short_code_rows, weigh_rows,    quantise,
                                      project,       residual,        sketch};

#endif
#endif
