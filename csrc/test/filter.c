/* filter.c - searches that may return some ids only, or only what is near enough.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 16, K = 10, QUERIES = 10 };

static bool allows(const uint64_t *allow, size_t n_words, uint32_t id)
{
    return id / 64 < n_words && allow[id / 64] >> (id % 64) & 1;
}

/* All vectors that are there by their distance to a query: the truth, whatever is allowed. */
static size_t rank_all(struct n2_index *index, const float *query, size_t n,
                       struct n2_neighbor *all)
{
    size_t n_all = 0;
    CHECK_STATUS(0, n2_search_exact(index, query, 1, n, all, &n_all));
    return n_all;
}

/* Compares a search under a filter with the truth; counts what it should find and finds. */
static void compare(struct n2_index *index, int metric, const float *query, const uint64_t *allow,
                    size_t n_words, const struct n2_neighbor *all, size_t n_all, size_t *n_true,
                    size_t *n_found)
{
    struct n2_search_options options;
    struct n2_neighbor want[K], found[K];
    size_t n_want = 0, n = K + 1;
    n2_search_options_init(&options);
    options.allow = allow;
    options.n_allow = n_words;
    for (size_t i = 0; i < n_all && n_want < K; i++)
        if (allows(allow, n_words, all[i].id))
            want[n_want++] = all[i];
    CHECK_STATUS(0, n2_search(index, query, K, &options, found, &n));
    if (!CHECKF(n == n_want, "%zu found, %zu are allowed", n, n_want))
        return;
    CHECK_RESULTS(metric, found, n, 1u << 20);
    for (size_t i = 0; i < n; i++) {
        bool same = false;
        CHECKF(allows(allow, n_words, found[i].id), "id %u is not allowed", found[i].id);
        for (size_t j = 0; j < n_all && !same; j++)
            same = same_neighbor(found[i], all[j]);
        CHECKF(same, "id %u has another distance, or is not there", found[i].id);
        *n_found += !precedes(metric, want[n - 1], found[i]);
    }
    *n_true += n_want;
}

enum kind { RANDOM, NEAR, FAR, KINDS };

static void make_filter(uint64_t *rng, enum kind kind, double share, const struct n2_neighbor *all,
                        size_t n_all, uint64_t *allow, size_t n_words)
{
    size_t n = (size_t)((double)n_all * share);
    memset(allow, 0, n_words * sizeof(*allow));
    for (size_t i = 0; i < n_all; i++) {
        bool allowed = kind == RANDOM ? rng_unit(rng) < share
                       : kind == NEAR ? i < n
                                      : i >= n_all - n;
        uint32_t id = all[i].id;
        if (allowed && id / 64 < n_words)
            allow[id / 64] |= UINT64_C(1) << (id % 64);
    }
}

/* Searches an index of n vectors for QUERIES under filters of many kinds; `least` of the true ones
 * are to be found. */
static void check_shares(struct n2_index *index, int metric, size_t n, const float *queries,
                         size_t dim, uint64_t *rng, double least)
{
    const double shares[] = {0.9, 0.5, 0.1, 0.03, 0.01, 0.001, 0.0001};
    const size_t n_words = n / 64 + 1;
    struct n2_neighbor *all = must_alloc(n, sizeof(*all));
    uint64_t *allow = must_alloc(n_words, sizeof(*allow));
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t s = 0; s < sizeof(shares) / sizeof(*shares); s++) {
            size_t n_true = 0, n_found = 0;
            for (size_t i = 0; i < QUERIES; i++) {
                const float *query = queries + i * dim;
                size_t n_all = rank_all(index, query, n, all);
                make_filter(rng, (enum kind)kind, shares[s], all, n_all, allow, n_words);
                compare(index, metric, query, allow, n_words, all, n_all, &n_true, &n_found);
            }
            CHECKF((double)n_found >= (double)n_true * least,
                   "share %g of kind %d: %zu of %zu found", shares[s], kind, n_found, n_true);
        }
    }
    free(allow);
    free(all);
}

/* Shares from nearly all to next to none, anywhere or correlated with the query, on a graph, beside
 * pending, duplicate and deleted vectors. */
