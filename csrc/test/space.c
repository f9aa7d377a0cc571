/* space.c - tests of codes: the directions they are made of, when there are any, what is found by
 *           them, and what a file holds of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Recall is counted by distance: a result counts that is no farther than the last of the exact
 * ones. The graph is walked only where it holds more than 16 nodes for each place in the beam, so
 * beams are as wide as that allows.
 */
#include "craft.h"
#include "support.h"

#include "../axes.h"
#include "../space.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define K 10

static const int metrics[] = {N2_ANGULAR, N2_L2, N2_DOT};

static struct n2_stats stats_of(struct n2_index *index)
{
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECKF((stats.code_axes == 0) == (stats.code_bytes == 0) && stats.code_axes <= 512 &&
               stats.code_axes <= stats.dim + (stats.metric == N2_DOT),
           "%u axes, %llu bytes of codes", stats.code_axes, (unsigned long long)stats.code_bytes);
    if (stats.code_axes) /* five bits an axis at least, for each vector that is built */
        CHECK(stats.code_bytes * 8 >= (stats.n_vectors - stats.n_pending) * stats.code_axes * 5);
    return stats;
}

static struct n2_options navigating(int metric, int navigation)
{
    struct n2_options options = options_of(metric);
    options.navigation = navigation;
    return options;
}

/* The widest beam, of at most `most`, with which a search still walks. */
static uint64_t walking_ef(struct n2_index *index, uint64_t most)
{
    struct n2_stats stats = stats_of(index);
    uint64_t n_linked = stats.n_vectors - stats.n_pending - stats.n_duplicates;
    uint64_t ef = n_linked < 17 * K ? K : n_linked / 17;
    return ef < most ? ef : most;
}

/* Every result has the distance of its vector. */
static void check_distances(int metric, const float *vectors, size_t dim, const float *query,
                            const struct n2_neighbor *results, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double bound,
            right = reference_distance(metric, query, vectors + results[i].id * dim, dim, &bound);
        CHECKF(fabs((double)results[i].distance - right) <= bound,
               "metric %d, id %u: distance %.9g instead of %.9g", metric, results[i].id,
               (double)results[i].distance, right);
    }
}

/* recall@10 of searches for queries[n][dim] with a beam of at most that width. `vectors` are those
 * of the index. */
static double recall(struct n2_index *index, const float *vectors, const float *queries, size_t n,
                     uint64_t most_ef)
{
    struct n2_stats stats = stats_of(index);
    struct n2_neighbor *exact = must_alloc(n * K, sizeof *exact);
    struct n2_neighbor *found = must_alloc(n * K, sizeof *found);
    size_t *counts = must_alloc(n, sizeof *counts), n_found = 0;
    struct n2_search_options options;
    n2_search_options_init(&options);
    options.ef = walking_ef(index, most_ef);
    options.threads = 2;
    CHECK_STATUS(0, n2_search_exact(index, queries, n, K, exact, counts));
    CHECK_STATUS(0, n2_search_batch(index, queries, n, K, &options, found, counts));
    for (size_t i = 0; i < n; i++) {
        struct n2_neighbor last = exact[i * K + K - 1];
        CHECKF(counts[i] == K, "%zu results", counts[i]);
        CHECK_RESULTS(stats.metric, found + i * K, counts[i], stats.n_vectors);
        check_distances(stats.metric, vectors, stats.dim, queries + i * stats.dim, found + i * K,
                        counts[i]);
        for (size_t j = 0; j < counts[i]; j++)
            n_found += stats.metric == N2_DOT ? found[i * K + j].distance >= last.distance
                                              : found[i * K + j].distance <= last.distance;
    }
    free(exact);
    free(found);
    free(counts);
    return (double)n_found / (double)(n * K);
}

/* ---- axes ------------------------------------------------------------------------------------ */

/* A computation of axes.h, as the leader of a team does it. */
struct task {
    struct n2_team *team;
    const struct n2_kernels *kernels;
    const float *sample; /* [n][dim] */
    size_t n, dim, n_axes;
    int32_t cancel;
    float *axes, *images; /* [n_axes][dim], [n][n_axes] */
};

static int find_axes(void *argument)
{
    struct task *t = argument;
    struct n2_cloud cloud;
    int status = n2_cloud_open(&cloud, t->team, t->kernels, t->sample, t->n, t->dim);
    if (!status)
        status = n2_axes_principal(&cloud, t->team, t->kernels, t->n_axes, test_seed, &t->cancel,
                                   t->axes);
    n2_cloud_close(&cloud);
    if (!status)
        n2_axes_project(t->team, t->kernels, t->sample, t->n, t->dim, t->axes, t->n_axes,
                        t->images);
    return status;
}

/* Fills the task's axes and images, which the caller frees. */
static void run_task(struct task *t, int threads)
{
    t->axes = must_alloc(t->n_axes * t->dim, sizeof(float));
    t->images = must_alloc(t->n * t->n_axes, sizeof(float));
    if (!CHECK_STATUS(0, n2_team_open(&t->team, threads)))
        return;
    CHECK_STATUS(0, n2_team_run(t->team, find_axes, t));
    n2_team_close(t->team);
}

