/* recall.c - tests of how much a search finds: the original N2's own cases, and word vectors.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "../tune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Squared distances of small integers are exact. */
static void test_three(void)
{
    const float vectors[] = {0, 0, 1, 0, 1, 0, 1, 0, 0}, query[] = {1, 2, 3};
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, 3, vectors, 3, 1);
    REQUIRE(index != NULL);
    struct n2_neighbor out[3];
    size_t n = 0;
    CHECK_STATUS(0, n2_search(index, query, 3, NULL, out, &n));
    REQUIRE(n == 3);
    for (uint32_t i = 0; i < 3; i++)
        CHECK(out[i].id == i && out[i].distance == (float)(9 + 2 * i));
    n2_free(index);
}

#define SPHERES 10000
#define SPHERES_DIM 10

/* Vector i in a random direction at distance i from 0; under angular from (1000, 0, ...). */
static float *spheres(uint64_t *rng, bool angular)
{
    float *vectors = must_alloc((size_t)SPHERES * SPHERES_DIM, sizeof *vectors);
    for (size_t i = 0; i < SPHERES; i++) {
        float *row = vectors + i * SPHERES_DIM;
        double norm = 0;
        for (size_t j = angular; j < SPHERES_DIM; j++) {
            row[j] = rng_normal(rng);
            norm += (double)row[j] * (double)row[j];
        }
        for (size_t j = angular; j < SPHERES_DIM; j++)
            row[j] = (float)(row[j] / sqrt(norm) * (double)i);
        if (angular)
            row[0] = 1000;
    }
    return vectors;
}

/* The n nearest are 0..n-1, in order. */
static void check_spheres(int metric)
{
    uint64_t rng = test_seed;
    float *vectors = spheres(&rng, metric == N2_ANGULAR);
    float query[SPHERES_DIM] = {metric == N2_ANGULAR ? 1000.0f : 0.0f};
    struct n2_options options = options_of(metric);
    struct n2_index *index = index_make(&options, SPHERES_DIM, vectors, SPHERES, 0);
    free(vectors);
    REQUIRE(index != NULL);
    static struct n2_neighbor out[1000];
    for (size_t n = 1; n <= 1000; n *= 10) {
        size_t n_out = 0, found = 0, descents = 0;
        CHECK_STATUS(0, n2_search(index, query, n, NULL, out, &n_out));
        CHECK(n_out == n);
        for (size_t i = 0; i < n_out; i++) {
            found += out[i].id < n;
            descents += i && out[i].id < out[i - 1].id;
        }
        CHECKF((double)found >= 0.98 * (double)n, "metric %d: %zu of the %zu nearest", metric,
               found, n);
        CHECKF(descents == 0, "metric %d: %zu of %zu results out of order", metric, descents, n);
    }
    n2_free(index);
}

static void test_spheres_angular(void)
{
    check_spheres(N2_ANGULAR);
}

static void test_spheres_l2(void)
{
    check_spheres(N2_L2);
}

#define K 10
#define HELD_OUT 500

static size_t common(const struct n2_neighbor *a, const struct n2_neighbor *b, size_t n)
{
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            found += a[i].id == b[j].id;
    return found;
}

