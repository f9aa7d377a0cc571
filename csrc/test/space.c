/* space.c - tests of codes: when there are any, what is found by them, and what builds make of
 * them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codes.h"
#include "craft.h"

#include "../space.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- later builds ---------------------------------------------------------------------------- */

/* Moves vectors from..from+n-1 away, by as much in each coordinate. */
static void shift_rows(float *vectors, size_t from, size_t n, size_t dim, float shift)
{
    for (size_t i = from * dim; i < (from + n) * dim; i++)
        vectors[i] += shift;
}

/* How later vectors differ from those that the map was chosen for. */
struct drift {
    size_t dim;
    bool falls;   /* the spectrum of the first ones: codes leave out the end */
    float shift;  /* how far away they are, in each coordinate */
    bool reverse; /* they vary where the first ones hardly do */
};

static float *drifting(uint64_t *rng, const struct drift *drift, size_t n, size_t more)
{
    const size_t dim = drift->dim;
    float *vectors = drift->falls ? data_falling(rng, n + more, dim)
                                  : data_make(rng, n + more, dim, DATA_NORMAL, 0);
    for (size_t i = n * dim; i < (n + more) * dim && drift->reverse; i += dim)
        for (size_t j = 0; j < dim / 2; j++) {
            float x = vectors[i + j];
            vectors[i + j] = vectors[i + dim - 1 - j];
            vectors[i + dim - 1 - j] = x;
        }
    shift_rows(vectors, n, more, dim, drift->shift);
    return vectors;
}

/* Later vectors, a sixth of all in the end, that the first map does not fit: what searches find of
 * them, near them and of the first ones is what they find by vectors. */
static void check_drift(int metric, const struct drift *drift, uint64_t *rng)
{
    enum { ADDED, NEAR, OLD, N_SHARES };
    const size_t n = test_scale(3000, 1000), more = n / 5, n_queries = 100, dim = drift->dim;
    float *vectors = drifting(rng, drift, n, more + n_queries);
    double shares[N2_NAVIGATE_VECTORS + 1][N_SHARES];
    for (int navigation = N2_NAVIGATE_AUTO; navigation <= N2_NAVIGATE_VECTORS; navigation++) {
        struct n2_options options = navigating(metric, navigation);
        options.ef_construction = 80;
        struct n2_index *index = index_make(&options, dim, vectors, n, 2);
        REQUIRE(index != NULL);
        const uint32_t axes = stats_of(index).code_axes;
        CHECK((axes > 0) == (navigation != N2_NAVIGATE_VECTORS) && (axes < dim || !drift->falls));
        CHECK_STATUS(0, n2_add(index, vectors + n * dim, more, NULL));
        CHECK_STATUS(0, build_on(index, 2));
        CHECK_SOUND(index);
        double *share = shares[navigation];
        share[ADDED] = recall(index, vectors, vectors + n * dim, n_queries, 200);
        share[NEAR] = recall(index, vectors, vectors + (n + more) * dim, n_queries, 200);
        share[OLD] = recall(index, vectors, vectors, n_queries, 200);
        printf(
            "drift by %g%s, dim %zu, metric %d, navigation %d: %u axes, then %u, recall of added "
            "ones %.4f, near them %.4f, of old ones %.4f\n",
            (double)drift->shift, drift->reverse ? ", reversed" : "", dim, metric, navigation, axes,
            stats_of(index).code_axes, share[ADDED], share[NEAR], share[OLD]);
        n2_free(index);
    }
    /* Who forces codes takes what they give. */
    const double *got = shares[N2_NAVIGATE_AUTO], *right = shares[N2_NAVIGATE_VECTORS];
    for (int i = 0; i < N_SHARES; i++)
        CHECKF(got[i] >= right[i] - 0.01,
               "dim %zu, metric %d, queries %d: recall %.4f, by vectors %.4f", dim, metric, i,
               got[i], right[i]);
    free(vectors);
}

static void test_drift(void)
{
    uint64_t rng = test_seed;
    static const struct drift drifts[] = {
        {20, false, 50, false}, {200, true, 0, true},   {80, false, 50, false}, /* short codes */
        {80, false, 2, false},  {200, true, 50, false}, {200, true, 2, false}};
    for (size_t i = 0; i < test_scale(6, 1); i++)
        for (size_t m = 0; m < 3; m++)
            check_drift(metrics[m], &drifts[i], &rng);
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

/* Recall is measured anew by a build of some 200 vectors or more after which a quarter of all have
 * come or gone since, and not earlier. */
static void test_measured_anew(void)
{
    uint64_t rng = test_seed;
    const struct {
        uint32_t n_deleted, n_added;
        bool anew;
    } stages[] = {{0, 2000, true}, {0, 300, false},   {0, 150, false}, {0, 250, true},
                  {0, 220, false}, {500, 100, false}, /* too few to measure by */
                  {0, 220, true},  {450, 0, false},   {0, 220, true},  {0, 220, false}};
    const size_t dim = 20, most = 4000, n_queries = 200;
    float *vectors = data_make(&rng, most + n_queries, dim, DATA_NORMAL, 0);
    for (size_t m = 0; m < 3; m++) {
        struct n2_options options = options_of(metrics[m]);
        options.ef_construction = 40;
        struct n2_index *index = index_make(&options, dim, vectors, 0, -1);
        struct n2_tuning before = {0};
        uint32_t n_ids = 0, n_gone = 0;
        REQUIRE(index != NULL);
        for (size_t i = 0; i < sizeof stages / sizeof *stages; i++) {
            for (uint32_t j = 0; j < stages[i].n_deleted; j++)
                CHECK_STATUS(0, n2_delete(index, n_gone++));
            CHECK_STATUS(0, n2_add(index, vectors + n_ids * dim, stages[i].n_added, NULL));
            n_ids += stages[i].n_added;
            CHECK_STATUS(0, build_on(index, 2));
            struct n2_tuning now = header_of(index).tuning;
            bool anew = memcmp(&before, &now, sizeof now) != 0;
            CHECKF(anew == stages[i].anew, "metric %d, stage %zu: %u nodes, before %u", metrics[m],
                   i, now.n_linked, before.n_linked);
            CHECK(!anew || (now.n_linked < n_ids - n_gone &&
                            now.n_linked + stages[i].n_added > n_ids - n_gone));
            before = now;
        }
        CHECK_SOUND(index);
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
    {"navigation", test_navigation},
    {"falling", test_falling},
    {"learn", test_learn},
    {"drift", test_drift},
    {"small_builds", test_small_builds},
    {"growth", test_growth},
    {"measured_anew", test_measured_anew},
    {"same_file", test_same_file},
    {"undo", test_undo},
};
TEST_MAIN(cases)