static double product(const float *a, const float *b, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void check_orthonormal(const float *axes, size_t n_axes, size_t dim, const char *what)
{
    double worst = 0;
    for (size_t i = 0; i < n_axes; i++)
        for (size_t j = 0; j <= i; j++) {
            double off = fabs(product(axes + i * dim, axes + j * dim, dim) - (i == j));
            worst = off <= worst ? worst : off; /* NaN included */
        }
    CHECKF(worst <= 1e-4, "%s: %zu axes of %zu floats, a product is off by %g", what, n_axes, dim,
           worst);
}

/* A random rotation: an identity, mixed. */
static float *rotation(size_t dim, uint64_t seed)
{
    float *rows = must_alloc(dim * dim, sizeof *rows);
    for (size_t i = 0; i < dim; i++)
        rows[i * dim + i] = 1;
    n2_axes_mix(rows, dim, dim, seed);
    return rows;
}

/* sample[n][dim] of mean 0: along row i of `rows` independent normals times scales[i], i < rank. */
static float *rotated(uint64_t *rng, size_t n, size_t dim, const float *rows, const double *scales,
                      size_t rank)
{
    float *sample = must_alloc(n * dim, sizeof *sample);
    for (size_t i = 0; i < n; i += 2) { /* in pairs x, -x */
        for (size_t r = 0; r < rank; r++) {
            double x = (double)rng_normal(rng) * scales[r];
            for (size_t j = 0; j < dim; j++)
                sample[i * dim + j] += (float)(x * (double)rows[r * dim + j]);
        }
        for (size_t j = 0; j < dim && i + 1 < n; j++)
            sample[(i + 1) * dim + j] = -sample[i * dim + j];
    }
    return sample;
}

static double variance(const float *sample, size_t n, size_t dim, const float *axis)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        double x = product(sample + i * dim, axis, dim);
        sum += x * x;
    }
    return sum / (double)n;
}

/* Axes of a cloud whose spectrum is known: together they hold what the true ones hold. Where the
 * scales are far `apart`, each axis is the true one. */
static void check_principal(const double *scales, bool apart, uint64_t *rng)
{
    enum { DIM = 48, AXES = 10 };
    const size_t n = test_scale(4000, 1000);
    float *rows = rotation(DIM, test_seed);
    float *sample = rotated(rng, n, DIM, rows, scales, DIM);
    struct task task = {
        .kernels = n2_kernels(), .sample = sample, .n = n, .dim = DIM, .n_axes = AXES};
    run_task(&task, 2);
    check_orthonormal(task.axes, AXES, DIM, "falling spectrum");
    double best = 0, sum = 0, before = INFINITY;
    for (size_t i = 0; i < AXES; i++) {
        double right = variance(sample, n, DIM, rows + i * DIM);
        double got = variance(sample, n, DIM, task.axes + i * DIM);
        best += right;
        sum += got;
        if (apart && i < 4) {
            CHECKF(fabs(got - right) <= 0.05 * right, "axis %zu: variance %g instead of %g", i, got,
                   right);
            CHECKF(got <= before, "axis %zu: variance %g after %g", i, got, before);
        }
        if (i >= 4)
            CHECKF(sum >= 0.85 * best, "%zu axes: variances of %g instead of %g", i + 1, sum, best);
        before = got;
    }
    CHECKF(sum >= 0.998 * best, "variances of %g instead of %g", sum, best);
    for (size_t i = 0; i < n; i += 37) {
        for (size_t j = 0; j < AXES; j++) {
            double right = product(sample + i * DIM, task.axes + j * DIM, DIM);
            CHECK(fabs((double)task.images[i * AXES + j] - right) <= 1e-4);
        }
    }
    free(task.axes);
    free(task.images);
    free(sample);
    free(rows);
}

static void test_principal(void)
{
    uint64_t rng = test_seed;
    double scales[48];
    for (size_t i = 0; i < 48; i++)
        scales[i] = i < 10 ? (double)(10 - i) : 0.2;
    check_principal(scales, false, &rng);
    for (size_t i = 0; i < 48; i++)
        scales[i] = 10 * pow(0.4, (double)(i < 8 ? i : 8));
    check_principal(scales, true, &rng);
}

/* Directions of a sample: `rank` with the scale 1 and, unless it is 0, all others with `rest`. */
static void check_rank(size_t n, size_t dim, size_t n_axes, size_t rank, double rest, bool plain,
                       uint64_t *rng)
{
    float *rows = rotation(dim, test_seed);
    double *scales = must_alloc(dim, sizeof *scales);
    for (size_t i = 0; i < dim; i++)
        scales[i] = i < rank ? 1 : rest;
    for (size_t i = 0; i < dim * dim && plain; i++) /* coordinates, the last first */
        rows[i] = i / dim + i % dim == dim - 1;
    float *sample = rotated(rng, n, dim, rows, scales, rest > 0 ? dim : rank);
    struct task task = {
        .kernels = n2_kernels(), .sample = sample, .n = n, .dim = dim, .n_axes = n_axes};
    run_task(&task, 2);
    char what[80];
    snprintf(what, sizeof what, "rank %zu of %zu, the rest %g, plain %d", rank, dim, rest, plain);
    check_orthonormal(task.axes, n_axes, dim, what);
    double all = 0, held = 0;
    for (size_t j = 0; j < dim; j++)
        all += variance(sample, n, dim, rows + j * dim);
    for (size_t j = 0; j < n_axes; j++)
        held += variance(sample, n, dim, task.axes + j * dim);
    CHECKF(held >= 0.99 * all, "%s: variances of %g of %g", what, held, all);
    free(task.axes);
    free(task.images);
    free(sample);
    free(scales);
    free(rows);
}

/* Fewer directions than axes, or none: the axes are still directions, all different. */
static void test_rank(void)
{
    uint64_t rng = test_seed;
    for (int plain = 0; plain < 2; plain++) {
        check_rank(500, 30, 30, 3, 0, plain, &rng);
        check_rank(500, 70, 20, 1, 0, plain, &rng);
        check_rank(300, 25, 25, 24, 0, plain, &rng);
        check_rank(200, 40, 17, 0, 0, plain, &rng); /* all are 0 */
        check_rank(500, 40, 40, 3, 1e-2, plain, &rng);
        check_rank(500, 40, 30, 10, 1e-3, plain, &rng);
        check_rank(2, 33, 33, 2, 0, plain, &rng);
        check_rank(1, 12, 12, 1, 0, plain, &rng);
        check_rank(50, 1, 1, 1, 0, plain, &rng);
        check_rank(50, 1, 1, 0, 0, plain, &rng);
        check_rank(40, 2, 2, 1, 0, plain, &rng);
        check_rank(300, 64, 64, 64, 0, plain, &rng);
        check_rank(1700, 20, 12, 9, 0, plain, &rng);
        check_rank(60, 1100, 12, 5, 0, plain, &rng); /* too many for a covariance */
    }
}

