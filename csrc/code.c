/* code.c - takes codes apart and puts them together.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "code.h"

void n2_code_pack(const uint8_t *numbers, size_t n, bool is_short, uint8_t *code)
{
    memset(code, 0, n2_code_bytes(n, is_short));
    if (!is_short) {
        memcpy(code, numbers, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint8_t *unit = code + i / N2_SHORT_AXES * N2_CODE_UNIT;
        size_t at = i % N2_SHORT_AXES, c = numbers[i] >> 2;
        unit[at % N2_SHORT_HALF] |= (uint8_t)((c & 15) << (at < N2_SHORT_HALF ? 0 : 4));
        unit[N2_SHORT_HALF + at / 8] |= (uint8_t)(c >> 4 << at % 8);
    }
}

/* The lanes of one half of a unit: 4 c each; `upper` is a constant where this is inlined. */
N2_INLINE void lanes_of_half(const uint8_t *unit, bool upper, uint8_t *lanes)
{
    uint64_t fifth = n2_code_fifth(unit, upper);
    memset(lanes, 0, N2_CODE_UNIT);
    for (size_t i = 0; i < N2_SHORT_HALF; i++)
        lanes[i] = (uint8_t)(upper ? unit[i] >> 2 & 0x3c : unit[i] << 2 & 0x3c);
    for (size_t i = 0; i < N2_CODE_UNIT; i += 8) { /* eight bits become as many bytes */
        const uint64_t each = 0x0101010101010101, places = 0x8040201008040201;
        uint64_t eight, bits = (fifth >> i & 0xff) * each & places;
        bits = (bits + 0x7f * each) >> 1 & 0x40 * each;
        memcpy(&eight, lanes + i, sizeof(eight));
        eight |= bits;
        memcpy(lanes + i, &eight, sizeof(eight));
    }
}

void n2_code_lanes(const uint8_t *code, size_t bytes, uint8_t *lanes)
{
    for (size_t at = 0; at < bytes; at += N2_CODE_UNIT) {
        lanes_of_half(code + at, false, lanes + 2 * at);
        lanes_of_half(code + at, true, lanes + 2 * at + N2_CODE_UNIT);
    }
}

void n2_code_unpack(const uint8_t *code, size_t n, bool is_short, uint8_t *numbers)
{
    uint8_t lanes[N2_MAX_LANES];
    memset(numbers, 0, n2_round_up(n, N2_CODE_UNIT));
    if (!is_short) {
        memcpy(numbers, code, n);
        return;
    }
    n2_code_lanes(code, n2_code_bytes(n, true), lanes);
    for (size_t i = 0; i < n; i += N2_SHORT_HALF) {
        size_t m = n2_min(n - i, N2_SHORT_HALF);
        const uint8_t *from = lanes + n2_code_lane(i);
        for (size_t j = 0; j < m; j++)
            numbers[i + j] = (uint8_t)(from[j] + 2);
    }
}

void n2_code_spread(const uint8_t *numbers, size_t n, uint8_t *lanes)
{
    memset(lanes, 0, 2 * n2_code_bytes(n, true));
    for (size_t i = 0; i < n; i++)
        lanes[n2_code_lane(i)] = (uint8_t)(numbers[i] - 2);
}
