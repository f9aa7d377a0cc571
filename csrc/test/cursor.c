/* cursor.c - neighbours one after the other: all of them, each once, in good order, while others
 * change the index.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 16, SOME = 100 };

/* Results as a cursor gives them. */
struct walk {
    struct n2_neighbor *found;
    size_t n, room;
};

static struct walk walk_make(size_t room)
{
    return (struct walk){must_alloc(room, sizeof(struct n2_neighbor)), 0, room};
}

/* Reads one page. False at the end. */
static bool walk_on(struct walk *walk, struct n2_cursor *cursor, size_t page)
{
    struct n2_neighbor out[SOME + 1];
    size_t n = 777;
    out[page] = (struct n2_neighbor){12345, 5};
    CHECK_STATUS(0, n2_cursor_next(cursor, out, page, &n));
    CHECK(out[page].id == 12345 && n <= page);
    if (!CHECKF(n <= page && walk->n + n <= walk->room, "%zu and %zu results", walk->n, n))
        return false;
    memcpy(walk->found + walk->n, out, n * sizeof(*out));
    walk->n += n;
    return n > 0;
}

/* Where each id came, or SIZE_MAX; no id may come twice. */
static size_t *walk_places(const struct walk *walk, size_t n_ids)
{
    size_t *places = must_alloc(n_ids, sizeof(*places));
    memset(places, 0xff, n_ids * sizeof(*places));
    for (size_t i = 0; i < walk->n; i++) {
        uint32_t id = walk->found[i].id;
        if (CHECK(id < n_ids) && CHECKF(places[id] == SIZE_MAX, "id %u comes twice", id))
            places[id] = i;
    }
    return places;
}

/* All that is to come has come, with its distance, and nothing else: in exact order, or that share
 * of the first quarter early. */
static void check_walk(const struct walk *walk, const struct n2_neighbor *want, size_t n_want,
                       size_t n_ids, double share, bool exact)
{
    size_t *places = walk_places(walk, n_ids), n_early = 0, n_some = n_want / 4;
    CHECKF(walk->n == n_want, "%zu came instead of %zu", walk->n, n_want);
    for (size_t i = 0; i < n_want; i++) {
        size_t place = places[want[i].id];
        if (!CHECKF(place < walk->n, "id %u does not come", want[i].id))
            continue;
        CHECK(same_neighbor(walk->found[place], want[i]));
        CHECKF(!exact || place == i, "id %u comes at place %zu instead of %zu", want[i].id, place,
               i);
        n_early += i < n_some && place < n_some;
    }
    CHECKF((double)n_early >= share * (double)n_some, "%zu of the first %zu", n_early, n_some);
    free(places);
}

/* What a search could find of all[n_all], in order; returns their number. */
static size_t admit(const struct n2_search_options *options, int metric,
                    const struct n2_neighbor *all, size_t n_all, struct n2_neighbor *want)
{
    size_t n = 0;
    for (size_t i = 0; i < n_all; i++) {
        uint32_t id = all[i].id;
        float d = all[i].distance;
        bool near =
            !options->radius || (metric == N2_DOT ? d >= *options->radius : d <= *options->radius);
        bool allowed = !options->allow ||
                       (id / 64 < options->n_allow && options->allow[id / 64] >> (id % 64) & 1);
        if (near && allowed)
            want[n++] = all[i];
    }
    return n;
}

static struct n2_index *make_changed(int metric, size_t n)
{
    uint64_t rng = test_seed + (uint64_t)metric;
    float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, 10);
    struct n2_options options = options_of(metric);
    struct n2_index *index = index_make(&options, DIM, vectors, n * 9 / 10, 2);
    if (index) {
        CHECK_STATUS(0, n2_add(index, vectors + n * 9 / 10 * DIM, n - n * 9 / 10, NULL));
        for (uint32_t id = 0; id < n; id += 5)
            CHECK_STATUS(0, n2_delete(index, id));
        for (uint32_t id = 1; id < n; id += 50)
            CHECK_STATUS(0, n2_update(index, id, vectors + (n - 1 - id) * DIM));
    }
    free(vectors);
    return index;
}

/* Walks to the end, with and without a filter and a radius, in pages of several sizes. */
static void run_all(int metric, size_t n, bool exact)
{
    const size_t pages[] = {1, 10, SOME};
    uint64_t rng = test_seed;
    struct n2_index *index = make_changed(metric, n);
    REQUIRE(index != NULL);
    struct n2_neighbor *all = must_alloc(n, sizeof(*all)), *want = must_alloc(n, sizeof(*want));
    uint64_t *allow = must_alloc(n / 64, sizeof(*allow)); /* too short for the last ids */
    for (size_t i = 0; i < n / 64; i++)
        allow[i] = rng_next(&rng);
    for (size_t round = 0; round < 8; round++) {
        float query[DIM], radius = 0;
        struct n2_search_options options;
        size_t n_all = 0;
        for (size_t i = 0; i < DIM; i++)
            query[i] = rng_normal(&rng);
        CHECK_STATUS(0, n2_search_exact(index, query, 1, n, all, &n_all));
        n2_search_options_init(&options);
        options.allow = round & 1 ? allow : NULL;
        options.n_allow = n / 64;
        if (round & 2) {
            radius = all[n_all / 8].distance;
            options.radius = &radius;
        }
        if (round & 4)
            options.ef = 1;
        size_t n_want = admit(&options, metric, all, n_all, want);
        struct walk walk = walk_make(n);
        struct n2_cursor *cursor = NULL;
        REQUIRE_OK(n2_cursor_open(&cursor, index, query, round ? &options : NULL));
        query[0] = radius = NAN; /* both were copied */
        memset(&options, 0, sizeof(options));
        while (walk_on(&walk, cursor, pages[round % 3]))
            continue;
        CHECK(!walk_on(&walk, cursor, 1));
        n2_cursor_close(cursor);
        check_walk(&walk, want, n_want, n, round & 4 ? 0 : 0.9, exact && !(round & 4));
        free(walk.found);
    }
    free(allow);
    free(want);
    free(all);
    n2_free(index);
}