/* The same bits for every team and instruction set; a cancelled one ends. */
static void test_same_axes(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(700, 150), dim = 101, n_axes = 70;
    float *sample = data_make(&rng, n, dim, DATA_NORMAL, 0);
    struct task first = {
        .kernels = n2_kernels(), .sample = sample, .n = n, .dim = dim, .n_axes = n_axes};
    run_task(&first, 1);
    for (int round = 2; round <= 4; round++) {
        struct task task = first;
        if (round == 4)
            task.kernels = n2_kernels_named("scalar");
        run_task(&task, round == 4 ? 1 : round);
        CHECKF(!memcmp(first.axes, task.axes, n_axes * dim * sizeof(float)) &&
                   !memcmp(first.images, task.images, n * n_axes * sizeof(float)),
               "%d threads, %s: other bits", round == 4 ? 1 : round, task.kernels->name);
        free(task.axes);
        free(task.images);
    }
    struct task cancelled = first;
    cancelled.cancel = 1;
    run_task(&cancelled, 2);
    free(cancelled.axes);
    free(cancelled.images);
    free(first.axes);
    free(first.images);
    free(sample);
}

/* Mixing turns axes within what they span: it keeps lengths, and spreads one over all. */
static void test_mix(void)
{
    uint64_t rng = test_seed;
    for (size_t n_axes = 1; n_axes <= 512; n_axes = n_axes * 3 / 2 + 1) {
        const size_t dim = n_axes + 5; /* the last five lie outside */
        float *axes = must_alloc(n_axes * dim, sizeof *axes);
        float *vector = data_make(&rng, 1, dim, DATA_NORMAL, 0);
        for (size_t i = 0; i < n_axes; i++)
            axes[i * dim + i] = 1;
        n2_axes_mix(axes, n_axes, dim, test_seed);
        if (n_axes <= 130) /* the rest takes too long */
            check_orthonormal(axes, n_axes, dim, "mixed");
        double before = product(vector, vector, n_axes), after = 0, most = 0;
        for (size_t i = 0; i < n_axes; i++) {
            double x = product(vector, axes + i * dim, dim);
            double first = fabs((double)axes[i * dim]);
            after += x * x;
            most = first > most ? first : most;
            for (size_t j = n_axes; j < dim; j++)
                CHECK(axes[i * dim + j] == 0);
        }
        CHECKF(fabs(after - before) <= 1e-4 * before, "%zu axes: square %g, before %g", n_axes,
               after, before);
        if (n_axes >= 200)
            CHECKF(most <= 6 / sqrt((double)n_axes),
                   "%zu axes: a coordinate's share of one of them is %g", n_axes, most);
        free(axes);
        free(vector);
    }
}

/* ---- navigation ------------------------------------------------------------------------------ */

/* Codes where they do, or where they are asked for; and results are exact all the same. Of one
 * coordinate many vectors have the same code, and not all of these are found. */
static void test_navigation(void)
{
    uint64_t rng = test_seed;
    const struct {
        size_t n, dim;
        int metric, navigation;
        uint32_t axes;
        double recall;
    } plans[] = {
        {2000, 100, N2_L2, N2_NAVIGATE_AUTO, 100, 0.9},
        {2000, 1, N2_L2, N2_NAVIGATE_AUTO, 0, 0.9},
        {2000, 2, N2_L2, N2_NAVIGATE_AUTO, 0, 0.9},
        {2000, 15, N2_L2, N2_NAVIGATE_AUTO, 0, 0.9},
        {2000, 14, N2_DOT, N2_NAVIGATE_AUTO, 0, 0.9},
        {2000, 20, N2_DOT, N2_NAVIGATE_AUTO, 20, 0.9},
        {2000, 20, N2_L2, N2_NAVIGATE_VECTORS, 0, 0.9},
        {2000, 1, N2_L2, N2_NAVIGATE_CODES, 1, 0.3},
        {2000, 2, N2_L2, N2_NAVIGATE_CODES, 2, 0.9},
        {2000, 3, N2_L2, N2_NAVIGATE_CODES, 3, 0.9},
        {2000, 4, N2_L2, N2_NAVIGATE_CODES, 4, 0.9},
        {2000, 4, N2_DOT, N2_NAVIGATE_CODES, 4, 0.9},
        {300, 20, N2_L2, N2_NAVIGATE_CODES, 0, 0.9},
        {300, 20, N2_L2, N2_NAVIGATE_AUTO, 0, 0.9},
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        size_t n = plans[i].n < 1000 ? plans[i].n : test_scale(plans[i].n, 1000);
        size_t dim = plans[i].dim;
        int navigation = plans[i].navigation;
        float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
        float *queries = data_make(&rng, 100, dim, DATA_NORMAL, 0);
        struct n2_options options = navigating(plans[i].metric, navigation);
        struct n2_index *index = index_make(&options, dim, vectors, n, 2);
        REQUIRE(index != NULL);
        struct n2_stats stats = stats_of(index);
        CHECKF(stats.code_axes == plans[i].axes && stats.navigation == navigation,
               "%zu vectors of dim %zu, navigation %d: %u axes", n, dim, navigation,
               stats.code_axes);
        CHECK_SOUND(index);
        double share = recall(index, vectors, queries, 100, 200);
        CHECKF(share >= plans[i].recall, "dim %zu, navigation %d: recall %.4f", dim, navigation,
               share);
        n2_free(index);
        free(vectors);
        free(queries);
    }
}

