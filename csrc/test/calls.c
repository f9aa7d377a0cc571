/* calls.c - tests of arguments of searches, looks, files, and of every call on a closed index.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DIM 4
#define N 20

static struct n2_index *small(void)
{
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, N, DIM, DATA_NORMAL, 0);
    struct n2_index *index = index_make(NULL, DIM, vectors, N, 1);
    free(vectors);
    return index;
}

static void test_search(void)
{
    struct n2_index *index = small();
    REQUIRE(index != NULL);
    float q[DIM] = {1, 2, 3, 4};
    uint32_t ids[2] = {0, 1};
    struct n2_neighbor out[2 * N] = {{77, 7}};
    const struct n2_neighbor before = out[0];
    size_t n[2] = {99, 99};
    CHECK_STATUS(N2_ERR_OPTION, n2_search(NULL, q, 1, NULL, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search(index, NULL, 1, NULL, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search(index, q, 1, NULL, NULL, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search(index, q, 1, NULL, out, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_search(index, q, 0, NULL, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_id(NULL, 0, 1, NULL, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_id(index, 0, 1, NULL, NULL, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_id(index, 0, 1, NULL, out, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_id(index, 0, 0, NULL, out, n));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_search_id(index, N, 1, NULL, out, n));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_search_id(index, UINT32_MAX, 1, NULL, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_batch(NULL, q, 1, 1, NULL, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_batch(index, NULL, 1, 1, NULL, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_batch(index, q, 1, 1, NULL, NULL, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_batch(index, q, 1, 1, NULL, out, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_batch(index, q, 1, 0, NULL, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_batch_id(NULL, ids, 1, 1, NULL, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_batch_id(index, NULL, 1, 1, NULL, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_batch_id(index, ids, 1, 1, NULL, NULL, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_batch_id(index, ids, 1, 1, NULL, out, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_batch_id(index, ids, 1, 0, NULL, out, n));
    CHECK_STATUS(N2_ERR_NOT_FOUND,
                 n2_search_batch_id(index, (uint32_t[]){0, N}, 2, 1, NULL, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_exact(NULL, q, 1, 1, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_exact(index, NULL, 1, 1, out, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_exact(index, q, 1, 1, NULL, n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_exact(index, q, 1, 1, out, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_exact(index, q, 1, 0, out, n));
    CHECK(same_neighbor(out[0], before) && n[0] == 99 && n[1] == 99);

    /* None at all is no error and touches nothing. */
    CHECK_STATUS(0, n2_search_batch(index, q, 0, 1, NULL, out, n));
    CHECK_STATUS(0, n2_search_batch_id(index, ids, 0, 1, NULL, out, n));
    CHECK_STATUS(0, n2_search_exact(index, q, 0, 1, out, n));
    CHECK(same_neighbor(out[0], before) && n[0] == 99 && n[1] == 99);
    n2_free(index);
}

