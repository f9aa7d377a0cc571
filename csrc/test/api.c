/* api.c - tests of arguments: every function of n2.h with every kind of bad one.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What is refused leaves the index and every output argument as before.
 */
#include "support.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DIM 4
#define N 20

static const int metrics[] = {N2_ANGULAR, N2_L2, N2_DOT};

static struct n2_index *small(int metric)
{
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, N, DIM, DATA_NORMAL, 0);
    struct n2_options options = options_of(metric);
    struct n2_index *index = index_make(&options, DIM, vectors, N, 1);
    free(vectors);
    return index;
}

static uint64_t count_of(struct n2_index *index)
{
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    return stats.n_vectors;
}

static void test_version(void)
{
    CHECK(n2_version() ==
          N2_VERSION_MAJOR * 1000000u + N2_VERSION_MINOR * 1000u + N2_VERSION_PATCH);
}

static void test_status_text(void)
{
    for (int status = -14; status <= 0; status++) {
        const char *text = n2_status_text(status);
        REQUIRE(text != NULL && *text);
        CHECKF(text[strlen(text) - 1] != '.', "text of %d ends in a full stop", status);
        CHECK(n2_status_text(status) == text);
        for (int other = -14; other < status; other++)
            CHECKF(strcmp(text, n2_status_text(other)) != 0, "%d and %d have one text", status,
                   other);
    }
    const int odd[] = {-15, -1000, INT_MIN, INT_MAX, 1, ENOENT, EIO, ENOSPC, EBUSY, 4095, 100000};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        const char *text = n2_status_text(odd[i]);
        CHECKF(text && *text, "no text for %d", odd[i]);
    }
}

static void test_create(void)
{
    struct n2_index *const before = (struct n2_index *)(void *)&before;
    struct n2_index *index = before;
    CHECK_STATUS(N2_ERR_OPTION, n2_create(NULL, DIM, NULL));
    CHECK_STATUS(N2_ERR_DIMENSION, n2_create(&index, 0, NULL));
    CHECK_STATUS(N2_ERR_DIMENSION, n2_create(&index, N2_MAX_DIM + 1, NULL));
    CHECK_STATUS(N2_ERR_DIMENSION, n2_create(&index, SIZE_MAX, NULL));
    CHECK(index == before);
    CHECK_STATUS(0, n2_create(&index, N2_MAX_DIM, NULL));
    REQUIRE(index != before && index);
    n2_free(index);
}