static void run_shares(int metric, int navigation, bool changed)
{
    uint64_t rng = test_seed + (uint64_t)metric;
    const size_t n = test_scale(15000, 3000);
    float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, changed ? 10 : 0);
    struct n2_options options = options_of(metric);
    options.navigation = navigation;
    struct n2_index *index = index_make(&options, DIM, vectors, changed ? n * 9 / 10 : n, 2);
    REQUIRE(index != NULL);
    if (changed) {
        CHECK_STATUS(0, n2_add(index, vectors, n / 10, NULL));
        for (uint32_t id = 0; id < n; id += 3)
            CHECK_STATUS(0, n2_delete(index, id));
        for (uint32_t id = 1; id < n; id += 30)
            CHECK_STATUS(0, n2_update(index, id, vectors + (n - 1 - id) * DIM));
    }
    float *queries = data_make(&rng, QUERIES, DIM, DATA_NORMAL, 0);
    check_shares(index, metric, n, queries, DIM, &rng, 0.9);
    free(queries);
    n2_free(index);
    free(vectors);
}

static void test_shares(void)
{
    run_shares(N2_L2, N2_NAVIGATE_AUTO, false);
    for (int metric = N2_ANGULAR; metric <= N2_DOT; metric++)
        run_shares(metric, metric == N2_L2 ? N2_NAVIGATE_VECTORS : N2_NAVIGATE_CODES, true);
}

/* Scans by codes that leave most directions out, which is less of what is far away; of vectors that
 * a build that was given up has made codes for, and of some that have none. */
static void test_codes(void)
{
    const size_t n = test_scale(12000, 3000), n_linked = n * 3 / 4, n_coded = n * 9 / 10, dim = 200;
    for (int metric = N2_ANGULAR; metric <= N2_DOT; metric++) {
        uint64_t rng = test_seed, done = 0, total = 0;
        float *vectors = data_falling(&rng, n, dim), *queries = data_falling(&rng, QUERIES, dim);
        struct n2_options options = options_of(metric);
        struct n2_index *index = index_make(&options, dim, vectors, n_linked, 2);
        REQUIRE(index != NULL);
        CHECK_STATUS(0, n2_add(index, vectors + n_linked * dim, n_coded - n_linked, NULL));
        struct n2_build *build;
        CHECK_STATUS(0, n2_build_begin(&build, index, NULL));
        CHECK_STATUS(0, n2_build_step(build, &done, &total));
        CHECK_STATUS(0, n2_add(index, vectors + n_coded * dim, n - n_coded, NULL));
        check_shares(index, metric, n, queries, dim, &rng, 0.9);
        n2_build_end(build);
        check_shares(index, metric, n, queries, dim, &rng, 0.9);
        n2_free(index);
        free(vectors);
        free(queries);
    }
}

/* Bit sets that are empty, short, or longer than there are ids; ids searched for; a beam; batches.
 */
static void test_edges(void)
{
    uint64_t rng = test_seed;
    const size_t n = 3000;
    float *vectors = data_make(&rng, n, DIM, DATA_CLUSTERS, 0);
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, DIM, vectors, n, 2);
    REQUIRE(index != NULL);
    uint64_t allow[100] = {0};
    struct n2_search_options search;
    struct n2_neighbor found[2 * K];
    size_t counts[2];
    n2_search_options_init(&search);
    search.allow = allow;
    for (search.n_allow = 0; search.n_allow <= 100; search.n_allow += 50) {
        counts[0] = 1;
        CHECK_STATUS(0, n2_search(index, vectors, K, &search, found, counts));
        CHECK(counts[0] == 0);
    }
    allow[99] = UINT64_MAX; /* no such ids */
    allow[1] = 1;
    search.n_allow = 1; /* too short for id 64 */
    CHECK_STATUS(0, n2_search(index, vectors, K, &search, found, counts));
    CHECK(counts[0] == 0);
    search.n_allow = 100;
    CHECK_STATUS(0, n2_search(index, vectors, K, &search, found, counts));
    CHECK(counts[0] == 1 && found[0].id == 64);
    CHECK_STATUS(0, n2_search_id(index, 7, K, &search, found, counts));
    CHECK(counts[0] == 1 && found[0].id == 64);
    CHECK_STATUS(0, n2_search_batch(index, vectors, 2, K, &search, found, counts));
    CHECK(counts[0] == 1 && counts[1] == 1 && found[K].id == 64);
    memset(allow, 0x55, sizeof(allow));
    for (search.ef = 1; search.ef < 5000; search.ef *= 7) {
        CHECK_STATUS(0, n2_search(index, vectors, K, &search, found, counts));
        CHECK(counts[0] == K);
        for (size_t i = 0; i < counts[0]; i++)
            CHECK(found[i].id % 2 == 0);
    }
    n2_free(index);
    free(vectors);
}