/* The rows of testdata: every twentieth is held out as a query; as many of the rest ask as well. */
static void check_words(int metric)
{
    float *all = data_glove(), *held = must_alloc(HELD_OUT * GLOVE_DIM, sizeof *held);
    float *rows = must_alloc((size_t)GLOVE_N * GLOVE_DIM, sizeof *rows);
    size_t n = 0, n_held = 0;
    for (size_t i = 0; i < GLOVE_N; i++) {
        bool hold = i % (GLOVE_N / HELD_OUT) == 7;
        memcpy(hold ? held + n_held++ * GLOVE_DIM : rows + n++ * GLOVE_DIM, all + i * GLOVE_DIM,
               GLOVE_DIM * sizeof *rows);
    }
    free(all);
    struct n2_options options = options_of(metric);
    struct n2_index *index = index_make(&options, GLOVE_DIM, rows, n, 0);
    REQUIRE(index != NULL);
    CHECK_SOUND(index);
    struct n2_neighbor *exact = must_alloc(HELD_OUT * K, sizeof *exact);
    struct n2_neighbor *found = must_alloc(HELD_OUT * K, sizeof *found);
    size_t counts[HELD_OUT];
    struct n2_search_options o;
    n2_search_options_init(&o);
    o.ef = 200;
    for (int held_out = 0; held_out < 2; held_out++) {
        const float *queries = held_out ? held : rows + (size_t)1000 * GLOVE_DIM;
        CHECK_STATUS(0, n2_search_exact(index, queries, HELD_OUT, K, exact, counts));
        CHECK_STATUS(0, n2_search_batch(index, queries, HELD_OUT, K, &o, found, counts));
        double recall = 0;
        for (size_t i = 0; i < HELD_OUT; i++)
            recall += (double)common(exact + i * K, found + i * K, K) / K / HELD_OUT;
        printf("metric %d, %s: recall@10 at ef 200 is %.4f\n", metric,
               held_out ? "held out" : "in the index", recall);
        CHECKF(recall >= 0.99, "metric %d, held out %d: recall %.4f", metric, held_out, recall);
    }
    n2_free(index);
    free(rows);
    free(held);
    free(exact);
    free(found);
}

/* Vectors of which the first dimensions count most; under dot lengths differ by up to six times. */
static float *uneven_vectors(uint64_t *rng, int metric, size_t n, size_t dim)
{
    float *vectors = data_make(rng, n, dim, DATA_NORMAL, 0);
    for (size_t i = 0; i < n; i++) {
        float length = metric == N2_DOT ? 1 / (0.2f + (float)rng_unit(rng)) : 1;
        for (size_t j = 0; j < dim; j++)
            vectors[i * dim + j] *= length / (1 + (float)j / 8);
    }
    return vectors;
}

#define BUILDS 3 /* each measures recall by other queries, and errs by that */

/* What searches that are asked for recall find, on average over the builds, of queries that are not
 * in the index. */
static void check_asked(struct n2_index *const *indexes, const float *queries, size_t n, size_t k,
                        const struct n2_neighbor *exact, size_t n_exact)
{
    struct n2_stats stats = {.size = sizeof stats};
    struct n2_neighbor *found = must_alloc(BUILDS * n * k, sizeof *found);
    size_t *counts = must_alloc(n, sizeof *counts);
    double before = 0;
    CHECK_STATUS(0, n2_get_stats(indexes[0], &stats));
    for (int ask = 90; ask <= 99; ask += ask == 90 ? 5 : 4) {
        struct n2_search_options o;
        struct sample sample = {0, 0, 0};
        n2_search_options_init(&o);
        o.recall = (float)ask / 100;
        for (size_t b = 0; b < BUILDS; b++)
            CHECK_STATUS(0,
                         n2_search_batch(indexes[b], queries, n, k, &o, found + b * n * k, counts));
        for (size_t i = 0; i < n; i++) {
            size_t n_common = 0;
            for (size_t b = 0; b < BUILDS; b++)
                n_common += common(exact + i * n_exact, found + (b * n + i) * k, k);
            sample_add(&sample, (double)n_common / (double)(BUILDS * k));
        }
        double recall = sample_mean(sample), error = sample_error(sample);
        printf("metric %d, dim %llu, k %zu: asked %.2f, got %.4f, standard error %.4f\n",
               stats.metric, (unsigned long long)stats.dim, k, ask / 100.0, recall, error);
        CHECKF(recall >= ask / 100.0 - 0.01 - 3 * error && recall >= before - 0.005,
               "metric %d, dim %llu, k %zu: asked %.2f, got %.4f, standard error %.4f",
               stats.metric, (unsigned long long)stats.dim, k, ask / 100.0, recall, error);
        before = recall;
    }
    free(found);
    free(counts);
}

