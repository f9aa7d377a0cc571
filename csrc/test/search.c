/* search.c - tests of what a search returns, on random sets of every kind.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A beam as wide as the index visits every vector that can be reached, so its result must equal the
 * exact one, with ids and bits; and the exact one is compared with double arithmetic.
 */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const int metrics[] = {N2_ANGULAR, N2_L2, N2_DOT};

static void check_same(const struct n2_neighbor *a, const struct n2_neighbor *b, size_t n,
                       const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!CHECKF(same_neighbor(a[i], b[i]), "%s, result %zu of %zu: %u %.9g and %u %.9g", what,
                    i, n, a[i].id, (double)a[i].distance, b[i].id, (double)b[i].distance))
            return;
}

/* all[n]: every vector of the index, nearest first, as the exact search gives them. */
static struct n2_neighbor *check_exact(struct n2_index *index, int metric, const float *vectors,
                                       size_t n, size_t dim, const float *query)
{
    struct n2_neighbor *all = must_alloc(n, sizeof *all);
    size_t n_out = 0;
    CHECK_STATUS(0, n2_search_exact(index, query, 1, n, all, &n_out));
    CHECK(n_out == n);
    CHECK_RESULTS(metric, all, n, n);
    for (size_t i = 0; i < n && all[i].id < n; i++) {
        double bound,
            right = reference_distance(metric, query, vectors + all[i].id * dim, dim, &bound);
        if (metric == N2_ANGULAR)
            right = fmin(fmax(right, 0), 2);
        CHECKF(fabs((double)all[i].distance - right) <= bound,
               "metric %d, dim %zu, id %u: %.9g instead of %.9g, bound %g", metric, dim, all[i].id,
               (double)all[i].distance, right, bound);
    }
    return all;
}

/* Few candidates for each vector that there is: the search walks the graph. (It scans where that is
 * faster, and then equals the exact one anyway.) */
static void check_narrow(struct n2_index *index, int metric, const float *query,
                         const struct n2_neighbor *all, size_t n, uint64_t *rng)
{
    struct n2_neighbor out[8];
    struct n2_search_options options;
    n2_search_options_init(&options);
    float *distances = must_alloc(n, sizeof *distances);
    for (size_t i = 0; i < n; i++)
        distances[all[i].id] = all[i].distance;
    for (int round = 0; round < 8; round++) {
        size_t k = 1 + rng_below(rng, 8), n_out = 0;
        options.ef = 1 + rng_below(rng, 1 + n / 20);
        CHECK_STATUS(0, n2_search(index, query, k, &options, out, &n_out));
        CHECKF(n_out == (k < n ? k : n), "k %zu of %zu, ef %llu: %zu results", k, n,
               (unsigned long long)options.ef, n_out);
        CHECK_RESULTS(metric, out, n_out, n);
        for (size_t i = 0; i < n_out && out[i].id < n; i++)
            CHECKF(!memcmp(&out[i].distance, distances + out[i].id, sizeof(float)),
                   "metric %d, id %u: other bits than in the exact search", metric, out[i].id);
    }
    free(distances);
}

static void check_query(struct n2_index *index, int metric, const float *vectors, size_t n,
                        size_t dim, const float *query, uint64_t *rng)
{
    struct n2_neighbor *all = check_exact(index, metric, vectors, n, dim, query);
    struct n2_neighbor *out = must_alloc(n + 5, sizeof *out);
    struct n2_search_options options;
    n2_search_options_init(&options);
    for (int round = 0; round < 3; round++) {
        size_t k = round ? 1 + rng_below(rng, n + 5) : n + 5, n_out = 0;
        options.ef = n + rng_below(rng, 3);
        CHECK_STATUS(0, n2_search(index, query, k, &options, out, &n_out));
        CHECKF(n_out == (k < n ? k : n), "k %zu of %zu: %zu results", k, n, n_out);
        CHECK_RESULTS(metric, out, n_out, n);
        check_same(out, all, n_out, "ef as large as the index, and exact");
        n_out = 0;
        CHECK_STATUS(0, n2_search_exact(index, query, 1, k, out, &n_out));
        CHECK(n_out == (k < n ? k : n));
        check_same(out, all, n_out, "exact with k, and with all");
    }
    check_narrow(index, metric, query, all, n, rng);
    free(all);
    free(out);
}

