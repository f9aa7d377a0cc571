/* pack.c - packs and unpacks vectors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pack.h"

/* Added to a number of up to 2^22 in size, it leaves a float whose last bits are those of the
 * nearest whole number. */
#define SHIFT 0x1.8p23f
#define SHIFT_BITS UINT32_C(0x4b400000)
#define SIGN UINT32_C(0x80000000)

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits;
}

/* The whole number that x is; some other, or one beyond 2^23 in size, if it is none. */
static int32_t whole_of(float x)
{
    return (int32_t)(bits_of(x + SHIFT) - SHIFT_BITS);
}

struct n2_range n2_pack_whole_range(const float *vector, size_t dim)
{
    int32_t low = 0, high = 0;
    uint32_t others = 0;
    for (size_t i = 0; i < dim; i++) {
        int32_t whole = whole_of(vector[i]);
        low = whole < low ? whole : low;
        high = whole > high ? whole : high;
        others |= bits_of(vector[i] + SHIFT - SHIFT) ^ bits_of(vector[i]);
    }
    others &= ~SIGN; /* of a -0 */
    if (others || low < INT8_MIN || high > (low < 0 ? INT8_MAX : UINT8_MAX))
        return (struct n2_range){0, 0};
    return (struct n2_range){low < 0 ? INT8_MIN : 0, 1};
}

/* Whether all are floats of 16 bits, other than the least. */
static bool are_halves(const float *vector, size_t dim)
{
    uint32_t others = 0;
    for (size_t i = 0; i < dim; i++) {
        uint32_t bits = bits_of(vector[i]), size = bits & 0x7fffffff;
        others |= bits & 0x1fff;
        others |= size != 0 && (size < 0x38800000 || size >= 0x47800000); /* 2^-14, 2^16 */
    }
    return others == 0;
}

static bool holds_minus_zero(const float *vector, size_t dim)
{
    bool found = false;
    for (size_t i = 0; i < dim; i++)
        found |= bits_of(vector[i]) == SIGN;
    return found;
}

bool n2_pack_holds(int32_t storage, const float *vector, size_t dim)
{
    if (storage == N2_STORE_FLOAT32)
        return true;
    if (storage == N2_STORE_FLOAT16)
        return are_halves(vector, dim);
    return n2_pack_whole_range(vector, dim).step > 0 && !holds_minus_zero(vector, dim);
}

void n2_pack_whole(const float *vector, size_t dim, struct n2_range range, unsigned char *out)
{
    int32_t low = (int32_t)range.low;
    for (size_t i = 0; i < dim; i++)
        out[i] = (unsigned char)(whole_of(vector[i]) - low);
}

/* From the least coordinate to the largest. */
static struct n2_range spread_of(const float *vector, size_t dim)
{
    float low = vector[0], high = vector[0];
    for (size_t i = 1; i < dim; i++) {
        low = vector[i] < low ? vector[i] : low;
        high = vector[i] > high ? vector[i] : high;
    }
    return (struct n2_range){low, (high - low) / UINT8_MAX};
}

struct n2_range n2_pack_range_of(const float *vector, size_t dim)
{
    struct n2_range whole = n2_pack_whole_range(vector, dim);
    return whole.step > 0 ? whole : spread_of(vector, dim);
}

static uint8_t pack_byte(float x, struct n2_range range)
{
    float y = range.step > 0 ? (x - range.low) / range.step : 0;
    return (uint8_t)lrintf(y < UINT8_MAX ? y : UINT8_MAX);
}

float n2_pack_rounded(int32_t storage, float x, struct n2_range range)
{
    return storage == N2_STORE_FLOAT32   ? x
           : storage == N2_STORE_FLOAT16 ? n2_unpack_half(n2_pack_half(x))
                                         : n2_unpack_byte(pack_byte(x, range), range);
}

void n2_pack(int32_t storage, const float *vector, size_t dim, unsigned char *row)
{
    if (storage == N2_STORE_FLOAT32) {
        memcpy(row, vector, dim * sizeof(float));
        return;
    }
    memset(row, 0, n2_pack_bytes(storage, dim));
    if (storage == N2_STORE_FLOAT16) {
        uint16_t *halves = (uint16_t *)(void *)row;
        for (size_t i = 0; i < dim; i++)
            halves[i] = n2_pack_half(vector[i]);
        return;
    }
    struct n2_range range = n2_pack_whole_range(vector, dim);
    if (range.step > 0) {
        n2_pack_whole(vector, dim, range, row);
    } else {
        range = spread_of(vector, dim);
        for (size_t i = 0; i < dim; i++)
            row[i] = pack_byte(vector[i], range);
    }
    memcpy(row + n2_round_up(dim, N2_PACK_UNIT), &range, sizeof(range));
}

const float *n2_unpack(int32_t storage, const unsigned char *row, size_t dim, float *buffer)
{
    if (storage == N2_STORE_FLOAT32)
        return (const float *)(const void *)row;
    if (storage == N2_STORE_FLOAT16) {
        const uint16_t *halves = (const uint16_t *)(const void *)row;
        for (size_t i = 0; i < dim; i++)
            buffer[i] = n2_unpack_half(halves[i]);
        return buffer;
    }
    struct n2_range range = n2_pack_range(row, dim);
    for (size_t i = 0; i < dim; i++)
        buffer[i] = n2_unpack_byte(row[i], range);
    return buffer;
}
