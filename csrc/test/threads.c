/* threads.c - tests of one index used by many threads; run plain and under the thread sanitizer.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Every vector's first coordinate names it, so that any thread can tell whether what it reads back
 * is right. All loops are counted: no clock, no sleep.
 */
#define _POSIX_C_SOURCE 200809L /* barriers */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define DIM 8
#define MAX_THREADS 256

struct worker {
    struct n2_index *index;
    size_t number, rounds;
    uint64_t rng;
    const char *path;
    const struct n2_neighbor *expected;
    atomic_size_t *started;
};

static void vector_of(uint32_t name, float *out)
{
    uint64_t rng = name;
    for (size_t j = 0; j < DIM; j++)
        out[j] = rng_normal(&rng);
    out[0] = (float)name;
}

static bool fine(int status)
{
    return status == 0 || status == N2_ERR_CLOSED;
}

/* Adds batches of three that carry consecutive names, and reads them back. */
static bool do_add(struct worker *w, size_t round)
{
    float batch[3 * DIM], back[DIM];
    uint32_t first = 0, name = (uint32_t)(1 + (w->number * w->rounds + round % w->rounds) * 3);
    for (uint32_t i = 0; i < 3; i++)
        vector_of(name + i, batch + i * DIM);
    int status = n2_add(w->index, batch, 3, &first);
    CHECKF(fine(status), "n2_add: %s", n2_status_text(status));
    for (uint32_t i = 0; !status && i < 3; i++) {
        status = n2_vector(w->index, first + i, back);
        CHECKF(fine(status), "n2_vector: %s", n2_status_text(status));
        CHECK(status || !memcmp(back, batch + i * DIM, sizeof back));
        struct n2_neighbor out[1];
        size_t n = 0;
        if (!status) /* what was added is found at once */
            status = n2_search(w->index, batch + i * DIM, 1, NULL, out, &n);
        CHECKF(fine(status), "n2_search: %s", n2_status_text(status));
        CHECK(status || (n == 1 && out[0].distance == 0));
    }
    return status == 0;
}

/* Adds one, replaces it, finds it where it is now, deletes it, and finds it no more. */
static bool do_change(struct worker *w, size_t round)
{
    float first[DIM], second[DIM], back[DIM];
    uint32_t id = 0, name = (uint32_t)(200000 + (w->number * w->rounds + round) * 2);
    struct n2_neighbor out[2];
    size_t n = 0;
    vector_of(name, first);
    vector_of(name + 1, second);
    int status = n2_add(w->index, first, 1, &id);
    if (!status && round % 3)
        status = n2_update(w->index, id, second);
    CHECKF(fine(status), "n2_add or n2_update: %s", n2_status_text(status));
    if (!status)
        status = n2_vector(w->index, id, back);
    CHECK(status || !memcmp(back, round % 3 ? second : first, sizeof back));
    if (!status)
        status = n2_search(w->index, back, 2, NULL, out, &n);
    CHECKF(fine(status), "n2_search: %s", n2_status_text(status));
    CHECK(status || (n == 2 && out[0].id == id && out[0].distance == 0 && out[1].id != id));
    if (!status && round % 4) {
        status = n2_delete(w->index, id);
        CHECKF(fine(status), "n2_delete: %s", n2_status_text(status));
        if (!status)
            status = round % 2 ? n2_search(w->index, back, 2, NULL, out, &n)
                               : n2_search_exact(w->index, back, 1, 2, out, &n);
        CHECK(status || (n == 2 && out[0].id != id && out[1].id != id));
    }
    return status == 0;
}

static bool do_search(struct worker *w, size_t round)
{
    float query[2 * DIM];
    struct n2_neighbor out[40];
    struct n2_search_options options;
    n2_search_options_init(&options);
    options.ef = 1 + rng_below(&w->rng, 100);
    options.threads = 2;
    size_t n[2] = {0, 0}, k = 1 + rng_below(&w->rng, 20);
    vector_of((uint32_t)rng_below(&w->rng, 500), query);
    vector_of((uint32_t)rng_below(&w->rng, 500), query + DIM);
    int status = round % 16   ? n2_search(w->index, query, k, &options, out, n)
                 : round % 32 ? n2_search_batch(w->index, query, 2, k, &options, out, n)
                              : n2_search_exact(w->index, query, 2, k, out, n);
    CHECKF(fine(status), "search: %s", n2_status_text(status));
    if (!status)
        CHECK_RESULTS(N2_L2, out, n[0], 1u << 20);
    return status == 0;
}