/* Of a falling spectrum the codes take the beginning, and that is enough. */
static void test_falling(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(2500, 1000), dim = 300, n_queries = 100;
    float *vectors = data_falling(&rng, n, dim), *queries = data_falling(&rng, n_queries, dim);
    for (size_t m = 0; m < 2; m++) {
        struct n2_options options = options_of(metrics[m]);
        struct n2_index *index = index_make(&options, dim, vectors, n, 2);
        REQUIRE(index != NULL);
        struct n2_stats stats = stats_of(index);
        CHECKF(stats.code_axes > 0 && stats.code_axes < dim, "%u axes", stats.code_axes);
        CHECK_SOUND(index);
        double share = recall(index, vectors, queries, n_queries, 100);
        CHECKF(share >= 0.95, "metric %d: recall %.4f", metrics[m], share);
        n2_free(index);
    }
    free(vectors);
    free(queries);
}

/* What a query has learned lets in every vector it has seen, and leaves out one that would exceed
 * its code by clearly less than all of them. What lies on the query tells nothing. */
static void test_learn(void)
{
    uint64_t rng = test_seed;
    const struct n2_probe probe = {.norm = 2};
    for (int metric = N2_ANGULAR; metric <= N2_L2; metric++) {
        const struct n2_store store = {.metric = metric};
        for (size_t round = 0; round < 200; round++) {
            enum { SEEN = 20 };
            const struct n2_space space = {.n_axes = 64 + rng_below(&rng, 400),
                                           .unit = (float)rng_unit(&rng) + 0.01f};
            const float square = space.unit * space.unit / (metric == N2_ANGULAR ? 2 : 1);
            uint32_t codes[SEEN], keys[SEEN], own = n2_key(0);
            float excess = INFINITY, least = INFINITY;
            n2_space_learn(&space, &store, 0, own, &excess);
            CHECK(n2_space_within(&space, &store, &probe, own, excess) == UINT32_MAX);
            for (size_t i = 0; i < SEEN; i++) {
                float times = 1 + (float)rng_unit(&rng);
                codes[i] = 500 + (uint32_t)rng_below(&rng, 5000);
                keys[i] = n2_key((float)codes[i] * times * square);
                least = times < least ? times : least;
                n2_space_learn(&space, &store, codes[i], keys[i], &excess);
            }
            for (size_t i = 0; i < SEEN; i++) {
                uint32_t within = n2_space_within(&space, &store, &probe, keys[i], 0.99f * excess);
                CHECKF(within >= codes[i], "%u lies within %u", codes[i], within);
                uint32_t less = n2_key((float)codes[i] * least * 0.8f * square);
                within = n2_space_within(&space, &store, &probe, less, excess);
                CHECKF(within < codes[i], "%u does not lie within %u", codes[i], within);
            }
        }
    }
    const struct n2_store store = {.metric = N2_DOT};
    const struct n2_space space = {.n_axes = 64, .unit = 1, .shrink = 0.5f};
    float excess = INFINITY;
    n2_space_learn(&space, &store, n2_key(3), n2_key(1), &excess);
    CHECK(n2_space_within(&space, &store, &probe, n2_key(7), excess) == n2_key(7 - 0.5f * 2));
}

/* ---- hard sets ------------------------------------------------------------------------------- */

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

/* ---- later builds ---------------------------------------------------------------------------- */

/* Moves vectors from..from+n-1 away, by as much in each coordinate. */
static void shift_rows(float *vectors, size_t from, size_t n, size_t dim, float shift)
{
    for (size_t i = from * dim; i < (from + n) * dim; i++)
        vectors[i] += shift;
}

/* Later vectors lie where no code of the first map reaches. */
static void test_drift(void)
{
    enum { ADDED, NEAR, OLD, N_SHARES };
    uint64_t rng = test_seed;
    const size_t n = test_scale(3000, 1000), more = n / 5, n_queries = 50, dim = 20;
    float *vectors = data_make(&rng, n + more + n_queries, dim, DATA_NORMAL, 0);
    shift_rows(vectors, n, more + n_queries, dim, 50);
    for (size_t m = 0; m < 3; m++) {
        double shares[N2_NAVIGATE_VECTORS + 1][N_SHARES];
        for (int navigation = N2_NAVIGATE_AUTO; navigation <= N2_NAVIGATE_VECTORS; navigation++) {
            struct n2_options options = navigating(metrics[m], navigation);
            options.ef_construction = 80;
            struct n2_index *index = index_make(&options, dim, vectors, n, 2);
            REQUIRE(index != NULL);
            CHECK((stats_of(index).code_axes > 0) == (navigation != N2_NAVIGATE_VECTORS));
            CHECK_STATUS(0, n2_add(index, vectors + n * dim, more, NULL));
            CHECK_STATUS(0, build_on(index, 2));
            CHECK_SOUND(index);
            double *share = shares[navigation];
            share[ADDED] = recall(index, vectors, vectors + n * dim, n_queries, 200);
            share[NEAR] = recall(index, vectors, vectors + (n + more) * dim, n_queries, 200);
            share[OLD] = recall(index, vectors, vectors, n_queries, 200);
            printf("drift, metric %d, navigation %d: %u axes, recall of added ones %.4f, near them "
                   "%.4f, of old ones %.4f\n",
                   metrics[m], navigation, stats_of(index).code_axes, share[ADDED], share[NEAR],
                   share[OLD]);
            n2_free(index);
        }
        /* Who forces codes takes what they give. */
        const double *got = shares[N2_NAVIGATE_AUTO], *right = shares[N2_NAVIGATE_VECTORS];
        CHECKF(got[ADDED] >= 0.95, "metric %d: recall of added ones %.4f", metrics[m], got[ADDED]);
        for (int i = 0; i < N_SHARES; i++)
            CHECKF(got[i] >= right[i] - 0.02, "metric %d, queries %d: recall %.4f, by vectors %.4f",
                   metrics[m], i, got[i], right[i]);
    }
    free(vectors);
}

