/* late.c - searches into which an add and a build are slipped, between their look at the index and
 * the search proper.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A search allocates its scratch after it has looked: the allocation is wrapped, and runs the rest
 * in another thread before it goes on.
 */
#include "support.h"

#include <pthread.h>
#include <stdlib.h>

int __real_posix_memalign(void **memory, size_t alignment, size_t bytes);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes);

static void *(*slip_in)(void *); /* at the next allocation; NULL: nothing */

int __wrap_posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    void *(*run)(void *) = slip_in;
    pthread_t thread;
    slip_in = NULL;
    if (run && pthread_create(&thread, NULL, run, NULL) == 0)
        pthread_join(thread, NULL);
    return __real_posix_memalign(memory, alignment, bytes);
}

enum { DIM = 8, K = 10 };

static struct n2_index *index_under_test;
static const float *late_vectors;
static size_t n_late;

static void *build_late(void *unused)
{
    CHECK_STATUS(0, n2_build(index_under_test, NULL));
    return unused;
}

/* Builds so small that they measure no recall: to put that in place they would wait for the search.
 */
static void *add_and_build_late(void *unused)
{
    enum { AT_ONCE = 150 };
    for (size_t i = 0; i < n_late; i += AT_ONCE) {
        size_t n = n_late - i < AT_ONCE ? n_late - i : AT_ONCE;
        CHECK_STATUS(0, n2_add(index_under_test, late_vectors + i * DIM, n, NULL));
        build_late(NULL);
    }
    return unused;
}

/* A vector that was pending when the search looked, and is linked when it scans, is found. */
static void test_build(void)
{
    uint64_t rng = test_seed;
    const size_t n_built = 5000, n_pending = 100;
    float *vectors = data_make(&rng, n_built + n_pending, DIM, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_L2);
    index_under_test = index_make(&options, DIM, vectors, n_built, 2);
    REQUIRE(index_under_test != NULL);
    CHECK_STATUS(0, n2_add(index_under_test, vectors + n_built * DIM, n_pending, NULL));
    const float *query = vectors + (n_built + n_pending / 2) * DIM;
    struct n2_neighbor found[K];
    size_t n = 0;
    slip_in = build_late;
    CHECK_STATUS(0, n2_search(index_under_test, query, K, NULL, found, &n));
    CHECK(!slip_in && n == K && found[0].id == n_built + n_pending / 2 && found[0].distance == 0);
    CHECK_SOUND(index_under_test);
    n2_free(index_under_test);
    free(vectors);
}

/* Where nodes and an entry point are added behind what the search saw, it stays within that:
 * exactly if it scans, and with what is left of its paths if it walks the graph. */
static void test_add_and_build(void)
{
    uint64_t rng = test_seed;
    const size_t most_first = 400; /* so many are walked to, not scanned */
    n_late = test_scale(20000, 3000);
    float *vectors = data_make(&rng, most_first + n_late, DIM, DATA_NORMAL, 0);
    late_vectors = vectors + most_first * DIM;
    struct n2_options options = options_of(N2_L2);
    options.ef_construction = 20;
    options.navigation = N2_NAVIGATE_VECTORS; /* else the build would wait for the search */
    struct n2_search_options search;
    n2_search_options_init(&search);
    search.ef = K;
    for (int built = 0; built < 2; built++) {
        size_t n_first = built ? most_first : 40;
        index_under_test = index_make(&options, DIM, vectors, n_first, built ? 2 : -1);
        REQUIRE(index_under_test != NULL);
        struct n2_neighbor found[K];
        size_t n = 0;
        slip_in = add_and_build_late;
        CHECK_STATUS(0, n2_search(index_under_test, vectors, K, &search, found, &n));
        CHECK(!slip_in && n == K && (built || (found[0].id == 0 && found[0].distance == 0)));
        for (size_t i = 0; i < n; i++)
            CHECK(found[i].id < n_first);
        n2_free(index_under_test);
    }
    free(vectors);
}

static const struct test_case cases[] = {
    {"build", test_build},
    {"add_and_build", test_add_and_build},
};
TEST_MAIN(cases)