/* Walks over the index, or over neighbours in pages, half-way or to the end: in order, or each
 * once. */
static bool do_walk(struct worker *w, size_t round)
{
    enum { PAGE = 50, MOST = 1 << 20 };
    uint32_t ids[PAGE], next = 0;
    float query[DIM];
    struct n2_neighbor out[PAGE];
    struct n2_cursor *cursor = NULL;
    unsigned char *seen = must_alloc(MOST, 1);
    size_t n = PAGE, most = round % 3 ? MOST : 4 * PAGE;
    int status = 0;
    for (size_t n_all = 0; !status && n == PAGE && n_all < most; n_all += n) {
        status = n2_list(w->index, next, ids, PAGE, &n);
        CHECKF(fine(status), "n2_list: %s", n2_status_text(status));
        for (size_t i = 0; !status && i < n && CHECK(ids[i] >= next); i++)
            next = ids[i] + 1;
    }
    vector_of((uint32_t)rng_below(&w->rng, 500), query);
    if (!status)
        status = n2_cursor_open(&cursor, w->index, query, NULL);
    for (size_t n_all = 0; !status && n > 0 && n_all < most; n_all += n) {
        status = n2_cursor_next(cursor, out, 1 + round % PAGE, &n);
        CHECKF(fine(status), "cursor: %s", n2_status_text(status));
        for (size_t i = 0; !status && i < n && CHECK(out[i].id < MOST && !seen[out[i].id]); i++)
            seen[out[i].id] = 1;
    }
    n2_cursor_close(cursor);
    free(seen);
    return status == 0;
}

static bool do_build(struct worker *w, size_t round)
{
    int status =
        round % 4 == 3 ? n2_compact(w->index, NULL) : build_on(w->index, 1 + (int)(round % 2));
    CHECKF(fine(status) || status == N2_ERR_CANCELLED, "n2_build: %s", n2_status_text(status));
    return status == 0;
}

static bool do_link(struct worker *w, size_t round)
{
    size_t due = n2_link_due(w->index);
    int status = n2_link(w->index, round % 2 || due == 0 ? 1 + round % 50 : due);
    CHECKF(fine(status) || status == N2_ERR_CANCELLED, "n2_link: %s", n2_status_text(status));
    return status == 0;
}

/* A build by steps, given up half-way every other time. */
static bool do_steps(struct worker *w, size_t round)
{
    struct n2_build *build = NULL;
    int status = n2_build_begin(&build, w->index, NULL);
    CHECKF(fine(status) || status == EBUSY || status == N2_ERR_CANCELLED, "n2_build_begin: %s",
           n2_status_text(status));
    if (status)
        return status != N2_ERR_CLOSED;
    uint64_t done = 0, total = 1;
    for (size_t i = 0; !status && done < total && (round % 2 || i < 3); i++)
        status = n2_build_step(build, &done, &total);
    CHECKF(fine(status) || status == N2_ERR_CANCELLED, "n2_build_step: %s", n2_status_text(status));
    n2_build_end(build);
    return status == 0;
}

static bool do_save(struct worker *w, size_t round)
{
    int status = n2_save(w->index, w->path);
    CHECKF(fine(status), "n2_save: %s", n2_status_text(status));
    if (status)
        return false;
    struct n2_load_options options;
    n2_load_options_init(&options);
    options.no_map = round % 2;
    options.verify = 1;
    struct n2_index *loaded = NULL;
    if (CHECK_STATUS(0, n2_load(&loaded, w->path, &options)))
        CHECK_SOUND(loaded);
    n2_free(loaded);
    return true;
}

