/* change.c - vectors that are deleted and replaced, against a model in plain arrays.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

enum { DIM = 12, K = 10, MOST = 4000 };

/* What an index should hold. */
struct model {
    int metric;
    float *vectors; /* [MOST][DIM], by id */
    bool *live;     /* [MOST] */
    size_t n_ids, n_live;
};

static struct model model_make(int metric)
{
    return (struct model){metric, must_alloc(MOST * DIM, sizeof(float)),
                          must_alloc(MOST, sizeof(bool)), 0, 0};
}

static void model_free(struct model *model)
{
    free(model->vectors);
    free(model->live);
}

/* A live id, or N2_MAX_VECTORS if there is none. */
static uint32_t live_id(const struct model *model, uint64_t *rng)
{
    for (size_t i = 0; i < 100 && model->n_live > 0; i++) {
        uint32_t id = (uint32_t)rng_below(rng, model->n_ids);
        if (model->live[id])
            return id;
    }
    for (uint32_t id = 0; id < model->n_ids; id++)
        if (model->live[id])
            return id;
    return N2_MAX_VECTORS;
}

/* A vector: new, near a live one, or one that was there before. */
static void make_vector(const struct model *model, uint64_t *rng, float *out)
{
    for (size_t i = 0; i < DIM; i++)
        out[i] = rng_normal(rng);
    if (model->n_ids == 0 || rng_below(rng, 2))
        return;
    const float *other = model->vectors + rng_below(rng, model->n_ids) * DIM;
    bool equal = rng_below(rng, 3) == 0;
    for (size_t i = 0; i < DIM; i++)
        out[i] = equal ? other[i] : other[i] + out[i] / 8;
}

static void add(struct n2_index *index, struct model *model, uint64_t *rng, size_t n)
{
    for (size_t i = 0; i < n && model->n_ids < MOST; i++) {
        float *vector = model->vectors + model->n_ids * DIM;
        uint32_t id = 0;
        make_vector(model, rng, vector);
        CHECK_STATUS(0, n2_add(index, vector, 1, &id));
        CHECK(id == model->n_ids);
        model->live[model->n_ids++] = true;
        model->n_live++;
    }
}

static void delete (struct n2_index *index, struct model *model, uint64_t *rng, size_t n)
{
    for (size_t i = 0; i < n && model->n_live > 0; i++) {
        uint32_t id = live_id(model, rng);
        CHECK_STATUS(0, n2_delete(index, id));
        CHECK_STATUS(N2_ERR_NOT_FOUND, n2_delete(index, id));
        CHECK_STATUS(N2_ERR_NOT_FOUND, n2_update(index, id, model->vectors));
        model->live[id] = false;
        model->n_live--;
    }
}

static void update(struct n2_index *index, struct model *model, uint64_t *rng, size_t n)
{
    for (size_t i = 0; i < n && model->n_live > 0; i++) {
        uint32_t id = live_id(model, rng);
        float *vector = model->vectors + (size_t)id * DIM, old[DIM], next[DIM];
        memcpy(old, vector, sizeof(old));
        make_vector(model, rng, next);
        memcpy(vector, next, sizeof(next));
        CHECK_STATUS(0, n2_update(index, id, vector));
    }
}

/* The k nearest by the model, in order. */
static size_t nearest(const struct model *model, struct n2_index *index, const float *query,
                      size_t k, struct n2_neighbor *out)
{
    struct n2_neighbor all[MOST];
    size_t n = 0;
    (void)index;
    for (uint32_t id = 0; id < model->n_ids; id++) {
        double bound;
        if (model->live[id])
            all[n++] = (struct n2_neighbor){
                id, (float)reference_distance(model->metric, query,
                                              model->vectors + (size_t)id * DIM, DIM, &bound)};
    }
    size_t n_out = n < k ? n : k;
    for (size_t i = 0; i < n_out; i++) {
        size_t best = i;
        for (size_t j = i + 1; j < n; j++)
            if (precedes(model->metric, all[j], all[best]))
                best = j;
        struct n2_neighbor swap = all[i];
        out[i] = all[best];
        all[best] = swap;
    }
    return n_out;
}