static void test_asked(void)
{
    uint64_t rng = test_seed;
    const size_t n = 20000, n_queries = 4000, most = 100;
    const struct {
        int metric, navigation;
        size_t dim;
    } plans[] = {{N2_L2, N2_NAVIGATE_AUTO, 24},
                 {N2_ANGULAR, N2_NAVIGATE_AUTO, 40},
                 {N2_DOT, N2_NAVIGATE_AUTO, 40},
                 {N2_DOT, N2_NAVIGATE_VECTORS, 24}};
    for (size_t p = 0; p < sizeof plans / sizeof *plans; p++) {
        size_t dim = plans[p].dim;
        float *vectors = uneven_vectors(&rng, plans[p].metric, n + n_queries, dim);
        const float *queries = vectors + n * dim;
        struct n2_options options = options_of(plans[p].metric);
        options.navigation = plans[p].navigation;
        struct n2_index *indexes[BUILDS];
        for (size_t b = 0; b < BUILDS; b++) {
            options.seed = test_seed + b;
            indexes[b] = index_make(&options, dim, vectors, n, 0);
            REQUIRE(indexes[b] != NULL);
        }
        struct n2_neighbor *exact = must_alloc(n_queries * most, sizeof *exact);
        size_t *counts = must_alloc(n_queries, sizeof *counts);
        CHECK_STATUS(0, n2_search_exact(indexes[0], queries, n_queries, most, exact, counts));
        for (size_t k = 1; k <= most; k *= 10) /* of one neighbour all or nothing is found */
            check_asked(indexes, queries, k == 1 ? n_queries : n_queries / 4, k, exact, most);
        for (size_t b = 0; b < BUILDS; b++)
            n2_free(indexes[b]);
        free(vectors);
        free(exact);
        free(counts);
    }
}

/* Under dot, vectors longer than all there are come in a build that is too small to measure recall:
 * most queries are answered by these. */
static void test_longer(void)
{
    uint64_t rng = test_seed;
    const size_t n = 10000, n_queries = 1000, dim = 40;
    for (size_t n_longer = 20; n_longer <= 500; n_longer *= 5) {
        float *vectors = data_make(&rng, n + n_longer, dim, DATA_NORMAL, 0);
        float *queries = data_make(&rng, n_queries, dim, DATA_NORMAL, 0);
        for (size_t i = n * dim; i < (n + n_longer) * dim; i++)
            vectors[i] *= 5;
        struct n2_options options = options_of(N2_DOT);
        struct n2_index *index = index_make(&options, dim, vectors, n, 2);
        REQUIRE(index != NULL);
        CHECK_STATUS(0, n2_add(index, vectors + n * dim, n_longer, NULL));
        CHECK_STATUS(0, build_on(index, 2));
        struct n2_neighbor *exact = must_alloc(n_queries * K, sizeof *exact);
        struct n2_neighbor *found = must_alloc(n_queries * K, sizeof *found);
        size_t *counts = must_alloc(n_queries, sizeof *counts), n_found = 0;
        CHECK_STATUS(0, n2_search_exact(index, queries, n_queries, K, exact, counts));
        CHECK_STATUS(0, n2_search_batch(index, queries, n_queries, K, NULL, found, counts));
        for (size_t i = 0; i < n_queries; i++)
            n_found += common(exact + i * K, found + i * K, K);
        printf("%zu longer ones: %zu of %zu found\n", n_longer, n_found, n_queries * K);
        CHECKF(n_found >= n_queries * K * 85 / 100, "%zu longer ones: %zu of %zu found", n_longer,
               n_found, n_queries * K);
        n2_free(index);
        free(vectors);
        free(queries);
        free(exact);
        free(found);
        free(counts);
    }
}

/* One in 50 of all nodes, but from 50 to 1,500, are queries. A build that adds to a graph makes do
 * with a quarter of what it adds, if that is 400 or as many as one in 50. */
