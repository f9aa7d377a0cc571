/* faults.c - tests in which every allocation, mapping, thread and file call fails once.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Built with N2_FAULTS. An action is repeated with its first fallible operation failing, then its
 * second, and so on, until it runs through without meeting the fault. After each: the status is a
 * sane one, the index is sound and, if the action failed, saves to the bytes it had before. The
 * sanitizer looks for leaks at the end.
 */
#include "support.h"

#include "../fault.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIM 6
#define MAX_FAULTS 20000

static const int metrics[] = {N2_ANGULAR, N2_L2, N2_DOT};

static bool sane(int status)
{
    return status == 0 || status == N2_ERR_NO_MEMORY || status == EIO;
}

#define N 150
#define MORE 60

struct scene;

struct trial {
    int (*act)(struct scene *);
    int metric, merging;
    bool build;     /* the first N vectors are built before the action */
    bool pending;   /* MORE vectors wait */
    bool changed;   /* every third of the N is deleted, every third replaced by its neighbour */
    bool goes_on;   /* a failure leaves what was done so far */
    bool read_only; /* one scene serves for all faults */
    bool whole;     /* the vectors are whole numbers, which bytes hold */
    bool long_rows; /* the largest M */
    int keys;
};

/* What an action works on. */
struct scene {
    struct n2_index *index;
    struct n2_options options;
    float *vectors; /* vectors[N + MORE][DIM] */
    const char *path;
    struct bytes before; /* the index */
};

static bool scene_make(struct scene *scene, const struct trial *trial)
{
    uint64_t rng = test_seed;
    memset(scene, 0, sizeof *scene);
    scene->options = options_of(trial->metric);
    scene->options.M = trial->long_rows ? N2_MAX_M : 3;
    scene->options.ef_construction = 20;
    scene->options.merging = trial->merging;
    scene->options.keys = trial->keys;
    scene->vectors = data_make(&rng, N + MORE, DIM, trial->whole ? DATA_GRID : DATA_NORMAL, 10);
    scene->index = index_make(&scene->options, DIM, scene->vectors, N, trial->build ? 2 : -1);
    scene->path = temp_path("fault");
    if (!scene->index)
        return false;
    if (trial->pending)
        CHECK_STATUS(0, put_named(scene->index, N, scene->vectors + N * DIM, MORE));
    for (uint32_t id = 0; trial->changed && id + 2 < N; id += 3) {
        CHECK_STATUS(0, n2_delete(scene->index, id));
        CHECK_STATUS(0, n2_update(scene->index, id + 1, scene->vectors + (size_t)id * DIM));
    }
    scene->before = index_bytes(scene->index);
    return scene->before.data != NULL;
}

static void scene_free(struct scene *scene)
{
    n2_free(scene->index);
    free(scene->vectors);
    bytes_free(&scene->before);
}

static void check_after(struct scene *scene, const struct trial *trial, int64_t nth, int status)
{
    CHECK_SOUND(scene->index);
    if (!status || trial->goes_on)
        return;
    struct bytes after = index_bytes(scene->index);
    CHECKF(bytes_equal(scene->before, after), "operation %lld failed: other bytes", (long long)nth);
    bytes_free(&after);
}

/* Runs the action with fault after fault. */
static void each_fault(struct trial trial)
{
    struct scene scene;
    int failures = 0, faults = 0;
    bool ready = scene_make(&scene, &trial), met = true;
    for (int64_t nth = 0; ready && met; nth++) {
        n2_fault_arm(nth);
        int status = trial.act(&scene);
        met = n2_fault_hits() > nth;
        n2_fault_arm(-1);
        CHECKF(sane(status), "operation %lld fails: %s", (long long)nth, n2_status_text(status));
        CHECKF(met || status == 0, "no fault, and yet: %s", n2_status_text(status));
        check_after(&scene, &trial, nth, status);
        failures += status != 0;
        faults += met;
        if (!CHECKF(nth < MAX_FAULTS, "no end of faults"))
            break;
        if (!trial.read_only) {
            scene_free(&scene);
            ready = scene_make(&scene, &trial);
        }
    }
    CHECKF(failures > 0 || !faults, "none of %d faults made the action fail", faults);
    scene_free(&scene);
}

