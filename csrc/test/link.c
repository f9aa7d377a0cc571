/* link.c - tests of builds in small change: n2_link, n2_link_due.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <stdlib.h>

enum { DIM = 16, K = 10, QUERIES = 300 };
enum { MORE_QUERIES = 3000 }; /* tell recall to 0.002, where QUERIES err by 0.006 */

static struct n2_stats stats_of(struct n2_index *index)
{
    struct n2_stats stats = {.size = sizeof(stats)};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    return stats;
}

/* Vectors that come one by one are linked when it is due: few are ever pending, searches find what
 * they should on the way, and in the end a build has everything within reach. */
static void test_one_by_one(void)
{
    const size_t n = test_scale(9000, 3000);
    for (int metric = N2_ANGULAR; metric <= N2_DOT; metric++) {
        struct bytes first = {NULL, 0};
        for (int again = 0; again < 2; again++) { /* the same each time, to the last bit */
            uint64_t rng = test_seed;
            enum data_kind kind = metric == N2_DOT ? DATA_NORMAL : DATA_CLUSTERS;
            float *vectors = data_make(&rng, n + MORE_QUERIES, DIM, kind, 0);
            struct n2_options options = options_of(metric);
            struct n2_index *index = NULL;
            size_t n_links = 0;
            REQUIRE_OK(n2_create(&index, DIM, &options));
            for (size_t i = 0; i < n; i++) {
                CHECK_STATUS(0, n2_add(index, vectors + i * DIM, 1, NULL));
                size_t due = n2_link_due(index);
                CHECK(due <= i + 1);
                if (due > 0) {
                    uint64_t before = stats_of(index).n_pending;
                    CHECK_STATUS(0, n2_link(index, due));
                    CHECK(stats_of(index).n_pending == before - due);
                    n_links++;
                }
                if (i % 1000 == 999) {
                    double found = recall_of(index, vectors + n * DIM, QUERIES, K, NULL);
                    CHECKF(found >= 0.93, "%f of %zu", found, i + 1);
                    CHECK_SOUND(index);
                }
            }
            CHECK(n_links > 1 && stats_of(index).n_pending < 4000);
            CHECK_STATUS(0, build_on(index, 2));
            CHECK_SOUND(index);
            double found = recall_of(index, vectors + n * DIM, MORE_QUERIES, K, NULL);
            CHECKF(found >= 0.94, "%f of all", found);
            struct bytes bytes = index_bytes(index);
            CHECK(again == 0 || bytes_equal(first, bytes));
            if (again)
                bytes_free(&bytes);
            else
                first = bytes;
            n2_free(index);
            free(vectors);
        }
        bytes_free(&first);
    }
}

/* The oldest ones are linked, as many as were asked for, deleted ones among them. */
static void test_oldest(void)
{
    const size_t n = 1500;
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, n + QUERIES, DIM, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, DIM, vectors, 300, 2);
    REQUIRE(index != NULL);
    CHECK_STATUS(0, n2_add(index, vectors + 300 * DIM, 1200, NULL));
    CHECK_STATUS(0, n2_link(index, 200));
    CHECK(stats_of(index).n_pending == 1000);
    for (uint32_t id = 500; id < 900; id++) /* pending */
        CHECK_STATUS(0, n2_delete(index, id));
    CHECK_STATUS(0, n2_link(index, 100)); /* behind those whose places were given up */
    CHECK(stats_of(index).n_pending == 500);
    CHECK_STATUS(0, n2_link(index, 350));
    CHECK(stats_of(index).n_pending == 150);
    CHECK_SOUND(index);
    CHECK_STATUS(0, n2_link(index, SIZE_MAX));
    CHECK(stats_of(index).n_pending == 0);
    CHECK_STATUS(0, n2_link(index, 1)); /* there is none */
    CHECK_SOUND(index);
    CHECK(recall_of(index, vectors + n * DIM, QUERIES, K, NULL) >= 0.95);
    CHECK_STATUS(0, build_on(index, 2));
    CHECK_SOUND(index);
    n2_free(index);
    free(vectors);
}