/* Searches, exactly and not, and counts of the true neighbours those that were found. */
static void compare(struct n2_index *index, const struct model *model, uint64_t *rng,
                    size_t *n_true, size_t *n_found)
{
    float query[DIM];
    struct n2_neighbor want[K], exact[K], found[K];
    size_t n_exact = 0, n = 0;
    make_vector(model, rng, query);
    size_t n_want = nearest(model, index, query, K, want);
    CHECK_STATUS(0, n2_search_exact(index, query, 1, K, exact, &n_exact));
    CHECK_STATUS(0, n2_search(index, query, K, NULL, found, &n));
    CHECKF(n_exact == n_want && n == n_want, "%zu exact, %zu found, not %zu", n_exact, n, n_want);
    CHECK_RESULTS(model->metric, exact, n_exact, model->n_ids);
    CHECK_RESULTS(model->metric, found, n, model->n_ids);
    for (size_t i = 0; i < n_exact && i < n_want; i++) {
        double bound,
            d = reference_distance(model->metric, query, model->vectors + (size_t)exact[i].id * DIM,
                                   DIM, &bound);
        CHECKF(model->live[exact[i].id], "id %u is not there", exact[i].id);
        CHECK(d - bound <= (double)exact[i].distance && (double)exact[i].distance <= d + bound);
        CHECK((double)want[i].distance - bound <= (double)exact[i].distance &&
              (double)exact[i].distance <= (double)want[i].distance + bound);
    }
    for (size_t i = 0; i < n; i++) {
        bool same = false;
        CHECKF(model->live[found[i].id], "id %u is not there", found[i].id);
        for (size_t j = 0; j < n_exact; j++)
            same |= same_neighbor(found[i], exact[j]);
        *n_found += same;
    }
    *n_true += n_exact;
}

/* The ids that there are, listed in pieces. */
static void check_list(struct n2_index *index, const struct model *model, size_t room)
{
    uint32_t ids[100], next = 0;
    size_t n = 1;
    while (n > 0) {
        CHECK_STATUS(0, n2_list(index, next, ids, room, &n));
        for (size_t i = 0; i < n; i++, next++) {
            for (; next < model->n_ids && !model->live[next]; next++)
                continue;
            CHECKF(ids[i] == next, "id %u is listed, and not %u", ids[i], next);
        }
    }
    for (; next < model->n_ids; next++)
        CHECKF(!model->live[next], "id %u is not listed", next);
}

static void check_vectors(struct n2_index *index, const struct model *model)
{
    struct n2_stats stats = {.size = sizeof(stats)};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECK(stats.n_vectors == model->n_live && stats.n_deleted == model->n_ids - model->n_live);
    for (uint32_t id = 0; id < model->n_ids; id++) {
        float vector[DIM];
        struct n2_neighbor found;
        size_t n = 0;
        CHECK_STATUS(model->live[id] ? 0 : N2_ERR_NOT_FOUND, n2_vector(index, id, vector));
        if (!model->live[id]) {
            CHECK_STATUS(N2_ERR_NOT_FOUND, n2_search_id(index, id, 1, NULL, &found, &n));
            CHECK_STATUS(N2_ERR_NOT_FOUND, n2_search_batch_id(index, &id, 1, 1, NULL, &found, &n));
        } else {
            CHECK(!memcmp(vector, model->vectors + (size_t)id * DIM, sizeof(vector)));
        }
    }
}

