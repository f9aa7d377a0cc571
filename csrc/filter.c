/* filter.c - counts and lists the ids of a filter.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "filter.h"

/* Words; of more, every third, fifth, ... is counted: no pattern of 2, 4, 8, ... words escapes. */
#define COUNTED 2048

/* The words that hold ids below n_ids. */
static size_t words_of(const struct n2_filter *filter, uint32_t n_ids)
{
    return n2_min(filter->n_words, ((size_t)n_ids + 63) / 64);
}

static uint64_t word_at(const struct n2_filter *filter, size_t at, uint32_t n_ids)
{
    size_t left = n_ids - at * 64;
    return filter->words[at] & (left < 64 ? (UINT64_C(1) << left) - 1 : UINT64_MAX);
}

size_t n2_filter_count(const struct n2_filter *filter, uint32_t n_ids)
{
    size_t n_words = words_of(filter, n_ids), stride = n_words / COUNTED | 1, n_looks = 0, n = 0;
    for (size_t at = 0; at < n_words; at += stride, n_looks++)
        if (filter->words[at]) /* most are 0 where it matters */
            n += (size_t)__builtin_popcountll(word_at(filter, at, n_ids));
    return n_looks ? n * n_words / n_looks : 0;
}

size_t n2_filter_list(const struct n2_filter *filter, uint32_t from, uint32_t n_ids, size_t most,
                      uint32_t *ids, uint32_t *next)
{
    size_t n_words = words_of(filter, n_ids), n = 0;
    *next = n_ids;
    for (size_t at = from / 64; at < n_words; at++) {
        if (!filter->words[at])
            continue;
        uint64_t bits = word_at(filter, at, n_ids);
        if (at == from / 64)
            bits &= UINT64_MAX << (from % 64);
        for (; bits; bits &= bits - 1) {
            uint32_t id = (uint32_t)(at * 64 + (size_t)__builtin_ctzll(bits));
            if (n == most) {
                *next = id;
                return n;
            }
            ids[n++] = id;
        }
    }
    return n;
}