/* Some are new, some replace others; the table of keys grows. */
static int act_put(struct scene *scene)
{
    struct n2_stats stats = {.size = sizeof stats};
    int status = put_named(scene->index, N / 2, scene->vectors, N + MORE);
    CHECK_STATUS(0, n2_get_stats(scene->index, &stats));
    CHECK(stats.n_vectors == (status ? N : N / 2 + N + MORE));
    return status;
}

/* As many as need more memory. */
static int act_put_many(struct scene *scene)
{
    const size_t n = 20000;
    uint64_t *keys = must_alloc(n, sizeof *keys);
    float *vectors = must_alloc(n * DIM, sizeof *vectors);
    for (size_t i = 0; i < n; i++) {
        keys[i] = i + 1000;
        vectors[i * DIM] = (float)i;
    }
    int status = n2_put_u64(scene->index, keys, vectors, n, NULL);
    free(keys);
    free(vectors);
    return status;
}

static void test_put(void)
{
    for (int keys = N2_KEYS_U64; keys <= N2_KEYS_BYTES; keys++)
        each_fault((struct trial){.act = act_put,
                                  .metric = N2_L2,
                                  .merging = N2_MERGE_SKIP,
                                  .build = true,
                                  .keys = keys});
    each_fault((struct trial){
        .act = act_put_many, .metric = N2_L2, .merging = N2_MERGE_SKIP, .keys = N2_KEYS_U64});
}

static int act_create(struct scene *scene)
{
    struct n2_index *index = NULL;
    int status = n2_create(&index, DIM, &scene->options);
    CHECK((status == 0) == (index != NULL));
    n2_free(index);
    return status;
}

static void test_create(void)
{
    for (int keys = N2_KEYS_NONE; keys <= N2_KEYS_BYTES; keys++)
        each_fault((struct trial){.act = act_create,
                                  .metric = N2_L2,
                                  .merging = N2_MERGE_SKIP,
                                  .read_only = true,
                                  .keys = keys});
}

static int act_add(struct scene *scene)
{
    uint32_t first = 12345;
    int status = n2_add(scene->index, scene->vectors + N * DIM, MORE, &first);
    CHECK(first == (status ? 12345 : N));
    return status;
}

/* So large an addition that memory must grow. */
static int act_add_much(struct scene *scene)
{
    const size_t n = 100000;
    float *vectors = must_alloc(n * DIM, sizeof *vectors);
    for (size_t i = 0; i < n * DIM; i++)
        vectors[i] = (float)(i % 1000) + 1;
    uint32_t first = 12345;
    int status = n2_add(scene->index, vectors, n, &first);
    CHECK(first == (status ? 12345 : N));
    free(vectors);
    return status;
}

/* The first vectors that bytes do not hold. */
static int act_widen(struct scene *scene)
{
    float vectors[2][DIM] = {{1}, {0.1f}}, out[DIM];
    struct n2_stats stats = {.size = sizeof stats};
    int status = n2_add(scene->index, vectors[0], 2, NULL);
    CHECK_STATUS(0, n2_get_stats(scene->index, &stats));
    CHECK(stats.n_vectors == (status ? N : N + 2) && (status || stats.packing == N2_STORE_FLOAT32));
    for (uint32_t id = 0; id < N; id++) {
        CHECK_STATUS(0, n2_vector(scene->index, id, out));
        CHECK(!memcmp(out, scene->vectors + id * DIM, sizeof out));
    }
    return status;
}

static void test_widen(void)
{
    each_fault((struct trial){.act = act_widen,
                              .metric = N2_L2,
                              .merging = N2_MERGE_SKIP,
                              .build = true,
                              .goes_on = true, /* it may be wider, with the same vectors */
                              .whole = true});
}

