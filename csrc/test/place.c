/* place.c - tests of the order in which a build puts its vectors in memory.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "../pass.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define DIM 64
#define MOST_IDS 12000

/* Vectors by id; `gone` ones were deleted. */
struct model {
    struct n2_index *index;
    size_t n;
    float *vectors;
    bool gone[MOST_IDS];
};

static void model_free(struct model *m)
{
    n2_free(m->index);
    free(m->vectors);
}

static float *row(const struct model *m, size_t id)
{
    return m->vectors + id * DIM;
}

static void check_vector(const struct model *m, uint32_t id)
{
    float back[DIM];
    int status = n2_vector(m->index, id, back);
    if (m->gone[id])
        CHECKF(status == N2_ERR_NOT_FOUND, "deleted vector %u", (unsigned)id);
    else
        CHECKF(!status && !memcmp(back, row(m, id), sizeof back), "vector %u", (unsigned)id);
}

static void check_holds(const struct model *m)
{
    for (uint32_t id = 0; id < m->n; id++)
        check_vector(m, id);
    CHECK_SOUND(m->index);
    CHECK_COMES_BACK(m->index);
}

/* An index of n pending vectors, of which some are equal, and `changed` were replaced and as many
 * deleted: their nodes are not among those that change places. */
static void model_make_of(struct model *m, int metric, enum data_kind kind, int duplicates,
                          size_t n, size_t changed)
{
    uint64_t rng = test_seed;
    struct n2_options options = options_of(metric);
    memset(m, 0, sizeof *m);
    m->n = n;
    options.M = 4;
    options.ef_construction = 20;
    m->vectors = data_make(&rng, n + changed, DIM, kind, duplicates);
    m->index = index_make(&options, DIM, m->vectors, n, -1);
    for (size_t i = 0; m->index && i < changed; i++) {
        uint32_t replaced = (uint32_t)rng_below(&rng, n), deleted = (uint32_t)rng_below(&rng, n);
        if (!m->gone[replaced]) {
            memcpy(row(m, replaced), row(m, n + i), DIM * sizeof(float));
            CHECK_STATUS(0, n2_update(m->index, replaced, row(m, replaced)));
        }
        if (!m->gone[deleted])
            CHECK_STATUS(0, n2_delete(m->index, deleted));
        m->gone[deleted] = true;
    }
}

static void model_make(struct model *m, int metric, size_t n, size_t changed)
{
    model_make_of(m, metric, DATA_CLUSTERS, 2, n, changed);
}

/* How far apart in memory vectors and those nearest to them lie on average, as a share of all. */
static double distance_in_memory(const struct model *m)
{
    double sum = 0;
    size_t n = 0;
    for (uint32_t id = 0; id < m->n; id += 7) {
        struct n2_neighbor out[2];
        size_t n_out = 0;
        if (m->gone[id] || !CHECK_STATUS(0, n2_search_id(m->index, id, 2, NULL, out, &n_out)))
            continue;
        double a = n2_store_node(&m->index->store, out[0].id);
        double b = n2_store_node(&m->index->store, out[1].id);
        sum += a > b ? a - b : b - a;
        n++;
    }
    return sum / (double)n / (double)m->n;
}

static size_t
n_at_home(const struct model *m) /* of those not deleted, in an index where none was replaced */
{
    size_t n = 0;
    for (uint32_t id = 0; id < m->n; id++)
        n += n2_store_node(&m->index->store, id) == id;
    return n;
}

static void test_near(void)
{
    for (int metric = N2_ANGULAR; metric <= N2_L2; metric++) {
        struct model m;
        model_make(&m, metric, 6000, 200);
        REQUIRE(m.index != NULL);
        CHECK_STATUS(0, build_on(m.index, 2));
        double share = distance_in_memory(&m);
        CHECKF(share < 0.1, "metric %d: %.3f apart", metric, share); /* 0.33 in any order */
        check_holds(&m);
        model_free(&m);
    }
}