/* Random changes, builds, and files, for each metric, by codes and by vectors. */
static void run_model(int metric, int navigation, int merging)
{
    uint64_t rng = test_seed + (uint64_t)metric;
    struct model model = model_make(metric);
    struct n2_options options = options_of(metric);
    options.navigation = navigation;
    options.merging = merging;
    options.M = 8;
    options.ef_construction = 60;
    struct n2_index *index = NULL;
    size_t n_true = 0, n_found = 0, n_given = 0, n_rounds = test_scale(60, 10);
    REQUIRE_OK(n2_create(&index, DIM, &options));
    for (size_t round = 0; round < n_rounds; round++) {
        add(index, &model, &rng, rng_below(&rng, 120));
        delete (index, &model, &rng, rng_below(&rng, round % 20 == 19 ? 2000 : 60));
        update(index, &model, &rng, rng_below(&rng, 40));
        compare(index, &model, &rng, &n_true, &n_found);
        if (rng_below(&rng, 3) == 0) {
            CHECK_STATUS(0, n2_link(index, 1 + rng_below(&rng, 100)));
        } else if (rng_below(&rng, 2)) {
            bool compact = rng_below(&rng, 3) == 0;
            struct n2_build_options build;
            struct n2_stats stats = {.size = sizeof(stats)};
            n2_build_options_init(&build);
            build.threads = 1 + (int)rng_below(&rng, 3);
            CHECK_STATUS(0, compact ? n2_compact(index, &build) : n2_build(index, &build));
            CHECK_STATUS(0, n2_get_stats(index, &stats));
            CHECK(stats.n_pending == 0 && stats.n_dead == 0);
            CHECK(!compact || stats.n_nodes == stats.n_vectors - stats.n_duplicates);
            CHECK(stats.given_back_bytes >= n_given);
            n_given = stats.given_back_bytes;
        }
        CHECK_SOUND(index);
        delete (index, &model, &rng, rng_below(&rng, 30));
        for (size_t i = 0; i < 4; i++)
            compare(index, &model, &rng, &n_true, &n_found);
        if (rng_below(&rng, 4) == 0) {
            const char *path = temp_path("changed");
            struct n2_load_options load;
            n2_load_options_init(&load);
            load.no_map = (int)rng_below(&rng, 2);
            load.verify = (int)rng_below(&rng, 2);
            CHECK_STATUS(0, n2_save(index, path));
            n2_free(index);
            REQUIRE_OK(n2_load(&index, path, &load));
            n_given = 0;
        }
        check_vectors(index, &model);
        check_list(index, &model, 1 + rng_below(&rng, 100));
    }
    CHECKF(n_found >= n_true * 95 / 100, "%zu of %zu found", n_found, n_true);
    n2_free(index);
    model_free(&model);
}

static void test_model(void)
{
    for (int metric = N2_ANGULAR; metric <= N2_DOT; metric++) {
        run_model(metric, N2_NAVIGATE_AUTO, N2_MERGE_SKIP);
        run_model(metric, N2_NAVIGATE_CODES, N2_MERGE_SKIP);
    }
    run_model(N2_L2, N2_NAVIGATE_CODES, N2_MERGE_LEVEL0);
}

/* Same changes, same bytes, whatever the number of threads. */
static void test_threads(void)
{
    struct bytes first = {NULL, 0};
    const size_t n = test_scale(4000, 1000);
    for (int threads = 1; threads <= 3; threads++) {
        uint64_t rng = test_seed;
        float *vectors = data_make(&rng, n, DIM, DATA_CLUSTERS, 10);
        struct n2_options options = options_of(N2_L2);
        options.navigation = N2_NAVIGATE_CODES;
        struct n2_index *index = index_make(&options, DIM, vectors, n, threads);
        REQUIRE(index != NULL);
        for (uint32_t id = 0; id < n; id += 3)
            CHECK_STATUS(0, n2_delete(index, id));
        for (uint32_t id = 1; id < n; id += 7)
            (void)n2_update(index, id, vectors + (n - id) * DIM);
        CHECK_STATUS(0, build_on(index, threads));
        CHECK_STATUS(0, n2_compact(index, NULL));
        CHECK_SOUND(index);
        struct n2_stats stats = {.size = sizeof stats};
        CHECK_STATUS(0, n2_get_stats(index, &stats));
        CHECK(stats.given_back_bytes >= n / 3 * DIM * sizeof(float));
        struct bytes bytes = index_bytes(index);
        CHECK(!first.data || bytes_equal(first, bytes));
        if (first.data)
            bytes_free(&bytes);
        else
            first = bytes;
        n2_free(index);
        free(vectors);
    }
    bytes_free(&first);
}