static void test_add(void)
{
    each_fault((struct trial){
        .act = act_add, .metric = N2_ANGULAR, .merging = N2_MERGE_SKIP, .build = true});
    each_fault((struct trial){.act = act_add_much, .metric = N2_L2, .merging = N2_MERGE_SKIP});
}

static struct n2_index *other; /* of 100,000 vectors, for which memory must grow */

static int act_add_index(struct scene *scene)
{
    uint32_t first = 12345;
    int status = n2_add_index(scene->index, other, &first);
    CHECK(first == (status ? 12345 : N));
    return status;
}

static void test_add_index(void)
{
    const size_t n = 100000;
    float *vectors = must_alloc(n * DIM, sizeof *vectors);
    for (size_t i = 0; i < n * DIM; i++)
        vectors[i] = (float)(i % 1000) + 1;
    struct n2_options options = options_of(N2_L2);
    options.store = N2_STORE_FLOAT16;
    other = index_make(&options, DIM, vectors, n, -1);
    free(vectors);
    REQUIRE(other != NULL);
    each_fault((struct trial){
        .act = act_add_index, .metric = N2_L2, .merging = N2_MERGE_SKIP, .build = true});
    n2_free(other);
}

static int act_build(struct scene *scene)
{
    return build_on(scene->index, 2);
}

static void test_build(void)
{
    for (size_t m = 0; m < 3; m++)
        each_fault(
            (struct trial){.act = act_build, .metric = metrics[m], .merging = N2_MERGE_SKIP});
    each_fault((struct trial){.act = act_build, .metric = N2_L2, .merging = N2_MERGE_LEVEL0});
    each_fault((struct trial){.act = act_build,
                              .metric = N2_L2,
                              .merging = N2_MERGE_SKIP,
                              .build = true,
                              .pending = true});
}

/* Rows so long that those of a second graph do not fit where an earlier reservation fell short. */
/* The first step of a build that moves vectors in memory, and its undoing. */
static void test_place(void)
{
    uint64_t rng = test_seed;
    const size_t n = 4200;
    struct n2_options options = options_of(N2_L2);
    float *vectors = data_make(&rng, n, DIM, DATA_CLUSTERS, 2);
    struct n2_index *index = index_make(&options, DIM, vectors, n, -1);
    REQUIRE(index != NULL);
    struct bytes before = index_bytes(index);
    int failures = 0;
    bool met = true;
    for (int64_t nth = 0; met && CHECK(nth < MAX_FAULTS); nth++) {
        struct n2_build *build = NULL;
        n2_fault_arm(nth);
        int status = n2_build_begin(&build, index, NULL);
        if (!status)
            status = n2_build_step(build, NULL, NULL);
        n2_build_end(build);
        met = n2_fault_hits() > nth;
        n2_fault_arm(-1);
        CHECKF(sane(status), "operation %lld fails: %s", (long long)nth, n2_status_text(status));
        struct bytes after = index_bytes(index);
        CHECKF(bytes_equal(before, after), "operation %lld: other bytes", (long long)nth);
        bytes_free(&after);
        failures += status != 0;
    }
    CHECK(failures > 10);
    bytes_free(&before);
    free(vectors);
    n2_free(index);
}

static void test_long_rows(void)
{
    each_fault((struct trial){
        .act = act_build, .metric = N2_L2, .merging = N2_MERGE_LEVEL0, .long_rows = true});
}

static int act_link(struct scene *scene)
{
    return n2_link(scene->index, MORE / 2);
}

static void test_link(void)
{
    each_fault((struct trial){.act = act_link,
                              .metric = N2_L2,
                              .merging = N2_MERGE_SKIP,
                              .build = true,
                              .pending = true});
}