/* The same by a writer and a reader. */
static bool do_stream(struct worker *w, size_t round)
{
    struct bytes bytes;
    int status = stream_out(w->index, round % 2 ? 1000 : 100000, &bytes);
    CHECKF(fine(status), "writer: %s", n2_status_text(status));
    if (status)
        return false;
    struct n2_index *read = NULL;
    size_t used;
    if (CHECK_STATUS(0, stream_in(&read, bytes.data, bytes.n, 10000, true, &used)))
        CHECK_SOUND(read);
    n2_free(read);
    bytes_free(&bytes);
    return true;
}

static bool do_look(struct worker *w, size_t round)
{
    struct n2_stats stats = {.size = sizeof stats};
    uint64_t counts[(N2_MAX_LEVEL + 1) * 9];
    const char *what = "";
    int status = n2_get_stats(w->index, &stats);
    CHECK(status || stats.n_pending <= stats.n_vectors);
    if (!status && round % 4 == 0)
        status = n2_degrees(w->index, counts, NULL);
    if (!status && round % 4 == 1)
        status = n2_verify(w->index, NULL, &what);
    CHECKF(fine(status), "look: %s: %s", n2_status_text(status), what);
    return status == 0;
}

/* `act` returns whether it was served: false where it was cancelled, or the index closed. */
struct job {
    bool (*act)(struct worker *, size_t round);
    size_t threads, rounds;
};

struct start {
    struct worker worker;
    const struct job *job;
};

static void *run_job(void *argument)
{
    struct start *start = argument;
    for (size_t round = 0; round < start->worker.rounds; round++)
        CHECK(start->job->act(&start->worker, round));
    return NULL;
}

/* The same until the index is closed. */
static void *run_until_closed(void *argument)
{
    struct start *start = argument;
    struct n2_stats stats = {.size = sizeof stats};
    size_t round = 0;
    do {
        start->job->act(&start->worker, round);
        atomic_fetch_add(start->worker.started, 1);
        round++;
    } while (n2_get_stats(start->worker.index, &stats) != N2_ERR_CLOSED);
    return NULL;
}

static void *build_until_closed(void *argument)
{
    struct start *start = argument;
    struct n2_stats stats = {.size = sizeof stats};
    while (n2_get_stats(start->worker.index, &stats) == 0)
        do_build(&start->worker, 1);
    return NULL;
}

static struct n2_index *make_named(size_t n, bool build)
{
    float *vectors = must_alloc(n * DIM, sizeof *vectors);
    for (size_t i = 0; i < n; i++)
        vector_of((uint32_t)(100000 + i), vectors + i * DIM);
    struct n2_options options = options_of(N2_L2);
    options.M = 4;
    options.ef_construction = 30;
    struct n2_index *index = index_make(&options, DIM, vectors, n, build ? 2 : -1);
    free(vectors);
    return index;
}

static size_t start_jobs(struct n2_index *index, const struct job *jobs, size_t n_jobs,
                         void *(*body)(void *), struct start *starts, pthread_t *threads,
                         atomic_size_t *started)
{
    size_t n = 0;
    for (size_t j = 0; j < n_jobs; j++) {
        for (size_t t = 0; t < jobs[j].threads; t++, n++) {
            starts[n].job = &jobs[j];
            starts[n].worker = (struct worker){.index = index,
                                               .number = t,
                                               .rounds = jobs[j].rounds,
                                               .rng = test_seed + n,
                                               .path = temp_path("shared"),
                                               .started = started};
            if (!CHECK(!pthread_create(&threads[n], NULL, body, &starts[n])))
                return n;
        }
    }
    return n;
}

