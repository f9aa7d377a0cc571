/* add_index.c - indexes that are added to others: copies bit for bit, all or none.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { DIM = 9, N = 700, MORE = 1200 };

static struct n2_index *make(const struct n2_options *options, uint64_t seed, size_t n, int threads)
{
    float *vectors = data_make(&seed, n, DIM, DATA_NORMAL, 10);
    struct n2_index *index = index_make(options, DIM, vectors, n, threads);
    free(vectors);
    return index;
}

/* Deletes some, so that chunks with many and with none are among what is read. */
static void thin(struct n2_index *index, size_t n)
{
    for (uint32_t id = 0; id < n; id++)
        if (id % 3 == 1 || (id >= 200 && id < 900))
            CHECK_STATUS(0, n2_delete(index, id));
}

/* The vectors of the ids that there are, in order. */
static float *vectors_of(struct n2_index *index, size_t *n)
{
    struct n2_stats stats = {.size = sizeof(stats)};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    uint32_t *ids = must_alloc(stats.n_vectors + 1, sizeof(*ids));
    float *vectors = must_alloc(stats.n_vectors * DIM + 1, sizeof(*vectors));
    CHECK_STATUS(0, n2_list(index, 0, ids, stats.n_vectors + 1, n));
    CHECK(*n == stats.n_vectors);
    for (size_t i = 0; i < *n; i++)
        CHECK_STATUS(0, n2_vector(index, ids[i], vectors + i * DIM));
    free(ids);
    return vectors;
}

/* Whether two indexes save to the same bytes. */
static bool same_bytes(struct n2_index *a, struct n2_index *b)
{
    struct bytes of_a = index_bytes(a), of_b = index_bytes(b);
    bool same = bytes_equal(of_a, of_b);
    bytes_free(&of_a);
    bytes_free(&of_b);
    return same;
}

/* What was added is what n2_add of the vectors makes; stored alike, also where rounding twice would
 * differ. */
static void run_storages(int metric, int storage, int other_storage, int built)
{
    struct n2_options options = options_of(metric), other_options = options_of(metric);
    options.store = storage;
    other_options.store = other_storage;
    other_options.M = 5;
    struct n2_index *index = make(&options, test_seed, N, built ? 2 : -1);
    struct n2_index *twin = make(&options, test_seed, N, built ? 2 : -1);
    struct n2_index *other = make(&other_options, test_seed + 1, MORE, built == 1 ? 2 : -1);
    REQUIRE(index && twin && other);
    thin(other, MORE);
    size_t n = 0, n_all = 0;
    uint32_t first = 0, first_twin = 0;
    float *vectors = vectors_of(other, &n);
    CHECK_STATUS(0, n2_add_index(index, other, &first));
    CHECK_STATUS(0, n2_add(twin, vectors, n, &first_twin));
    CHECK(first == N && first_twin == N);
    float *all = vectors_of(index, &n_all), *of_twin = vectors_of(twin, &n_all);
    CHECK(n_all == N + n);
    if (storage == other_storage)
        CHECK(!memcmp(all + N * DIM, vectors, n * DIM * sizeof(*all)));
    if (storage != other_storage || storage != N2_STORE_SQ8) {
        CHECK(!memcmp(all, of_twin, n_all * DIM * sizeof(*all)));
        CHECK(same_bytes(index, twin));
    }
    CHECK_SOUND(index);
    struct n2_neighbor found;
    size_t n_found = 0;
    CHECK_STATUS(0, build_on(index, 2));
    CHECK_SOUND(index);
    CHECK_STATUS(0, n2_search(index, all + (n_all - 1) * DIM, 1, NULL, &found, &n_found));
    CHECK(n_found == 1 && (metric != N2_L2 || found.distance == 0));
    free(of_twin);
    free(all);
    free(vectors);
    n2_free(other);
    n2_free(twin);
    n2_free(index);
}

static void test_storages(void)
{
    for (int metric = N2_ANGULAR; metric <= N2_DOT; metric++)
        for (int storage = N2_STORE_FLOAT32; storage <= N2_STORE_SQ8; storage++)
            for (int other = N2_STORE_FLOAT32; other <= N2_STORE_SQ8; other++)
                run_storages(metric, storage, other, (storage + other) % 3);
}

