/* crc32c.c - CRC-32C by tables, or by the instruction of SSE4.2.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The tables are those of "slicing by 8" (Kounavis and Berry, 2005): eight bytes a step, one
 * look-up each.
 */
#include "crc32c.h"

#include "cpu.h"

#include <pthread.h>

#define POLYNOMIAL UINT32_C(0x82F63B78) /* reflected */

static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc = i;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
        table[0][i] = crc;
    }
    for (int t = 1; t < 8; t++)
        for (int i = 0; i < 256; i++)
            table[t][i] = (table[t - 1][i] >> 8) ^ table[0][table[t - 1][i] & 255];
}

static uint32_t crc_scalar(uint32_t crc, const unsigned char *p, size_t n)
{
    pthread_once(&table_once, make_table);
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        word ^= crc;
        crc = 0;
        for (int i = 0; i < 8; i++)
            crc ^= table[7 - i][(word >> (8 * i)) & 255];
    }
    for (; n; p++, n--)
        crc = (crc >> 8) ^ table[0][(crc ^ *p) & 255];
    return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc_sse42(uint32_t crc, const unsigned char *p,
                                                            size_t n)
{
    uint64_t wide = crc;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    crc = (uint32_t)wide;
    for (; n; p++, n--)
        crc = _mm_crc32_u8(crc, *p);
    return crc;
}
#endif

uint32_t n2_crc32c(uint32_t crc, const void *data, size_t n)
{
#if defined(__x86_64__)
    if (n2_cpu()->sse42)
        return ~crc_sse42(~crc, data, n);
#endif
    return ~crc_scalar(~crc, data, n);
}
