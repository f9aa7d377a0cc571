/* sketch.c - tests of sketches, and of searches among vectors that codes cannot tell apart.
 * SPDX-License-Identifier: Apache-2.0
 *
 * That sketches follow the links through all that builds do is checked by n2_verify in every test
 * whose index has some (support.h: options_of).
 */
#include "support.h"

#include "../sketch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define K 10
#define QUERIES 200

/* ---- estimates ------------------------------------------------------------------------------- */

/* A space of random codes, with a sketch of node 0's row. */
enum { MOST_NODES = 80 };
struct scene {
    struct n2_space space;
    uint8_t numbers[MOST_NODES][N2_MAX_AXES]; /* of the codes */
    const struct n2_kernels *kernels;
    size_t n_axes, n; /* nodes 0..n-1, of which 1..n-1 are linked from node 0 */
    struct n2_sketch_query ask;
};

static bool scene_make(struct scene *s, size_t n_axes, size_t n, bool of_products, bool is_short,
                       uint64_t *rng)
{
    memset(s, 0, sizeof *s);
    s->kernels = n2_kernels();
    s->n_axes = n_axes;
    s->n = n;
    if (!CHECK_STATUS(0, n2_space_init(&s->space, n_axes, n_axes, is_short,
                                       n2_sketch_bytes(n_axes, n - 1), n, n)) ||
        !CHECK_STATUS(0, n2_column_commit(&s->space.codes, n)) ||
        !CHECK_STATUS(0, n2_column_commit(&s->space.sketches, 1)))
        return false;
    s->space.of_products = of_products;
    for (uint32_t node = 0; node < n; node++) {
        for (size_t i = 0; i < n_axes; i++) {
            double x = 64 + 20 * (double)rng_normal(rng);
            uint8_t number = (uint8_t)(x < 0 ? 0 : x > 127 ? 127 : x);
            s->numbers[node][i] = is_short ? (uint8_t)(number / 4 * 4 + 2) : number;
        }
        n2_code_pack(s->numbers[node], n_axes, is_short, n2_space_code(&s->space, node));
    }
    uint32_t *links = must_alloc(n, sizeof *links);
    for (uint32_t i = 0; i + 1 < n; i++)
        links[i] = i + 1;
    n2_sketch_row(&s->space, s->kernels, 0, links, n - 1, n2_sketch_of(&s->space, 0));
    free(links);
    return true;
}

/* The squared distance between a code and a node, and <code - node 0, node - node 0>. */
static double square(const struct scene *s, const uint8_t *code, uint32_t node, double *along)
{
    const uint8_t *p = s->numbers[0], *u = s->numbers[node];
    double sum = 0;
    *along = 0;
    for (size_t i = 0; i < s->n_axes; i++) {
        sum += ((double)code[i] - u[i]) * ((double)code[i] - u[i]);
        *along += ((double)code[i] - p[i]) * ((double)u[i] - p[i]);
    }
    return sum;
}

/* What sketch.h says that the estimate is, and its standard deviation. */
static double formula(const struct scene *s, const uint8_t *code, uint32_t node, double *deviation)
{
    const uint8_t *p = s->numbers[0], *u = s->numbers[node];
    double to_p = 0, squares = 0, lengths = 0, along = 0;
    for (size_t i = 0; i < s->n_axes; i++) {
        double r = (double)u[i] - p[i], y = (double)code[i] - p[i];
        to_p += y * y;
        squares += r * r;
        lengths += fabs(r);
        along += r > 0 ? y : -y;
    }
    double factor = lengths > 0 ? 2 * squares / lengths : 0;
    *deviation = 0.6 * factor * sqrt(to_p);
    return to_p + squares - factor * along;
}

