/* hard.c - tests of navigation on hard sets: codes find as much as vectors do, or there are none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef void change_fn(float *vectors, size_t n, size_t dim);

#define QUERIES 100 /* the last vectors of a hard set */

/* A few vectors and some queries have a huge coordinate, not all the same. */
static void few_huge(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i++)
        if (i % 500 == 0 || (i >= n - QUERIES && i % 10 == 0))
            vectors[i * dim + i / 10 % 3] *= 1e6f;
}

/* The same, in every fortieth. */
static void many_huge(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i += 40)
        vectors[i * dim + i / 40 % 3] *= 1e6f;
}

/* In a cloud, one vector in seventy and half of the queries are very near each other. */
static void knot(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < dim; j++)
            if (i % 71 == 3 || (i >= n - QUERIES && i % 2))
                vectors[i * dim + j] = 1 + 0.01f * vectors[i * dim + j];
}

/* Queries lie outside the cloud. */
static void outside(float *vectors, size_t n, size_t dim)
{
    for (size_t i = (n - QUERIES) * dim; i < n * dim; i++)
        vectors[i] *= 2;
}

static void one_huge(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n; i++)
        vectors[i * dim + 1] *= 1e6f;
}

static void constant_coordinates(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n * dim; i++)
        if (i % dim % 3)
            vectors[i] = (float)(i % dim) - 7;
}

static void integers(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n * dim; i++)
        vectors[i] = floorf(fminf(fmaxf(64 * fabsf(vectors[i]), 0), 255));
}

static void tiny(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n * dim; i++)
        vectors[i] *= 1e-20f;
}

static void small(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n * dim; i++)
        vectors[i] *= 1e-15f;
}

static void large(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n * dim; i++)
        vectors[i] *= 1e17f;
}

static void far_clusters(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n * dim; i++)
        vectors[i] = 10 * vectors[i] + (i / dim % 2 ? 1e6f : -1e6f);
}

static void heavy_tails(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n * dim; i++)
        vectors[i] = (float)exp(2 * (double)vectors[i]);
}

static void fall(float *vectors, size_t n, size_t dim)
{
    for (size_t i = 0; i < n * dim; i++)
        vectors[i] /= 1 + (float)(i % dim) / 4;
}

static const struct hard {
    const char *name;
    size_t n, dim;
    enum data_kind kind;
    int duplicates;
    change_fn *change;
    int metrics; /* bits: 1 angular, 2 L2 */
} hard_sets[] = {
    {"few huge", 2000, 20, DATA_NORMAL, 0, few_huge, 3},
    {"many huge", 2000, 20, DATA_NORMAL, 0, many_huge, 2},
    {"one huge coordinate", 2000, 20, DATA_NORMAL, 0, one_huge, 3},
    {"knot", 2000, 20, DATA_NORMAL, 0, knot, 3},
    {"outside", 2000, 20, DATA_NORMAL, 0, outside, 2},
    {"constant coordinates", 2000, 30, DATA_NORMAL, 0, constant_coordinates, 2},
    {"duplicates", 2500, 20, DATA_NORMAL, 30, NULL, 2},
    {"integers", 2000, 24, DATA_NORMAL, 0, integers, 2},
    {"1 coordinate", 2000, 1, DATA_NORMAL, 0, NULL, 2},
    {"2 coordinates", 2000, 2, DATA_NORMAL, 0, NULL, 2},
    {"3 coordinates", 2000, 3, DATA_NORMAL, 0, NULL, 2},
    {"4 coordinates", 2000, 4, DATA_NORMAL, 0, NULL, 3},
    {"1100 coordinates", 800, 1100, DATA_NORMAL, 0, fall, 2},
    {"4096 coordinates", 450, 4096, DATA_NORMAL, 0, fall, 1},
    {"around 1e-20", 2000, 20, DATA_NORMAL, 0, tiny, 2},
    {"around 1e-15", 2000, 20, DATA_NORMAL, 0, small, 2},
    {"around 1e17", 2000, 20, DATA_NORMAL, 0, large, 3},
    {"far clusters", 2000, 20, DATA_NORMAL, 0, far_clusters, 3},
    {"heavy tails", 2000, 20, DATA_NORMAL, 0, heavy_tails, 3},
    {"normal", 2000, 24, DATA_NORMAL, 0, NULL, 1},
    {"clusters", 2000, 24, DATA_CLUSTERS, 0, NULL, 3},
    {"sorted", 2000, 24, DATA_SORTED, 0, NULL, 2},
    {"two far", 2000, 24, DATA_TWO_FAR, 0, NULL, 2},
    {"grid", 2000, 24, DATA_GRID, 0, NULL, 2},
    {"line", 2000, 24, DATA_LINE, 0, NULL, 1},
    {"constant", 2000, 24, DATA_CONSTANT, 0, NULL, 2},
};