/* An index from which everything is deleted is empty, and goes on from there. */
static void test_all(void)
{
    uint64_t rng = test_seed;
    const size_t n = 500;
    float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, 20);
    struct n2_options options = options_of(N2_ANGULAR);
    for (int built = 0; built < 3; built++) {
        struct n2_index *index = index_make(&options, DIM, vectors, n, built ? 2 : -1);
        REQUIRE(index != NULL);
        for (uint32_t id = 0; id < n; id++)
            CHECK_STATUS(0, n2_delete(index, (uint32_t)(n - 1 - id)));
        struct n2_neighbor found[K];
        size_t n_found = 1;
        CHECK_STATUS(0, n2_search(index, vectors, K, NULL, found, &n_found));
        CHECK(n_found == 0);
        n_found = 1;
        CHECK_STATUS(0, n2_search_exact(index, vectors, 1, K, found, &n_found));
        CHECK(n_found == 0);
        if (built == 2)
            CHECK_STATUS(0, n2_compact(index, NULL));
        CHECK_SOUND(index);
        uint32_t first = 0;
        CHECK_STATUS(0, n2_add(index, vectors, n, &first));
        CHECK(first == n);
        CHECK_STATUS(0, build_on(index, 2));
        CHECK_SOUND(index);
        struct n2_stats stats = {.size = sizeof(stats)};
        CHECK_STATUS(0, n2_get_stats(index, &stats));
        CHECK(stats.n_vectors == n && stats.n_deleted == n && stats.n_dead == 0);
        CHECK_STATUS(0, n2_search(index, vectors, 1, NULL, found, &n_found));
        CHECK(n_found == 1 && found[0].id == n);
        n2_free(index);
    }
    free(vectors);
}

/* What a build links may go while it does, between any two steps. */
static void test_amid_build(void)
{
    for (int merging = N2_MERGE_SKIP; merging <= N2_MERGE_LEVEL0; merging++) {
        for (uint32_t seed = 0; seed < 20; seed++) {
            const size_t n = seed < 16 ? 1 + seed % 3 : test_scale(800, 300);
            uint64_t rng = test_seed, done = 0, total = 1;
            float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, 0);
            struct n2_options options = options_of(N2_L2);
            options.merging = merging;
            options.M = seed < 16 ? 4 : 32;
            options.seed = seed; /* of which some give high levels */
            options.level_multiplier = seed < 16 ? 0 : 2;
            struct n2_index *index = index_make(&options, DIM, vectors, n, -1);
            struct n2_build *build = NULL;
            uint32_t next = 0;
            REQUIRE_OK(n2_build_begin(&build, index, NULL));
            for (size_t step = 0; done < total; step++) {
                CHECK_STATUS(0, n2_build_step(build, &done, &total));
                for (size_t i = 0; i < n / 20 + 1 && step % (1 + seed % 3) == 0 && next < n;
                     i++, next++)
                    CHECK_STATUS(0, next % 2 ? n2_delete(index, next)
                                             : n2_update(index, next, vectors + next * DIM));
            }
            n2_build_end(build);
            CHECK(next > 0);
            CHECK_SOUND(index);
            CHECK_STATUS(0, build_on(index, 2));
            CHECK_SOUND(index);
            n2_free(index);
            free(vectors);
        }
    }
}

/* All that was linked goes while a build runs, before it measures recall: what it measures then can
 * be saved. */
static void test_all_gone_amid_build(void)
{
    uint64_t rng = test_seed, done = 0, total = 1;
    const size_t n = 1200, n_more = 2000;
    float *vectors = data_make(&rng, n + n_more, DIM, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, DIM, vectors, n, 2);
    struct n2_build *build = NULL;
    REQUIRE(index != NULL);
    CHECK_STATUS(0, n2_add(index, vectors + n * DIM, n_more, NULL));
    REQUIRE_OK(n2_build_begin(&build, index, NULL));
    for (uint32_t id = 0; id < n + n_more; id++)
        CHECK_STATUS(0, n2_delete(index, id));
    while (done < total && CHECK_STATUS(0, n2_build_step(build, &done, &total)))
        continue;
    n2_build_end(build);
    CHECK_SOUND(index);
    CHECK_COMES_BACK(index);
    n2_free(index);
    free(vectors);
}