/* Whether the sketch says that the estimate of a link is below `limit`. */
static bool is_below(const struct scene *s, uint32_t node, double limit)
{
    size_t place = node - 1;
    const unsigned char *sketch = n2_sketch_of(&s->space, 0);
    const struct n2_group *group = (const void *)(sketch + place / N2_GROUP * s->ask.group_bytes);
    uint32_t near =
        s->kernels->sketch(s->ask.table, group, s->ask.n_books, s->ask.middle, (float)limit);
    return near >> (place % N2_GROUP) & 1;
}

/* Whether it says that a link may be nearer than `limit`. */
static bool is_near(const struct scene *s, const uint8_t *code, uint32_t node, double limit)
{
    double ignored, to_p = square(s, code, 0, &ignored);
    return is_below(s, node, limit - to_p);
}

/* Estimates are those of the formula, within what half a float keeps; right on average, and as
 * uncertain as documented. */
static void test_estimates(void)
{
    uint64_t rng = test_seed;
    const size_t axes[] = {1, 1, 3, 4, 17, 64, 64, 100, 100, 102, 128, 103, 511, 512};
    for (size_t a = 0; a < sizeof axes / sizeof *axes; a++) { /* by turns long and short */
        struct scene s;
        if (!scene_make(&s, axes[a], 41, false, a % 2, &rng))
            return;
        double sum = 0, squares = 0;
        size_t n = 0;
        for (int round = 0; round < 50; round++) {
            uint8_t code[N2_MAX_AXES] = {0};
            for (size_t i = 0; i < s.n_axes; i++)
                code[i] = round == 0   ? (uint8_t)(i % 3 ? 0 : N2_CODE_MAX)
                          : round == 1 ? 0
                                       : s.numbers[rng_below(&rng, s.n)][i];
            uint8_t lanes[N2_MAX_LANES];
            n2_code_spread(code, s.n_axes, lanes);
            n2_sketch_ask(&s.space, &(struct n2_probe){.code = a % 2 ? lanes : code}, &s.ask);
            for (uint32_t node = 1; node < s.n; node++) {
                double along, deviation, true_square = square(&s, code, node, &along);
                double estimate = formula(&s, code, node, &deviation);
                /* Two numbers of 8 bits, and an entry of 256 that was cut to 255 in each book. */
                double slack = (fabs(estimate) + 64 * 128 * (double)s.n_axes) / 200 + 4;
                CHECKF(is_near(&s, code, node, estimate + slack), "%zu axes: too far", s.n_axes);
                CHECKF(!is_near(&s, code, node, estimate - slack), "%zu axes: too near", s.n_axes);
                if (round > 1 && s.n_axes >= 64 && deviation > 0) {
                    double error = (estimate - true_square) / deviation;
                    sum += error;
                    squares += error * error;
                    n++;
                }
            }
        }
        if (n) {
            double mean = sum / (double)n, deviation = sqrt(squares / (double)n - mean * mean);
            printf("%zu axes: mean error %.3f, deviation %.3f of that documented\n", s.n_axes, mean,
                   deviation);
            CHECK(fabs(mean) < 0.25 && deviation > 0.7 && deviation < 1.3);
        }
        n2_space_release(&s.space);
    }
}

/* What sketch.h says of twice the difference of products with half the weights, between node 0 and
 * another, its standard deviation, and what is right. */
static double product_formula(const struct scene *s, const int8_t *weights, uint32_t node,
                              double *deviation, double *right)
{
    const uint8_t *p = s->numbers[0], *u = s->numbers[node];
    double squares = 0, lengths = 0, along = 0, of_weights = 0;
    *right = 0;
    for (size_t i = 0; i < s->n_axes; i++) {
        double r = (double)u[i] - p[i], w = weights[i] / 2;
        squares += r * r;
        lengths += fabs(r);
        along += r > 0 ? w : -w;
        of_weights += w * w;
        *right -= 2 * w * r;
    }
    double factor = lengths > 0 ? 2 * squares / lengths : 0;
    *deviation = 0.6 * factor * sqrt(of_weights);
    return -factor * along;
}

