/* grow.c - tests of an index that outgrows its reserved addresses, and of more searches than slots.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The linker's --wrap sends the library's mmap through here, where reservations beyond a limit are
 * refused. So columns move while the index is small, again and again, and now and then cannot.
 */
#define _GNU_SOURCE 1 /* MAP_FIXED, barriers */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define DIM 24
#define FIRST_LIMIT ((size_t)256 << 10)

static atomic_size_t limit; /* bytes of one reservation; 0: none */
static atomic_size_t n_refused;

void *__real_mmap(void *at, size_t n, int protection, int flags, int file, off_t offset);
void *__wrap_mmap(void *at, size_t n, int protection, int flags, int file, off_t offset);

void *__wrap_mmap(void *at, size_t n, int protection, int flags, int file, off_t offset)
{
    size_t most = atomic_load(&limit);
    if (most && n > most && protection == PROT_NONE) {
        atomic_fetch_add(&n_refused, 1);
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap(at, n, protection, flags, file, offset);
}

static struct n2_options small_options(int metric)
{
    struct n2_options options = options_of(metric);
    options.M = 4;
    options.ef_construction = 20;
    return options;
}

/* Raises the limit if memory was refused, for another try. */
static bool raised(int status)
{
    if (status != N2_ERR_NO_MEMORY || atomic_load(&limit) >= (size_t)1 << 30)
        return false;
    atomic_store(&limit, atomic_load(&limit) * 2);
    return true;
}

/* Adds or puts all, raising the limit when memory is refused; then nothing may have been added. */
static void add_all(struct n2_index *index, size_t name, const float *vectors, size_t n)
{
    int status;
    while (raised(status = put_named(index, name, vectors, n)))
        CHECK_SOUND(index);
    CHECK_STATUS(0, status);
}

static void build_all(struct n2_index *index)
{
    int status;
    while (raised(status = build_on(index, 2)))
        CHECK_SOUND(index);
    CHECK_STATUS(0, status);
}

/* Grown step by step through many moves, from empty or from a mapped file, it is the same index as
 * without a move. */
static void check_growth(struct n2_options options, bool map, uint64_t *rng)
{
    const size_t n = test_scale(12000, 3000), n_parts = 8;
    float *vectors = data_make(rng, n, DIM, DATA_NORMAL, 5);
    struct bytes bytes[2];
    for (int limited = 0; limited < 2; limited++) {
        atomic_store(&limit, limited ? FIRST_LIMIT : 0);
        atomic_store(&n_refused, 0);
        struct n2_index *index = index_make(&options, DIM, vectors, 0, -1);
        REQUIRE(index != NULL);
        for (size_t part = 0; part < n_parts; part++) {
            size_t begin = n * part / n_parts, end = n * (part + 1) / n_parts;
            add_all(index, begin, vectors + begin * DIM, end - begin);
            if (part % 3 == 1)
                build_all(index);
            if (map && part == 2) {
                const char *path = temp_path("grow");
                CHECK_STATUS(0, n2_save(index, path));
                n2_free(index);
                index = NULL;
                int status;
                while (raised(status = n2_load(&index, path, NULL)))
                    CHECK(index == NULL);
                REQUIRE_OK(status);
            }
        }
        CHECK((atomic_load(&n_refused) > 0) == (limited > 0));
        CHECK_SOUND(index);
        for (uint32_t id = 0; id < n; id += 17) {
            float back[DIM];
            CHECK_STATUS(0, n2_vector(index, id, back));
            CHECK(!memcmp(back, vectors + id * DIM, sizeof back));
        }
        bytes[limited] = index_bytes(index);
        n2_free(index);
    }
    atomic_store(&limit, 0);
    CHECK(bytes_equal(bytes[0], bytes[1]));
    bytes_free(&bytes[0]);
    bytes_free(&bytes[1]);
    free(vectors);
}

static void test_growth(void)
{
    uint64_t rng = test_seed;
    struct n2_options options = small_options(N2_L2);
    check_growth(options, false, &rng);
    options.level_multiplier = 4; /* most links are on upper levels */
    check_growth(options, false, &rng);
    options = small_options(N2_DOT);
    options.merging = N2_MERGE_LEVEL0;
    check_growth(options, false, &rng);
    options = small_options(N2_ANGULAR);
    check_growth(options, true, &rng);
    for (options.keys = N2_KEYS_U64; options.keys <= N2_KEYS_BYTES; options.keys++)
        check_growth(options, options.keys == N2_KEYS_BYTES, &rng);
}

/* Columns move between the steps of a build. */
static void test_growth_amid_build(void)
{
    uint64_t rng = test_seed;
    const size_t n = 1000, n_more = 500;
    for (int merging = N2_MERGE_SKIP; merging <= N2_MERGE_LEVEL0; merging++) {
        float *vectors = data_make(&rng, n + n_more, DIM, DATA_NORMAL, 5);
        struct n2_options options = small_options(N2_ANGULAR);
        options.merging = merging;
        struct bytes bytes[2];
        for (int limited = 0; limited < 2; limited++) {
            atomic_store(&limit, limited ? FIRST_LIMIT : 0);
            struct n2_index *index = index_make(&options, DIM, vectors, 0, -1);
            REQUIRE(index != NULL);
            add_all(index, 0, vectors, n);
            struct n2_build *build = NULL;
            int status;
            uint64_t done = 0, total = 1, added = 0;
            do { /* the first step makes room for all */
                n2_build_end(build);
                build = NULL;
                status = n2_build_begin(&build, index, NULL);
                if (!status)
                    status = n2_build_step(build, &done, &total);
            } while (raised(status));
            REQUIRE_OK(status);
            for (size_t step = 0; done < total; step++) {
                if (added < n_more) {
                    add_all(index, n + added, vectors + (n + added) * DIM, 50);
                    added += 50;
                }
                if (!CHECK_STATUS(0, n2_build_step(build, &done, &total)))
                    break;
            }
            n2_build_end(build);
            add_all(index, n + added, vectors + (n + added) * DIM, n_more - added);
            build_all(index);
            CHECK_SOUND(index);
            bytes[limited] = index_bytes(index);
            n2_free(index);
        }
        atomic_store(&limit, 0);
        CHECK(bytes_equal(bytes[0], bytes[1]));
        bytes_free(&bytes[0]);
        bytes_free(&bytes[1]);
        free(vectors);
    }
}

struct crowd {
    struct n2_index *index;
    const float *vectors; /* vectors[n][DIM] */
    size_t n, rounds;
    int exact; /* queries of a long exact search; 0: short searches */
    pthread_barrier_t *barrier;
    uint64_t rng;
};

/* Each query is a vector that was there from the beginning: it is found, whatever moves. */
static void *crowd_search(void *argument)
{
    struct crowd *crowd = argument;
    struct n2_neighbor out[16];
    size_t counts[16];
    if (crowd->barrier)
        pthread_barrier_wait(crowd->barrier);
    for (size_t round = 0; round < crowd->rounds; round++) {
        size_t n = crowd->exact ? (size_t)crowd->exact : 1;
        uint32_t id = (uint32_t)rng_below(&crowd->rng, crowd->n - n);
        const float *query = crowd->vectors + id * DIM;
        if (crowd->exact)
            CHECK_STATUS(0, n2_search_exact(crowd->index, query, n, 1, out, counts));
        else
            CHECK_STATUS(0, n2_search(crowd->index, query, 1, NULL, out, counts));
        for (size_t i = 0; i < n; i++)
            CHECK(counts[i] == 1 && out[i].distance == 0);
    }
    return NULL;
}

static void *crowd_grow(void *argument)
{
    struct crowd *crowd = argument;
    for (size_t round = 0; round < crowd->rounds; round++) {
        add_all(crowd->index, 0, crowd->vectors + rng_below(&crowd->rng, crowd->n - 200) * DIM,
                200);
        if (round % 4 == 0) /* nothing but duplicates: the build ends alone in the index */
            build_all(crowd->index);
    }
    return NULL;
}

/* Searches go on while columns move and builds end. */
static void test_growth_with_searches(void)
{
    enum { SEARCHERS = 3 };
    uint64_t rng = test_seed;
    const size_t n = 400;
    float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, 0);
    struct n2_options options = small_options(N2_L2);
    atomic_store(&limit, FIRST_LIMIT);
    struct n2_index *index = index_make(&options, DIM, vectors, n, 2);
    REQUIRE(index != NULL);
    struct crowd crowds[SEARCHERS + 1];
    pthread_t threads[SEARCHERS + 1];
    for (size_t i = 0; i <= SEARCHERS; i++) {
        crowds[i] = (struct crowd){.index = index,
                                   .vectors = vectors,
                                   .n = n,
                                   .rng = rng_next(&rng),
                                   .rounds = i ? test_scale(4000, 200) : test_scale(80, 12)};
        REQUIRE(!pthread_create(&threads[i], NULL, i ? crowd_search : crowd_grow, &crowds[i]));
    }
    for (size_t i = 0; i <= SEARCHERS; i++)
        pthread_join(threads[i], NULL);
    build_all(index);
    CHECK_SOUND(index);
    atomic_store(&limit, 0);
    n2_free(index);
    free(vectors);
}

