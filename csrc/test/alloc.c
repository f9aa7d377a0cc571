/* alloc.c - tests that a search allocates nothing after warm-up, and starts no thread.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The linker's --wrap sends every call of these functions, from the library and from here, to the
 * counters below.
 */
#include "support.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

static _Atomic size_t calls;

#define WRAP(type, name, parameters, arguments)                                                    \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        calls++;                                                                                   \
        return __real_##name arguments;                                                            \
    }

WRAP(void *, malloc, (size_t n), (n))
WRAP(void *, calloc, (size_t count, size_t size), (count, size))
WRAP(void *, realloc, (void *memory, size_t n), (memory, n))
WRAP(int, posix_memalign, (void **memory, size_t alignment, size_t n), (memory, alignment, n))
WRAP(void *, aligned_alloc, (size_t alignment, size_t n), (alignment, n))
WRAP(void *, mmap, (void *at, size_t n, int protection, int flags, int file, off_t offset),
     (at, n, protection, flags, file, offset))
WRAP(int, mprotect, (void *at, size_t n, int protection), (at, n, protection))
WRAP(int, pthread_create,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument),
     (thread, attributes, body, argument))

#define DIM 16
#define N 2000
#define K 10

static struct n2_index *make(size_t pending)
{
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, N + pending, DIM, DATA_NORMAL, 10);
    struct n2_index *index = index_make(NULL, DIM, vectors, N, 2);
    if (index)
        CHECK_STATUS(0, n2_add(index, vectors + N * DIM, pending, NULL));
    free(vectors);
    return index;
}

static void search_all_ways(struct n2_index *index, uint64_t rounds, uint64_t max_ef)
{
    uint64_t rng = test_seed;
    struct n2_neighbor out[K];
    struct n2_search_options options;
    n2_search_options_init(&options);
    float query[DIM];
    size_t n = 0;
    int failed = 0;
    for (uint64_t i = 0; i < rounds; i++) {
        for (size_t j = 0; j < DIM; j++)
            query[j] = rng_normal(&rng);
        options.ef = i ? 1 + rng_below(&rng, max_ef) : max_ef;
        failed |= n2_search(index, query, 1 + i % K, &options, out, &n);
        failed |= n2_search(index, query, K, NULL, out, &n);
        failed |= n2_search_id(index, (uint32_t)rng_below(&rng, N), K, &options, out, &n);
    }
    CHECK(!failed);
}

static void check_quiet(struct n2_index *index)
{
    search_all_ways(index, 1, 500);
    size_t before = calls;
    search_all_ways(index, 1000, 500);
    CHECKF(calls == before, "%zu allocations in 3000 searches", calls - before);
}

static void test_built(void)
{
    struct n2_index *index = make(0);
    REQUIRE(index != NULL);
    CHECK(calls > 0); /* the counters count */
    check_quiet(index);
    n2_free(index);
}

static void test_pending(void)
{
    struct n2_index *index = make(100);
    REQUIRE(index != NULL);
    check_quiet(index);
    n2_free(index);
}

static void test_mapped(void)
{
    struct n2_index *index = make(100), *loaded = NULL;
    REQUIRE(index != NULL);
    CHECK_STATUS(0, n2_save(index, temp_path("alloc")));
    n2_free(index);
    REQUIRE_OK(n2_load(&loaded, temp_path("alloc"), NULL));
    check_quiet(loaded);
    n2_free(loaded);
}

static void *search_in_thread(void *index)
{
    search_all_ways(index, 200, 500);
    return NULL;
}

/* As many searches at once as threads: at most that many times what one costs, ever. */
static void test_parallel(void)
{
    struct n2_index *index = make(50);
    REQUIRE(index != NULL);
    size_t before = calls;
    search_all_ways(index, 1, 500);
    size_t one = calls - before;
    before = calls;
    for (int round = 0; round < 5; round++) {
        pthread_t threads[4];
        for (size_t i = 0; i < 4; i++)
            REQUIRE(!pthread_create(&threads[i], NULL, search_in_thread, index));
        for (size_t i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
    CHECKF(calls - before <= 4 * one + 5 * 4, "%zu calls where one search costs %zu",
           calls - before, one);
    n2_free(index);
}

static const struct test_case cases[] = {
    {"built", test_built},
    {"pending", test_pending},
    {"mapped", test_mapped},
    {"parallel", test_parallel},
};
TEST_MAIN(cases)