static void check_set(uint64_t *rng, size_t n, size_t dim, int metric, enum data_kind kind,
                      int duplicates)
{
    float *vectors = data_make(rng, n + 2, dim, kind, duplicates);
    struct n2_options options = options_of(metric);
    options.M = 2 + (int32_t)rng_below(rng, 15);
    options.ef_construction = 1 + (int32_t)rng_below(rng, 100);
    options.seed = rng_next(rng);
    size_t built = rng_below(rng, 4) ? n : rng_below(rng, n + 1); /* the rest is pending */
    struct n2_index *index = index_make(&options, dim, vectors, built, 2);
    if (index && CHECK_STATUS(0, n2_add(index, vectors + built * dim, n - built, NULL))) {
        CHECK_SOUND(index);
        for (size_t q = 0; q < 3; q++) { /* two new ones, one that is there */
            const float *query = vectors + (q < 2 ? n + q : rng_below(rng, n)) * dim;
            check_query(index, metric, vectors, n, dim, query, rng);
        }
    }
    n2_free(index);
    free(vectors);
}

static void test_random_sets(void)
{
    uint64_t rng = test_seed;
    size_t rounds = test_scale(84, 21);
    for (size_t round = 0; round < rounds; round++) {
        size_t n = 1 + rng_below(&rng, round % 8 ? 300 : test_scale(1500, 300));
        size_t dim = 1 + rng_below(&rng, round % 5 ? 20 : 200);
        const int duplicates[] = {0, 0, 30, 100};
        check_set(&rng, n, dim, metrics[round % 3], (enum data_kind)(round / 3 % DATA_KINDS),
                  duplicates[rng_below(&rng, 4)]);
    }
}

static void test_few(void)
{
    uint64_t rng = test_seed;
    for (size_t n = 1; n <= 6; n++)
        for (size_t m = 0; m < 3; m++)
            for (int kind = 0; kind < DATA_KINDS; kind++)
                check_set(&rng, n, 1 + n, metrics[m], (enum data_kind)kind, 0);
}

static void test_empty(void)
{
    for (size_t m = 0; m < 3; m++) {
        struct n2_options options = options_of(metrics[m]);
        struct n2_index *index = NULL;
        REQUIRE_OK(n2_create(&index, 3, &options));
        float q[6] = {1, 2, 3, 4, 5, 6};
        struct n2_neighbor out[10];
        size_t n[2] = {9, 9};
        for (int round = 0; round < 2; round++) {
            n[0] = n[1] = 9;
            CHECK_STATUS(0, n2_search(index, q, 5, NULL, out, n));
            CHECK_STATUS(N2_ERR_NOT_FOUND, n2_search_id(index, 0, 5, NULL, out, n));
            CHECK(n[0] == 0);
            CHECK_STATUS(0, n2_search_batch(index, q, 2, 5, NULL, out, n));
            CHECK(n[0] == 0 && n[1] == 0);
            CHECK_STATUS(0, n2_search_exact(index, q, 2, 5, out, n));
            CHECK(n[0] == 0 && n[1] == 0);
            CHECK_SOUND(index);
            CHECK_STATUS(0, n2_build(index, NULL));
        }
        n2_free(index);
    }
}

