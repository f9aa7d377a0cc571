/* pack.c - packs and unpacks vectors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "pack.h"

struct n2_range n2_pack_range_of(const float *vector, size_t dim)
{
    float low = vector[0], high = vector[0];
    for (size_t i = 1; i < dim; i++) {
        low = vector[i] < low ? vector[i] : low;
        high = vector[i] > high ? vector[i] : high;
    }
    return (struct n2_range){low, (high - low) / UINT8_MAX};
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
    struct n2_range range = n2_pack_range_of(vector, dim);
    for (size_t i = 0; i < dim; i++)
        row[i] = pack_byte(vector[i], range);
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
