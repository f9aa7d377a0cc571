/* build.c - tests that the same adds and builds give the same file, whatever runs them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "../code.h"
#include "../pack.h"

#include <stdlib.h>
#include <string.h>

static const int metrics[] = {N2_ANGULAR, N2_L2, N2_DOT};
static const int teams[] = {1, 2, 3, 7, 16};
#define N_TEAMS (sizeof teams / sizeof *teams)

struct plan {
    struct n2_options options;
    enum data_kind kind;
    int duplicates;
    size_t n, dim;
    int builds; /* the vectors come in as many parts, each followed by a build */
};

/* Saved bytes of the plan, built on that many threads. With `reload`, the index is saved and loaded
 * before each build: 1 mapped, 2 read. Sets *stats, unless it is NULL. */
static struct bytes carry_out(const struct plan *plan, const float *vectors, int threads,
                              int reload, struct n2_stats *stats)
{
    struct bytes none = {NULL, 0};
    struct n2_index *index = index_make(&plan->options, plan->dim, vectors, 0, -1);
    if (!index)
        return none;
    for (int part = 0; part < plan->builds; part++) {
        size_t begin = plan->n * (size_t)part / (size_t)plan->builds;
        size_t end = plan->n * (size_t)(part + 1) / (size_t)plan->builds;
        if (reload) {
            struct n2_load_options options;
            n2_load_options_init(&options);
            options.no_map = reload == 2;
            const char *path = temp_path("reload");
            CHECK_STATUS(0, n2_save(index, path));
            n2_free(index);
            index = NULL;
            if (!CHECK_STATUS(0, n2_load(&index, path, &options)))
                return none;
        }
        CHECK_STATUS(0, n2_add(index, vectors + begin * plan->dim, end - begin, NULL));
        CHECK_STATUS(0, build_on(index, threads));
    }
    CHECK_SOUND(index);
    if (stats) {
        stats->size = sizeof *stats;
        CHECK_STATUS(0, n2_get_stats(index, stats));
    }
    struct bytes bytes = index_bytes(index);
    n2_free(index);
    return bytes;
}

static void check_plan(const struct plan *plan, uint64_t *rng)
{
    float *vectors = data_make(rng, plan->n, plan->dim, plan->kind, plan->duplicates);
    struct bytes first = carry_out(plan, vectors, 1, 0, NULL);
    for (size_t t = 0; t < N_TEAMS; t++) {
        for (int reload = 0; reload < 3; reload++) {
            if (reload && (plan->builds == 1 || t % 2 == 0))
                continue; /* two thread counts are enough for those */
            struct bytes bytes = carry_out(plan, vectors, teams[t], reload, NULL);
            CHECKF(bytes_equal(first, bytes), "%s, %d threads, reload %d: other bytes",
                   data_kind_name(plan->kind), teams[t], reload);
            bytes_free(&bytes);
        }
    }
    bytes_free(&first);
    free(vectors);
}

static void test_threads(void)
{
    uint64_t rng = test_seed;
    for (size_t m = 0; m < 3; m++) {
        for (int merging = N2_MERGE_SKIP; merging <= N2_MERGE_LEVEL0; merging++) {
            struct plan plan = {.options = options_of(metrics[m]),
                                .kind = merging == N2_MERGE_SKIP ? DATA_NORMAL : DATA_CLUSTERS,
                                .duplicates = 5,
                                .n = test_scale(1500, 150),
                                .dim = 20,
                                .builds = 1};
            plan.options.merging = merging;
            plan.options.M = 8;
            plan.options.ef_construction = 60;
            check_plan(&plan, &rng);
        }
    }
}

static void test_several_builds(void)
{
    uint64_t rng = test_seed;
    size_t rounds = test_scale(12, 3);
    for (size_t i = 0; i < rounds; i++) {
        struct plan plan = {.options = options_of(metrics[i % 3]),
                            .kind = (enum data_kind)rng_below(&rng, DATA_KINDS),
                            .duplicates = 20 * (int)rng_below(&rng, 3),
                            .n = rng_below(&rng, test_scale(700, 60)),
                            .dim = 1 + rng_below(&rng, 40),
                            .builds = 1 + (int)rng_below(&rng, 4)};
        plan.options.merging = 1 + (int32_t)(i % 2);
        plan.options.selection = 1 + (int32_t)(i / 2 % 3);
        plan.options.M = 2 + (int32_t)rng_below(&rng, 10);
        plan.options.ef_construction = 5 + (int32_t)rng_below(&rng, 60);
        plan.options.seed = rng_next(&rng);
        check_plan(&plan, &rng);
    }
}