/* The same under dot. */
static void test_product_estimates(void)
{
    uint64_t rng = test_seed;
    const size_t axes[] = {1, 3, 64, 100, 511, 512};
    for (size_t a = 0; a < sizeof axes / sizeof *axes; a++) {
        struct scene s;
        if (!scene_make(&s, axes[a], 41, true, false, &rng))
            return;
        double sum = 0, squares = 0;
        size_t n = 0;
        for (int round = 0; round < 50; round++) {
            int8_t weights[N2_MAX_AXES] = {0};
            for (size_t i = 0; i < s.n_axes; i++)
                weights[i] = (int8_t)(round == 0   ? i % 3 ? -N2_CODE_MAX : N2_CODE_MAX
                                      : round == 1 ? 0
                                                   : (int)rng_below(&rng, 255) - N2_CODE_MAX);
            struct n2_probe probe = {.weights = weights, .unit = 0.25f};
            n2_sketch_ask(&s.space, &probe, &s.ask);
            CHECK(s.ask.per_product == 2);
            for (uint32_t node = 1; node < s.n; node++) {
                double deviation, right;
                double estimate = product_formula(&s, weights, node, &deviation, &right);
                double slack = fabs(estimate) / 200 + 1e-3;
                CHECKF(is_below(&s, node, estimate + slack), "%zu axes: too far", s.n_axes);
                CHECKF(!is_below(&s, node, estimate - slack), "%zu axes: too near", s.n_axes);
                if (round > 1 && s.n_axes >= 64) {
                    double error = (estimate - right) / deviation;
                    sum += error;
                    squares += error * error;
                    n++;
                }
            }
        }
        if (n) {
            double mean = sum / (double)n, deviation = sqrt(squares / (double)n - mean * mean);
            printf("%zu axes, products: mean error %.3f, deviation %.3f of that documented\n",
                   s.n_axes, mean, deviation);
            CHECK(fabs(mean) < 0.25 && deviation > 0.7 && deviation < 1.3);
        }
        n2_space_release(&s.space);
    }
}

/* Links are written one by one to what they make together; what belongs to no link is zero. */
static void test_places(void)
{
    uint64_t rng = test_seed;
    struct scene s;
    if (!scene_make(&s, 70, 76, false, true, &rng))
        return;
    size_t bytes = s.space.sketches.stride;
    unsigned char *sketch = must_alloc(bytes, 1), *whole = must_alloc(bytes, 1);
    memcpy(whole, n2_sketch_of(&s.space, 0), bytes);
    for (size_t i = 0; i + 1 < s.n; i++) { /* in some order, each twice, at first another link */
        size_t place = i * 31 % (s.n - 1);
        n2_sketch_link(&s.space, s.kernels, 0, place, (uint32_t)rng_below(&rng, s.n), sketch);
        n2_sketch_link(&s.space, s.kernels, 0, place, (uint32_t)place + 1, sketch);
    }
    CHECK(!memcmp(sketch, whole, bytes));
    n2_sketch_row(&s.space, s.kernels, 0, NULL, 0, sketch);
    for (size_t i = 0; i < bytes; i++)
        CHECK(sketch[i] == 0);
    free(sketch);
    free(whole);
    n2_space_release(&s.space);
}

/* ---- searches -------------------------------------------------------------------------------- */

static struct n2_stats stats_of(struct n2_index *index)
{
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    return stats;
}

/* Automatic: where all of more than 64 directions are kept. On: wherever there are codes. Off:
 * nowhere. They change little in what is found. */