/* Few vectors, products, and vectors that are linked already stay where they are. */
static void test_unmoved(void)
{
    struct model m;
    model_make(&m, N2_L2, 4000, 0);
    REQUIRE(m.index != NULL);
    CHECK_STATUS(0, build_on(m.index, 2));
    CHECK(n_at_home(&m) > m.n * 9 / 10); /* all but duplicates */
    model_free(&m);
    model_make(&m, N2_DOT, 6000, 0);
    REQUIRE(m.index != NULL);
    CHECK_STATUS(0, build_on(m.index, 2));
    CHECK(n_at_home(&m) > m.n * 9 / 10);
    model_free(&m);
    model_make(&m, N2_L2, 12000, 0);
    REQUIRE(m.index != NULL);
    CHECK_STATUS(0, n2_link(m.index, 3000));
    uint32_t nodes[3000];
    for (uint32_t id = 0; id < 3000; id++)
        nodes[id] = n2_store_node(&m.index->store, id);
    CHECK_STATUS(0, build_on(m.index, 2)); /* of three times as many */
    size_t n_same = 0;
    for (uint32_t id = 0; id < 3000; id++)
        n_same += n2_store_node(&m.index->store, id) == nodes[id];
    CHECK(n_same == 3000);
    CHECK(n_at_home(&m) < m.n / 2);
    check_holds(&m);
    model_free(&m);
}

static void test_same_bytes(void)
{
    struct bytes first = {NULL, 0};
    for (int threads = 1; threads <= 5; threads += 2) {
        struct model m;
        model_make(&m, N2_L2, 5000, 300);
        REQUIRE(m.index != NULL);
        CHECK_STATUS(0, build_on(m.index, threads));
        struct bytes bytes = index_bytes(m.index);
        if (first.data)
            CHECKF(bytes_equal(first, bytes), "%d threads", threads);
        struct bytes swap = first;
        first = bytes;
        bytes_free(&swap);
        model_free(&m);
    }
    bytes_free(&first);
}

/* Cancels the build under way when it has moved some vectors. */
static void *cancel_moving(void *argument)
{
    struct n2_index *index = argument;
    while (N2_LOAD(&index->graph.n_renumbered) == 0)
        N2_PAUSE();
    pthread_mutex_lock(&index->state);
    if (index->build_cancel)
        N2_STORE(index->build_cancel, 1);
    pthread_mutex_unlock(&index->state);
    return NULL;
}

/* A build that has moved vectors. */
static struct n2_build *begin_moved(const struct model *m)
{
    struct n2_build *build = NULL;
    CHECK_STATUS(0, n2_build_begin(&build, m->index, NULL));
    CHECK(n_at_home(m) == m->n);
    CHECK_STATUS(0, n2_build_step(build, NULL, NULL));
    CHECK(n_at_home(m) < m->n / 2);
    return build;
}

static void test_undone(void)
{
    struct model m;
    struct n2_build *build;
    pthread_t thread;
    model_make(&m, N2_ANGULAR, 12000, 0); /* are moved in some parts */
    REQUIRE(m.index != NULL);
    struct bytes before = index_bytes(m.index);
    build = begin_moved(&m);
    n2_build_end(build);
    struct bytes after = index_bytes(m.index);
    CHECK(bytes_equal(before, after));
    bytes_free(&after);
    uint32_t n_renumbered = m.index->graph.n_renumbered;
    N2_STORE(&m.index->graph.n_renumbered, 0);
    REQUIRE(pthread_create(&thread, NULL, cancel_moving, m.index) == 0);
    int status = build_on(m.index, 2);
    pthread_join(thread, NULL);
    CHECK(n_renumbered > 2);
    CHECK(status == N2_ERR_CANCELLED || status == 0); /* the build may have been faster */
    after = index_bytes(m.index);
    CHECK(status == 0 || bytes_equal(before, after));
    CHECK_STATUS(0, build_on(m.index, 2));
    check_holds(&m);
    bytes_free(&after);
    bytes_free(&before);
    model_free(&m);
}

/* What changed after the vectors were moved is not undone; the last one makes all take more room.
 */
static void test_undone_changed(void)
{
    struct model m;
    model_make_of(&m, N2_L2, DATA_GRID, 10, 6000, 0);
    REQUIRE(m.index != NULL);
    struct n2_build *build = begin_moved(&m);
    for (uint32_t id = 0; id < 600; id += 3) {
        CHECK_STATUS(0, n2_delete(m.index, id));
        m.gone[id] = true;
        row(&m, id + 1)[0] = 77;
        CHECK_STATUS(0, n2_update(m.index, id + 1, row(&m, id + 1)));
    }
    CHECK(m.index->store.storage == N2_STORE_SQ8);
    row(&m, 5999)[0] = 0.1f;
    CHECK_STATUS(0, n2_update(m.index, 5999, row(&m, 5999)));
    CHECK(m.index->store.storage == N2_STORE_FLOAT32);
    n2_build_end(build);
    check_holds(&m);
    CHECK_STATUS(0, build_on(m.index, 2));
    check_holds(&m);
    model_free(&m);
}