/* Empty ones on either side, and a mapped one. */
static void test_sizes(void)
{
    struct n2_options options = options_of(N2_L2);
    struct n2_index *empty = make(&options, 1, 0, -1), *one = make(&options, 1, 1, -1);
    struct n2_index *other = make(&options, 2, MORE, 2), *mapped = NULL;
    REQUIRE(empty && one && other);
    uint32_t first = 77;
    CHECK_STATUS(0, n2_add_index(one, empty, &first));
    CHECK(first == 1);
    CHECK_STATUS(0, n2_add_index(empty, one, &first));
    CHECK(first == 0 && same_bytes(empty, one));
    const char *path = temp_path("other");
    thin(other, MORE);
    CHECK_STATUS(0, n2_save(other, path));
    REQUIRE_OK(n2_load(&mapped, path, NULL));
    CHECK_STATUS(0, n2_add_index(empty, other, NULL));
    CHECK_STATUS(0, n2_add_index(one, mapped, NULL));
    CHECK(same_bytes(empty, one) && same_bytes(other, mapped));
    CHECK_STATUS(0, n2_add_index(mapped, one, &first));
    CHECK(first == MORE);
    CHECK_SOUND(mapped);
    n2_free(mapped);
    n2_free(other);
    n2_free(one);
    n2_free(empty);
}

/* What is refused changes nothing. */
static void test_refused(void)
{
    struct n2_options l2 = options_of(N2_L2), dot = options_of(N2_DOT), halves = l2;
    halves.store = N2_STORE_FLOAT16;
    struct n2_index *index = make(&halves, 1, N, 2), *other = make(&l2, 2, MORE, 2);
    struct n2_index *products = make(&dot, 3, N, -1), *wide = NULL, *rotten = NULL;
    REQUIRE(index && other && products);
    REQUIRE_OK(n2_create(&wide, DIM + 1, &l2));
    const float much[DIM] = {1, 2, 65520};
    CHECK_STATUS(0, n2_add(other, much, 1, NULL));
    struct bytes before = index_bytes(index), bytes = index_bytes(other);
    uint32_t first = 77;
    CHECK_STATUS(N2_ERR_OPTION, n2_add_index(NULL, other, &first));
    CHECK_STATUS(N2_ERR_OPTION, n2_add_index(index, NULL, &first));
    CHECK_STATUS(N2_ERR_OPTION, n2_add_index(index, index, &first));
    CHECK_STATUS(N2_ERR_OPTION, n2_add_index(index, products, &first));
    CHECK_STATUS(N2_ERR_DIMENSION, n2_add_index(index, wide, &first));
    CHECK_STATUS(N2_ERR_MAGNITUDE, n2_add_index(index, other, &first));
    for (size_t at = 0; at + 8 <= bytes.n; at++) /* the coordinates 2, 65520 */
        if (!memcmp(bytes.data + at, much + 1, 2 * sizeof(*much)))
            bytes.data[at] ^= 1;
    const char *path = temp_path("rotten");
    file_write(path, bytes.data, bytes.n);
    REQUIRE_OK(n2_load(&rotten, path, NULL));
    CHECK_STATUS(N2_ERR_CORRUPT, n2_add_index(index, rotten, &first));
    CHECK(first == 77);
    struct bytes after = index_bytes(index);
    CHECK(bytes_equal(before, after));
    CHECK_SOUND(index);
    bytes_free(&after);
    CHECK_STATUS(0, n2_delete(other, MORE));
    CHECK_STATUS(0, n2_add_index(index, other, &first)); /* without the one that was too much */
    CHECK(first == N);
    CHECK_SOUND(index);
    bytes_free(&bytes);
    bytes_free(&before);
    n2_free(rotten);
    n2_free(wide);
    n2_free(products);
    n2_free(other);
    n2_free(index);
}

static const struct test_case cases[] = {
    {"storages", test_storages},
    {"sizes", test_sizes},
    {"refused", test_refused},
};
TEST_MAIN(cases)