static void test_enough(void)
{
    static const struct {
        size_t n_nodes, n_new, enough;
    } cases[] = {
        {199, 199, 0},
        {200, 200, 50},
        {2500, 2500, 50},
        {10000, 10000, 200},
        {20000, 20000, 400},
        {75000, 75000, 1500},
        {2000000000, 2000000000, 1500},
        /* to a graph that there is */
        {2500, 199, 0},
        {2500, 200, 50},
        {10000, 799, 0},
        {10000, 800, 200},
        {1000000, 1599, 0},
        {1000000, 1600, 400},
        {1000000, 4000, 1000},
        {1000000, 6000, 1500},
        {2000000000, 1000000, 1500},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t enough = n2_tune_enough(cases[i].n_nodes, cases[i].n_new);
        CHECKF(enough == cases[i].enough, "%zu of %zu nodes: %zu queries", cases[i].n_new,
               cases[i].n_nodes, enough);
    }
}

/* recall@10 of searches asked for 0.95, when the build was given `queries` of the n_all there are,
 * or none. The rest of them are asked. */
static double foreign_recall(int metric, size_t dim, const float *vectors, size_t n,
                             const float *queries, size_t n_all, size_t n_given)
{
    size_t n_asked = n_all - n_given;
    struct n2_options options = options_of(metric);
    struct n2_index *index = index_make(&options, dim, vectors, n, -1);
    struct n2_neighbor *exact = must_alloc(n_asked * K, sizeof *exact);
    struct n2_neighbor *found = must_alloc(n_asked * K, sizeof *found);
    size_t *counts = must_alloc(n_asked, sizeof *counts);
    struct n2_build_options build;
    n2_build_options_init(&build);
    build.queries = queries;
    build.n_queries = n_given;
    double share = 0;
    if (index && CHECK_STATUS(0, n2_build(index, &build))) {
        CHECK_SOUND(index);
        struct n2_search_options o;
        n2_search_options_init(&o);
        o.recall = 0.95f;
        const float *asked = queries + n_given * dim;
        CHECK_STATUS(0, n2_search_exact(index, asked, n_asked, K, exact, counts));
        CHECK_STATUS(0, n2_search_batch(index, asked, n_asked, K, &o, found, counts));
        for (size_t i = 0; i < n_asked; i++)
            share += (double)common(exact + i * K, found + i * K, K) / (double)(K * n_asked);
    }
    n2_free(index);
    free(exact);
    free(found);
    free(counts);
    return share;
}

/* Queries that are distributed unlike the vectors, and vary most where these hardly do: a build
 * that is given some finds what it is asked for. */
static void test_foreign_queries(void)
{
    uint64_t rng = test_seed;
    const size_t n = 10000, n_queries = 1000, n_given = 400, dim = 128;
    float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
    float *queries = data_make(&rng, n_queries, dim, DATA_NORMAL, 0);
    for (size_t i = 0; i < n * dim; i++)
        vectors[i] /= 1 + (float)(i % dim) / 6;
    for (size_t i = 0; i < n_queries * dim; i++)
        queries[i] = queries[i] * (0.2f + (float)(i % dim) / 40) + (i % 2 ? 0.5f : 0);
    const int metrics[] = {N2_ANGULAR, N2_L2, N2_DOT};
    for (size_t m = 0; m < 3; m++) {
        double without = foreign_recall(metrics[m], dim, vectors, n, queries + n_given * dim,
                                        n_queries - n_given, 0);
        double with = foreign_recall(metrics[m], dim, vectors, n, queries, n_queries, n_given);
        printf("metric %d: asked 0.95, got %.4f, and with queries given %.4f\n", metrics[m],
               without, with);
        CHECKF(with >= 0.925, "metric %d: recall %.4f", metrics[m], with);
    }
    free(vectors);
    free(queries);
}

static void test_words_angular(void)
{
    check_words(N2_ANGULAR);
}

static void test_words_l2(void)
{
    check_words(N2_L2);
}

static void test_words_dot(void)
{
    check_words(N2_DOT);
}

static const struct test_case cases[] = {
    {"three", test_three},           {"spheres_angular", test_spheres_angular},
    {"spheres_l2", test_spheres_l2}, {"words_angular", test_words_angular},
    {"words_l2", test_words_l2},     {"words_dot", test_words_dot},
    {"asked", test_asked},           {"longer", test_longer},
    {"enough", test_enough},         {"foreign_queries", test_foreign_queries},
};
TEST_MAIN(cases)