static void test_all(void)
{
    for (int metric = N2_ANGULAR; metric <= N2_DOT; metric++) {
        run_all(metric, 500, true); /* which is scanned */
        run_all(metric, test_scale(12000, 4000), false);
    }
}

/* A first page is what a search gives, if it asks for as many. */
static void test_first(void)
{
    const size_t n = test_scale(12000, 4000);
    struct n2_index *index = make_changed(N2_L2, n);
    REQUIRE(index != NULL);
    const float query[DIM] = {1, 0, -1, 2};
    struct n2_neighbor found[SOME], out[SOME];
    for (size_t k = 10; k <= SOME; k += 30) {
        struct n2_cursor *cursor = NULL;
        size_t n_found = 0, n_out = 0;
        CHECK_STATUS(0, n2_search(index, query, k < 32 ? 32 : k, NULL, found, &n_found));
        CHECK_STATUS(0, n2_cursor_open(&cursor, index, query, NULL));
        CHECK_STATUS(0, n2_cursor_next(cursor, out, k, &n_out));
        CHECK(n_out == k && !memcmp(out, found, k * sizeof(*out)));
        n2_cursor_close(cursor);
    }
    n2_free(index);
}

/* What is deleted before it was to come does not come, what was there all the time does. */
static void test_changes(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(6000, 2000), most = 2 * n;
    for (int round = 0; round < 3; round++) {
        float *vectors = data_make(&rng, n, DIM, DATA_CLUSTERS, 20);
        struct n2_options options = options_of(N2_L2);
        struct n2_index *index = index_make(&options, DIM, vectors, n, 2);
        REQUIRE(index != NULL);
        struct n2_cursor *cursor = NULL;
        struct walk walk = walk_make(most);
        size_t *when = must_alloc(n, sizeof(*when)), n_added = 0; /* it was deleted, plus 1 */
        REQUIRE_OK(n2_cursor_open(&cursor, index, vectors, NULL));
        for (size_t page = 0; walk_on(&walk, cursor, 1 + page % 40); page++) {
            for (size_t i = 0; i < 10; i++) {
                uint32_t id = (uint32_t)rng_below(&rng, n);
                if (when[id])
                    continue;
                if (i < 4) {
                    CHECK_STATUS(0, n2_delete(index, id));
                    when[id] = walk.n + 1;
                } else if (n_added < n / 2) {
                    CHECK_STATUS(0, n2_update(index, id, vectors + rng_below(&rng, n) * DIM));
                    CHECK_STATUS(0, n2_add(index, vectors + (size_t)id * DIM, 1, NULL));
                    n_added++;
                }
            }
            if (page == 20 && round)
                CHECK_STATUS(0, build_on(index, 2));
        }
        size_t *places = walk_places(&walk, n + n_added);
        for (size_t id = 0; id < n; id++)
            CHECKF(when[id] ? places[id] == SIZE_MAX || places[id] < when[id] - 1
                            : places[id] != SIZE_MAX,
                   "id %zu is %s", id, when[id] ? "deleted and comes" : "there and does not come");
        n2_cursor_close(cursor);
        CHECK_SOUND(index);
        free(places);
        free(when);
        free(walk.found);
        n2_free(index);
        free(vectors);
    }
}

/* All of a page is deleted, then all there is; then something comes. */
static void test_none(void)
{
    const size_t n = 200;
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, n, DIM, DATA_LINE, 0);
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, DIM, vectors, n, 1);
    REQUIRE(index != NULL);
    struct n2_neighbor out[1];
    struct n2_cursor *cursor = NULL, *late = NULL;
    size_t n_out = 0;
    REQUIRE_OK(n2_cursor_open(&cursor, index, vectors, NULL));
    CHECK_STATUS(0, n2_cursor_next(cursor, out, 1, &n_out));
    CHECK(n_out == 1);
    for (uint32_t id = 0; id + 1 < n; id++)
        CHECK_STATUS(0, n2_delete(index, id));
    CHECK_STATUS(0, n2_cursor_next(cursor, out, 1, &n_out));
    CHECK(n_out == 1 && out[0].id == n - 1);
    CHECK_STATUS(0, n2_delete(index, (uint32_t)n - 1));
    CHECK_STATUS(0, n2_cursor_next(cursor, out, 1, &n_out));
    CHECK(n_out == 0);
    REQUIRE_OK(n2_cursor_open(&late, index, vectors, NULL));
    CHECK_STATUS(0, n2_cursor_next(late, out, 1, &n_out));
    CHECK(n_out == 0);
    n2_cursor_close(late);
    n2_cursor_close(cursor);
    n2_free(index);
    free(vectors);
}

static const struct test_case cases[] = {
    {"all", test_all},
    {"first", test_first},
    {"changes", test_changes},
    {"none", test_none},
};
TEST_MAIN(cases)
