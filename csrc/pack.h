/* pack.h - how the coordinates of a vector lie in a row: as floats, as half floats, or as bytes.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   float32   dim floats
 *   float16   dim floats of 16 bits, zeros up to a multiple of N2_PACK_UNIT numbers
 *   sq8       dim bytes, zeros up to a multiple of N2_PACK_UNIT; then two floats, low and step:
 *             byte b stands for low + step * b, where low is the vector's least coordinate and step
 *             the 255th part of its range (the locally adaptive quantisation of Aguerrebere et al.,
 *             "Similarity search in the blink of an eye with compressed indices", VLDB 2023,
 *             without its mean). Of whole numbers from 0 to 255 low is 0 and step 1, of others from
 *             -128 to 127 low is -128 and step 1: these it holds as they are
 *
 * A vector that was packed is what it unpacks to: to the rest of the library there is no other.
 */
#ifndef N2_PACK_H
#define N2_PACK_H

#include "base.h"

#include <math.h>

#define N2_PACK_UNIT 8 /* numbers that a kernel may read at once */

struct n2_range {
    float low, step;
};

/* Bytes of `dim` coordinates, a multiple of 4. */
N2_INLINE size_t n2_pack_bytes(int32_t storage, size_t dim)
{
    size_t padded = n2_round_up(dim, N2_PACK_UNIT);
    return storage == N2_STORE_FLOAT32   ? dim * sizeof(float)
           : storage == N2_STORE_FLOAT16 ? padded * sizeof(uint16_t)
                                         : padded + sizeof(struct n2_range);
}

/* The range of the bytes of a row of sq8. */
N2_INLINE struct n2_range n2_pack_range(const unsigned char *row, size_t dim)
{
    struct n2_range range;
    memcpy(&range, row + n2_round_up(dim, N2_PACK_UNIT), sizeof(range));
    return range;
}

/* The float of 16 bits nearest to x, of two the even one; infinity from 65,520 on. */
N2_INLINE uint16_t n2_pack_half(float x)
{
    uint32_t bits, sign;
    memcpy(&bits, &x, 4);
    sign = bits >> 16 & 0x8000;
    bits &= 0x7fffffff;
    if (bits >= 0x47800000) /* 65,536, infinity, NaN */
        return (uint16_t)(sign | (bits > 0x7f800000 ? 0x7e00 : 0x7c00));
    if (bits < 0x38800000) { /* below 2^-14 they are multiples of 2^-24, as floats from 0.5 on */
        float shifted = fabsf(x) + 0.5f;
        memcpy(&bits, &shifted, 4);
        return (uint16_t)(sign | (bits - 0x3f000000));
    }
    return (uint16_t)(sign | (bits + 0xfff + (bits >> 13 & 1) - 0x38000000) >> 13);
}

N2_INLINE float n2_unpack_half(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, bits = half & 0x7fff;
    float x;
    if (bits < 0x400) { /* exact */
        x = (float)bits * 0x1p-24f;
        return sign ? -x : x;
    }
    bits = sign | ((bits << 13) + (bits < 0x7c00 ? 0x38000000 : 0x70000000));
    memcpy(&x, &bits, 4);
    return x;
}

N2_INLINE float n2_unpack_byte(uint8_t byte, struct n2_range range)
{
    return range.low + range.step * (float)byte;
}

/* The range in which bytes are a vector's whole numbers; of step 0 where they cannot be. */
struct n2_range n2_pack_whole_range(const float *vector, size_t dim);

/* The range that a vector is packed in. */
struct n2_range n2_pack_range_of(const float *vector, size_t dim);

/* What coordinate x of a vector of that range becomes. */
float n2_pack_rounded(int32_t storage, float x, struct n2_range range);

/* Whether a packed vector is what it was, bit for bit. */
bool n2_pack_holds(int32_t storage, const float *vector, size_t dim);

/* Whole numbers of that range as bytes. */
void n2_pack_whole(const float *vector, size_t dim, struct n2_range range, unsigned char *out);

/* Packs vector[dim] into a row. */
void n2_pack(int32_t storage, const float *vector, size_t dim, unsigned char *row);

/* The vector of a row: where it lies, if that holds floats, else in buffer[dim]. */
const float *n2_unpack(int32_t storage, const unsigned char *row, size_t dim, float *buffer);

#endif