/* Many small builds, each of whose vectors are found; with `step`, each lies farther away. */
static void check_small_builds(int metric, float step)
{
    enum { BUILDS = 10, EACH = 50 };
    uint64_t rng = test_seed;
    const size_t n = test_scale(2000, 800), dim = 20;
    float *vectors = data_make(&rng, n + BUILDS * EACH, dim, DATA_NORMAL, 0);
    struct n2_options options = options_of(metric);
    options.ef_construction = 80;
    struct n2_index *index = index_make(&options, dim, vectors, n, 2);
    REQUIRE(index != NULL);
    for (size_t i = 0; i < BUILDS; i++) {
        size_t from = n + i * EACH;
        shift_rows(vectors, from, EACH, dim, step * (float)i);
        CHECK_STATUS(0, n2_add(index, vectors + from * dim, EACH, NULL));
        CHECK_STATUS(0, build_on(index, 2));
        double share = recall(index, vectors, vectors + from * dim, EACH, 150);
        CHECKF(share >= 0.95, "metric %d, step %g, build %zu: recall %.4f", metric, (double)step, i,
               share);
    }
    CHECK_SOUND(index);
    double share = recall(index, vectors, vectors + n * dim, BUILDS * EACH, 150);
    printf("small builds, metric %d, step %g: %u axes, recall %.4f\n", metric, (double)step,
           stats_of(index).code_axes, share);
    CHECKF(share >= 0.95, "metric %d, step %g: recall %.4f", metric, (double)step, share);
    n2_free(index);
    free(vectors);
}

static void test_small_builds(void)
{
    for (size_t m = 0; m < 3; m++) {
        check_small_builds(metrics[m], 0);
        check_small_builds(metrics[m], 1);
    }
}

static struct n2_header header_of(struct n2_index *index)
{
    struct n2_header header;
    struct bytes bytes = index_bytes(index);
    memset(&header, 0, sizeof header);
    CHECK(craft_header_of(bytes.data, bytes.n, &header));
    bytes_free(&bytes);
    return header;
}

/* Codes come when there are enough vectors to choose a map for, and a new map when there are many
 * more of them; a few more do not change it. */
static void test_growth(void)
{
    uint64_t rng = test_seed;
    const struct {
        uint32_t n, n_trained;
    } stages[] = {{1, 0},      {300, 0},     {600, 600},  {650, 600},
                  {1200, 600}, {2400, 2400}, {2500, 2400}};
    const size_t dim = 20, most = 2500;
    float *vectors = data_make(&rng, most + 50, dim, DATA_NORMAL, 0);
    for (size_t m = 0; m < 3; m++) {
        struct n2_options options = options_of(metrics[m]);
        options.ef_construction = 40;
        struct n2_index *index = index_make(&options, dim, vectors, 0, -1);
        REQUIRE(index != NULL);
        size_t done = 0;
        for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
            CHECK_STATUS(0, n2_add(index, vectors + done * dim, stages[i].n - done, NULL));
            done = stages[i].n;
            CHECK_STATUS(0, build_on(index, 2));
            CHECK_SOUND(index);
            struct n2_header header = header_of(index);
            CHECKF(header.n_trained == stages[i].n_trained, "metric %d, %zu vectors: a map for %u",
                   metrics[m], done, header.n_trained);
            CHECK((stats_of(index).code_axes > 0) == (header.n_trained > 0));
        }
        double share = recall(index, vectors, vectors + most * dim, 50, 100);
        CHECKF(share >= 0.95, "metric %d: recall %.4f", metrics[m], share);
        n2_free(index);
    }
    free(vectors);
}

/* ---- the same file --------------------------------------------------------------------------- */

/* Builds in two parts, the second of vectors far away, and saves. */
static struct bytes build_parts(int metric, size_t dim, const float *vectors, size_t n, size_t more,
                                int threads)
{
    struct bytes bytes = {NULL, 0};
    struct n2_options options = options_of(metric);
    options.ef_construction = 60;
    struct n2_index *index = index_make(&options, dim, vectors, n, threads);
    if (!index)
        return bytes;
    CHECKF(stats_of(index).code_axes > 0, "metric %d, dim %zu: no codes", metric, dim);
    CHECK_STATUS(0, n2_add(index, vectors + n * dim, more, NULL));
    CHECK_STATUS(0, build_on(index, threads));
    CHECK_SOUND(index);
    bytes = index_bytes(index);
    n2_free(index);
    return bytes;
}

/* Whatever team and instruction set build it; in few dimensions, and in more than there are axes.
 */
static void test_same_file(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(800, 500), more = n / 10;
    for (size_t i = 0; i < 4; i++) {
        const int metric = metrics[i % 3];
        const size_t dim = i % 2 ? 150 : 21;
        float *vectors = i % 2 ? data_falling(&rng, n + more, dim)
                               : data_make(&rng, n + more, dim, DATA_NORMAL, 5);
        if (i == 1)
            shift_rows(vectors, n, more, dim, 9);
        struct bytes first = build_parts(metric, dim, vectors, n, more, 1);
        for (int threads = 3; threads >= 1; threads--) {
            if (threads == 1)
                CHECK_STATUS(0, n2_set_isa("scalar"));
            struct bytes bytes = build_parts(metric, dim, vectors, n, more, threads);
            CHECKF(bytes_equal(first, bytes), "metric %d, dim %zu: %d threads, %s: other bytes",
                   metric, dim, threads, n2_isa());
            bytes_free(&bytes);
        }
        CHECK_STATUS(0, n2_set_isa(NULL));
        bytes_free(&first);
        free(vectors);
    }
}

/* ---- files ----------------------------------------------------------------------------------- */

#define FILE_N 900
#define FILE_QUERIES 20

