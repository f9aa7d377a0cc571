/* code.h - how the numbers of a code lie in memory: a byte for each, or five bits.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A code is numbers of 0..N2_CODE_MAX, one for each direction (space.h).
 *
 *   long    a byte a number, zeros up to a multiple of N2_CODE_UNIT
 *   short   the upper five bits of each, c, which stand for 4 c + 2. A unit of N2_CODE_UNIT bytes
 *           holds N2_SHORT_AXES of them: byte i < N2_SHORT_HALF has the lower four bits of numbers
 *           i and N2_SHORT_HALF + i in its halves, the bits behind these bytes are the fifth ones,
 *           that of number j being bit j. What is left is zero
 *
 * Walks wait for memory: where a short code takes a line of the cache less than a long one, it
 * saves more than it loses. Queries and nodes in the place of queries are not short: their numbers,
 * less 2, lie in `lanes`, two times 64 a unit, as a kernel takes those of a short code apart.
 */
#ifndef N2_CODE_H
#define N2_CODE_H

#include "base.h"

/* Codes hold N2_CODE_UNIT bytes or a multiple of it. Numbers are 0..N2_CODE_MAX: differences fit a
 * signed byte, and the sum of two squares a signed 16-bit word, which is what AVX2 multiplies
 * fastest. */
#define N2_CODE_UNIT 64
#define N2_CODE_MAX 127
#define N2_MAX_AXES 512 /* numbers of a code at most */
#define N2_SHORT_HALF 51
#define N2_SHORT_AXES (2 * N2_SHORT_HALF)
#define N2_MAX_LANES (2 * N2_CODE_UNIT * ((N2_MAX_AXES + N2_SHORT_AXES - 1) / N2_SHORT_AXES))

/* Bytes of a code of n numbers. */
N2_INLINE size_t n2_code_bytes(size_t n, bool is_short)
{
    return is_short ? (n + N2_SHORT_AXES - 1) / N2_SHORT_AXES * N2_CODE_UNIT
                    : n2_round_up(n, N2_CODE_UNIT);
}

/* The lane of number i. */
N2_INLINE size_t n2_code_lane(size_t i)
{
    size_t at = i % N2_SHORT_AXES;
    return i / N2_SHORT_AXES * (2 * N2_CODE_UNIT) +
           (at < N2_SHORT_HALF ? at : N2_CODE_UNIT + at - N2_SHORT_HALF);
}

/* The fifth bits of the N2_SHORT_HALF numbers of one half of a unit, from bit 0 on. */
N2_INLINE uint64_t n2_code_fifth(const uint8_t *unit, bool upper)
{
    uint64_t bits; /* the last eight bytes begin with bit 40 of 104 */
    memcpy(&bits, unit + (upper ? N2_CODE_UNIT - 8 : N2_SHORT_HALF), sizeof(bits));
    bits >>= upper ? N2_SHORT_HALF - 40 : 0;
    return bits & ((UINT64_C(1) << N2_SHORT_HALF) - 1);
}

/* Makes the code of numbers[n]; of a short one these are 4 c + 2. */
void n2_code_pack(const uint8_t *numbers, size_t n, bool is_short, uint8_t *code);

/* The numbers of a code, zeros up to a multiple of N2_CODE_UNIT. */
void n2_code_unpack(const uint8_t *code, size_t n, bool is_short, uint8_t *numbers);

/* Lays numbers[n] out in lanes. */
void n2_code_spread(const uint8_t *numbers, size_t n, uint8_t *lanes);

/* The lanes of a short code of so many bytes. */
void n2_code_lanes(const uint8_t *code, size_t bytes, uint8_t *lanes);

#endif