struct compared {
    uint32_t axes;
    double by_codes, by_vectors; /* recall */
};

/* recall@10 of queries[n_queries][dim] as the default navigation gives it, and by vectors. */
static struct compared compare(int metric, size_t dim, const float *vectors, size_t n,
                               const float *queries, size_t n_queries)
{
    const int navigations[] = {N2_NAVIGATE_VECTORS, N2_NAVIGATE_AUTO};
    struct compared compared = {0, 0, 0};
    for (int i = 0; i < 2; i++) {
        struct n2_options options = navigating(metric, navigations[i]);
        options.ef_construction = 60;
        struct n2_index *index = index_make(&options, dim, vectors, n, 2);
        if (!index)
            break;
        CHECK_SOUND(index);
        compared.axes = stats_of(index).code_axes;
        CHECK(compared.axes == 0 || i == 1);
        *(i ? &compared.by_codes : &compared.by_vectors) =
            recall(index, vectors, queries, n_queries, 200);
        n2_free(index);
    }
    return compared;
}

/* Codes find as much as vectors do, whatever the set; or there are none. */
static void check_hard(const struct hard *set, int metric, uint64_t *rng)
{
    const size_t n = test_scale(set->n, 450), dim = set->dim;
    float *vectors = data_make(rng, n + QUERIES, dim, set->kind, set->duplicates);
    if (set->change)
        set->change(vectors, n + QUERIES, dim);
    /* The queries: 50 of the index, all others. */
    struct compared c = compare(metric, dim, vectors, n, vectors + (n - 50) * dim, 50 + QUERIES);
    printf("%s, metric %d: %u axes, recall %.4f, by vectors %.4f\n", set->name, metric, c.axes,
           c.by_codes, c.by_vectors);
    double tolerance = n < 1000 ? 0.02 : 0.01; /* beams are narrow where n is small */
    CHECKF(c.by_codes >= c.by_vectors - tolerance, "%s, metric %d: recall %.4f, by vectors %.4f",
           set->name, metric, c.by_codes, c.by_vectors);
    free(vectors);
}

static void test_hard_sets(void)
{
    uint64_t rng = test_seed;
    for (size_t i = 0; i < sizeof hard_sets / sizeof *hard_sets; i++)
        for (int metric = N2_ANGULAR; metric <= N2_L2; metric++)
            if (hard_sets[i].metrics & metric)
                check_hard(&hard_sets[i], metric, &rng);
}

/* Under dot long vectors win, which codes must tell from short ones. */
static void test_norms(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(2000, 1000), n_queries = 300;
    const double skews[] = {0, 0.3, 1};
    for (size_t i = 0; i < 6; i++) {
        const size_t dim = i % 2 ? 16 : 8;
        float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
        float *queries = data_make(&rng, n_queries, dim, DATA_NORMAL, 0);
        for (size_t row = 0; row < n; row++) {
            float factor = (float)exp(skews[i / 2] * (double)rng_normal(&rng));
            for (size_t j = 0; j < dim; j++)
                vectors[row * dim + j] *= factor;
        }
        struct compared c = compare(N2_DOT, dim, vectors, n, queries, n_queries);
        printf("norms, dim %zu, skew %g: %u axes, recall %.4f, by vectors %.4f\n", dim,
               skews[i / 2], c.axes, c.by_codes, c.by_vectors);
        CHECKF(c.by_codes >= c.by_vectors - 0.02, "dim %zu, skew %g: recall %.4f, by vectors %.4f",
               dim, skews[i / 2], c.by_codes, c.by_vectors);
        free(vectors);
        free(queries);
    }
}

