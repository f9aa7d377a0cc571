/* steps.c - tests of a build's course: steps, progress, cancelling, and who may run beside it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include "../pass.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define DIM 8

static struct n2_index *make(uint64_t *rng, size_t n, size_t pending, int merging)
{
    float *vectors = data_make(rng, n + pending, DIM, DATA_NORMAL, 10);
    struct n2_options options = options_of(N2_L2);
    options.merging = merging;
    options.M = 4;
    options.ef_construction = 30;
    struct n2_index *index = index_make(&options, DIM, vectors, n, 2);
    if (index)
        CHECK_STATUS(0, n2_add(index, vectors + n * DIM, pending, NULL));
    free(vectors);
    return index;
}

struct course {
    uint64_t calls, last, total;
    uint64_t cancel_at; /* this call and later ones cancel; 0: none does */
    pthread_t thread;
    struct n2_index *index;
};

static int progress(void *user, uint64_t done, uint64_t total)
{
    struct course *course = user;
    struct n2_neighbor out[5];
    struct n2_stats stats = {.size = sizeof stats};
    const float query[DIM] = {1};
    size_t n = 0;
    course->calls++;
    CHECK(pthread_equal(pthread_self(), course->thread));
    CHECKF(done <= total && done >= course->last, "%llu of %llu after %llu",
           (unsigned long long)done, (unsigned long long)total, (unsigned long long)course->last);
    CHECK(!course->total || course->total == total);
    course->last = done;
    course->total = total;
    /* No lock is held: everything else may be called from here. */
    CHECK_STATUS(0, n2_search(course->index, query, 5, NULL, out, &n));
    CHECK_STATUS(0, n2_get_stats(course->index, &stats));
    CHECK(n == (stats.n_vectors < 5 ? stats.n_vectors : 5));
    return course->cancel_at && course->calls >= course->cancel_at;
}

static int build_with(struct n2_index *index, struct course *course, int threads)
{
    struct n2_build_options options;
    n2_build_options_init(&options);
    options.threads = threads;
    options.progress = progress;
    options.user = course;
    course->thread = pthread_self();
    course->index = index;
    return n2_build(index, &options);
}

static void test_progress(void)
{
    uint64_t rng = test_seed;
    for (int merging = N2_MERGE_SKIP; merging <= N2_MERGE_LEVEL0; merging++) {
        struct n2_index *index = make(&rng, 100, 500, merging);
        REQUIRE(index != NULL);
        struct course course = {0};
        CHECK_STATUS(0, build_with(index, &course, 2));
        CHECK(course.calls > 1 && course.last == course.total);
        CHECK_SOUND(index);
        n2_free(index);
    }
}

/* Cancelled at the first call, the second, and so on: each time nothing has happened, and in the
 * end the file is the one that no cancelled build has preceded. */
static void check_cancel(uint64_t *rng, size_t n, size_t pending, int merging)
{
    uint64_t same = *rng;
    struct n2_index *index = make(rng, n, pending, merging),
                    *other = make(&same, n, pending, merging);
    struct bytes before = {NULL, 0}, wanted = {NULL, 0};
    if (index && other && CHECK_STATUS(0, build_on(other, 1))) {
        before = index_bytes(index);
        wanted = index_bytes(other);
        int status = N2_ERR_CANCELLED;
        size_t stride = test_scale(100, 1) == 100 ? 1 : 5;
        for (uint64_t at = 1; status == N2_ERR_CANCELLED && at < 10000; at += stride) {
            struct course course = {.cancel_at = at};
            status = build_with(index, &course, 1 + (int)(at % 3));
            if (status == N2_ERR_CANCELLED) {
                CHECK(course.calls == at);
                struct bytes after = index_bytes(index);
                CHECKF(bytes_equal(before, after), "cancelled at call %llu: other bytes",
                       (unsigned long long)at);
                bytes_free(&after);
                if (at % 8 == 1)
                    CHECK_SOUND(index);
            }
        }
        CHECKF(status == 0, "in the end: %s", n2_status_text(status));
        struct bytes after = index_bytes(index);
        CHECK(bytes_equal(wanted, after));
        CHECK_SOUND(index);
        bytes_free(&after);
    }
    bytes_free(&before);
    bytes_free(&wanted);
    n2_free(index);
    n2_free(other);
}

static void test_cancel(void)
{
    uint64_t rng = test_seed;
    check_cancel(&rng, 0, 300, N2_MERGE_SKIP);
    check_cancel(&rng, 300, 200, N2_MERGE_SKIP);
    check_cancel(&rng, 200, 200, N2_MERGE_LEVEL0);
}