/* What codes there are of floats: of few directions and of many in a line of the cache each, of all
 * in two lines, of fewer directions than dimensions. */
static const struct {
    size_t dim;
    bool falls;
} shapes[] = {{20, false}, {80, false}, {110, false}, {150, true}};

/* Codes are there where they are smaller than vectors, of fewer directions where these fall; and
 * sketches as n2.h says. */
static void check_codes(const struct plan *plan, size_t shape, const struct n2_stats *stats)
{
    const bool falls = shapes[shape].falls, dot = plan->options.metric == N2_DOT;
    const bool is_short = shape == 1 && !dot;
    size_t axes = falls ? 64 : plan->dim, code = n2_code_bytes(axes, is_short);
    if (code >= n2_pack_bytes(plan->options.store, plan->dim) +
                    (plan->options.metric != N2_L2) * sizeof(float))
        axes = 0;
    const int sketch = plan->options.sketch;
    bool sketched = axes > 0 && (sketch == N2_SKETCH_ON ||
                                 (sketch == N2_SKETCH_AUTO && !falls && code > N2_CODE_UNIT));
    CHECKF(axes == stats->code_axes && (stats->sketch_bytes > 0) == sketched,
           "metric %d, store %d, sketch %d, dim %zu: %u axes, not %zu, %llu bytes of sketches, %d",
           plan->options.metric, plan->options.store, sketch, plan->dim, stats->code_axes, axes,
           (unsigned long long)stats->sketch_bytes, sketched);
}

/* Without sketches and with, for vectors of each kind of memory, whatever codes there are, by each
 * metric: all threes of shape and metric with the former or the latter. The first twelve plans meet
 * each pair; the first two do where a machine is imitated. */
static void test_codes(void)
{
    uint64_t rng = test_seed;
    const size_t n_plans = test_scale(36, 2), n = 820;
    for (size_t i = 0; i < n_plans; i++) {
        size_t shape = i % 4, turn = i / 4 % 3, round = i / 12;
        struct plan plan = {.options = options_of(metrics[(shape + turn) % 3]),
                            .kind = DATA_NORMAL,
                            .n = n,
                            .dim = shapes[shape].dim,
                            .builds = 2};
        plan.options.sketch = 1 + (int32_t)((shape + 2 * turn + round) % 3);
        plan.options.store = 1 + (int32_t)((turn + round) % 3);
        plan.options.M = 8;
        plan.options.ef_construction = 20;
        float *vectors = shapes[shape].falls ? data_falling(&rng, n, plan.dim)
                                             : data_make(&rng, n, plan.dim, DATA_NORMAL, 5);
        struct n2_stats stats = {0};
        struct bytes first = carry_out(&plan, vectors, 1, 0, &stats);
        check_codes(&plan, shape, &stats);
        for (size_t t = 1; t <= test_scale(3, 1); t++) {
            struct bytes bytes = carry_out(&plan, vectors, teams[t], 0, NULL);
            CHECKF(bytes_equal(first, bytes), "plan %zu, %d threads: other bytes", i, teams[t]);
            bytes_free(&bytes);
        }
        bytes_free(&first);
        free(vectors);
    }
}

/* Every instruction set gives the same file. */
static void test_isas(void)
{
    uint64_t rng = test_seed;
    for (size_t m = 0; m < 3; m++) {
        struct plan plan = {
            .options = options_of(metrics[m]), .n = test_scale(1500, 150), .dim = 37, .builds = 2};
        float *vectors = data_make(&rng, plan.n, plan.dim, DATA_NORMAL, 0);
        struct bytes first = carry_out(&plan, vectors, 2, 0, NULL);
        for (size_t i = 0; i < N_ISAS; i++) {
            if (n2_set_isa(isas[i]))
                continue;
            struct bytes bytes = carry_out(&plan, vectors, 2, 0, NULL);
            CHECKF(bytes_equal(first, bytes), "metric %d, %s: other bytes", metrics[m], isas[i]);
            bytes_free(&bytes);
        }
        CHECK_STATUS(0, n2_set_isa(NULL));
        bytes_free(&first);
        free(vectors);
    }
}