/* Whether all that the scene has changed is as it should be. */
static void check_changes(struct scene *scene)
{
    for (uint32_t id = 0; id + 2 < N; id++) {
        float vector[DIM];
        CHECK_STATUS(id % 3 == 0 ? N2_ERR_NOT_FOUND : 0, n2_vector(scene->index, id, vector));
        size_t which = id % 3 == 1 ? id - 1 : id;
        CHECK(id % 3 == 0 || !memcmp(vector, scene->vectors + which * DIM, sizeof vector));
    }
}

static int act_build_changed(struct scene *scene)
{
    int status = build_on(scene->index, 2);
    check_changes(scene);
    return status;
}

static int act_compact(struct scene *scene)
{
    int status = n2_compact(scene->index, NULL);
    check_changes(scene);
    return status;
}

/* What a build took out of the graph stays out if what comes next fails. */
static void test_compact(void)
{
    int (*acts[])(struct scene *) = {act_build_changed, act_compact};
    for (size_t i = 0; i < 2; i++)
        each_fault((struct trial){.act = acts[i],
                                  .metric = N2_L2,
                                  .merging = N2_MERGE_SKIP,
                                  .build = true,
                                  .pending = true,
                                  .changed = true,
                                  .goes_on = true});
}

static int act_update(struct scene *scene)
{
    int status = 0;
    for (size_t i = 0; i < 20000 && !status; i++) /* so many that memory must grow */
        status = n2_update(scene->index, 1, scene->vectors);
    return status;
}

static void test_update(void)
{
    each_fault((struct trial){
        .act = act_update, .metric = N2_L2, .merging = N2_MERGE_SKIP, .goes_on = true});
}

static int act_search(struct scene *scene)
{
    struct n2_neighbor out[200];
    struct n2_search_options options;
    n2_search_options_init(&options);
    options.ef = 300;
    options.threads = 2;
    size_t n[10];
    const float *queries = scene->vectors;
    int status = n2_search(scene->index, queries, 20, &options, out, n);
    if (!status)
        status = n2_search_batch(scene->index, queries, 10, 20, &options, out, n);
    if (!status)
        status = n2_search_exact(scene->index, queries, 10, 20, out, n);
    if (!status)
        CHECK(n[9] == 20);
    return status;
}

static void test_search(void)
{
    each_fault((struct trial){.act = act_search,
                              .metric = N2_L2,
                              .merging = N2_MERGE_SKIP,
                              .build = true,
                              .pending = true});
    each_fault((struct trial){.act = act_search, .metric = N2_DOT, .merging = N2_MERGE_SKIP});
}

/* All neighbours, in pages: after a failure the same page may be asked for again. */
static int act_cursor(struct scene *scene)
{
    struct n2_neighbor out[7];
    struct n2_cursor *cursor = NULL;
    size_t n = 1, n_all = 0;
    int status = n2_cursor_open(&cursor, scene->index, scene->vectors, NULL), failure = status;
    CHECK((status == 0) == (cursor != NULL));
    while (cursor && n > 0) {
        status = n2_cursor_next(cursor, out, 7, &n);
        CHECK(!status || !failure);
        failure = status ? status : failure;
        n_all += status ? 0 : n;
    }
    CHECK(!cursor || n_all == N + MORE);
    n2_cursor_close(cursor);
    return failure;
}

static void test_cursor(void)
{
    each_fault((struct trial){.act = act_cursor,
                              .metric = N2_L2,
                              .merging = N2_MERGE_SKIP,
                              .build = true,
                              .pending = true,
                              .read_only = true});
}

/* Saves that failed and have replaced the old file all the same. */
static int late_failures;

/* Over an existing file: it is kept, and no other file is left, unless the save succeeds, or fails
 * when the file has its name already. */