/* A batch that is cancelled when it has given its members rows above level 0: it links nothing, and
 * leaves nothing to who saves the index before the build is undone. What cancels it is the number
 * of those rows. */
static void test_cancel_amid_batch(void)
{
    uint64_t rng = test_seed, done = 0, total = 1;
    struct n2_index *index = make(&rng, 0, 300, N2_MERGE_SKIP);
    struct n2_build *build = NULL;
    if (!index || !CHECK_STATUS(0, n2_build_begin(&build, index, NULL)) ||
        !CHECK_STATUS(0, n2_build_step(build, NULL, NULL))) /* which prepares the inserter */
        return;
    build->inserter.cancel = (const int32_t *)&index->graph.n_upper;
    int status = 0;
    while (!status && done < total)
        status = n2_build_step(build, &done, &total);
    CHECK_STATUS(N2_ERR_CANCELLED, status);
    CHECK(index->graph.n_linked < 300 && index->graph.n_upper == 0);
    n2_build_end(build);
    CHECK_STATUS(0, n2_build(index, NULL));
    CHECK(index->graph.n_upper > 0);
    CHECK_STATUS(0, n2_verify(index, NULL, NULL));
    n2_free(index);
}

/* Cancelling the build of a mapped index. */
static void test_cancel_loaded(void)
{
    uint64_t rng = test_seed;
    struct n2_index *index = make(&rng, 300, 0, N2_MERGE_SKIP), *loaded = NULL;
    REQUIRE(index != NULL);
    const char *path = temp_path("cancel");
    CHECK_STATUS(0, n2_save(index, path));
    n2_free(index);
    REQUIRE_OK(n2_load(&loaded, path, NULL));
    float *more = data_make(&rng, 200, DIM, DATA_NORMAL, 0);
    CHECK_STATUS(0, n2_add(loaded, more, 200, NULL));
    struct bytes before = index_bytes(loaded);
    for (uint64_t at = 1; at < 12; at += 2) {
        struct course course = {.cancel_at = at};
        int status = build_with(loaded, &course, 2);
        if (status == 0)
            break;
        CHECK_STATUS(N2_ERR_CANCELLED, status);
        struct bytes after = index_bytes(loaded);
        CHECK(bytes_equal(before, after));
        bytes_free(&after);
        CHECK_SOUND(loaded);
    }
    bytes_free(&before);
    free(more);
    n2_free(loaded);
}

static void test_step_by_step(void)
{
    uint64_t rng = test_seed, same = rng;
    struct n2_index *index = make(&rng, 100, 300, N2_MERGE_SKIP);
    struct n2_index *other = make(&same, 100, 300, N2_MERGE_SKIP);
    REQUIRE(index != NULL && other != NULL);
    struct n2_build *build = NULL, *second = NULL;
    REQUIRE_OK(n2_build_begin(&build, index, NULL));
    REQUIRE(build != NULL);
    uint64_t done = 0, total = 1, last = 0, steps = 0;
    const float query[DIM] = {1}, *added = query;
    while (done < total && steps < 100000) {
        steps++;
        CHECK_STATUS(EBUSY, n2_build_begin(&second, index, NULL));
        CHECK(second == NULL);
        struct n2_neighbor out[10];
        size_t n = 0;
        CHECK_STATUS(0, n2_search(index, query, 10, NULL, out, &n));
        CHECK(n == 10);
        CHECK_RESULTS(N2_L2, out, n, 400);
        if (!CHECK_STATUS(0, n2_build_step(build, &done, &total)))
            break;
        CHECK(done >= last && done <= total);
        last = done;
    }
    CHECK(steps > 1);
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECK(stats.n_pending == 0); /* in place before n2_build_end */
    n2_build_end(build);
    CHECK_STATUS(0, build_on(other, 2));
    struct bytes a = index_bytes(index), b = index_bytes(other);
    CHECK(bytes_equal(a, b));
    bytes_free(&a);
    bytes_free(&b);

    /* What is added while a build runs waits for the next. */
    CHECK_STATUS(0, n2_add(index, added, 1, NULL));
    REQUIRE_OK(n2_build_begin(&build, index, NULL));
    CHECK_STATUS(0, n2_add(index, (float[DIM]){9}, 1, NULL));
    do
        CHECK_STATUS(0, n2_build_step(build, &done, &total));
    while (done < total);
    n2_build_end(build);
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECK(stats.n_vectors == 402 && stats.n_pending == 1);
    struct n2_neighbor out[1];
    size_t n = 0;
    CHECK_STATUS(0, n2_search(index, (float[DIM]){9}, 1, NULL, out, &n));
    CHECK(n == 1 && out[0].id == 401 && out[0].distance == 0);
    CHECK_SOUND(index);
    n2_free(index);
    n2_free(other);
}