/* Vectors in clusters, of which those nearest to a query are not allowed: what is left lies in
 * other clusters, much of it about as far away. */
static void test_clusters(void)
{
    enum { CLUSTERS = 60, WIDE = 32, ASKED = 50 };
    const size_t n = 12000, n_words = n / 64 + 1;
    const double shares[] = {0.001, 0.005, 0.01, 0.02, 0.05, 0.1};
    for (int metric = N2_ANGULAR; metric <= N2_DOT; metric++) {
        uint64_t rng = test_seed;
        float *centres = data_make(&rng, CLUSTERS, WIDE, DATA_NORMAL, 0);
        float *vectors = data_make(&rng, n + ASKED, WIDE, DATA_NORMAL, 0);
        for (size_t i = 0; i < (n + ASKED) * WIDE; i++)
            vectors[i] = vectors[i] / 2 + centres[i / WIDE % CLUSTERS * WIDE + i % WIDE];
        struct n2_options options = options_of(metric);
        struct n2_index *index = index_make(&options, WIDE, vectors, n, 2);
        REQUIRE(index != NULL);
        struct n2_neighbor *all = must_alloc(n, sizeof(*all));
        uint64_t *allow = must_alloc(n_words, sizeof(*allow));
        for (size_t s = 0; s < sizeof(shares) / sizeof(*shares); s++) {
            size_t n_true = 0, n_found = 0;
            for (size_t i = 0; i < ASKED; i++) {
                const float *query = vectors + (n + i) * WIDE;
                size_t n_all = rank_all(index, query, n, all);
                make_filter(&rng, FAR, 1 - shares[s], all, n_all, allow, n_words);
                compare(index, metric, query, allow, n_words, all, n_all, &n_true, &n_found);
            }
            printf("metric %d, without the nearest %g: %zu of %zu found\n", metric, shares[s],
                   n_found, n_true);
            CHECKF((double)n_found >= 0.9 * (double)n_true,
                   "metric %d, without the nearest %g: %zu of %zu found", metric, shares[s],
                   n_found, n_true);
        }
        free(allow);
        free(all);
        n2_free(index);
        free(vectors);
        free(centres);
    }
}

/* Searches that are asked for no recall find the same whether all may be returned because nothing
 * is said or because all are allowed, and but for one vector after that is deleted: for any k. */