/* Where a whole cluster is deleted, searches in its midst find what is left. */
static void test_cluster(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(6000, 2000), n_gone = n / 2;
    float *vectors = data_make(&rng, n, DIM, DATA_TWO_FAR, 0);
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, DIM, vectors, n, 2);
    REQUIRE(index != NULL);
    for (uint32_t id = 0; id < n_gone; id++)
        CHECK_STATUS(0, n2_delete(index, id));
    for (int built = 0; built < 2; built++) {
        for (size_t i = 0; i < 20; i++) {
            const float *query = vectors + rng_below(&rng, n) * DIM;
            struct n2_neighbor exact[K], found[K];
            size_t n_exact = 0, n_found = 0;
            CHECK_STATUS(0, n2_search_exact(index, query, 1, K, exact, &n_exact));
            CHECK_STATUS(0, n2_search(index, query, K, NULL, found, &n_found));
            CHECK(n_exact == K && n_found == K && found[0].id >= n_gone);
        }
        CHECK_STATUS(0, build_on(index, 2));
        CHECK_SOUND(index);
    }
    n2_free(index);
    free(vectors);
}

/* Cancelled at each step, a build leaves what was deleted deleted, and the next one ends it. */
static void test_cancel(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(3000, 1000);
    float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, 10);
    struct n2_options options = options_of(N2_L2);
    for (size_t steps = 0; steps < 6; steps++) {
        struct n2_index *index = index_make(&options, DIM, vectors, n, 2);
        REQUIRE(index != NULL);
        CHECK_STATUS(0, n2_add(index, vectors, n / 4, NULL));
        for (uint32_t id = 0; id < n; id += 2)
            CHECK_STATUS(0, n2_delete(index, id));
        struct n2_build *build = NULL;
        REQUIRE_OK(n2_build_begin(&build, index, NULL));
        for (size_t i = 0; i < steps; i++)
            CHECK_STATUS(0, n2_build_step(build, NULL, NULL));
        for (uint32_t id = 1; id < n; id += 6) /* some of them in the build's hands */
            CHECK_STATUS(0, n2_delete(index, id));
        for (uint32_t id = (uint32_t)n; id < n + n / 4; id += 2)
            CHECK_STATUS(0, n2_delete(index, id));
        n2_build_cancel(build);
        n2_build_end(build);
        CHECK_SOUND(index);
        struct n2_neighbor found[K];
        size_t n_found = 0;
        CHECK_STATUS(0, n2_search(index, vectors, K, NULL, found, &n_found));
        for (size_t i = 0; i < n_found; i++)
            CHECK(found[i].id % 2 == 1);
        CHECK_STATUS(0, build_on(index, 2));
        CHECK_SOUND(index);
        struct n2_stats stats = {.size = sizeof(stats)};
        CHECK_STATUS(0, n2_get_stats(index, &stats));
        CHECK(stats.n_pending == 0 && stats.n_dead == 0);
        n2_free(index);
    }
    free(vectors);
}