/* Ended after any number of steps: undone; then a whole build gives the usual file. */
static void test_end_early(void)
{
    uint64_t rng = test_seed;
    struct n2_index *index = make(&rng, 50, 250, N2_MERGE_SKIP);
    REQUIRE(index != NULL);
    struct bytes before = index_bytes(index);
    for (int steps = 0; steps < 9; steps++) {
        struct n2_build *build = NULL;
        REQUIRE_OK(n2_build_begin(&build, index, NULL));
        uint64_t done = 0, total = 1;
        for (int i = 0; i < steps && done < total; i++)
            CHECK_STATUS(0, n2_build_step(build, &done, &total));
        if (done == total) {
            n2_build_end(build);
            break;
        }
        if (steps % 2) {
            n2_build_cancel(build);
            CHECK_STATUS(N2_ERR_CANCELLED, n2_build_step(build, NULL, NULL));
            CHECK_STATUS(N2_ERR_CANCELLED, n2_build_step(build, &done, &total));
        }
        n2_build_end(build);
        struct bytes after = index_bytes(index);
        CHECKF(bytes_equal(before, after), "ended after %d steps: other bytes", steps);
        bytes_free(&after);
        CHECK_SOUND(index);
    }
    bytes_free(&before);
    n2_free(index);
}

/* While a build runs, searches find of what it has linked so far as much as of the rest. */
static void test_found_amid(void)
{
    enum { K = 10, QUERIES = 200 };
    uint64_t rng = test_seed;
    const size_t n = 6000, n_more = 6000, dim = 16;
    float *vectors = data_make(&rng, n + n_more, dim, DATA_NORMAL, 0);
    float *queries = data_make(&rng, QUERIES, dim, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, dim, vectors, n, 2);
    struct n2_build *build = NULL;
    REQUIRE(index != NULL);
    CHECK_STATUS(0, n2_add(index, vectors + n * dim, n_more, NULL));
    REQUIRE_OK(n2_build_begin(&build, index, NULL));
    for (uint64_t done = 0, total = 1; done < total - total / 10;)
        if (!CHECK_STATUS(0, n2_build_step(build, &done, &total)))
            break;
    size_t n_new = 0, n_found = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        struct n2_neighbor exact[K], found[K];
        size_t counts[2] = {0, 0};
        CHECK_STATUS(0, n2_search_exact(index, queries + q * dim, 1, K, exact, &counts[0]));
        CHECK_STATUS(0, n2_search(index, queries + q * dim, K, NULL, found, &counts[1]));
        for (size_t i = 0; i < counts[0]; i++) {
            n_new += exact[i].id >= n;
            for (size_t j = 0; j < counts[1]; j++)
                n_found += exact[i].id >= n && found[j].id == exact[i].id;
        }
    }
    printf("amid a build %zu of %zu new ones are found\n", n_found, n_new);
    CHECK(n_new > QUERIES && (double)n_found >= 0.93 * (double)n_new);
    n2_build_end(build);
    CHECK_SOUND(index);
    n2_free(index);
    free(vectors);
    free(queries);
}

/* A save amid a build gives a file that is whole. */
static void test_save_amid(void)
{
    uint64_t rng = test_seed;
    struct n2_index *index = make(&rng, 50, 300, N2_MERGE_SKIP);
    REQUIRE(index != NULL);
    struct n2_build *build = NULL;
    REQUIRE_OK(n2_build_begin(&build, index, NULL));
    uint64_t done = 0, total = 1;
    while (done < total) {
        struct n2_index *loaded = NULL;
        struct n2_load_options options;
        n2_load_options_init(&options);
        options.verify = 1;
        const char *path = temp_path("amid");
        CHECK_STATUS(0, n2_save(index, path));
        if (CHECK_STATUS(0, n2_load(&loaded, path, &options))) {
            CHECK_SOUND(loaded);
            struct n2_stats stats = {.size = sizeof stats};
            CHECK_STATUS(0, n2_get_stats(loaded, &stats));
            CHECK(stats.n_vectors == 350);
            CHECK_STATUS(0, build_on(loaded, 1));
            CHECK_SOUND(loaded);
        }
        n2_free(loaded);
        CHECK_SOUND(index);
        if (!CHECK_STATUS(0, n2_build_step(build, &done, &total)))
            break;
    }
    n2_build_end(build);
    n2_free(index);
}