/* Runs n2_create with one option changed. */
#define TRY(want, field, value)                                                                    \
    do {                                                                                           \
        struct n2_options o;                                                                       \
        n2_options_init(&o);                                                                       \
        o.field = (value);                                                                         \
        struct n2_index *x = NULL;                                                                 \
        int got = n2_create(&x, DIM, &o);                                                          \
        CHECKF(got == (want), #field " = " #value ": %s", n2_status_text(got));                    \
        CHECKF((x != NULL) == (got == 0), #field " = " #value ": index set or not");               \
        if (x)                                                                                     \
            n2_free(x);                                                                            \
    } while (0)

static void test_options(void)
{
    TRY(0, metric, 0);
    TRY(0, metric, 1);
    TRY(0, metric, 3);
    TRY(N2_ERR_OPTION, metric, 4);
    TRY(N2_ERR_OPTION, metric, -1);
    TRY(N2_ERR_OPTION, metric, INT32_MAX);
    TRY(0, selection, 3);
    TRY(N2_ERR_OPTION, selection, 4);
    TRY(N2_ERR_OPTION, selection, -1);
    TRY(0, merging, 2);
    TRY(N2_ERR_OPTION, merging, 3);
    TRY(N2_ERR_OPTION, merging, INT32_MIN);
    TRY(0, sketch, 3);
    TRY(N2_ERR_OPTION, sketch, 4);
    TRY(N2_ERR_OPTION, sketch, -1);
    TRY(0, navigation, 3);
    TRY(N2_ERR_OPTION, navigation, 4);
    TRY(N2_ERR_OPTION, navigation, -1);
    TRY(0, M, 2);
    TRY(0, M, N2_MAX_M);
    TRY(N2_ERR_OPTION, M, 1);
    TRY(N2_ERR_OPTION, M, -1);
    TRY(N2_ERR_OPTION, M, N2_MAX_M + 1);
    TRY(0, max_m0, 16); /* M's default */
    TRY(0, max_m0, 2 * N2_MAX_M);
    TRY(N2_ERR_OPTION, max_m0, 15);
    TRY(N2_ERR_OPTION, max_m0, -1);
    TRY(N2_ERR_OPTION, max_m0, 2 * N2_MAX_M + 1);
    TRY(0, ef_construction, 1);
    TRY(0, ef_construction, N2_MAX_EF);
    TRY(N2_ERR_OPTION, ef_construction, -1);
    TRY(N2_ERR_OPTION, ef_construction, N2_MAX_EF + 1);
    TRY(0, level_multiplier, 1e-300);
    TRY(0, level_multiplier, 16);
    TRY(N2_ERR_OPTION, level_multiplier, 16.1);
    TRY(N2_ERR_OPTION, level_multiplier, -0.5);
    TRY(N2_ERR_OPTION, level_multiplier, (double)INFINITY);
    TRY(N2_ERR_OPTION, level_multiplier, (double)NAN);
    TRY(0, seed, UINT64_MAX);
    TRY(N2_ERR_OPTION, size, 0);
}

static void test_stats(void)
{
    struct n2_options options = options_of(N2_DOT);
    options.M = 5;
    options.max_m0 = 7;
    options.ef_construction = 33;
    options.level_multiplier = 0.75;
    options.selection = N2_NAIVE;
    options.merging = N2_MERGE_LEVEL0;
    options.seed = 12345678901234567u;
    float vectors[3 * DIM] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4};
    struct n2_index *index = index_make(&options, DIM, vectors, 2, -1);
    REQUIRE(index != NULL);
    struct n2_stats s = {.size = sizeof s};
    CHECK_STATUS(0, n2_get_stats(index, &s));
    CHECK(s.size == sizeof s && s.dim == DIM && s.n_vectors == 2 && s.n_pending == 2);
    CHECK(s.metric == N2_DOT && s.selection == N2_NAIVE && s.merging == N2_MERGE_LEVEL0);
    CHECK(s.M == 5 && s.max_m0 == 7 && s.ef_construction == 33 && s.level_multiplier == 0.75);
    CHECK(s.seed == options.seed && s.max_level == -1 && s.entry_id == UINT32_MAX);
    CHECK(s.threads == 0 && !strcmp(s.kernel, n2_isa()) && s.mapped_bytes == 0);
    CHECK(s.vector_bytes >= 2 * DIM * sizeof(float) && s.n_duplicates == 0);
    CHECK_STATUS(0, n2_add(index, vectors + 2 * DIM, 1, NULL));
    CHECK_STATUS(0, build_on(index, 1));
    CHECK_STATUS(0, n2_get_stats(index, &s));
    CHECK(s.n_vectors == 3 && s.n_pending == 0 && s.n_duplicates == 1 && s.threads == 1);
    CHECK(s.max_level >= 0 && s.entry_id < 3 && s.link_bytes > 0);

    /* An older caller's structure is shorter: nothing may be written behind it. */
    struct n2_stats old;
    memset(&old, 0x5a, sizeof old);
    old.size = offsetof(struct n2_stats, metric);
    n2_get_stats(index, &old);
    CHECK(old.metric == 0x5a5a5a5a && old.M == 0x5a5a5a5a && old.seed == 0x5a5a5a5a5a5a5a5au);
    old.size = 0;
    CHECK_STATUS(N2_ERR_OPTION, n2_get_stats(index, &old));
    CHECK_STATUS(N2_ERR_OPTION, n2_get_stats(index, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_get_stats(NULL, &s));
    n2_free(index);
}

/* A vector that n2_add and every search refuse with `want`. */
static void refuse(int want, int metric, const float *vector)
{
    struct n2_index *index = small(metric);
    if (!index)
        return;
    struct bytes before = index_bytes(index);
    float batch[3 * DIM] = {1, 2, 3, 4, 5, 6, 7, 8};
    struct n2_neighbor out[3] = {{77, 7}}, first = out[0];
    size_t n_out[3] = {99, 99, 99};
    for (int place = 0; place < 3; place++) { /* anywhere in a batch */
        float moved[3 * DIM];
        memcpy(moved, batch, sizeof moved);
        moved[2 * DIM] = 1;
        memcpy(moved + place * DIM, vector, DIM * sizeof *vector);
        uint32_t id = 4711;
        CHECK_STATUS(want, n2_add(index, moved, 3, &id));
        CHECK(id == 4711);
        CHECK_STATUS(want, n2_search_batch(index, moved, 3, 1, NULL, out, n_out));
        CHECK_STATUS(want, n2_search_exact(index, moved, 3, 1, out, n_out));
    }
    CHECK_STATUS(want, n2_search(index, vector, 1, NULL, out, n_out));
    CHECK(same_neighbor(out[0], first) && n_out[0] == 99 && n_out[1] == 99);
    CHECK(count_of(index) == N);
    struct bytes after = index_bytes(index);
    CHECK(bytes_equal(before, after));
    bytes_free(&before);
    bytes_free(&after);
    n2_free(index);
}

static void accept(int metric, const float *vector)
{
    struct n2_index *index = small(metric);
    struct n2_neighbor out[N + 1];
    size_t n_out = 0;
    uint32_t id = 0;
    float back[DIM];
    if (!index)
        return;
    CHECK_STATUS(0, n2_add(index, vector, 1, &id));
    CHECK(id == N);
    CHECK_STATUS(0, n2_search(index, vector, N + 1, NULL, out, &n_out));
    CHECK(n_out == N + 1);
    CHECK_STATUS(0, build_on(index, 2));
    CHECK_STATUS(0, n2_search(index, vector, N + 1, NULL, out, &n_out));
    CHECK(n_out == N + 1);
    for (size_t i = 0; i < n_out; i++)
        CHECKF(isfinite(out[i].distance), "metric %d: distance %g", metric,
               (double)out[i].distance);
    CHECK_RESULTS(metric, out, n_out, N + 1);
    CHECK_STATUS(0, n2_vector(index, id, back));
    CHECK(!memcmp(back, vector, sizeof back));
    CHECK_SOUND(index);
    n2_free(index);
}

static void test_vectors(void)
{
    for (size_t m = 0; m < 3; m++) {
        int metric = metrics[m];
        bool angular = metric == N2_ANGULAR;
        float limit = angular ? 0x1p120f : 0x1p60f, least = angular ? 0x1p-90f : 0;
        const float bad[] = {NAN, -NAN, INFINITY, -INFINITY};
        for (size_t b = 0; b < 4; b++) {
            for (size_t place = 0; place < DIM; place++) {
                float v[DIM] = {1, 2, 3, 4};
                v[place] = bad[b];
                refuse(N2_ERR_NOT_FINITE, metric, v);
            }
        }
        refuse(N2_ERR_MAGNITUDE, metric, (float[DIM]){0, limit * 1.001f, 0, 0});
        refuse(N2_ERR_MAGNITUDE, metric, (float[DIM]){limit, limit, -limit, limit});
        refuse(N2_ERR_MAGNITUDE, metric, (float[DIM]){0x1.fffffep127f, 0, -0x1.fffffep127f, 0});
        accept(metric, (float[DIM]){0, 0, -limit * 0.999f, 0});
        accept(metric, (float[DIM]){limit * 0.499f, -limit * 0.499f, limit * 0.499f, 0});
        if (angular) {
            refuse(N2_ERR_ZERO_VECTOR, metric, (float[DIM]){0, 0, 0, 0});
            refuse(N2_ERR_ZERO_VECTOR, metric, (float[DIM]){-0.0f, 0, -0.0f, 0});
            refuse(N2_ERR_MAGNITUDE, metric, (float[DIM]){0, 0x1p-149f, 0, 0});
            refuse(N2_ERR_MAGNITUDE, metric, (float[DIM]){0, 0, least * 0.999f, 0});
        } else {
            accept(metric, (float[DIM]){0, 0, 0, 0});
            accept(metric, (float[DIM]){-0.0f, 0, -0.0f, 0x1p-149f});
        }
        accept(metric, (float[DIM]){0, least * 1.001f, -0.0f, 0});
        accept(metric, (float[DIM]){0x1p-20f, -0.0f, 0x1p20f, 0x1p-149f});
    }
}

static void test_add(void)
{
    struct n2_index *index = NULL;
    uint32_t first = 9;
    float v[2 * DIM] = {1, 2, 3, 4, 5, 6, 7, 8};
    REQUIRE_OK(n2_create(&index, DIM, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_add(NULL, v, 1, &first));
    CHECK_STATUS(N2_ERR_OPTION, n2_add(index, NULL, 1, &first));
    CHECK(first == 9);
    CHECK_STATUS(0, n2_add(index, v, 0, NULL));
    CHECK(count_of(index) == 0);
    CHECK_STATUS(0, n2_add(index, v, 2, &first));
    CHECK(first == 0);
    CHECK_STATUS(0, n2_add(index, v, 1, &first));
    CHECK(first == 2);
    CHECK_STATUS(0, n2_add(index, v, 2, NULL));
    CHECK(count_of(index) == 5);
    int status = n2_add(index, v, (size_t)N2_MAX_VECTORS, &first); /* refused before it is read */
    CHECKF(status == N2_ERR_FULL, "adding 2^31 - 1 to 5 vectors: %s", n2_status_text(status));
    CHECK_STATUS(N2_ERR_FULL, n2_add(index, v, SIZE_MAX, &first));
    CHECK(first == 2 && count_of(index) == 5);
    n2_free(index);
}

static void test_build_arguments(void)
{
    struct n2_index *index = small(N2_L2);
    REQUIRE(index != NULL);
    struct n2_build_options options;
    struct n2_build *build = NULL;
    CHECK_STATUS(N2_ERR_OPTION, n2_build(NULL, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_build_begin(NULL, index, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_build_begin(&build, NULL, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_build_step(NULL, NULL, NULL));
    const int32_t threads[] = {-1, N2_MAX_THREADS + 1, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        n2_build_options_init(&options);
        options.threads = threads[i];
        CHECK_STATUS(N2_ERR_OPTION, n2_build(index, &options));
        CHECK_STATUS(N2_ERR_OPTION, n2_build_begin(&build, index, &options));
    }
    n2_build_options_init(&options);
    options.size = 0;
    CHECK_STATUS(N2_ERR_OPTION, n2_build(index, &options));
    CHECK_STATUS(N2_ERR_OPTION, n2_build_begin(&build, index, &options));
    const float queries[2][DIM] = {{1, 2}, {INFINITY, 1}};
    n2_build_options_init(&options);
    options.n_queries = 1; /* which are nowhere */
    CHECK_STATUS(N2_ERR_OPTION, n2_build(index, &options));
    options.queries = queries[0];
    options.n_queries = 2;
    CHECK_STATUS(N2_ERR_NOT_FINITE, n2_build(index, &options));
    CHECK_STATUS(N2_ERR_NOT_FINITE, n2_build_begin(&build, index, &options));
    options.n_queries = 1;
    CHECK_STATUS(0, n2_build(index, &options));
    CHECK(build == NULL);
    n2_build_end(build);
    CHECK_STATUS(0, n2_build(index, NULL)); /* nothing is pending */
    CHECK_STATUS(0, build_on(index, N2_MAX_THREADS));
    n2_free(index);
}

static const struct test_case cases[] = {
    {"version", test_version}, {"status_text", test_status_text},
    {"create", test_create},   {"options", test_options},
    {"stats", test_stats},     {"vectors", test_vectors},
    {"add", test_add},         {"build_arguments", test_build_arguments},
};
TEST_MAIN(cases)
