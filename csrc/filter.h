/* filter.h - which ids a search may return: a set of bits.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Bit i % 64 of word i / 64 stands for id i; ids behind the last word are not allowed.
 */
#ifndef N2_FILTER_H
#define N2_FILTER_H

#include "store.h"

struct n2_filter {
    const uint64_t *words;
    size_t n_words;
};

N2_INLINE bool n2_filter_allows(const struct n2_filter *filter, uint32_t id)
{
    return id / 64 < filter->n_words && filter->words[id / 64] >> (id % 64) & 1;
}

/* About how many of the ids 0..n_ids-1 are allowed: of many, a sample of the words tells. */
size_t n2_filter_count(const struct n2_filter *filter, uint32_t n_ids);

/* Lists allowed ids from `from` on and below n_ids, in order, `most` at most; returns their number
 * and sets *next to where to go on. */
size_t n2_filter_list(const struct n2_filter *filter, uint32_t from, uint32_t n_ids, size_t most,
                      uint32_t *ids, uint32_t *next);

#endif