/* An index with codes as a file, and what searches of it give. */
struct filed {
    int metric;
    size_t dim;
    float *vectors; /* [FILE_N][dim], and as many queries */
    struct bytes bytes;
    struct n2_header header;
    struct n2_neighbor exact[FILE_QUERIES * FILE_N]; /* by id */
    struct n2_neighbor found[FILE_QUERIES * K];
};

static const float *query_of(const struct filed *f, size_t query)
{
    return f->vectors + (FILE_N + query) * f->dim;
}

static void search(struct n2_index *index, const struct filed *f, size_t query, uint64_t ef,
                   struct n2_neighbor *out)
{
    struct n2_search_options options;
    n2_search_options_init(&options);
    options.ef = ef;
    size_t n = 0;
    CHECK_STATUS(0, n2_search(index, query_of(f, query), K, &options, out, &n));
    CHECKF(n == K, "%zu results", n);
}

static struct filed *filed_make(int metric, size_t dim, uint64_t *rng)
{
    struct filed *f = must_alloc(1, sizeof *f);
    f->metric = metric;
    f->dim = dim;
    f->vectors = data_make(rng, FILE_N + FILE_QUERIES, dim, DATA_NORMAL, 2);
    struct n2_options options = navigating(metric, N2_NAVIGATE_CODES);
    options.sketch = N2_SKETCH_ON;
    options.M = 6;
    options.ef_construction = 40;
    struct n2_index *index = index_make(&options, dim, f->vectors, FILE_N, 1);
    if (!index)
        return f;
    CHECK(stats_of(index).code_axes > 0);
    f->bytes = index_bytes(index);
    CHECK(craft_header_of(f->bytes.data, f->bytes.n, &f->header));
    for (size_t q = 0; q < FILE_QUERIES; q++) {
        static struct n2_neighbor all[FILE_N];
        size_t n = 0;
        CHECK_STATUS(0, n2_search_exact(index, query_of(f, q), 1, FILE_N, all, &n));
        for (size_t i = 0; i < n; i++)
            f->exact[q * FILE_N + all[i].id] = all[i];
        search(index, f, q, 20, f->found + q * K);
    }
    n2_free(index);
    return f;
}

static void filed_free(struct filed *f)
{
    bytes_free(&f->bytes);
    free(f->vectors);
    free(f);
}

static struct n2_index *load(const void *bytes, size_t n, bool no_map, int want)
{
    const char *path = temp_path("codes");
    struct n2_index *index = NULL;
    struct n2_load_options options;
    n2_load_options_init(&options);
    options.no_map = no_map;
    file_write(path, bytes, n);
    CHECK_STATUS(want, n2_load(&index, path, &options));
    return index;
}

/* Searches of all kinds: as many results as asked for, in order, with the distances that the exact
 * search gives. Those of vectors from FILE_N on are not compared. */
static void check_searches(struct n2_index *index, const struct filed *f)
{
    struct n2_stats stats = stats_of(index);
    struct n2_neighbor out[K];
    size_t n = 0;
    for (size_t q = 0; q < FILE_QUERIES; q++) {
        search(index, f, q, q % 3 ? 8 + q : 0, out);
        CHECK_RESULTS(f->metric, out, K, stats.n_vectors);
        for (size_t i = 0; i < K && out[i].id < stats.n_vectors; i++)
            if (out[i].id < FILE_N)
                CHECKF(same_neighbor(out[i], f->exact[q * FILE_N + out[i].id]),
                       "metric %d: id %u has distance %.9g", f->metric, out[i].id,
                       (double)out[i].distance);
        struct n2_search_options options;
        n2_search_options_init(&options);
        options.ef = 12;
        CHECK_STATUS(0, n2_search_id(index, (uint32_t)q, K, &options, out, &n));
        CHECK_RESULTS(f->metric, out, n, stats.n_vectors);
    }
}

static void check_verify(struct n2_index *index, const char *want)
{
    const char *what = NULL;
    CHECK_STATUS(want ? N2_ERR_CORRUPT : 0, n2_verify(index, NULL, &what));
    if (want && CHECK(what != NULL))
        CHECKF(!strcmp(what, want), "n2_verify says \"%s\" and not \"%s\"", what, want);
}

/* Loaded in either way, an index gives what it gave, and saves what was saved. */
static void test_load(void)
{
    uint64_t rng = test_seed;
    for (size_t m = 0; m < 3; m++) {
        for (size_t dim = 3; dim < 100; dim += 61) {
            struct filed *f = filed_make(metrics[m], dim, &rng);
            for (int no_map = 0; no_map < 2 && f->bytes.data; no_map++) {
                struct n2_index *index = load(f->bytes.data, f->bytes.n, no_map, 0);
                REQUIRE(index != NULL);
                CHECK(stats_of(index).code_axes == f->header.n_axes);
                check_searches(index, f);
                for (size_t q = 0; q < FILE_QUERIES; q++) {
                    struct n2_neighbor out[K];
                    search(index, f, q, 20, out);
                    CHECKF(!memcmp(out, f->found + q * K, sizeof out),
                           "metric %d, dim %zu, no_map %d: other results", f->metric, dim, no_map);
                }
                CHECK_SOUND(index);
                struct bytes again = index_bytes(index);
                CHECK(bytes_equal(again, f->bytes));
                bytes_free(&again);
                n2_free(index);
            }
            filed_free(f);
        }
    }
}

static bool is_linked(const struct filed *f, size_t node)
{
    unsigned char height = f->bytes.data[f->header.sections[N2_SECTION_HEIGHTS].offset + node];
    return height != 0 && height != 255;
}