/* Vectors in pairs that hardly differ: each finds itself, searches find what they are asked for,
 * and the index comes back from its file. */
static void test_twins(void)
{
    uint64_t rng = test_seed;
    const size_t n = 6000, dim = 32, n_queries = 200;
    const float apart[] = {1e-22f, 1e-6f, 1e-5f, 1e-3f};
    for (size_t i = 0; i < 2 * sizeof apart / sizeof *apart; i++) {
        int navigation = i % 2 ? N2_NAVIGATE_VECTORS : N2_NAVIGATE_AUTO;
        float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
        float *queries = data_make(&rng, 2 * n_queries, dim, DATA_NORMAL, 0);
        for (size_t row = 0; row < n; row++) {
            if (row % 2)
                memcpy(vectors + row * dim, vectors + (row - 1) * dim, dim * sizeof(float));
            vectors[row * dim + dim - 1] = row % 2 ? apart[i / 2] : 0;
        }
        struct n2_options options = navigating(N2_L2, navigation);
        struct n2_index *index = index_make(&options, dim, vectors, n, -1);
        struct n2_build_options build;
        n2_build_options_init(&build);
        build.queries = queries + n_queries * dim; /* which are none of a pair */
        build.n_queries = n_queries;
        REQUIRE(index != NULL && CHECK_STATUS(0, n2_build(index, &build)));
        double selves = recall_of(index, vectors, n_queries, 1, NULL);
        double others = recall_of(index, queries, n_queries, K, NULL);
        printf("twins %g apart, navigation %d: %.3f find themselves, recall %.3f\n",
               (double)apart[i / 2], navigation, selves, others);
        CHECK(selves >= 0.95 && others >= 0.93);
        CHECK_COMES_BACK(index);
        n2_free(index);
        free(vectors);
        free(queries);
    }
}

/* A few that nearly equal others leave an index its codes. */
static void test_few_twins(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(4000, 2000), dim = 96;
    float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
    for (size_t row = 0; row < n; row++)
        for (size_t j = 0; j < dim && row % 20 == 1; j++)
            vectors[row * dim + j] = vectors[(row - 1) * dim + j] * (1 + 1e-3f * (float)(j % 3));
    struct n2_options options = navigating(N2_ANGULAR, N2_NAVIGATE_AUTO);
    struct n2_index *index = index_make(&options, dim, vectors, n, 2);
    REQUIRE(index != NULL);
    CHECK(stats_of(index).code_axes > 0);
    CHECK(recall_of(index, vectors, 100, 1, NULL) >= 0.95);
    n2_free(index);
    free(vectors);
}

/* Under dot only the direction of a query counts, however short it is. */
static void test_short_queries(void)
{
    uint64_t rng = test_seed;
    const size_t n = 4000, dim = 64, n_queries = 100;
    float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
    float *queries = data_make(&rng, n_queries, dim, DATA_NORMAL, 0);
    struct n2_options options = navigating(N2_DOT, N2_NAVIGATE_AUTO);
    struct n2_index *index = index_make(&options, dim, vectors, n, 2);
    REQUIRE(index != NULL);
    CHECK(stats_of(index).code_axes > 0);
    for (float size = 1; size > 1e-33f; size *= 1e-8f) {
        double found = recall_of(index, queries, n_queries, K, NULL);
        CHECKF(found >= 0.9, "of length %g: recall %.3f", (double)size, found);
        for (size_t i = 0; i < n_queries * dim; i++)
            queries[i] *= 1e-8f;
    }
    n2_free(index);
    free(vectors);
    free(queries);
}

static const struct test_case cases[] = {
    {"twins", test_twins},
    {"few_twins", test_few_twins},
    {"short_queries", test_short_queries},
    {"hard_sets", test_hard_sets},
    {"norms", test_norms},
};
TEST_MAIN(cases)