/* What is done in the middle of a compaction is in its outcome; ended early, it changes nothing. */
static void test_compact(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(60000, 40000); /* some steps */
    float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_L2);
    options.M = 4;
    options.ef_construction = 10;
    struct n2_index *index = index_make(&options, DIM, vectors, n, 2);
    REQUIRE(index != NULL);
    for (uint32_t id = 0; id < n;
         id += 10) /* so few that no build gives their memory back unasked */
        CHECK_STATUS(0, n2_delete(index, id));
    CHECK_STATUS(0, build_on(index, 2));
    struct bytes before = index_bytes(index);
    struct n2_build_options build_options;
    n2_build_options_init(&build_options);
    build_options.compact = 1;
    for (int whole = 0; whole < 2; whole++) {
        struct n2_build *build = NULL;
        uint64_t done = 0, total = 1;
        REQUIRE_OK(n2_build_begin(&build, index, &build_options));
        CHECK_STATUS(0, n2_build_step(build, &done, &total));
        CHECK_STATUS(0, n2_build_step(build, &done, &total));
        CHECK(done < total);
        if (!whole) {
            n2_build_end(build);
            struct bytes after = index_bytes(index);
            CHECK(bytes_equal(before, after));
            bytes_free(&after);
            continue;
        }
        uint32_t first = 0;
        CHECK_STATUS(0, n2_add(index, vectors, 100, &first));
        CHECK_STATUS(0, n2_delete(index, 1));
        CHECK_STATUS(0, n2_delete(index, first + 1));
        CHECK_STATUS(0, n2_update(index, 2, vectors));
        CHECK_STATUS(0, n2_update(index, first + 2, vectors + DIM));
        while (done < total)
            REQUIRE_OK(n2_build_step(build, &done, &total));
        n2_build_end(build);
    }
    struct n2_stats stats = {.size = sizeof(stats)};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECK(stats.n_vectors == n - n / 10 - 1 + 99 && stats.n_deleted == n / 10 + 2);
    CHECK_SOUND(index);
    struct n2_neighbor found[K];
    size_t n_found = 0;
    CHECK_STATUS(0, n2_search(index, vectors, 3, NULL, found, &n_found));
    CHECK(n_found == 3 && found[0].id == 2 && found[1].id == n && found[2].distance > 0);
    CHECK_STATUS(0, n2_search(index, vectors + DIM, 3, NULL, found, &n_found));
    CHECK(n_found == 3 && found[0].id == n + 2 && found[1].distance > 0);
    CHECK_STATUS(0, n2_compact(index, NULL));
    CHECK_SOUND(index);
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECK(stats.n_nodes == stats.n_vectors - stats.n_duplicates);
    for (uint32_t id = 5; id < n; id += 5)
        if (id % 10)
            CHECK_STATUS(0, n2_delete(index, id));
    CHECK_STATUS(0, build_on(index, 2));
    uint64_t n_nodes = stats.n_nodes;
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECK(stats.n_nodes == n_nodes);
    for (uint32_t id = 3; id < n; id += 20)
        CHECK_STATUS(0, n2_delete(index, id));
    CHECK_STATUS(0, build_on(index, 2));
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECK(stats.n_nodes == stats.n_vectors - stats.n_duplicates);
    bytes_free(&before);
    n2_free(index);
    free(vectors);
}

static void test_bad_input(void)
{
    struct n2_index *index = NULL;
    float vector[DIM] = {1}, zero[DIM] = {0}, nan[DIM] = {1};
    nan[3] = zero[0] / zero[1];
    REQUIRE_OK(n2_create(&index, DIM, NULL));
    CHECK_STATUS(0, n2_add(index, vector, 1, NULL));
    struct bytes before = index_bytes(index);
    CHECK_STATUS(N2_ERR_OPTION, n2_delete(NULL, 0));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_delete(index, 1));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_delete(index, UINT32_MAX));
    CHECK_STATUS(N2_ERR_OPTION, n2_update(NULL, 0, vector));
    CHECK_STATUS(N2_ERR_OPTION, n2_update(index, 0, NULL));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_update(index, 1, vector));
    CHECK_STATUS(N2_ERR_NOT_FINITE, n2_update(index, 0, nan));
    CHECK_STATUS(N2_ERR_ZERO_VECTOR, n2_update(index, 0, zero));
    struct bytes after = index_bytes(index);
    CHECK(bytes_equal(before, after));
    n2_close(index);
    CHECK_STATUS(N2_ERR_CLOSED, n2_delete(index, 0));
    CHECK_STATUS(N2_ERR_CLOSED, n2_update(index, 0, vector));
    bytes_free(&before);
    bytes_free(&after);
    n2_free(index);
}

static const struct test_case cases[] = {
    {"model", test_model},
    {"threads", test_threads},
    {"all", test_all},
    {"amid_build", test_amid_build},
    {"all_gone_amid_build", test_all_gone_amid_build},
    {"cluster", test_cluster},
    {"cancel", test_cancel},
    {"compact", test_compact},
    {"bad_input", test_bad_input},
};
TEST_MAIN(cases)
