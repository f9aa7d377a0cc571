/* graph.c - tests of the invariants of the graph, over sizes, dimensions, metrics and options.
 * SPDX-License-Identifier: Apache-2.0
 *
 * CHECK_SOUND asks n2_verify (links in range, none to itself, none twice, every vector reachable)
 * and compares the degrees with the limits and the counts of the statistics.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

static const int metrics[] = {N2_ANGULAR, N2_L2, N2_DOT};

static struct n2_options random_options(uint64_t *rng, int metric)
{
    struct n2_options options = options_of(metric);
    options.selection = 1 + (int32_t)rng_below(rng, 3);
    options.merging = 1 + (int32_t)rng_below(rng, 2);
    options.M = 2 + (int32_t)rng_below(rng, 20);
    if (rng_below(rng, 2))
        options.max_m0 = options.M + (int32_t)rng_below(rng, 30);
    options.ef_construction = 1 + (int32_t)rng_below(rng, 120);
    if (rng_below(rng, 4) == 0)
        options.level_multiplier = 0.05 + 3 * rng_unit(rng);
    options.seed = rng_next(rng);
    return options;
}

static void test_random(void)
{
    uint64_t rng = test_seed;
    size_t rounds = test_scale(60, 8);
    for (size_t round = 0; round < rounds; round++) {
        size_t n = rng_below(&rng, round % 4 ? 600 : test_scale(3001, 300));
        size_t dim = 1 + rng_below(&rng, round % 3 ? 24 : 150);
        int metric = metrics[round % 3], duplicates = (int)(round / 3 % 3) * 30;
        enum data_kind kind = (enum data_kind)rng_below(&rng, DATA_KINDS);
        float *vectors = data_make(&rng, n, dim, kind, duplicates == 60 ? 100 : duplicates);
        struct n2_options options = random_options(&rng, metric);
        struct n2_index *index = index_make(&options, dim, vectors, 0, -1);
        REQUIRE(index != NULL);
        int parts = 1 + (int)rng_below(&rng, 4);
        for (int part = 0; part < parts; part++) { /* several builds, each after more adds */
            size_t begin = n * (size_t)part / (size_t)parts;
            size_t end = n * (size_t)(part + 1) / (size_t)parts;
            CHECK_STATUS(0, n2_add(index, vectors + begin * dim, end - begin, NULL));
            CHECK_SOUND(index);
            CHECK_STATUS(0, build_on(index, 1 + part % 3));
            CHECK_SOUND(index);
        }
        n2_free(index);
        free(vectors);
    }
}

/* 0 to 40 vectors, under the smallest M: where a rule for the usual case breaks. */
static void test_tiny(void)
{
    uint64_t rng = test_seed;
    for (size_t n = 0; n <= 40; n++) {
        for (int kind = 0; kind < DATA_KINDS; kind++) {
            float *vectors = data_make(&rng, n, 3, (enum data_kind)kind, 0);
            struct n2_options options = random_options(&rng, metrics[n % 3]);
            options.M = options.max_m0 = 2;
            struct n2_index *index = index_make(&options, 3, vectors, n, 2);
            REQUIRE(index != NULL);
            CHECK_SOUND(index);
            n2_free(index);
            free(vectors);
        }
    }
}

/* Equal vectors beyond what any list could hold. */
static void test_duplicates(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(2000, 200), dim = 5;
    const int shares[] = {0, 30, 90, 100};
    for (size_t s = 0; s < 4; s++) {
        for (size_t m = 0; m < 3; m++) {
            float *vectors = data_make(&rng, n, dim, DATA_NORMAL, shares[s]);
            struct n2_options options = options_of(metrics[m]);
            options.M = 4;
            struct n2_index *index = index_make(&options, dim, vectors, n / 2, 2);
            REQUIRE(index != NULL);
            CHECK_STATUS(0, n2_add(index, vectors + n / 2 * dim, n - n / 2, NULL));
            CHECK_STATUS(0, build_on(index, 2));
            CHECK_SOUND(index);
            struct n2_stats stats = {.size = sizeof stats};
            CHECK_STATUS(0, n2_get_stats(index, &stats));
            CHECKF((shares[s] == 0) == (stats.n_duplicates == 0), "%d %%: %llu duplicates",
                   shares[s], (unsigned long long)stats.n_duplicates);
            if (shares[s] == 100)
                CHECK(stats.n_duplicates == n - 1);

            /* All that equal a vector come before the first that does not. */
            struct n2_neighbor *out = must_alloc(n, sizeof *out);
            size_t n_out = 0;
            CHECK_STATUS(0, n2_search_id(index, (uint32_t)(n - 1), n, NULL, out, &n_out));
            CHECK(n_out == n);
            CHECK_RESULTS(metrics[m], out, n_out, n);
            free(out);
            n2_free(index);
            free(vectors);
        }
    }
}

