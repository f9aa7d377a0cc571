/* filter.c - counts and lists the ids of a filter.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "filter.h"

#define COUNTED 4096 /* words; of more, so many are */

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
    size_t n_words = words_of(filter, n_ids), n_looks = n2_min(n_words, COUNTED), n = 0;
    for (size_t i = 0; i < n_looks; i++)
        n += (size_t)__builtin_popcountll(word_at(filter, i * n_words / n_looks, n_ids));
    return n_looks ? n * n_words / n_looks : 0;
}

size_t n2_filter_sample(const struct n2_filter *filter, uint32_t n_ids, size_t most, uint32_t *ids)
{
    size_t n_words = words_of(filter, n_ids), stride = n2_max(n_words / COUNTED, 1), n_set = 0;
    for (size_t at = 0; at < n_words; at += stride)
        n_set += word_at(filter, at, n_ids) != 0;
    size_t n = 0, i = 0; /* i: of the set words passed */
    for (size_t at = 0; at < n_words && n < most; at += stride) {
        uint64_t word = word_at(filter, at, n_ids);
        if (word && i++ >= n * n_set / most)
            ids[n++] = (uint32_t)(at * 64 + (size_t)__builtin_ctzll(word));
    }
    return n;
}

size_t n2_filter_list(const struct n2_filter *filter, uint32_t from, uint32_t n_ids, size_t most,
                      uint32_t *ids, uint32_t *next)
{
    size_t n_words = words_of(filter, n_ids), n = 0;
    *next = n_ids;
    for (size_t at = from / 64; at < n_words; at++) {
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