/* More searches inside at once than there are slots, each long enough to be interrupted there,
 * while the gate is shut now and then. */
static void test_crowd(void)
{
    enum { SEARCHERS = 160 };
    uint64_t rng = test_seed;
    const size_t n = test_scale(30000, 1000);
    float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, 0);
    struct n2_options options = small_options(N2_L2);
    struct n2_index *index = index_make(&options, DIM, vectors, n, -1);
    REQUIRE(index != NULL);
    static struct crowd crowds[SEARCHERS];
    static pthread_t threads[SEARCHERS];
    pthread_barrier_t barrier;
    REQUIRE(!pthread_barrier_init(&barrier, NULL, SEARCHERS));
    atomic_store(&limit, FIRST_LIMIT);
    for (size_t i = 0; i < SEARCHERS; i++) {
        crowds[i] = (struct crowd){.index = index,
                                   .vectors = vectors,
                                   .n = n,
                                   .rng = rng_next(&rng),
                                   .exact = 16,
                                   .barrier = &barrier,
                                   .rounds = 2};
        REQUIRE(!pthread_create(&threads[i], NULL, crowd_search, &crowds[i]));
    }
    for (size_t round = 0; round < 20; round++) /* each addition that does not fit shuts the gate */
        add_all(index, 0, vectors + rng_below(&rng, n - 500) * DIM, 500);
    for (size_t i = 0; i < SEARCHERS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
    atomic_store(&limit, 0);
    CHECK_SOUND(index);
    n2_free(index);
    free(vectors);
}