/* A dozen vectors with few values, in two builds: duplicates within a build, across builds, of the
 * entry point, and of nodes that are themselves about to be found to be duplicates. */
static void test_few_values(void)
{
    uint64_t rng = test_seed;
    for (size_t round = test_scale(4000, 100); round--;) {
        float values[12];
        size_t n = 1 + rng_below(&rng, 12), n_first = rng_below(&rng, n + 1);
        for (size_t i = 0; i < n; i++)
            values[i] = 1 + (float)rng_below(&rng, 6);
        struct n2_options options = random_options(&rng, metrics[round % 3]);
        struct n2_index *index = index_make(&options, 1, values, n_first, 1);
        REQUIRE(index != NULL);
        CHECK_STATUS(0, n2_add(index, values + n_first, n - n_first, NULL));
        CHECK_STATUS(0, build_on(index, 1));
        CHECK_SOUND(index);
        n2_free(index);
    }
}

/* Signed zeros are equal numbers and different bits. */
static void test_signed_zero(void)
{
    const float vectors[] = {0.0f, 1, -0.0f, 1, 0.0f, 1, -0.0f, 1};
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, 2, vectors, 4, 1);
    REQUIRE(index != NULL);
    CHECK_SOUND(index);
    for (uint32_t id = 0; id < 4; id++) {
        float back[2];
        CHECK_STATUS(0, n2_vector(index, id, back));
        CHECK(!memcmp(back, vectors + id * 2, sizeof back));
    }
    struct n2_neighbor out[4];
    size_t n = 0;
    CHECK_STATUS(0, n2_search(index, vectors, 4, NULL, out, &n));
    CHECK(n == 4);
    for (uint32_t i = 0; i < n; i++)
        CHECK(out[i].id == i && out[i].distance == 0);
    n2_free(index);
}

/* Clusters so far apart that within each all others are equally far; in order and mixed. */
static void test_clusters(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(2500, 300), dim = 12;
    const enum data_kind kinds[] = {DATA_TWO_FAR, DATA_SORTED, DATA_CLUSTERS};
    for (size_t i = 0; i < 3; i++) {
        for (int selection = N2_HEURISTIC; selection <= N2_NAIVE; selection++) {
            float *vectors = data_make(&rng, n, dim, kinds[i], 0);
            struct n2_options options = options_of(N2_L2);
            options.selection = selection;
            options.M = 6;
            options.ef_construction = 40;
            struct n2_index *index = index_make(&options, dim, vectors, n, 2);
            REQUIRE(index != NULL);
            CHECK_SOUND(index);
            n2_free(index);
            free(vectors);
        }
    }
}