static void test_default(void)
{
    uint64_t rng = test_seed;
    const size_t n = 20000, n_queries = 1000, n_words = n / 64 + 1;
    for (int metric = N2_ANGULAR; metric <= N2_DOT; metric++) {
        float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, 0);
        float *queries = data_make(&rng, n_queries, DIM, DATA_NORMAL, 0);
        uint64_t *allow = must_alloc(n_words, sizeof(*allow));
        struct n2_options options = options_of(metric);
        struct n2_index *index = index_make(&options, DIM, vectors, n, 2);
        REQUIRE(index != NULL);
        struct n2_neighbor *found = must_alloc(2 * n_queries * K, sizeof(*found));
        struct n2_neighbor *allowed = found + n_queries * K;
        size_t *counts = must_alloc(n_queries, sizeof(*counts));
        struct n2_search_options search;
        n2_search_options_init(&search);
        search.n_allow = n_words;
        memset(allow, 0xff, n_words * sizeof(*allow));
        for (size_t k = 1; k <= K; k = k == 1 ? 3 : k + 7) {
            uint32_t gone = (uint32_t)(n - k);
            size_t n_same = 0;
            search.allow = NULL;
            CHECK_STATUS(0, n2_search_batch(index, queries, n_queries, k, &search, found, counts));
            search.allow = allow;
            CHECK_STATUS(0,
                         n2_search_batch(index, queries, n_queries, k, &search, allowed, counts));
            CHECKF(!memcmp(found, allowed, n_queries * k * sizeof(*found)),
                   "metric %d, k %zu: other results where all are allowed", metric, k);
            search.allow = NULL;
            CHECK_STATUS(0, n2_delete(index, gone));
            CHECK_STATUS(0,
                         n2_search_batch(index, queries, n_queries, k, &search, allowed, counts));
            for (size_t i = 0; i < n_queries * k; i += k)
                n_same += !memcmp(found + i, allowed + i, k * sizeof(*found));
            CHECKF(n_same >= n_queries * 98 / 100,
                   "metric %d, k %zu: of %zu queries only %zu find the same without id %u", metric,
                   k, n_queries, n_same, gone);
        }
        search.ef = 1; /* fewer than k: k then */
        search.allow = allow;
        CHECK_STATUS(0, n2_search_exact(index, queries, n_queries, K, found, counts));
        CHECK_STATUS(0, n2_search_batch(index, queries, n_queries, K, &search, allowed, counts));
        size_t n_found = 0;
        for (size_t i = 0; i < n_queries * K; i++)
            n_found += !precedes(metric, found[i / K * K + K - 1], allowed[i]);
        printf("metric %d, ef 1, k %d: %zu of %zu found\n", metric, K, n_found, n_queries * K);
        CHECKF(n_found > n_queries * K * 6 / 10, "metric %d, ef 1: %zu found", metric, n_found);
        n2_free(index);
        free(counts);
        free(found);
        free(allow);
        free(queries);
        free(vectors);
    }
}

/* Results end where the radius does. */
static void test_radius(void)
{
    uint64_t rng = test_seed;
    const size_t n = 2000;
    for (int metric = N2_ANGULAR; metric <= N2_DOT; metric++) {
        float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, 5);
        struct n2_options options = options_of(metric);
        struct n2_index *index = index_make(&options, DIM, vectors, n, 2);
        REQUIRE(index != NULL);
        struct n2_search_options search;
        struct n2_neighbor all[K], found[K];
        size_t n_all = 0, n_found = 0;
        float radius = 0;
        n2_search_options_init(&search);
        CHECK_STATUS(0, n2_search(index, vectors, K, &search, all, &n_all));
        CHECK(n_all == K);
        search.radius = &radius;
        for (size_t i = 0; i < K; i++) {
            radius = all[i].distance;
            CHECK_STATUS(0, n2_search(index, vectors, K, &search, found, &n_found));
            size_t want = i + 1;
            while (want < K && all[want].distance == radius)
                want++;
            CHECK(n_found == want && !memcmp(found, all, want * sizeof(*all)));
        }
        radius = metric == N2_DOT ? INFINITY : -1;
        CHECK_STATUS(0, n2_search(index, vectors, K, &search, found, &n_found));
        CHECK(n_found == 0);
        radius = metric == N2_DOT ? -INFINITY : INFINITY;
        CHECK_STATUS(0, n2_search(index, vectors, K, &search, found, &n_found));
        CHECK(n_found == K);
        radius = 0; /* a radius like any other */
        CHECK_STATUS(0, n2_search(index, vectors, K, &search, found, &n_found));
        for (size_t i = 0; i < n_found; i++)
            CHECK(metric == N2_DOT ? found[i].distance >= 0 : found[i].distance == 0);
        radius = NAN;
        n_found = 77;
        CHECK_STATUS(N2_ERR_OPTION, n2_search(index, vectors, K, &search, found, &n_found));
        CHECK(n_found == 77);
        n2_free(index);
        free(vectors);
    }
}

static const struct test_case cases[] = {
    {"shares", test_shares},   {"codes", test_codes}, {"clusters", test_clusters},
    {"default", test_default}, {"edges", test_edges}, {"radius", test_radius},
};
TEST_MAIN(cases)