static int act_save(struct scene *scene)
{
    size_t n, files;
    int64_t hits = n2_fault_hits();
    CHECK(hits == 0);
    file_write(scene->path, "kept", 4);
    files = temp_count();
    int status = n2_save(scene->index, scene->path);
    CHECK(temp_count() == files);
    unsigned char *bytes = file_read(scene->path, &n);
    bool kept = n == 4 && !memcmp(bytes, "kept", 4);
    bool whole = n == scene->before.n && !memcmp(bytes, scene->before.data, n);
    const char *found = kept ? "the old one" : whole ? "the new one" : "neither";
    late_failures += status == EIO && whole;
    CHECKF(status == 0 ? whole : kept || (status == EIO && whole), "%s, and the file is %s",
           n2_status_text(status), found);
    free(bytes);
    return status;
}

static void test_save(void)
{
    for (int build = 0; build < 2; build++) {
        late_failures = 0;
        each_fault((struct trial){.act = act_save,
                                  .metric = N2_L2,
                                  .merging = N2_MERGE_SKIP,
                                  .build = build,
                                  .pending = build,
                                  .read_only = true});
        CHECKF(late_failures <= 1, "%d failures after the renaming", late_failures);
    }
}

static bool no_map, verify;

static int act_load(struct scene *scene)
{
    struct n2_load_options options;
    n2_load_options_init(&options);
    options.no_map = no_map;
    options.verify = verify;
    struct n2_index *loaded = NULL;
    file_write(scene->path, scene->before.data, scene->before.n);
    int status = n2_load(&loaded, scene->path, &options);
    CHECK((status == 0) == (loaded != NULL));
    if (!status) /* the fault may still be to come */
        status = put_named(loaded, N / 2, scene->vectors, N);
    if (!status)
        status = build_on(loaded, 2);
    if (!status)
        status = n2_save(loaded, scene->path);
    n2_free(loaded);
    return status;
}

static void test_load(void)
{
    for (int way = 0; way < 6; way++) {
        no_map = way & 1;
        verify = way & 2;
        each_fault((struct trial){.act = act_load,
                                  .metric = N2_L2,
                                  .merging = N2_MERGE_SKIP,
                                  .build = true,
                                  .pending = true,
                                  .read_only = true,
                                  .keys = way % 3});
    }
}

static int act_write(struct scene *scene)
{
    struct bytes bytes;
    int status = stream_out(scene->index, 100000, &bytes);
    CHECK(status || bytes_equal(scene->before, bytes));
    bytes_free(&bytes);
    return status;
}

static int act_read(struct scene *scene)
{
    struct n2_index *read = NULL;
    size_t used;
    int status = stream_in(&read, scene->before.data, scene->before.n, 30000, verify, &used);
    CHECK((status == 0) == (read != NULL));
    n2_free(read);
    return status;
}

static void test_stream(void)
{
    for (int way = 0; way < 3; way++) {
        verify = way == 2;
        each_fault((struct trial){.act = way ? act_read : act_write,
                                  .metric = N2_L2,
                                  .merging = N2_MERGE_SKIP,
                                  .build = true,
                                  .pending = true,
                                  .read_only = true,
                                  .keys = N2_KEYS_BYTES});
    }
}

static int act_verify(struct scene *scene)
{
    const char *what = "untouched";
    int status = n2_verify(scene->index, NULL, &what);
    CHECK(!strcmp(what, "untouched"));
    return status;
}

static void test_verify(void)
{
    each_fault((struct trial){.act = act_verify,
                              .metric = N2_L2,
                              .merging = N2_MERGE_SKIP,
                              .build = true,
                              .read_only = true});
}

static const struct test_case cases[] = {
    {"create", test_create},       {"add", test_add},
    {"add_index", test_add_index}, {"put", test_put},
    {"build", test_build},         {"place", test_place},
    {"long_rows", test_long_rows}, {"link", test_link},
    {"update", test_update},       {"compact", test_compact},
    {"search", test_search},       {"cursor", test_cursor},
    {"save", test_save},           {"load", test_load},
    {"stream", test_stream},       {"verify", test_verify},
    {"widen", test_widen},
};
TEST_MAIN(cases)
