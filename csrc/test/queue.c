/* queue.c - tests of the candidate list against a plain one.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "../queue.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 300 };

static int compare(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

/* Entries of few keys, so that many differ by their nodes alone; none twice. */
static size_t draw(uint64_t *rng, uint32_t *node, size_t n, uint64_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = n2_entry((uint32_t)rng_below(rng, 40), (*node)++);
    return n;
}

/* Words whose low bits ascend, as those of lists do that are made in order. */
static void test_sort_from(void)
{
    uint64_t rng = test_seed;
    for (size_t n = 0; n <= MOST; n++) {
        int bit = (int)rng_below(&rng, 40) + 9; /* numbers up to MOST fit below it */
        uint64_t words[MOST], want[MOST], temp[MOST],
            most = UINT64_C(1) << rng_below(&rng, 64 - (uint64_t)bit);
        for (size_t i = 0; i < n; i++)
            words[i] = want[i] = rng_next(&rng) % most << bit | i;
        qsort(want, n, sizeof *want, compare);
        n2_sort_from(words, temp, n, bit);
        CHECKF(!memcmp(words, want, n * sizeof *want), "%zu from bit %d are not sorted", n, bit);
        n2_sort_from(words, temp, n, bit);
        CHECKF(!memcmp(words, want, n * sizeof *want), "%zu sorted ones are not left so", n);
    }
}

static void test_sort(void)
{
    uint64_t rng = test_seed;
    for (size_t n = 0; n <= 2 * N2_QUEUE_FEW; n++) {
        uint64_t fresh[MOST], sorted[MOST], want[MOST];
        uint32_t node = 0;
        draw(&rng, &node, n, fresh);
        memcpy(want, fresh, n * sizeof *want);
        qsort(want, n, sizeof *want, compare);
        n2_queue_sort(fresh, n, sorted);
        CHECKF(!memcmp(sorted, want, n * sizeof *want), "%zu are not sorted", n);
    }
}

/* A merge does what as many insertions do, tells where they are, and what is to be expanded next
 * is the same. */
static void test_merge(void)
{
    uint64_t rng = test_seed;
    for (int round = 0; round < 2000; round++) {
        uint64_t of_merged[MOST], of_inserted[MOST], fresh[MOST], sorted[MOST], entry;
        struct n2_beam beam = {.width = 1 + rng_below(&rng, 120), .rank = rng_below(&rng, 20)};
        struct n2_queue merged = {.entries = of_merged}, inserted = {.entries = of_inserted};
        uint32_t node = 0, places[MOST];
        n2_queue_clear(&merged, beam);
        n2_queue_clear(&inserted, beam);
        for (int step = 0; step < 30; step++) {
            size_t n = draw(&rng, &node, rng_below(&rng, 12), fresh), m;
            for (size_t i = 0; i < n; i++)
                n2_queue_insert(&inserted, fresh[i]);
            n2_queue_sort(fresh, n, sorted);
            m = n2_queue_merge(&merged, sorted, n, places);
            CHECK(m <= n && merged.size == inserted.size && merged.next == inserted.next);
            CHECK(!memcmp(of_merged, of_inserted, merged.size * sizeof *of_merged));
            for (size_t i = 0; i < m; i++)
                CHECK(places[i] < merged.size && of_merged[places[i]] == sorted[i]);
            for (size_t i = m; i < n; i++)
                CHECK(merged.size == beam.width && sorted[i] > of_merged[merged.size - 1]);
            uint32_t bound = (uint32_t)rng_below(&rng, 45);
            bool expands = n2_queue_expand(&merged, bound, &entry);
            CHECK(expands == n2_queue_expand(&inserted, bound, &entry));
            if (rng_below(&rng, 4) == 0) {
                n2_queue_cut(&merged, bound);
                n2_queue_cut(&inserted, bound);
            }
        }
    }
}

static const struct test_case cases[] = {
    {"sort_from", test_sort_from}, {"sort", test_sort}, {"merge", test_merge}};
TEST_MAIN(cases)
