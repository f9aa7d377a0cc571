/* memory.c - tests that an index takes the memory that its statistics tell, and gives it back.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What the process has in memory is told in pages of 4 KiB: huge ones, which hold up to 2 MiB that
 * nobody has asked for at the end of a column, are switched off. Not run under sanitizers, whose
 * shadow memory counts too.
 */
#include "support.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What may be in memory beside an index: last pages of columns, what malloc keeps, and what the
 * system has not counted yet. */
#define BESIDE ((double)(512 << 10))

/* Bytes of this process that are in memory. */
static double resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    CHECK(file && fscanf(file, "%*u %lu", &pages) == 1);
    if (file)
        fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double told(struct n2_index *index)
{
    struct n2_stats s = {.size = sizeof s};
    CHECK_STATUS(0, n2_get_stats(index, &s));
    CHECK(s.mapped_bytes == 0);
    return (double)(s.vector_bytes + s.code_bytes + s.sketch_bytes + s.link_bytes + s.id_bytes +
                    s.key_bytes + s.scratch_bytes);
}

/* Builds an index and searches it; what then is in memory is what is told, and is given back. */
static void check_memory(const struct n2_options *options, const float *vectors, size_t n,
                         size_t dim, bool checks)
{
    const double before = resident();
    struct n2_index *index = index_make(options, dim, vectors, n, 2);
    REQUIRE(index != NULL);
    (void)recall_of(index, vectors, 10, 10, NULL);
    const double taken = resident() - before, right = told(index);
    n2_free(index);
    const double left = resident() - before;
    printf("store %d, sketch %d, keys %d: %.0f bytes, told %.0f, %.0f left\n", options->store,
           options->sketch, options->keys, taken, right, left);
    CHECKF(!checks || (taken > 0.95 * right - BESIDE && taken < 1.05 * right + BESIDE),
           "store %d, sketch %d, keys %d: %.0f bytes, told %.0f", options->store, options->sketch,
           options->keys, taken, right);
    CHECKF(!checks || left < BESIDE, "store %d, sketch %d, keys %d: %.0f bytes are left",
           options->store, options->sketch, options->keys, left);
}

static void test_memory(void)
{
    uint64_t rng = test_seed;
    const size_t n = 40000, dim = 64;
    float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_ANGULAR);
    options.ef_construction = 20;
    (void)prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);    /* without which columns end in huge pages */
    check_memory(&options, vectors, n, dim, false); /* after which threads and arenas are there */
    for (int store = N2_STORE_FLOAT32; store <= N2_STORE_SQ8; store++) {
        for (int sketch = N2_SKETCH_ON; sketch <= N2_SKETCH_OFF; sketch++) {
            options.store = store;
            options.sketch = sketch;
            options.keys = store - N2_STORE_FLOAT32 + N2_KEYS_NONE; /* each kind */
            check_memory(&options, vectors, n, dim, true);
        }
    }
    free(vectors);
}

static const struct test_case cases[] = {{"memory", test_memory}};
TEST_MAIN(cases)