/* Batches on any number of threads, of vectors and of ids, equal single searches. */
static void test_batches(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(3000, 400), dim = 16, n_queries = 100, k = 12;
    float *vectors = data_make(&rng, n, dim, DATA_CLUSTERS, 5);
    float *queries = data_make(&rng, n_queries, dim, DATA_CLUSTERS, 5);
    struct n2_neighbor *one = must_alloc(n_queries * k, sizeof *one);
    struct n2_neighbor *all = must_alloc(n_queries * k, sizeof *all);
    size_t counts[100], count = 0;
    uint32_t ids[100];
    for (size_t m = 0; m < 3; m++) {
        struct n2_options options = options_of(metrics[m]);
        struct n2_index *index = index_make(&options, dim, vectors, n - 50, 0);
        REQUIRE(index != NULL);
        CHECK_STATUS(0, n2_add(index, vectors + (n - 50) * dim, 50, NULL));
        struct n2_search_options o;
        n2_search_options_init(&o);
        o.ef = 20;
        for (size_t i = 0; i < n_queries; i++)
            CHECK_STATUS(0, n2_search(index, queries + i * dim, k, &o, one + i * k, &count));
        for (int32_t threads = 0; threads < 5; threads++) {
            o.threads = threads;
            CHECK_STATUS(0, n2_search_batch(index, queries, n_queries, k, &o, all, counts));
            check_same(one, all, n_queries * k, "single and batch");
        }
        CHECK_STATUS(0, n2_search_exact(index, queries, n_queries, k, all, counts));
        for (size_t i = 0; i < n_queries; i++) {
            CHECK_STATUS(0, n2_search_exact(index, queries + i * dim, 1, k, one + i * k, &count));
            CHECK(counts[i] == k && count == k);
        }
        check_same(one, all, n_queries * k, "exact, one by one and together");

        for (size_t i = 0; i < n_queries; i++) {
            ids[i] = (uint32_t)rng_below(&rng, n);
            struct n2_neighbor by_vector[12];
            CHECK_STATUS(0, n2_search_id(index, ids[i], k, &o, one + i * k, &count));
            CHECK(count == k);
            CHECK_STATUS(0, n2_search(index, vectors + ids[i] * dim, k, &o, by_vector, &count));
            check_same(one + i * k, by_vector, k, "by id and by its vector");
        }
        CHECK_STATUS(0, n2_search_batch_id(index, ids, n_queries, k, &o, all, counts));
        check_same(one, all, n_queries * k, "ids, single and batch");
        for (size_t i = 0; i < n_queries; i++)
            CHECK(counts[i] == k);
        n2_free(index);
    }
    free(vectors);
    free(queries);
    free(one);
    free(all);
}

/* k larger than the index in a batch: rows stay k apart. */
static void test_batch_rows(void)
{
    float vectors[] = {1, 0, 0, 1, 1, 1};
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, 2, vectors, 3, 1);
    REQUIRE(index != NULL);
    struct n2_neighbor out[3 * 5], before;
    memset(out, 0x33, sizeof out);
    before = out[0];
    size_t n[3] = {0};
    CHECK_STATUS(0, n2_search_batch(index, vectors, 3, 5, NULL, out, n));
    for (size_t i = 0; i < 3; i++) {
        CHECK(n[i] == 3 && out[i * 5].id == i && out[i * 5].distance == 0);
        CHECK(same_neighbor(out[i * 5 + 3], before) && same_neighbor(out[i * 5 + 4], before));
    }
    n2_free(index);
}

/* Every vector is found, at distance 0, by itself: even in hard sets with a narrow beam. */
static void test_self(void)
{
    uint64_t rng = test_seed;
    for (int kind = 0; kind < DATA_KINDS; kind++) {
        size_t n = test_scale(2000, 150), dim = 8, count = 0, missed = 0;
        float *vectors = data_make(&rng, n, dim, (enum data_kind)kind, 0);
        struct n2_options options = options_of(N2_L2);
        struct n2_index *index = index_make(&options, dim, vectors, n, 2);
        REQUIRE(index != NULL);
        struct n2_search_options o;
        n2_search_options_init(&o);
        o.ef = n / 20;
        for (uint32_t id = 0; id < n; id++) {
            struct n2_neighbor out[1];
            CHECK_STATUS(0, n2_search_id(index, id, 1, &o, out, &count));
            missed += count != 1 || out[0].distance != 0;
        }
        CHECKF(missed == 0, "%s: %zu of %zu vectors are not found by themselves",
               data_kind_name((enum data_kind)kind), missed, n);
        n2_free(index);
        free(vectors);
    }
}

static const struct test_case cases[] = {
    {"few", test_few},     {"random_sets", test_random_sets},
    {"empty", test_empty}, {"batches", test_batches},
    {"self", test_self},   {"batch_rows", test_batch_rows},
};
TEST_MAIN(cases)