static void test_option(void)
{
    uint64_t rng = test_seed;
    const struct {
        size_t dim;
        bool falls; /* the variance, from direction to direction */
        bool automatic;
    } sets[] = {{110, false, true}, /* codes of two lines */
                {96, false, false}, /* short ones, of one */
                {160, true, false},
                {30, false, false}};
    const size_t n = test_scale(3000, 1200);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        size_t dim = sets[i].dim;
        float *vectors = data_make(&rng, n + QUERIES, dim, DATA_NORMAL, 0);
        for (size_t j = 0; j < (n + QUERIES) * dim && sets[i].falls; j++)
            vectors[j] /= 1 + (float)(j % dim) / 2;
        double recall[N2_SKETCH_OFF + 1];
        for (int sketch = N2_SKETCH_AUTO; sketch <= N2_SKETCH_OFF; sketch++) {
            struct n2_options options = options_of(N2_L2);
            options.sketch = sketch;
            struct n2_index *index = index_make(&options, dim, vectors, n, 2);
            REQUIRE(index != NULL);
            struct n2_stats stats = stats_of(index);
            CHECK(stats.code_axes > 0 && stats.sketch == sketch);
            bool there = stats.sketch_bytes > 0;
            CHECKF(there ==
                       (sketch == N2_SKETCH_ON || (sketch == N2_SKETCH_AUTO && sets[i].automatic)),
                   "dim %zu, sketch %d: %d", dim, sketch, there);
            struct n2_search_options o;
            n2_search_options_init(&o);
            o.ef = 60;
            recall[sketch] = recall_of(index, vectors + n * dim, QUERIES, K, &o);
            CHECK_SOUND(index);
            n2_free(index);
        }
        printf("dim %zu: recall %.4f with sketches, %.4f without\n", dim, recall[N2_SKETCH_ON],
               recall[N2_SKETCH_OFF]);
        CHECK(recall[N2_SKETCH_ON] >= recall[N2_SKETCH_OFF] - 0.01);
        free(vectors);
    }
}

/* Vectors of which some lie in knots, each so small that codes hardly tell its vectors apart: what
 * searches find is what they find by vectors, whatever is pending meanwhile. */
static void test_knots(void)
{
    uint64_t rng = test_seed;
    const size_t dim = 40, n = test_scale(8000, 3000), knots = 10, late = 50;
    float *vectors = data_make(&rng, n + late + QUERIES, dim, DATA_NORMAL, 0);
    for (size_t i = 0; i < n + late + QUERIES; i++) /* one in ten */
        for (size_t j = 0; j < dim && i % 10 == 0; j++) {
            float centre = vectors[(1 + i / 10 % knots) * dim + j];
            vectors[i * dim + j] = centre + 0.03f * rng_normal(&rng);
        }
    for (int metric = N2_ANGULAR; metric <= N2_L2; metric++) {
        double recall[N2_NAVIGATE_VECTORS + 1];
        for (int navigation = N2_NAVIGATE_AUTO; navigation <= N2_NAVIGATE_VECTORS; navigation++) {
            struct n2_options options = options_of(metric);
            options.navigation = navigation;
            struct n2_index *index = index_make(&options, dim, vectors, n, 2);
            REQUIRE(index != NULL);
            CHECK(stats_of(index).code_axes > 0 || navigation != N2_NAVIGATE_CODES);
            const float *queries = vectors + (n + late) * dim;
            recall[navigation] = recall_of(index, queries, QUERIES, K, NULL);
            CHECK_STATUS(0, n2_add(index, vectors + n * dim, late, NULL));
            CHECK(recall_of(index, queries, QUERIES, K, NULL) >= recall[navigation] - 0.01);
            n2_free(index);
        }
        printf("metric %d: recall %.4f, %.4f by codes, %.4f by vectors\n", metric,
               recall[N2_NAVIGATE_AUTO], recall[N2_NAVIGATE_CODES], recall[N2_NAVIGATE_VECTORS]);
        for (int navigation = N2_NAVIGATE_AUTO; navigation <= N2_NAVIGATE_VECTORS; navigation++)
            CHECK(recall[navigation] >= 0.92);
    }
    free(vectors);
}

static const struct test_case cases[] = {
    {"estimates", test_estimates}, {"product_estimates", test_product_estimates},
    {"places", test_places},       {"option", test_option},
    {"knots", test_knots},
};
TEST_MAIN(cases)