/* Closing an index whose build is under way: the build is told, and is ended before the free. */
static void test_close_amid(void)
{
    uint64_t rng = test_seed;
    for (int steps = 0; steps < 3; steps++) {
        struct n2_index *index = make(&rng, 50, 300, N2_MERGE_SKIP);
        REQUIRE(index != NULL);
        struct n2_build *build = NULL;
        REQUIRE_OK(n2_build_begin(&build, index, NULL));
        for (int i = 0; i < steps; i++)
            CHECK_STATUS(0, n2_build_step(build, NULL, NULL));
        n2_close(index);
        int status = n2_build_step(build, NULL, NULL);
        CHECKF(status == N2_ERR_CANCELLED || status == N2_ERR_CLOSED, "a step after n2_close: %s",
               n2_status_text(status));
        n2_build_end(build);
        n2_free(index);
    }
}

static void *cancel_soon(void *build)
{
    n2_build_cancel(build);
    return NULL;
}

/* Builds of vectors that codes do not fit, which were cancelled, do not count: those that follow
 * choose codes anew when they would have without. */
static void test_cancel_unfit(void)
{
    enum { WIDE = 32, LINKED = 4000, PENDING = 60 };
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, LINKED + PENDING, WIDE, DATA_NORMAL, 0);
    struct bytes first = {NULL, 0};
    for (size_t i = LINKED * WIDE; i < (LINKED + PENDING) * WIDE; i++)
        vectors[i] *= 10;
    for (int n_cancelled = 0; n_cancelled < 8; n_cancelled++) {
        struct n2_options options = options_of(N2_L2);
        options.navigation = N2_NAVIGATE_CODES;
        struct n2_index *index = index_make(&options, WIDE, vectors, LINKED, 2);
        REQUIRE(index != NULL);
        CHECK_STATUS(0, n2_add(index, vectors + LINKED * WIDE, PENDING, NULL));
        struct n2_build_options some;
        n2_build_options_init(&some);
        some.most = PENDING;
        for (int i = 0; i < n_cancelled; i++) {
            struct n2_build *build;
            REQUIRE_OK(n2_build_begin(&build, index, &some));
            CHECK_STATUS(0, n2_build_step(build, NULL, NULL));
            n2_build_end(build);
        }
        CHECK_STATUS(0, n2_link(index, PENDING));
        struct bytes bytes = index_bytes(index);
        if (n_cancelled == 0)
            first = bytes;
        CHECKF(bytes_equal(first, bytes), "after %d cancelled builds: other bytes", n_cancelled);
        if (n_cancelled > 0)
            bytes_free(&bytes);
        n2_free(index);
    }
    bytes_free(&first);
    free(vectors);
}

/* Cancelled by another thread, at whatever moment that is. */
static void test_cancel_from_thread(void)
{
    uint64_t rng = test_seed;
    struct n2_index *index = make(&rng, 50, 1000, N2_MERGE_SKIP);
    REQUIRE(index != NULL);
    struct bytes before = index_bytes(index);
    for (int round = 0; round < 5; round++) {
        struct n2_build *build = NULL;
        pthread_t thread;
        REQUIRE_OK(n2_build_begin(&build, index, NULL));
        uint64_t done = 0, total = 1;
        for (int i = 0; i < round; i++)
            CHECK_STATUS(0, n2_build_step(build, &done, &total));
        REQUIRE(pthread_create(&thread, NULL, cancel_soon, build) == 0);
        int status = 0;
        while (!status && done < total)
            status = n2_build_step(build, &done, &total);
        pthread_join(thread, NULL);
        n2_build_end(build);
        if (status == 0)
            break; /* it was complete before the other thread came */
        CHECK(status == N2_ERR_CANCELLED);
        struct bytes after = index_bytes(index);
        CHECK(bytes_equal(before, after));
        bytes_free(&after);
    }
    bytes_free(&before);
    CHECK_STATUS(0, build_on(index, 2));
    CHECK_SOUND(index);
    n2_free(index);
}

static const struct test_case cases[] = {
    {"progress", test_progress},
    {"cancel", test_cancel},
    {"cancel_amid_batch", test_cancel_amid_batch},
    {"cancel_loaded", test_cancel_loaded},
    {"step_by_step", test_step_by_step},
    {"end_early", test_end_early},
    {"save_amid", test_save_amid},
    {"found_amid", test_found_amid},
    {"close_amid", test_close_amid},
    {"cancel_unfit", test_cancel_unfit},
    {"cancel_from_thread", test_cancel_from_thread},
};
TEST_MAIN(cases)
