/* sort.h - 64-bit words in ascending order: radix sort, a byte a pass.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_SORT_H
#define N2_SORT_H

#include "base.h"

/* Sorts words[n]; temp[n] is room. Bytes in which all words agree cost one look at each. */
static inline void n2_sort(uint64_t *words, uint64_t *temp, size_t n)
{
    uint64_t *from = words, *to = temp;
    for (int shift = 0; shift < 64; shift += 8) {
        size_t start[256] = {0};
        for (size_t i = 0; i < n; i++)
            start[from[i] >> shift & 255]++;
        if (n == 0 || start[from[0] >> shift & 255] == n)
            continue;
        size_t sum = 0;
        for (int byte = 0; byte < 256; byte++) {
            size_t count = start[byte];
            start[byte] = sum;
            sum += count;
        }
        for (size_t i = 0; i < n; i++)
            to[start[from[i] >> shift & 255]++] = from[i];
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != words)
        memcpy(words, from, n * sizeof(*words));
}

#endif