struct pair {
    struct n2_index *index, *other;
};

static void *add_other(void *argument)
{
    struct pair *pair = argument;
    for (int i = 0; i < 5; i++) {
        int status;
        while (raised(status = n2_add_index(pair->index, pair->other, NULL)))
            CHECK_SOUND(pair->index);
        CHECK_STATUS(0, status);
    }
    return NULL;
}

/* Two indexes are added to each other, and move while the other one reads them. */
static void test_growth_by_each_other(void)
{
    uint64_t rng = test_seed;
    const size_t n = 300;
    float *vectors = data_make(&rng, 2 * n, DIM, DATA_NORMAL, 5);
    struct n2_options options = small_options(N2_DOT);
    atomic_store(&limit, FIRST_LIMIT);
    struct n2_index *a = index_make(&options, DIM, vectors, n, 1);
    struct n2_index *b = index_make(&options, DIM, vectors + n * DIM, n, -1);
    REQUIRE(a && b);
    struct pair pairs[] = {{a, b}, {b, a}};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++)
        REQUIRE(!pthread_create(&threads[i], NULL, add_other, &pairs[i]));
    for (size_t i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&limit, 0);
    struct n2_stats stats = {.size = sizeof stats};
    for (size_t i = 0; i < 2; i++) {
        CHECK_STATUS(0, n2_get_stats(pairs[i].index, &stats));
        CHECK(stats.n_vectors % n == 0 && stats.n_vectors >= 6 * n);
        for (uint32_t id = 0; id < stats.n_vectors; id++) { /* whole parts, in order */
            float back[DIM];
            CHECK_STATUS(0, n2_vector(pairs[i].index, id, back));
            CHECK(!memcmp(back, vectors + id % n * DIM, sizeof back) ||
                  !memcmp(back, vectors + (n + id % n) * DIM, sizeof back));
        }
        CHECK_SOUND(pairs[i].index);
    }
    n2_free(b);
    n2_free(a);
    free(vectors);
}

static const struct test_case cases[] = {
    {"growth", test_growth},
    {"growth_amid_build", test_growth_amid_build},
    {"growth_with_searches", test_growth_with_searches},
    {"growth_by_each_other", test_growth_by_each_other},
    {"crowd", test_crowd},
};
TEST_MAIN(cases)
