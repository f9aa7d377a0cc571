/* axes.c - tests of the directions that codes are made of.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "../axes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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
    CHECKF(worst <= 1e-5, "%s: %zu axes of %zu floats, a product is off by %g", what, n_axes, dim,
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
        check_rank(150, 1100, 128, 1, 1e-6, plain, &rng); /* next to nothing but one direction */
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

static const struct test_case cases[] = {
    {"principal", test_principal},
    {"rank", test_rank},
    {"same_axes", test_same_axes},
    {"mix", test_mix},
};
TEST_MAIN(cases)