/* The same while vectors are replaced and deleted. */
static void test_changes(void)
{
    static struct start starts[MAX_THREADS];
    static pthread_t threads[MAX_THREADS];
    atomic_size_t started = 0;
    const size_t changes = test_scale(300, 60);
    const struct job jobs[] = {
        {do_change, 3, changes},          {do_search, 2, test_scale(800, 100)},
        {do_build, 2, test_scale(20, 5)}, {do_steps, 1, test_scale(20, 5)},
        {do_save, 1, test_scale(20, 5)},  {do_look, 1, test_scale(60, 12)},
        {do_walk, 2, test_scale(20, 5)},  {do_link, 1, test_scale(60, 12)},
    };
    struct n2_index *index = make_named(300, true);
    REQUIRE(index != NULL);
    size_t n =
        start_jobs(index, jobs, sizeof jobs / sizeof *jobs, run_job, starts, threads, &started);
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    CHECK_STATUS(0, build_on(index, 2));
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    size_t n_kept = (changes + 3) / 4;
    CHECK(stats.n_vectors == 300 + 3 * n_kept && stats.n_deleted == 3 * (changes - n_kept));
    CHECK(stats.n_pending == 0 && stats.n_dead == 0);
    CHECK_SOUND(index);
    n2_free(index);
}