/* One call or many that add the same vectors; batches of any size; searches in between. */
static void test_adds(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(500, 100), dim = 9;
    float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 10);
    struct n2_index *index = index_make(NULL, dim, vectors, n, 2);
    REQUIRE(index != NULL);
    struct bytes first = index_bytes(index);
    n2_free(index);
    index = index_make(NULL, dim, vectors, 0, -1);
    REQUIRE(index != NULL);
    for (size_t done = 0; done < n;) {
        size_t part = 1 + rng_below(&rng, 40), n_out;
        if (part > n - done)
            part = n - done;
        uint32_t id = 0;
        CHECK_STATUS(0, n2_add(index, vectors + done * dim, part, &id));
        CHECK(id == done);
        done += part;
        struct n2_neighbor out[3];
        CHECK_STATUS(0, n2_search(index, vectors, 3, NULL, out, &n_out));
    }
    CHECK_STATUS(0, build_on(index, 3));
    struct bytes second = index_bytes(index);
    CHECK(bytes_equal(first, second));
    CHECK_STATUS(0, build_on(index, 2)); /* nothing to do changes nothing */
    bytes_free(&second);
    second = index_bytes(index);
    CHECK(bytes_equal(first, second));
    bytes_free(&first);
    bytes_free(&second);
    n2_free(index);
    free(vectors);
}

/* Another seed, another graph: the seed is in use. */
static void test_seed_matters(void)
{
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, 300, 6, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_L2);
    struct bytes bytes[2];
    for (int i = 0; i < 2; i++) {
        options.seed = (uint64_t)i;
        struct n2_index *index = index_make(&options, 6, vectors, 300, 1);
        REQUIRE(index != NULL);
        bytes[i] = index_bytes(index);
        n2_free(index);
    }
    CHECK(bytes[0].data && bytes[1].data && !bytes_equal(bytes[0], bytes[1]));
    bytes_free(&bytes[0]);
    bytes_free(&bytes[1]);
    free(vectors);
}

/* Merging level 0 costs time to find more: at a small beam it must not find less. */
static void test_merging(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(4000, 200), dim = 24, n_queries = 200;
    float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
    float *queries = data_make(&rng, n_queries, dim, DATA_NORMAL, 0);
    size_t found[2] = {0, 0};
    for (int merging = 0; merging < 2; merging++) {
        struct n2_options options = options_of(N2_L2);
        options.merging = merging ? N2_MERGE_LEVEL0 : N2_MERGE_SKIP;
        options.M = 8;
        options.ef_construction = 60;
        struct n2_index *index = index_make(&options, dim, vectors, n, 2);
        REQUIRE(index != NULL);
        CHECK_SOUND(index);
        struct n2_search_options o;
        n2_search_options_init(&o);
        o.ef = 20;
        for (size_t q = 0; q < n_queries; q++) {
            struct n2_neighbor out[10], exact[10];
            size_t n_out = 0;
            CHECK_STATUS(0, n2_search(index, queries + q * dim, 10, &o, out, &n_out));
            CHECK_STATUS(0, n2_search_exact(index, queries + q * dim, 1, 10, exact, &n_out));
            for (size_t i = 0; i < 100; i++)
                found[merging] += out[i / 10].id == exact[i % 10].id;
        }
        n2_free(index);
    }
    printf("recall@10 at ef 20: %.4f, merged %.4f\n", (double)found[0] / 2000,
           (double)found[1] / 2000);
    CHECKF((double)found[1] >= 0.99 * (double)found[0], "%zu and, merged, %zu", found[0], found[1]);
    free(vectors);
    free(queries);
}

static const struct test_case cases[] = {
    {"threads", test_threads}, {"several_builds", test_several_builds},
    {"codes", test_codes},     {"isas", test_isas},
    {"adds", test_adds},       {"seed_matters", test_seed_matters},
    {"merging", test_merging},
};
TEST_MAIN(cases)