static void test_cursor(void)
{
    struct n2_index *index = small();
    REQUIRE(index != NULL);
    const float q[DIM] = {1, 2, 3, 4};
    float bad[DIM] = {0};
    struct n2_cursor *cursor = NULL;
    struct n2_neighbor out[N] = {{77, 7}};
    const struct n2_neighbor before = out[0];
    size_t n = 99;
    struct n2_search_options options;
    n2_search_options_init(&options);
    CHECK_STATUS(N2_ERR_OPTION, n2_cursor_open(NULL, index, q, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_cursor_open(&cursor, NULL, q, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_cursor_open(&cursor, index, NULL, NULL));
    options.recall = 2;
    CHECK_STATUS(N2_ERR_OPTION, n2_cursor_open(&cursor, index, q, &options));
    CHECK_STATUS(N2_ERR_ZERO_VECTOR, n2_cursor_open(&cursor, index, bad, NULL));
    bad[0] = 1e38f;
    CHECK_STATUS(N2_ERR_MAGNITUDE, n2_cursor_open(&cursor, index, bad, NULL));
    bad[0] = NAN;
    CHECK_STATUS(N2_ERR_NOT_FINITE, n2_cursor_open(&cursor, index, bad, NULL));
    CHECK(cursor == NULL);
    REQUIRE_OK(n2_cursor_open(&cursor, index, q, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_cursor_next(NULL, out, 1, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_cursor_next(cursor, NULL, 1, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_cursor_next(cursor, out, 0, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_cursor_next(cursor, out, 1, NULL));
    CHECK(same_neighbor(out[0], before) && n == 99);
    CHECK_STATUS(0, n2_cursor_next(cursor, out, SIZE_MAX, &n)); /* `out` holds all there are */
    CHECK(n == N);
    n2_cursor_close(cursor);
    n2_cursor_close(NULL);
    n2_free(index);
}

static void test_search_options(void)
{
    struct n2_index *index = small();
    REQUIRE(index != NULL);
    float q[DIM] = {1, 2, 3, 4};
    struct n2_neighbor out[N], usual[N];
    size_t n = 0;
    struct n2_search_options options;
    CHECK_STATUS(0, n2_search(index, q, N, NULL, usual, &n));
    n2_search_options_init(&options);
    const uint64_t efs[] = {0, 1, 5, 100, 1u << 20, UINT32_MAX, UINT64_MAX / 2, UINT64_MAX};
    for (size_t i = 0; i < sizeof efs / sizeof *efs; i++) {
        options.ef = efs[i];
        CHECK_STATUS(0, n2_search(index, q, N, &options, out, &n));
        CHECK(n == N && !memcmp(out, usual, sizeof out));
        CHECK_STATUS(0, n2_search_id(index, 3, N, &options, out, &n));
        CHECK(n == N);
    }
    const size_t ks[] = {N, N + 1, 1u << 20, UINT32_MAX, SIZE_MAX / 2, SIZE_MAX};
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) { /* `out` holds all there are */
        CHECK_STATUS(0, n2_search(index, q, ks[i], NULL, out, &n));
        CHECK(n == N && !memcmp(out, usual, sizeof out));
        CHECK_STATUS(0, n2_search_exact(index, q, 1, ks[i], out, &n));
        CHECK(n == N && !memcmp(out, usual, sizeof out));
    }
    options.ef = 0;
    const int32_t bad[] = {-1, N2_MAX_THREADS + 1, INT32_MIN, INT32_MAX};
    for (size_t i = 0; i < 4; i++) {
        options.threads = bad[i];
        CHECK_STATUS(N2_ERR_OPTION, n2_search_batch(index, q, 1, 1, &options, out, &n));
    }
    options.threads = N2_MAX_THREADS;
    CHECK_STATUS(0, n2_search_batch(index, q, 1, N, &options, out, &n));
    CHECK(n == N && !memcmp(out, usual, sizeof out));
    options.size = 0;
    CHECK_STATUS(N2_ERR_OPTION, n2_search(index, q, 1, &options, out, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_search_batch(index, q, 1, 1, &options, out, &n));
    n2_free(index);
}

static void test_look(void)
{
    struct n2_index *index = small();
    REQUIRE(index != NULL);
    float v[DIM] = {42};
    static uint64_t counts[(N2_MAX_LEVEL + 1) * 33];
    const char *what = "untouched";
    volatile int32_t cancel = 1;
    uint32_t ids[N + 1] = {77};
    size_t n = 99;
    CHECK_STATUS(N2_ERR_OPTION, n2_list(NULL, 0, ids, N, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_list(index, 0, NULL, N, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_list(index, 0, ids, 0, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_list(index, 0, ids, N, NULL));
    CHECK(ids[0] == 77 && n == 99);
    CHECK_STATUS(0, n2_list(index, UINT32_MAX, ids, N, &n));
    CHECK(ids[0] == 77 && n == 0);
    CHECK_STATUS(0, n2_list(index, 3, ids, N + 1, &n));
    CHECK(n == N - 3 && ids[0] == 3 && ids[n - 1] == N - 1);
    CHECK_STATUS(N2_ERR_OPTION, n2_vector(NULL, 0, v));
    CHECK_STATUS(N2_ERR_OPTION, n2_vector(index, 0, NULL));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_vector(index, N, v));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_vector(index, UINT32_MAX, v));
    CHECK(v[0] == 42);
    CHECK_STATUS(N2_ERR_OPTION, n2_degrees(NULL, counts, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_degrees(index, NULL, NULL));
    CHECK_STATUS(N2_ERR_CANCELLED, n2_degrees(index, counts, &cancel));
    CHECK_STATUS(N2_ERR_OPTION, n2_verify(NULL, NULL, &what));
    CHECK_STATUS(N2_ERR_CANCELLED, n2_verify(index, &cancel, &what));
    CHECK(!strcmp(what, "untouched"));
    CHECK_STATUS(0, n2_verify(index, NULL, NULL));
    cancel = 0;
    CHECK_STATUS(0, n2_verify(index, &cancel, &what));
    CHECK_STATUS(0, n2_degrees(index, counts, &cancel));
    n2_free(index);
}

static void test_keys(void)
{
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = NULL;
    const float v[DIM] = {1, 2, 3, 4};
    const uint64_t key = 5;
    const uint32_t length = 1;
    uint64_t number = 77;
    uint32_t id = 77;
    size_t n = 77;
    options.keys = N2_KEYS_U64;
    REQUIRE_OK(n2_create(&index, DIM, &options));
    CHECK_STATUS(N2_ERR_OPTION, n2_put_u64(NULL, &key, v, 1, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_put_u64(index, NULL, v, 1, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_put_u64(index, &key, NULL, 1, &id));
    CHECK_STATUS(0, n2_put_u64(index, NULL, NULL, 0, NULL));
    CHECK_STATUS(0, n2_put_u64(index, &key, v, 1, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_find_u64(NULL, key, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_find_u64(index, key, NULL));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_find_u64(index, key + 1, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_key_u64(NULL, 0, &number));
    CHECK_STATUS(N2_ERR_OPTION, n2_key_u64(index, 0, NULL));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_key_u64(index, 1, &number));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_key_u64(index, UINT32_MAX, &number));
    CHECK_STATUS(N2_ERR_OPTION, n2_delete_u64(NULL, key));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_delete_u64(index, key + 1));
    n2_close(index);
    CHECK_STATUS(N2_ERR_CLOSED, n2_put_u64(index, &key, v, 1, &id));
    CHECK_STATUS(N2_ERR_CLOSED, n2_find_u64(index, key, &id));
    CHECK_STATUS(N2_ERR_CLOSED, n2_key_u64(index, 0, &number));
    CHECK_STATUS(N2_ERR_CLOSED, n2_delete_u64(index, key));
    n2_free(index);

    options.keys = N2_KEYS_BYTES;
    REQUIRE_OK(n2_create(&index, DIM, &options));
    CHECK_STATUS(N2_ERR_OPTION, n2_put_bytes(NULL, "k", &length, v, 1, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_put_bytes(index, NULL, &length, v, 1, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_put_bytes(index, "k", NULL, v, 1, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_put_bytes(index, "k", &length, NULL, 1, &id));
    CHECK_STATUS(0, n2_put_bytes(index, NULL, NULL, NULL, 0, NULL));
    CHECK_STATUS(0, n2_put_bytes(index, "k", &length, v, 1, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_find_bytes(NULL, "k", 1, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_find_bytes(index, NULL, 1, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_find_bytes(index, "k", 1, NULL));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_find_bytes(index, NULL, 0, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_key_bytes(NULL, 0, NULL, 0, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_key_bytes(index, 0, NULL, 1, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_key_bytes(index, 0, &number, 8, NULL));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_key_bytes(index, 1, &number, 8, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_delete_bytes(NULL, "k", 1));
    CHECK_STATUS(N2_ERR_OPTION, n2_delete_bytes(index, NULL, 1));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_delete_bytes(index, NULL, 0));
    n2_close(index);
    CHECK_STATUS(N2_ERR_CLOSED, n2_put_bytes(index, "k", &length, v, 1, &id));
    CHECK_STATUS(N2_ERR_CLOSED, n2_find_bytes(index, "k", 1, &id));
    CHECK_STATUS(N2_ERR_CLOSED, n2_key_bytes(index, 0, &number, 8, &n));
    CHECK_STATUS(N2_ERR_CLOSED, n2_delete_bytes(index, "k", 1));
    CHECK(id == 77 && n == 77 && number == 77);
    n2_free(index);
}

static void test_files(void)
{
    struct n2_index *index = small(), *loaded = NULL;
    REQUIRE(index != NULL);
    const char *path = temp_path("calls");
    CHECK_STATUS(N2_ERR_OPTION, n2_save(NULL, path));
    CHECK_STATUS(N2_ERR_OPTION, n2_save(index, NULL));
    CHECK(!file_exists(path));
    CHECK_STATUS(0, n2_save(index, path));
    CHECK_STATUS(N2_ERR_OPTION, n2_load(NULL, path, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_load(&loaded, NULL, NULL));
    CHECK_STATUS(ENOENT, n2_load(&loaded, "", NULL));
    struct n2_load_options options;
    n2_load_options_init(&options);
    options.size = 0;
    CHECK_STATUS(N2_ERR_OPTION, n2_load(&loaded, path, &options));
    CHECK(loaded == NULL);
    n2_free(index);
}

/* Every call with good arguments on a closed index. */
static void test_closed(void)
{
    struct n2_index *index = small(), *open = small();
    REQUIRE(index != NULL && open != NULL);
    float v[DIM] = {1, 2, 3, 4};
    uint32_t id = 0;
    struct n2_neighbor out[N];
    size_t n = 99;
    struct n2_build *build = NULL;
    struct n2_writer *writer = NULL;
    struct n2_cursor *cursor = NULL, *opened = NULL;
    struct n2_stats stats = {.size = sizeof stats};
    static uint64_t counts[(N2_MAX_LEVEL + 1) * 33];
    const char *path = temp_path("closed");
    CHECK_STATUS(0, n2_cursor_open(&opened, index, v, NULL));
    n2_close(index);
    n2_close(index);
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(N2_ERR_CLOSED, n2_add(index, v, 1, &id));
        CHECK_STATUS(N2_ERR_CLOSED, n2_add_index(index, open, &id));
        CHECK_STATUS(N2_ERR_CLOSED, n2_add_index(open, index, &id));
        CHECK_STATUS(N2_ERR_CLOSED, n2_build(index, NULL));
        CHECK_STATUS(N2_ERR_CLOSED, n2_build_begin(&build, index, NULL));
        CHECK_STATUS(N2_ERR_CLOSED, n2_search(index, v, 1, NULL, out, &n));
        CHECK_STATUS(N2_ERR_CLOSED, n2_search_id(index, 0, 1, NULL, out, &n));
        CHECK_STATUS(N2_ERR_CLOSED, n2_search_batch(index, v, 1, 1, NULL, out, &n));
        CHECK_STATUS(N2_ERR_CLOSED, n2_search_batch_id(index, &id, 1, 1, NULL, out, &n));
        CHECK_STATUS(N2_ERR_CLOSED, n2_search_exact(index, v, 1, 1, out, &n));
        CHECK_STATUS(N2_ERR_CLOSED, n2_cursor_open(&cursor, index, v, NULL));
        CHECK_STATUS(N2_ERR_CLOSED, n2_cursor_next(opened, out, 1, &n));
        CHECK_STATUS(N2_ERR_CLOSED, n2_list(index, 0, &id, 1, &n));
        CHECK_STATUS(N2_ERR_CLOSED, n2_vector(index, 0, v));
        CHECK_STATUS(N2_ERR_CLOSED, n2_get_stats(index, &stats));
        CHECK_STATUS(N2_ERR_CLOSED, n2_degrees(index, counts, NULL));
        CHECK_STATUS(N2_ERR_CLOSED, n2_verify(index, NULL, NULL));
        CHECK_STATUS(N2_ERR_CLOSED, n2_save(index, path));
        CHECK_STATUS(N2_ERR_CLOSED, n2_save_begin(&writer, index));
    }
    CHECK(n == 99 && id == 0 && !build && !writer && !cursor && !file_exists(path));
    n2_free(index);
    n2_free(open);
    n2_cursor_close(opened);
    n2_close(NULL);
    n2_free(NULL);
}

/* The same on one that was mapped, and with nothing in it. */
static void test_closed_others(void)
{
    struct n2_index *index = small(), *loaded = NULL, *empty = NULL;
    REQUIRE(index != NULL);
    const char *path = temp_path("others");
    float v[DIM] = {1, 2, 3, 4};
    struct n2_neighbor out[1];
    size_t n = 99;
    CHECK_STATUS(0, n2_save(index, path));
    REQUIRE_OK(n2_load(&loaded, path, NULL));
    REQUIRE_OK(n2_create(&empty, DIM, NULL));
    CHECK_STATUS(0, n2_search(empty, v, 1, NULL, out, &n));
    CHECK(n == 0);
    n2_close(loaded);
    n2_close(empty);
    CHECK_STATUS(N2_ERR_CLOSED, n2_search(loaded, v, 1, NULL, out, &n));
    CHECK_STATUS(N2_ERR_CLOSED, n2_search(empty, v, 1, NULL, out, &n));
    n2_free(loaded);
    n2_free(empty);
    n2_free(index);
}

/* Ready-to-use values, and no more than the structure is written. */
static void test_init(void)
{
    struct n2_options options[2];
    memset(options, 0x5a, sizeof options);
    n2_options_init(options);
    CHECK(options[0].size == sizeof options[0] && options[0].metric == 0 && options[0].seed == 0);
    CHECK(options[0].level_multiplier == 0 && options[1].size == 0x5a5a5a5a5a5a5a5au);
    struct n2_build_options build;
    n2_build_options_init(&build);
    CHECK(build.size == sizeof build && !build.threads && !build.progress && !build.user);
    struct n2_search_options search;
    n2_search_options_init(&search);
    CHECK(search.size == sizeof search && !search.ef && !search.threads);
    struct n2_load_options load;
    n2_load_options_init(&load);
    CHECK(load.size == sizeof load && !load.no_map && !load.verify);
}

static const struct test_case cases[] = {
    {"search", test_search},
    {"cursor", test_cursor},
    {"search_options", test_search_options},
    {"look", test_look},
    {"keys", test_keys},
    {"files", test_files},
    {"closed", test_closed},
    {"closed_others", test_closed_others},
    {"init", test_init},
};
TEST_MAIN(cases)