static void test_all_at_once(void)
{
    static struct start starts[MAX_THREADS];
    static pthread_t threads[MAX_THREADS];
    atomic_size_t started = 0;
    const size_t adds = test_scale(120, 30);
    const struct job jobs[] = {
        {do_add, 2, adds},
        {do_search, 3, test_scale(800, 100)},
        {do_build, 2, test_scale(20, 5)},
        {do_steps, 1, test_scale(20, 5)},
        {do_save, 1, test_scale(20, 5)},
        {do_stream, 2, test_scale(20, 5)},
        {do_look, 1, test_scale(60, 12)},
        {do_walk, 2, test_scale(20, 5)},
    };
    struct n2_index *index = make_named(300, true);
    REQUIRE(index != NULL);
    size_t n =
        start_jobs(index, jobs, sizeof jobs / sizeof *jobs, run_job, starts, threads, &started);
    for (size_t i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECK(stats.n_vectors == 300 + 2 * adds * 3);
    CHECK_STATUS(0, build_on(index, 2));
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECK(stats.n_pending == 0);
    CHECK_SOUND(index);

    /* Each name once, batches whole and in order. */
    unsigned char *seen = must_alloc(2 * adds * 3 + 1, 1);
    for (uint32_t id = 300; id < stats.n_vectors; id++) {
        float v[DIM], want[DIM];
        CHECK_STATUS(0, n2_vector(index, id, v));
        uint32_t name = (uint32_t)v[0];
        if (!CHECK(name >= 1 && name <= 2 * adds * 3 && !seen[name]))
            break;
        seen[name] = 1;
        CHECK((name - 1) % 3 == (id - 300) % 3);
        vector_of(name, want);
        CHECK(!memcmp(v, want, sizeof v));
    }
    free(seen);
    n2_free(index);
}

/* n2_close while everything runs, several times, also of a mapped index. */
static void test_close(void)
{
    static struct start starts[MAX_THREADS];
    static pthread_t threads[MAX_THREADS];
    const struct job jobs[] = {
        {do_add, 1, 1000},  {do_search, 4, 1000}, {do_build, 1, 1000}, {do_steps, 1, 1000},
        {do_save, 1, 1000}, {do_stream, 2, 1000}, {do_look, 1, 1000},  {do_change, 1, 1000},
        {do_walk, 2, 1000}, {do_link, 1, 1000},
    };
    size_t rounds = test_scale(12, 2);
    for (size_t round = 0; round < rounds; round++) {
        atomic_size_t started = 0;
        struct n2_index *index = make_named(400, round % 2);
        REQUIRE(index != NULL);
        if (round % 3 == 2) {
            const char *path = temp_path("mapped");
            CHECK_STATUS(0, n2_save(index, path));
            n2_free(index);
            REQUIRE_OK(n2_load(&index, path, NULL));
        }
        size_t n = start_jobs(index, jobs, sizeof jobs / sizeof *jobs, run_until_closed, starts,
                              threads, &started);
        while (atomic_load(&started) < n + round * 10)
            sched_yield();
        n2_close(index);
        n2_close(index);
        for (size_t i = 0; i < n; i++)
            pthread_join(threads[i], NULL);
        n2_free(index);
    }
}

static void *close_it(void *index)
{
    struct n2_stats stats = {.size = sizeof stats};
    n2_close(index);
    CHECK_STATUS(N2_ERR_CLOSED, n2_get_stats(index, &stats));
    return NULL;
}

/* Several threads close while a build runs; each returns only when nothing runs any more. */
static void test_close_together(void)
{
    for (int round = 0; round < 5; round++) {
        pthread_t threads[8];
        struct n2_index *index = make_named(500, false);
        REQUIRE(index != NULL);
        struct start build = {.worker = {.index = index}};
        REQUIRE(!pthread_create(&threads[0], NULL, build_until_closed, &build));
        for (size_t i = 1; i < 8; i++)
            REQUIRE(!pthread_create(&threads[i], NULL, close_it, index));
        for (size_t i = 0; i < 8; i++)
            pthread_join(threads[i], NULL);
        n2_free(index);
    }
}

/* Searches for as long as that takes, so that a close finds it at it. */
static void *search_widely(void *argument)
{
    struct worker *w = argument;
    struct n2_neighbor out[10];
    struct n2_search_options options;
    float query[DIM];
    size_t n;
    int status;
    n2_search_options_init(&options);
    options.ef = 150; /* much more, and it scans */
    do {
        vector_of((uint32_t)rng_below(&w->rng, 100000), query);
        query[0] += 100000;
        status = n2_search(w->index, query, 10, &options, out, &n);
        CHECKF(fine(status), "n2_search: %s", n2_status_text(status));
        atomic_fetch_add(w->started, 1);
    } while (!status);
    return NULL;
}

static void *step_and_end(void *build)
{
    while (!n2_build_step(build, NULL, NULL))
        continue;
    n2_build_end(build);
    return NULL;
}

/* A thread ends its build while n2_close, on another, still waits for searches: which may be
 * reading links that are the build's. */
static void test_end_while_closing(void)
{
    enum { SEARCHERS = 6 };
    for (size_t round = 0; round < test_scale(20, 5); round++) {
        pthread_t threads[SEARCHERS + 1];
        struct worker workers[SEARCHERS];
        struct n2_build *build;
        atomic_size_t started = 0;
        uint64_t done = 0;
        struct n2_index *index = make_named(6000, false);
        REQUIRE(index != NULL);
        REQUIRE_OK(n2_build_begin(&build, index, NULL));
        while (done < 3000 && CHECK_STATUS(0, n2_build_step(build, &done, NULL)))
            continue;
        for (size_t i = 0; i < SEARCHERS; i++) {
            workers[i] = (struct worker){.index = index, .rng = test_seed + i, .started = &started};
            REQUIRE(!pthread_create(&threads[i], NULL, search_widely, &workers[i]));
        }
        while (atomic_load(&started) < SEARCHERS)
            sched_yield();
        REQUIRE(!pthread_create(&threads[SEARCHERS], NULL, step_and_end, build));
        n2_close(index);
        for (size_t i = 0; i <= SEARCHERS; i++)
            pthread_join(threads[i], NULL);
        n2_free(index);
    }
}

static bool do_expected(struct worker *w, size_t round)
{
    float query[DIM];
    struct n2_neighbor out[10];
    size_t n = 0, which = (w->number + round) % 50;
    vector_of((uint32_t)(100000 + which), query);
    CHECK_STATUS(0, n2_search(w->index, query, 10, NULL, out, &n));
    CHECK(n == 10 && !memcmp(out, w->expected + which * 10, sizeof out));
    return true;
}

static void *run_expected(void *argument)
{
    struct worker *worker = argument;
    for (size_t round = 0; round < worker->rounds; round++)
        do_expected(worker, round);
    return NULL;
}

/* 200 threads get the results that one gets. */
static void test_many_searchers(void)
{
    static struct n2_neighbor expected[50 * 10];
    static struct worker workers[200];
    static pthread_t threads[200];
    struct n2_index *index = make_named(test_scale(1000, 200), true);
    REQUIRE(index != NULL);
    for (uint32_t i = 0; i < 50; i++) {
        float query[DIM];
        size_t n = 0;
        vector_of(100000 + i, query);
        CHECK_STATUS(0, n2_search(index, query, 10, NULL, expected + i * 10, &n));
    }
    for (size_t i = 0; i < 200; i++) {
        workers[i] = (struct worker){
            .index = index, .number = i, .rounds = test_scale(50, 5), .expected = expected};
        REQUIRE(!pthread_create(&threads[i], NULL, run_expected, &workers[i]));
    }
    for (size_t i = 0; i < 200; i++)
        pthread_join(threads[i], NULL);
    n2_free(index);
}

static void *add_and_build(void *index)
{
    float vector[DIM] = {0};
    for (uint32_t i = 0; i < 20; i++) {
        vector_of(i, vector);
        CHECK_STATUS(0, n2_add(index, vector, 1, NULL));
        CHECK_STATUS(0, build_on(index, 1));
    }
    return NULL;
}

/* Builds wait for one another: whoever returns, what it added before is built. */
static void test_builds_in_turn(void)
{
    pthread_t threads[6];
    struct n2_index *index = make_named(50, false);
    REQUIRE(index != NULL);
    for (size_t i = 0; i < 6; i++)
        REQUIRE(!pthread_create(&threads[i], NULL, add_and_build, index));
    for (size_t i = 0; i < 6; i++)
        pthread_join(threads[i], NULL);
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECK(stats.n_vectors == 50 + 6 * 20 && stats.n_pending == 0);
    CHECK_SOUND(index);
    n2_free(index);
}

/* Two indexes, each of which is added to the other. */
struct pair {
    struct n2_index *index, *other;
    uint32_t add;
};

static void *add_other(void *argument)
{
    struct pair *pair = argument;
    for (int i = 0; i < 2; i++) { /* each may grow by all of the other */
        uint32_t first = 0;
        int status = n2_add_index(pair->index, pair->other, &first);
        CHECKF(fine(status), "n2_add_index: %s", n2_status_text(status));
        if (status)
            return NULL;
        CHECK(first >= pair->add);
        status = build_on(pair->index, 1);
        CHECKF(fine(status) || status == N2_ERR_CANCELLED, "n2_build: %s", n2_status_text(status));
    }
    return NULL;
}

/* Each is added to the other while both are searched and changed; then one is closed in the midst
 * of it. */
static void test_mutual(void)
{
    static struct start starts[MAX_THREADS];
    pthread_t threads[MAX_THREADS], adders[4];
    const struct job jobs[] = {
        {do_change, 1, test_scale(100, 40)},
        {do_search, 1, test_scale(200, 50)},
        {do_walk, 1, test_scale(10, 4)},
        {do_save, 1, test_scale(10, 4)},
    };
    for (int closes = 0; closes < 2; closes++) {
        atomic_size_t started = 0;
        struct n2_index *a = make_named(60, true), *b = make_named(40, false);
        REQUIRE(a && b);
        struct pair pairs[] = {{a, b, 60}, {b, a, 40}};
        size_t n = closes ? 0
                          : start_jobs(a, jobs, sizeof jobs / sizeof *jobs, run_job, starts,
                                       threads, &started);
        for (size_t i = 0; i < 4; i++)
            REQUIRE(!pthread_create(&adders[i], NULL, add_other, &pairs[i % 2]));
        if (closes)
            n2_close(b);
        for (size_t i = 0; i < 4; i++)
            pthread_join(adders[i], NULL);
        for (size_t i = 0; i < n; i++)
            pthread_join(threads[i], NULL);
        CHECK_STATUS(0, build_on(a, 2));
        CHECK_SOUND(a);
        if (!closes)
            CHECK_SOUND(b);
        n2_free(a);
        n2_free(b);
    }
}

/* Exact searches, which take their nodes a block at a time, while an index shrinks and grows. */
static void *search_exactly(void *argument)
{
    struct worker *worker = argument;
    for (size_t round = 0; round < worker->rounds; round++) {
        float query[DIM];
        struct n2_neighbor out[10];
        size_t n = 0;
        vector_of((uint32_t)round % 100, query);
        CHECK_STATUS(0, n2_search_exact(worker->index, query, 1, 10, out, &n));
        CHECK(n == 10);
        CHECK_RESULTS(N2_L2, out, n, 1u << 16);
        uint32_t id = 0;
        CHECK_STATUS(0, n2_search_batch_id(worker->index, &id, 1, 10, NULL, out, &n));
    }
    return NULL;
}

static void test_shrinking(void)
{
    enum { SEARCHERS = 6, KEPT = 20 };
    pthread_t threads[SEARCHERS];
    struct worker workers[SEARCHERS];
    const uint32_t n_more = 600;
    struct n2_index *index = make_named(KEPT, true);
    REQUIRE(index != NULL);
    for (size_t i = 0; i < SEARCHERS; i++) {
        workers[i] = (struct worker){.index = index, .rounds = test_scale(20000, 1000)};
        REQUIRE(!pthread_create(&threads[i], NULL, search_exactly, &workers[i]));
    }
    for (size_t round = 0; round < test_scale(40, 4); round++) {
        uint32_t first = 0;
        for (uint32_t i = 0; i < n_more; i++) {
            float vector[DIM];
            uint32_t id = 0;
            vector_of(200000 + i, vector);
            CHECK_STATUS(0, n2_add(index, vector, 1, &id));
            first = i == 0 ? id : first;
        }
        for (uint32_t i = 0; i < n_more; i++)
            CHECK_STATUS(0, n2_delete(index, first + i));
        CHECK_STATUS(0, n2_compact(index, NULL));
    }
    for (size_t i = 0; i < SEARCHERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_SOUND(index);
    n2_free(index);
}

/* An index in which ids 0..STILL - 1, of a third as many vectors, stay as they are, and those from
 * there to ALL - 1 move. */
enum { STILL = 60, MOVING = 12, ALL = STILL + MOVING };

/* All are found, each once, however they move; and no id that is not there yet is taken for rot. */
static void *find_all(void *argument)
{
    struct worker *worker = argument;
    static const size_t k = 1000;
    for (size_t round = 0; round < worker->rounds; round++) {
        struct n2_neighbor *out = must_alloc(k, sizeof *out);
        unsigned char seen[ALL] = {0};
        float query[DIM], vector[DIM];
        size_t n = 0, n_seen = 0;
        vector_of(100000 + (uint32_t)(round % STILL), query);
        CHECK_STATUS(0, worker->number % 2 ? n2_search_exact(worker->index, query, 1, k, out, &n)
                                           : n2_search(worker->index, query, k, NULL, out, &n));
        CHECK_RESULTS(N2_L2, out, n, 1u << 20);
        for (size_t i = 0; i < n; i++)
            if (out[i].id < ALL)
                n_seen += !seen[out[i].id]++;
        CHECKF(n_seen == ALL, "%zu of %d found", n_seen, ALL);
        struct n2_stats stats = {.size = sizeof stats};
        CHECK_STATUS(0, n2_get_stats(worker->index, &stats));
        CHECK(stats.n_deleted < 1u << 20);
        int status =
            n2_vector(worker->index, (uint32_t)(stats.n_vectors + stats.n_deleted), vector);
        CHECK(status == 0 || status == N2_ERR_NOT_FOUND);
        free(out);
    }
    return NULL;
}

static void test_moving(void)
{
    enum { SEARCHERS = 4 };
    pthread_t threads[SEARCHERS];
    struct worker workers[SEARCHERS];
    struct n2_options options = options_of(N2_L2);
    float vectors[ALL * DIM];
    uint64_t rng = test_seed;
    uint32_t added = 0;
    for (uint32_t i = 0; i < ALL; i++) /* those that move are equal to some that do not */
        vector_of(100000 + i % (STILL / 3), vectors + i * DIM);
    options.M = 4;
    struct n2_index *index = index_make(&options, DIM, vectors, ALL, 1);
    REQUIRE(index != NULL);
    for (size_t i = 0; i < SEARCHERS; i++) {
        workers[i] = (struct worker){.index = index, .number = i, .rounds = test_scale(4000, 500)};
        REQUIRE(!pthread_create(&threads[i], NULL, find_all, &workers[i]));
    }
    for (size_t round = 0; round < test_scale(30000, 3000); round++) {
        uint32_t id = STILL + (uint32_t)rng_below(&rng, MOVING), name = (uint32_t)(round % 100);
        float vector[DIM];
        vector_of(name < STILL ? 100000 + name % (STILL / 3) : 200000 + (uint32_t)round, vector);
        CHECK_STATUS(0, n2_update(index, id, vector));
        if (round % 100 == 0)
            CHECK_STATUS(0, n2_add(index, vectors, 1, &added));
        if (round % 100 == 50)
            CHECK_STATUS(0, n2_delete(index, added));
        if (round % 1000 == 999)
            CHECK_STATUS(0, round % 3000 == 999 ? n2_compact(index, NULL) : build_on(index, 1));
    }
    for (size_t i = 0; i < SEARCHERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_SOUND(index);
    n2_free(index);
}

/* Vectors of whole numbers, all different, which bytes hold. */
static void whole_of(uint32_t name, float *out)
{
    for (size_t i = 0; i < DIM; i++)
        out[i] = (float)((name >> 4 * (i % 4) & 15) + i);
}

/* Each is found, and is what it was. */
static void *find_whole(void *argument)
{
    struct worker *worker = argument;
    for (size_t round = 0; round < worker->rounds; round++) {
        uint32_t id = (uint32_t)round % 100;
        struct n2_neighbor out;
        float query[DIM], vector[DIM];
        size_t n = 0;
        whole_of(id, query);
        size_t way = worker->number % 3;
        CHECK_STATUS(0, way == 0   ? n2_search(worker->index, query, 1, NULL, &out, &n)
                        : way == 1 ? n2_search_exact(worker->index, query, 1, 1, &out, &n)
                                   : n2_search_id(worker->index, id, 1, NULL, &out, &n));
        CHECK(n == 1 && out.id == id && out.distance == 0);
        CHECK_STATUS(0, n2_vector(worker->index, id, vector));
        CHECK(!memcmp(vector, query, sizeof vector));
    }
    return NULL;
}

/* An index that widens twice while it is searched and built. */
static void test_widening(void)
{
    enum { SEARCHERS = 3, WHOLE = 100, MORE = 30 };
    for (size_t round = 0; round < test_scale(40, 5); round++) {
        pthread_t threads[SEARCHERS], builder;
        struct worker workers[SEARCHERS];
        float vectors[WHOLE * DIM];
        for (uint32_t i = 0; i < WHOLE; i++)
            whole_of(i, vectors + i * DIM);
        struct n2_options options = options_of(N2_L2);
        struct n2_index *index = index_make(&options, DIM, vectors, WHOLE, 1);
        REQUIRE(index != NULL);
        for (size_t i = 0; i < SEARCHERS; i++) {
            workers[i] = (struct worker){.index = index, .number = i, .rounds = 500};
            REQUIRE(!pthread_create(&threads[i], NULL, find_whole, &workers[i]));
        }
        REQUIRE(!pthread_create(&builder, NULL, add_and_build, index));
        for (uint32_t i = 0; i < MORE; i++) {
            float vector[DIM], out[DIM];
            uint32_t id = 0;
            whole_of(1000 + i, vector);
            vector[0] += i < MORE / 3 ? 0 : i < MORE / 2 ? 0.5f : 0.1f;
            CHECK_STATUS(0, n2_add(index, vector, 1, &id));
            CHECK_STATUS(0, n2_vector(index, id, out));
            CHECK(!memcmp(out, vector, sizeof vector));
        }
        for (size_t i = 0; i < SEARCHERS; i++)
            pthread_join(threads[i], NULL);
        pthread_join(builder, NULL);
        CHECK_SOUND(index);
        n2_free(index);
    }
}

static const struct test_case cases[] = {
    {"all_at_once", test_all_at_once},
    {"changes", test_changes},
    {"close", test_close},
    {"close_together", test_close_together},
    {"end_while_closing", test_end_while_closing},
    {"many_searchers", test_many_searchers},
    {"builds_in_turn", test_builds_in_turn},
    {"mutual", test_mutual},
    {"shrinking", test_shrinking},
    {"moving", test_moving},
    {"widening", test_widening},
};
TEST_MAIN(cases)