/* Any byte of the codes: noticed by the checksum, and under a right one for what it is. */
static void test_code_bytes(void)
{
    uint64_t rng = test_seed;
    for (size_t m = 0; m < 3; m++) {
        struct filed *f = filed_make(metrics[m], 20, &rng);
        REQUIRE(f->bytes.data != NULL);
        const struct n2_section *codes = &f->header.sections[N2_SECTION_CODES];
        unsigned char *copy = must_alloc(f->bytes.n, 1);
        for (size_t i = test_scale(40, 10); i--;) {
            size_t at = rng_below(&rng, codes->bytes);
            memcpy(copy, f->bytes.data, f->bytes.n);
            copy[codes->offset + at] ^= (unsigned char)(1 << rng_below(&rng, 8));
            struct n2_index *index = load(copy, f->bytes.n, i % 2, 0);
            REQUIRE(index != NULL);
            check_verify(index, "a checksum of the file does not match");
            n2_free(index);
            craft_trailer(copy, f->bytes.n, true);
            index = load(copy, f->bytes.n, i % 2, 0);
            REQUIRE(index != NULL);
            check_searches(index, f);
            check_verify(index, is_linked(f, at / codes->stride)
                                    ? "a code is not that of its vector"
                                    : NULL);
            n2_free(index);
        }
        free(copy);
        filed_free(f);
    }
}

enum rot { ONES, ZEROS, TOPS, NANS, INFINITIES, HUGE_FLOATS, NOISE, N_ROTS };

static void overwrite(unsigned char *to, size_t n, enum rot rot, uint64_t *rng)
{
    const float floats[] = {NAN, INFINITY, -3e38f};
    for (size_t i = 0; i < n; i++) {
        unsigned char bytes[4];
        if (rot >= NANS && rot <= HUGE_FLOATS)
            memcpy(bytes, &floats[rot - NANS], 4);
        const unsigned char values[] = {0xff, 0, 0x7f};
        to[i] = rot < NANS    ? values[rot]
                : rot < NOISE ? bytes[i % 4]
                              : (unsigned char)rng_next(rng);
    }
}

/* Whatever the map and the codes hold, searches give vectors with their distances, and later
 * builds do not fail. */
static void check_rot(const struct filed *f, unsigned char *copy, bool no_map, const char *want,
                      uint64_t *rng)
{
    struct n2_index *index = load(copy, f->bytes.n, no_map, 0);
    REQUIRE(index != NULL);
    check_searches(index, f);
    check_verify(index, "a checksum of the file does not match");
    n2_free(index);
    craft_trailer(copy, f->bytes.n, true);
    index = load(copy, f->bytes.n, no_map, 0);
    REQUIRE(index != NULL);
    float *more = data_make(rng, 20, f->dim, DATA_NORMAL, 0);
    check_searches(index, f);
    check_verify(index, want);
    CHECK_STATUS(0, n2_add(index, more, 20, NULL));
    check_searches(index, f);
    CHECK_STATUS(0, build_on(index, 2));
    check_searches(index, f);
    free(more);
    n2_free(index);
}

static void test_rotten(void)
{
    uint64_t rng = test_seed;
    int no_map = 0;
    for (size_t m = 0; m < 3; m++) {
        struct filed *f = filed_make(metrics[m], m == 1 ? 70 : 11, &rng);
        REQUIRE(f->bytes.data != NULL);
        unsigned char *copy = must_alloc(f->bytes.n, 1);
        for (int section = N2_SECTION_MEANS; section <= N2_SECTION_SKETCHES; section++) {
            const struct n2_section *s = &f->header.sections[section];
            for (int rot = 0; rot < N_ROTS; rot++) {
                memcpy(copy, f->bytes.data, f->bytes.n);
                overwrite(copy + s->offset, s->bytes, (enum rot)rot, &rng);
                if (!memcmp(copy, f->bytes.data, f->bytes.n))
                    continue; /* means are 0 under dot */
                check_rot(f, copy, no_map++ % 2,
                          section == N2_SECTION_SKETCHES ? "a sketch is not that of its links"
                                                         : "a code is not that of its vector",
                          &rng);
            }
        }
        for (size_t i = test_scale(15, 5); i--;) { /* all of them at once, in part */
            memcpy(copy, f->bytes.data, f->bytes.n);
            for (int section = N2_SECTION_MEANS; section <= N2_SECTION_SKETCHES; section++) {
                const struct n2_section *s = &f->header.sections[section];
                size_t from = rng_below(&rng, s->bytes / 8) * 4;
                overwrite(copy + s->offset + from, s->bytes - from,
                          (enum rot)rng_below(&rng, N_ROTS), &rng);
            }
            check_rot(f, copy, no_map++ % 2, "a code is not that of its vector", &rng);
        }
        free(copy);
        filed_free(f);
    }
}

static void check_header(const struct filed *f, unsigned char *copy)
{
    const char *path = temp_path("header");
    struct n2_index *index = NULL;
    craft_header(copy, f->bytes.n);
    file_write(path, copy, f->bytes.n);
    int status = n2_load(&index, path, NULL);
    CHECKF(status == 0 || status == N2_ERR_CORRUPT, "n2_load: %s", n2_status_text(status));
    if (!index)
        return;
    check_searches(index, f);
    CHECK_STATUS(0, n2_add(index, f->vectors, 3, NULL));
    CHECK_STATUS(0, build_on(index, 1));
    check_searches(index, f);
    n2_free(index);
}

/* What the header says of codes, and of the searches they need, may be any number: refused, or no
 * harm. */