/* A build that is cut short by n2_close puts nothing back. */
static void test_closed(void)
{
    struct model m;
    model_make(&m, N2_L2, 6000, 0);
    REQUIRE(m.index != NULL);
    struct n2_build *build = begin_moved(&m);
    n2_close(m.index);
    n2_build_end(build);
    model_free(&m);
}

/* Vectors that lie in a mapped file move too, and the file stays as it is. */
static void test_mapped(void)
{
    struct model m;
    model_make(&m, N2_ANGULAR, 6000, 100);
    REQUIRE(m.index != NULL);
    const char *path = temp_path("pending");
    REQUIRE_OK(n2_save(m.index, path));
    for (int time = 0; time < 2; time++) {
        n2_free(m.index);
        m.index = NULL;
        REQUIRE_OK(n2_load(&m.index, path, NULL));
        CHECK_STATUS(0, build_on(m.index, 2));
        CHECK(n_at_home(&m) < m.n / 2);
        check_holds(&m);
    }
    model_free(&m);
}

struct meanwhile {
    struct model *m;
    atomic_bool done;
    atomic_int started;
};

/* Changes its third of the vectors, and looks at them. */
static void *change(void *argument)
{
    struct meanwhile *w = argument;
    struct model *m = w->m;
    uint64_t rng = test_seed + 1;
    atomic_fetch_add(&w->started, 1);
    for (size_t i = 0; i < 3000 || !w->done; i++) {
        uint32_t id = (uint32_t)rng_below(&rng, m->n / 3) * 3;
        if (!m->gone[id] && i % 64 == 0) {
            CHECK_STATUS(0, n2_delete(m->index, id));
            m->gone[id] = true;
        } else if (!m->gone[id] && i % 16 == 0) {
            row(m, id)[1] += 1;
            CHECK_STATUS(0, n2_update(m->index, id, row(m, id)));
        }
        check_vector(m, id);
    }
    return NULL;
}

/* Looks at another third, by id, by a search and by a scan. */
static void *look(void *argument)
{
    struct meanwhile *w = argument;
    const struct model *m = w->m;
    uint64_t rng = test_seed + 2;
    atomic_fetch_add(&w->started, 1);
    for (size_t i = 0; i < 300 || !w->done; i++) {
        uint32_t id = (uint32_t)rng_below(&rng, m->n / 3) * 3 + 1;
        struct n2_neighbor out[1] = {{0, -1}};
        size_t n = 0;
        check_vector(m, id);
        CHECK_STATUS(0, i % 16 ? n2_search(m->index, row(m, id), 1, NULL, out, &n)
                               : n2_search_exact(m->index, row(m, id), 1, 1, out, &n));
        CHECKF(n == 1 && (i % 16 || out[0].distance == 0), "vector %u", (unsigned)id);
    }
    return NULL;
}

static void test_meanwhile(void)
{
    for (size_t round = 0; round < 3; round++) {
        struct model m;
        struct meanwhile w = {&m, false, 0};
        pthread_t threads[2];
        model_make(&m, N2_L2, 12000, 0);
        REQUIRE(m.index != NULL);
        REQUIRE(pthread_create(&threads[0], NULL, change, &w) == 0);
        REQUIRE(pthread_create(&threads[1], NULL, look, &w) == 0);
        while (w.started < 2)
            N2_PAUSE();
        CHECK_STATUS(0, build_on(m.index, 2));
        w.done = true;
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        CHECK_STATUS(0, build_on(m.index, 2));
        check_holds(&m);
        model_free(&m);
    }
}

static const struct test_case cases[] = {
    {"near", test_near},
    {"unmoved", test_unmoved},
    {"same bytes", test_same_bytes},
    {"undone", test_undone},
    {"undone changed", test_undone_changed},
    {"closed", test_closed},
    {"mapped", test_mapped},
    {"meanwhile", test_meanwhile},
};

TEST_MAIN(cases)
