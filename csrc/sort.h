/* sort.h - 64-bit words in ascending order: radix sort, a byte a pass; few by insertion.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_SORT_H
#define N2_SORT_H

#include "base.h"

#define N2_SORT_FEW 24 /* up to so many, counting bytes takes longer */

static inline void n2_sort_few(uint64_t *words, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        uint64_t word = words[i];
        size_t at = i;
        for (; at > 0 && words[at - 1] > word; at--)
            words[at] = words[at - 1];
        words[at] = word;
    }
}

/* Sorts words[n], which ascend already where they differ below `bit` alone; temp[n] is room. Bytes
 * in which all words agree cost one look at each. */
static inline void n2_sort_from(uint64_t *words, uint64_t *temp, size_t n, int bit)
{
    uint64_t *from = words, *to = temp;
    if (n <= N2_SORT_FEW) {
        n2_sort_few(words, n);
        return;
    }
    for (int shift = bit; shift < 64; shift += 8) {
        size_t start[256] = {0};
        for (size_t i = 0; i < n; i++)
            start[from[i] >> shift & 255]++;
        if (start[from[0] >> shift & 255] == n)
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

static inline void n2_sort(uint64_t *words, uint64_t *temp, size_t n)
{
    n2_sort_from(words, temp, n, 0);
}

#endif