static void test_header(void)
{
    uint64_t rng = test_seed;
    const float floats[] = {0,       -0.0f,    1,     -1,       1e-45f, 1e-38f,
                            FLT_MAX, -FLT_MAX, 1e20f, INFINITY, NAN};
    const uint32_t words[] = {1, 2, 3, 63, 64, 65, 512, 513, 1u << 31, UINT32_MAX};
    const size_t n_floats = sizeof floats / sizeof *floats, n_words = sizeof words / sizeof *words;
    for (size_t m = 0; m < 3; m++) {
        struct filed *f = filed_make(metrics[m], 20, &rng);
        REQUIRE(f->bytes.data != NULL);
        unsigned char *copy = must_alloc(f->bytes.n, 1);
        memcpy(copy, f->bytes.data, f->bytes.n);
        for (size_t at = offsetof(struct n2_header, n_axes);
             at < offsetof(struct n2_header, n_key_bytes); at += 4) {
            if (at == offsetof(struct n2_header, n_sections))
                at = offsetof(struct n2_header, sketch);
            if (at == offsetof(struct n2_header, n_live)) /* of ids and keys: see rot.c */
                at = offsetof(struct n2_header, tuning);
            bool tuning = at >= offsetof(struct n2_header, tuning); /* long: some numbers only */
            for (size_t i = 0; i < (tuning ? 3 : n_floats + n_words); i++) {
                size_t pick = tuning ? rng_below(&rng, n_floats + n_words) : i;
                memcpy(copy, &f->header, sizeof f->header);
                memcpy(copy + at,
                       pick < n_floats ? (const void *)&floats[pick] : &words[pick - n_floats], 4);
                check_header(f, copy);
            }
        }
        free(copy);
        filed_free(f);
    }
}

/* ---- undo ------------------------------------------------------------------------------------ */

struct watch {
    struct n2_index *index;
    const float *vectors;
    double least; /* recall */
    bool stops;
    size_t n_calls;
};

/* Amid a build the index is sound, finds what there is, and can be saved. */
static int watch_build(void *user, uint64_t done, uint64_t total)
{
    struct watch *watch = user;
    watch->n_calls++;
    bool half = 2 * done >= total;
    if (half || watch->n_calls % 8 == 1) {
        const char *what = "nothing";
        CHECKF(n2_verify(watch->index, NULL, &what) == 0, "amid a build: %s", what);
        double share = recall(watch->index, watch->vectors, watch->vectors, 10, 100);
        CHECKF(share >= watch->least, "recall %.4f amid a build", share);
    }
    if (watch->n_calls % 16 == 1) {
        struct n2_index *copy = NULL;
        const char *path = temp_path("amid");
        struct n2_load_options options;
        n2_load_options_init(&options);
        options.verify = 1;
        CHECK_STATUS(0, n2_save(watch->index, path));
        CHECK_STATUS(0, n2_load(&copy, path, &options));
        n2_free(copy);
    }
    return half && watch->stops;
}

static int watched_build(struct watch *watch, bool stops)
{
    struct n2_build_options options;
    n2_build_options_init(&options);
    options.threads = 2;
    options.progress = watch_build;
    options.user = watch;
    watch->stops = stops;
    watch->n_calls = 0;
    int status = n2_build(watch->index, &options);
    CHECK(watch->n_calls > 1 && (status == N2_ERR_CANCELLED) == stops);
    return status;
}

/* A build that is cancelled half-way leaves no trace, in codes neither; `shift` says how far from
 * the others its vectors are, `merging` how it is made. */
static void check_undo(int metric, float shift, int merging, size_t n, size_t more, uint64_t *rng)
{
    const size_t dim = 20;
    float *vectors = data_make(rng, n + more, dim, DATA_NORMAL, 3);
    shift_rows(vectors, n, more, dim, shift);
    struct n2_options options = options_of(metric);
    options.merging = merging;
    options.ef_construction = 40;
    struct bytes before, bytes[2];
    for (int cancelled = 0; cancelled < 2; cancelled++) {
        struct n2_index *index = index_make(&options, dim, vectors, n, 2);
        REQUIRE(index != NULL);
        CHECK((stats_of(index).code_axes > 0) == (n > 0));
        struct watch watch = {.index = index, .vectors = vectors};
        /* Under dot the new ones are found first, by codes of the old map that cannot tell them
         * apart. */
        watch.least = metric == N2_DOT && shift > 0 ? 0 : 0.9;
        CHECK_STATUS(0, n2_add(index, vectors + n * dim, more, NULL));
        before = index_bytes(index);
        if (cancelled) {
            CHECK_STATUS(N2_ERR_CANCELLED, watched_build(&watch, true));
            struct bytes after = index_bytes(index);
            CHECKF(bytes_equal(before, after), "metric %d, shift %g: a trace of a cancelled build",
                   metric, (double)shift);
            bytes_free(&after);
            CHECK_SOUND(index);
        }
        bytes_free(&before);
        CHECK_STATUS(0, cancelled ? watched_build(&watch, false) : build_on(index, 2));
        bytes[cancelled] = index_bytes(index);
        n2_free(index);
    }
    CHECKF(bytes_equal(bytes[0], bytes[1]),
           "metric %d, shift %g: a cancelled build changes later "
           "ones",
           metric, (double)shift);
    bytes_free(&bytes[0]);
    bytes_free(&bytes[1]);
    free(vectors);
}

static void test_undo(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(800, 650);
    for (size_t m = 0; m < 3; m++) {
        check_undo(metrics[m], 0, N2_MERGE_SKIP, n, n / 3, &rng);    /* codes of the old map */
        check_undo(metrics[m], 30, N2_MERGE_LEVEL0, n, n / 3, &rng); /* a new map */
    }
    check_undo(N2_DOT, 0, N2_MERGE_SKIP, 0, n, &rng);              /* the first */
    check_undo(N2_L2, 0, N2_MERGE_LEVEL0, n * 5 / 8, 2 * n, &rng); /* one for many more */
}

static const struct test_case cases[] = {
    {"principal", test_principal},
    {"rank", test_rank},
    {"same_axes", test_same_axes},
    {"mix", test_mix},
    {"navigation", test_navigation},
    {"falling", test_falling},
    {"learn", test_learn},
    {"hard_sets", test_hard_sets},
    {"norms", test_norms},
    {"drift", test_drift},
    {"small_builds", test_small_builds},
    {"growth", test_growth},
    {"same_file", test_same_file},
    {"load", test_load},
    {"code_bytes", test_code_bytes},
    {"rotten", test_rotten},
    {"header", test_header},
    {"undo", test_undo},
};
TEST_MAIN(cases)