/* An index that was saved in the middle of a build has links behind the oldest pending vectors. */
static void test_amid_build(void)
{
    const size_t n = 3000;
    uint64_t rng = test_seed, done = 0, total = 1;
    float *vectors = data_make(&rng, n + QUERIES, DIM, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, DIM, vectors, n, -1);
    struct n2_build *build = NULL;
    REQUIRE_OK(n2_build_begin(&build, index, NULL));
    while (done < total / 4 * 3)
        CHECK_STATUS(0, n2_build_step(build, &done, &total));
    CHECK_STATUS(0, n2_save(index, temp_path("amid")));
    n2_build_end(build);
    n2_free(index);
    REQUIRE_OK(n2_load(&index, temp_path("amid"), NULL));
    CHECK_STATUS(0, n2_link(index, 10));
    CHECK_SOUND(index);
    for (uint32_t id = 0; id < n; id += 7)
        CHECK_STATUS(0, n2_delete(index, id));
    CHECK_STATUS(0, n2_link(index, n));
    CHECK_SOUND(index);
    CHECK(recall_of(index, vectors + n * DIM, QUERIES, K, NULL) >= 0.93);
    CHECK_STATUS(0, build_on(index, 2));
    CHECK_SOUND(index);
    n2_free(index);
    free(vectors);
}

/* It leaves the dead in the graph until there are many. */
static void test_dead(void)
{
    const size_t n = 2000;
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, n + QUERIES + 10, DIM, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_ANGULAR);
    struct n2_index *index = index_make(&options, DIM, vectors, n, 2);
    REQUIRE(index != NULL);
    for (uint32_t id = 0; id < 100; id++)
        CHECK_STATUS(0, n2_delete(index, id));
    CHECK_STATUS(0, n2_add(index, vectors + (n + QUERIES) * DIM, 10, NULL));
    CHECK_STATUS(0, n2_link(index, 10));
    CHECK(stats_of(index).n_dead == 100 && stats_of(index).n_pending == 0);
    for (uint32_t id = 100; id < 200; id++)
        CHECK_STATUS(0, n2_update(index, id, vectors + id * DIM));
    CHECK(stats_of(index).n_dead == 200 && n2_link_due(index) == 100);
    CHECK_STATUS(0, n2_link(index, 10));
    CHECK(stats_of(index).n_dead == 0 && stats_of(index).n_pending == 90);
    CHECK(stats_of(index).n_repaired >= 200 && n2_link_due(index) == 0);
    CHECK_SOUND(index);
    CHECK_STATUS(0, n2_link(index, 90));
    CHECK(recall_of(index, vectors + n * DIM, QUERIES, K, NULL) >= 0.95);
    CHECK_STATUS(0, build_on(index, 2));
    CHECK_SOUND(index);
    n2_free(index);
    free(vectors);
}

/* When it is time. */
static void test_due(void)
{
    const size_t n = 6000;
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = NULL;
    CHECK(n2_link_due(NULL) == 0);
    REQUIRE_OK(n2_create(&index, DIM, &options));
    CHECK(n2_link_due(index) == 0);
    CHECK_STATUS(0, n2_add(index, vectors, 1023, NULL)); /* a scan takes no longer than a walk */
    CHECK(n2_link_due(index) == 0);
    CHECK_STATUS(0, n2_add(index, vectors, 1, NULL));
    CHECK(n2_link_due(index) == 1024);
    CHECK_STATUS(0, n2_delete(index, 1023));
    CHECK(n2_link_due(index) == 0);
    CHECK_STATUS(0, n2_add(index, vectors + 1023 * DIM, n - 1023, NULL));
    CHECK_STATUS(0, build_on(index, 2));
    CHECK(n2_link_due(index) == 0);
    size_t n_more = 0;
    while (n2_link_due(index) == 0 && n_more < 1024) {
        CHECK_STATUS(0, n2_add(index, vectors + n_more * DIM, 1, NULL));
        n_more++;
    }
    CHECKF(n_more >= 128 && n_more < 1024 && n2_link_due(index) == n_more, "%zu of %zu",
           n2_link_due(index), n_more);
    CHECK_STATUS(N2_ERR_OPTION, n2_link(NULL, 1));
    CHECK_STATUS(N2_ERR_OPTION, n2_link(index, 0));
    n2_close(index);
    CHECK(n2_link_due(index) == 0);
    CHECK_STATUS(N2_ERR_CLOSED, n2_link(index, 1));
    n2_free(index);
    free(vectors);
}

static const struct test_case cases[] = {
    {"one_by_one", test_one_by_one},
    {"oldest", test_oldest},
    {"amid_build", test_amid_build},
    {"dead", test_dead},
    {"due", test_due},
};
TEST_MAIN(cases)