/* A far cluster comes to a finished index: it is found, from within and from outside. */
static void test_far_cluster(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(2000, 300), n_far = n / 4, dim = 12;
    for (size_t m = 0; m < 3; m++) {
        for (int merging = N2_MERGE_SKIP; merging <= N2_MERGE_LEVEL0; merging++) {
            float *vectors = data_make(&rng, n + n_far, dim, DATA_NORMAL, 0);
            for (size_t i = n * dim; i < (n + n_far) * dim; i++)
                vectors[i] = vectors[i] + (i % dim < 4 ? 500.0f : -200.0f);
            struct n2_options options = options_of(metrics[m]);
            options.merging = merging;
            struct n2_index *index = index_make(&options, dim, vectors, n, 2);
            REQUIRE(index != NULL);
            CHECK_SOUND(index);
            CHECK_STATUS(0, n2_add(index, vectors + n * dim, n_far, NULL));
            CHECK_STATUS(0, build_on(index, 2));
            CHECK_SOUND(index);
            size_t found = 0, n_out = 0;
            struct n2_search_options o;
            n2_search_options_init(&o);
            o.ef = n / 20;
            for (size_t q = 0; q < 50; q++) {
                struct n2_neighbor out[10], exact[10];
                const float *query = vectors + (n + rng_below(&rng, n_far)) * dim;
                CHECK_STATUS(0, n2_search(index, query, 10, &o, out, &n_out));
                CHECK_STATUS(0, n2_search_exact(index, query, 1, 10, exact, &n_out));
                for (size_t i = 0; i < 10; i++) /* as near as the tenth will do */
                    found += !precedes(metrics[m], exact[9], out[i]) ||
                             out[i].distance == exact[9].distance;
            }
            CHECKF(found >= 475, "metric %d: %zu of 500 neighbours in the far cluster", metrics[m],
                   found);
            n2_free(index);
            free(vectors);
        }
    }
}

/* One vector, then one more, and so on: each with a build of its own. */
static void test_one_by_one(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(400, 60), dim = 6;
    for (size_t m = 0; m < 3; m++) {
        float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 10);
        struct n2_options options = options_of(metrics[m]);
        options.M = 4;
        struct n2_index *index = index_make(&options, dim, vectors, 0, 1);
        REQUIRE(index != NULL);
        for (size_t i = 0; i < n; i++) {
            CHECK_STATUS(0, n2_add(index, vectors + i * dim, 1, NULL));
            CHECK_STATUS(0, build_on(index, 1));
            if (i % 16 == 0 || i < 8)
                CHECK_SOUND(index);
        }
        CHECK_SOUND(index);
        n2_free(index);
        free(vectors);
    }
}

/* The extremes of every option, together with a graph large enough to need levels. */
static void test_limits(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(600, 150), dim = 4;
    float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
    for (int i = 0; i < 8; i++) {
        struct n2_options options = options_of(N2_L2);
        options.M = i & 1 ? 2 : N2_MAX_M;
        options.max_m0 = i & 1 ? 2 : 2 * N2_MAX_M;
        options.level_multiplier = i & 2 ? 16 : 1e-9;
        options.ef_construction = i & 4 ? 1 : N2_MAX_EF;
        struct n2_index *index = index_make(&options, dim, vectors, n, 2);
        REQUIRE(index != NULL);
        CHECK_SOUND(index);
        struct n2_stats stats = {.size = sizeof stats};
        CHECK_STATUS(0, n2_get_stats(index, &stats));
        CHECK(stats.max_level <= N2_MAX_LEVEL && (i & 2 ? stats.max_level > 10 : !stats.max_level));
        n2_free(index);
    }
    free(vectors);
}

/* The highest dimension. */
static void test_wide(void)
{
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, 20, N2_MAX_DIM, DATA_NORMAL, 10);
    struct n2_index *index = index_make(NULL, N2_MAX_DIM, vectors, 20, 2);
    REQUIRE(index != NULL);
    CHECK_SOUND(index);
    struct n2_neighbor out[1];
    size_t n = 0;
    CHECK_STATUS(0, n2_search_id(index, 7, 1, NULL, out, &n));
    CHECK(n == 1 && out[0].distance < 1e-4f);
    n2_free(index);
    free(vectors);
}

static const struct test_case cases[] = {
    {"random", test_random},           {"tiny", test_tiny},
    {"duplicates", test_duplicates},   {"few_values", test_few_values},
    {"signed_zero", test_signed_zero}, {"clusters", test_clusters},
    {"far_cluster", test_far_cluster}, {"one_by_one", test_one_by_one},
    {"limits", test_limits},           {"wide", test_wide},
};
TEST_MAIN(cases)
