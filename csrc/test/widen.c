/* widen.c - tests of indexes that keep vectors in less memory than they were asked for, until one
 * comes that needs more.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Nobody may see it but in n2_stats: every result, to the last bit, and every file but for its rows
 * of vectors, is that of an index that was wide from the beginning.
 */
#include "support.h"

#include "../format.h"
#include "../kernels.h"
#include "craft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define K 10

static const int metrics[] = {N2_ANGULAR, N2_L2, N2_DOT};

/* What vectors need: a byte without or with a sign, 16 bits, all. */
enum need { PIXELS, SIGNED, HALVES, FLOATS, NEEDS };

static const int packing_of[NEEDS] = {N2_STORE_SQ8, N2_STORE_SQ8, N2_STORE_FLOAT16,
                                      N2_STORE_FLOAT32};

static float coordinate(uint64_t *rng, enum need need)
{
    float x = rng_normal(rng);
    if (need == PIXELS || need == SIGNED) {
        x = rintf(x * 40 + (need == PIXELS ? 100.0f : 0.0f));
        return fminf(fmaxf(x, need == PIXELS ? 0 : -128), need == PIXELS ? 255 : 127) + 0.0f;
    }
    return need == HALVES ? rintf(x * 64) / 16 + 0.0f : x;
}

/* The first coordinate differs from 0, as angular asks; one vector in ten repeats an earlier one.
 */
static float *make_vectors(uint64_t *rng, size_t n, size_t dim, enum need need)
{
    float *vectors = must_alloc(n * dim, sizeof *vectors);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < dim; j++)
            vectors[i * dim + j] = coordinate(rng, need);
        if (vectors[i * dim] == 0)
            vectors[i * dim] = 1;
        if (i % 10 == 9)
            memcpy(vectors + i * dim, vectors + rng_below(rng, i) * dim, dim * sizeof *vectors);
    }
    return vectors;
}

static int packing(struct n2_index *index)
{
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    size_t extra = stats.metric == N2_L2 ? 0 : sizeof(float);
    CHECK(stats.vector_bytes == stats.n_nodes * (n2_pack_bytes(stats.packing, stats.dim) + extra));
    return stats.packing;
}

/* Two empty indexes whose first id is gone: one that is wide, one that is not. */
struct pair {
    struct n2_index *narrow, *wide;
};

static struct pair make_pair(const struct n2_options *options, size_t dim)
{
    struct pair pair = {NULL, NULL};
    float *vector = must_alloc(dim, sizeof *vector);
    for (int wide = 0; wide < 2; wide++) {
        struct n2_index **index = wide ? &pair.wide : &pair.narrow;
        vector[0] = wide ? 0.1f : 1;
        CHECK_STATUS(0, n2_create(index, dim, options));
        CHECK_STATUS(0, n2_add(*index, vector, 1, NULL));
        CHECK_STATUS(0, n2_delete(*index, 0));
        CHECK(packing(*index) == (wide ? N2_STORE_FLOAT32 : N2_STORE_SQ8));
    }
    free(vector);
    return pair;
}

static void free_pair(struct pair pair)
{
    n2_free(pair.narrow);
    n2_free(pair.wide);
}

/* ---- what holds what --------------------------------------------------------------------------
 */

static void check_held(const float *vector, size_t dim, bool byte, bool half)
{
    unsigned char row[400];
    float buffer[100];
    CHECK(n2_pack_holds(N2_STORE_FLOAT32, vector, dim));
    for (int storage = N2_STORE_FLOAT16; storage <= N2_STORE_SQ8; storage++) {
        bool held = storage == N2_STORE_SQ8 ? byte : half;
        CHECKF(n2_pack_holds(storage, vector, dim) == held, "storage %d, %g ...", storage,
               (double)vector[0]);
        n2_pack(storage, vector, dim, row);
        bool same = !memcmp(n2_unpack(storage, row, dim, buffer), vector, dim * sizeof *vector);
        CHECKF(same || !held, "storage %d changes %g ...", storage, (double)vector[0]);
    }
}

static void test_held(void)
{
    const struct {
        float x;
        bool byte, half; /* beside zeros */
    } plans[] = {
        {0, true, true},           {255, true, true},          {-128, true, true},
        {256, false, true},        {-129, false, true},        {-0.0f, false, true},
        {0.5f, false, true},       {254.5f, false, true},      {0x1p-14f, false, true},
        {0x1p-15f, false, false}, /* which a float of 16 bits is too: of those that are not exact */
        {65504, false, true},      {65505, false, false},      {65536, false, false},
        {2049, false, false},      {0x1p23f, false, false},    {-0x1p23f - 1, false, false},
        {0x1p24f, false, false},   {-0x1.8p23f, false, false}, {0x1p120f, false, false},
        {-0x1p120f, false, false}, {0.1f, false, false},       {1e-30f, false, false},
        {1e-45f, false, false},
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        for (size_t dim = 1; dim <= 40; dim++) {
            for (size_t at = 0; at < dim; at++) {
                float vector[40] = {0};
                vector[at] = plans[i].x;
                check_held(vector, dim, plans[i].byte, plans[i].half);
            }
        }
    }
    const float signs[] = {-1, 128}, both[] = {-128, 127}, neither[] = {255, -1};
    check_held(signs, 2, false, true);
    check_held(both, 2, true, true);
    check_held(neither, 2, false, true);
    const float infinite[] = {INFINITY, 1}, nan[] = {NAN, 1}, minus[] = {-INFINITY, -NAN};
    CHECK(!n2_pack_holds(N2_STORE_SQ8, infinite, 2) && !n2_pack_holds(N2_STORE_SQ8, nan, 2) &&
          !n2_pack_holds(N2_STORE_SQ8, minus, 2) && !n2_pack_holds(N2_STORE_FLOAT16, infinite, 2) &&
          !n2_pack_holds(N2_STORE_FLOAT16, nan, 2) && !n2_pack_holds(N2_STORE_FLOAT16, minus, 2));
    uint64_t rng = test_seed;
    for (int round = 0; round < 3000; round++) {
        float vector[100];
        size_t dim = 1 + rng_below(&rng, 100);
        enum need need = (enum need)rng_below(&rng, NEEDS);
        for (size_t j = 0; j < dim; j++)
            vector[j] = coordinate(&rng, need);
        check_held(vector, dim,
                   need <= SIGNED || (need == HALVES && n2_pack_whole_range(vector, dim).step > 0),
                   need != FLOATS);
    }
}

/* ---- distances --------------------------------------------------------------------------------
 */

/* All instruction sets sum what is to be summed, and read nothing behind a row. */
static void test_kernels(void)
{
    enum { ROWS = 7, MOST = 1100 };
    const uint32_t nodes[ROWS] = {6, 2, 0, 3, 1, 5, 4};
    uint64_t rng = test_seed;
    for (size_t dim = 1; dim <= MOST; dim += dim < 300 ? 1 : 37) {
        size_t stride = dim + dim % 3;
        uint8_t *query = must_alloc(dim, 1), *rows = must_alloc((ROWS - 1) * stride + dim, 1);
        for (size_t i = 0; i < (ROWS - 1) * stride + dim; i++)
            rows[i] = (uint8_t)(dim % 5 == 0 ? 255 : rng_next(&rng));
        for (size_t i = 0; i < dim && dim % 5; i++)
            query[i] = (uint8_t)rng_next(&rng);
        for (size_t n = 1; n <= ROWS; n++) {
            for (size_t k = 0; k < N_ISAS; k++) {
                const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
                uint32_t got[ROWS + 1] = {0};
                got[n] = 12345;
                if (!kernels)
                    continue;
                kernels->whole_l2(query, rows, stride, nodes, n, dim, got);
                for (size_t i = 0; i < n; i++) {
                    uint64_t want = 0;
                    for (size_t j = 0; j < dim; j++) {
                        int64_t d = (int64_t)query[j] - rows[nodes[i] * stride + j];
                        want += (uint64_t)(d * d);
                    }
                    CHECKF(got[i] == want, "%s, dim %zu, row %zu of %zu: %u, not %llu", isas[k],
                           dim, i, n, got[i], (unsigned long long)want);
                }
                CHECK(got[n] == 12345);
            }
        }
        free(query);
        free(rows);
    }
}

/* Both indexes give the same for a query. */
static void compare(struct n2_index *a, struct n2_index *b, const float *query, size_t n)
{
    struct n2_neighbor *of_a = must_alloc(n, sizeof *of_a), *of_b = must_alloc(n, sizeof *of_b);
    size_t n_a = 0, n_b = 0;
    for (int exact = 0; exact < 2; exact++) {
        size_t k = exact ? n : K;
        CHECK_STATUS(0, exact ? n2_search_exact(a, query, 1, k, of_a, &n_a)
                              : n2_search(a, query, k, NULL, of_a, &n_a));
        CHECK_STATUS(0, exact ? n2_search_exact(b, query, 1, k, of_b, &n_b)
                              : n2_search(b, query, k, NULL, of_b, &n_b));
        CHECK(n_a == n_b);
        for (size_t i = 0; i < n_a && i < n_b; i++)
            CHECKF(same_neighbor(of_a[i], of_b[i]), "exact %d: id %u at %.9g, not %u at %.9g",
                   exact, of_a[i].id, (double)of_a[i].distance, of_b[i].id,
                   (double)of_b[i].distance);
    }
    free(of_a);
    free(of_b);
}

static void compare_all(struct pair pair, const float *vectors, size_t n, size_t dim, uint64_t *rng)
{
    for (size_t q = 0; q < 40; q++) {
        float *query = make_vectors(rng, 1, dim, (enum need)(q % NEEDS));
        compare(pair.narrow, pair.wide, q % 2 ? query : vectors + rng_below(rng, n) * dim, n);
        free(query);
        struct n2_neighbor a[K], b[K];
        size_t n_a = 0, n_b = 0;
        uint32_t id = 1 + (uint32_t)rng_below(rng, n);
        CHECK_STATUS(0, n2_search_id(pair.narrow, id, K, NULL, a, &n_a));
        CHECK_STATUS(0, n2_search_id(pair.wide, id, K, NULL, b, &n_b));
        CHECK(n_a == K && n_b == K);
        for (size_t i = 0; i < K; i++)
            CHECK(same_neighbor(a[i], b[i]));
    }
}

/* Narrow rows against wide ones: pixels beside signed numbers, queries of both and of neither. If
 * `far`, they are so far apart that a float does not hold the sums. */
static void check_distances(int metric, int navigation, size_t dim, bool far, uint64_t *rng)
{
    const size_t n = far ? 150 : 400;
    float *vectors = make_vectors(rng, n, dim, PIXELS), *others = make_vectors(rng, n, dim, SIGNED);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 1; j < dim && far; j++)
            vectors[i * dim + j] = rng_below(rng, 2) ? 255 : 0;
        if (i % 3 == 0)
            memcpy(vectors + i * dim, others + i * dim, dim * sizeof *others);
    }
    struct n2_options options = options_of(metric);
    options.navigation = navigation;
    struct pair pair = make_pair(&options, dim);
    for (int wide = 0; wide < 2; wide++) {
        struct n2_index *index = wide ? pair.wide : pair.narrow;
        CHECK_STATUS(0, n2_add(index, vectors, n, NULL));
        CHECK_STATUS(0, build_on(index, 2));
        CHECK_SOUND(index);
    }
    CHECK(packing(pair.narrow) == N2_STORE_SQ8 && packing(pair.wide) == N2_STORE_FLOAT32);
    compare_all(pair, vectors, n, dim, rng);
    free_pair(pair);
    free(vectors);
    free(others);
}

static void test_distances(void)
{
    uint64_t rng = test_seed;
    for (size_t m = 0; m < 3; m++) {
        check_distances(metrics[m], N2_NAVIGATE_VECTORS, 1 + rng_below(&rng, 90), false, &rng);
        check_distances(metrics[m], N2_NAVIGATE_CODES, 20 + rng_below(&rng, 80), false, &rng);
        check_distances(metrics[m], N2_NAVIGATE_VECTORS, 4000, true, &rng);
    }
}

/* ---- widening ---------------------------------------------------------------------------------
 */

/* What an index of a pair saves, but for its vectors and the header, and the code of the first,
 * which is gone. */
static struct bytes rest_of(struct n2_index *index)
{
    struct bytes bytes = index_bytes(index);
    struct n2_header header;
    size_t n = 0;
    CHECK(craft_header_of(bytes.data, bytes.n, &header));
    const struct n2_section *codes = &header.sections[N2_SECTION_CODES];
    memset(bytes.data + codes->offset, 0, codes->bytes ? codes->stride : 0);
    for (int i = N2_SECTION_VECTORS + 1; i < N2_N_SECTIONS; i++) {
        memmove(bytes.data + n, bytes.data + header.sections[i].offset, header.sections[i].bytes);
        n += header.sections[i].bytes;
    }
    bytes.n = n;
    return bytes;
}

/* The vectors of ids 1..n. */
static void check_vectors(struct n2_index *index, const float *vectors, size_t n, size_t dim)
{
    float *out = must_alloc(dim, sizeof *out);
    for (size_t i = 0; i < n; i++) {
        CHECK_STATUS(0, n2_vector(index, (uint32_t)i + 1, out));
        CHECKF(!memcmp(out, vectors + i * dim, dim * sizeof *out), "vector %zu changed", i);
    }
    free(out);
}

/* The index from a file that it is saved to. */
static void reload(struct n2_index **index, bool map)
{
    const char *path = temp_path("widen");
    struct n2_load_options load;
    n2_load_options_init(&load);
    load.no_map = !map;
    load.verify = 1;
    CHECK_STATUS(0, n2_save(*index, path));
    n2_free(*index);
    *index = NULL;
    CHECK_STATUS(0, n2_load(index, path, &load));
}

/* An index widens twice as it grows, built in between or not, from a file each time or not. */
static void check_growth(int metric, int navigation, bool builds, bool loads, uint64_t *rng)
{
    enum { N = 300, DIM = 70 };
    struct n2_options options = options_of(metric);
    options.navigation = navigation;
    options.ef_construction = 50;
    struct pair pair = make_pair(&options, DIM);
    float *all = must_alloc((size_t)NEEDS * N * DIM, sizeof *all);
    for (size_t need = 0; need < NEEDS && pair.narrow; need++) {
        float *vectors = make_vectors(rng, N, DIM, (enum need)need);
        size_t n = (need + 1) * N;
        memcpy(all + (n - N) * DIM, vectors, N * DIM * sizeof *vectors);
        for (int wide = 0; wide < 2; wide++) {
            struct n2_index *index = wide ? pair.wide : pair.narrow;
            CHECK_STATUS(0, n2_add(index, vectors, N, NULL));
            if (builds)
                CHECK_STATUS(0, build_on(index, 2));
        }
        free(vectors);
        if (loads)
            reload(&pair.narrow, need % 2 == 0);
        REQUIRE(pair.narrow != NULL);
        CHECK(packing(pair.narrow) == packing_of[need]);
        CHECK_SOUND(pair.narrow);
        check_vectors(pair.narrow, all, n, DIM);
        struct bytes narrow = rest_of(pair.narrow), wide = rest_of(pair.wide);
        CHECKF(bytes_equal(narrow, wide), "metric %d, navigation %d, need %zu: another index",
               metric, navigation, need);
        bytes_free(&narrow);
        bytes_free(&wide);
        compare_all(pair, all, n, DIM, rng);
    }
    free_pair(pair);
    free(all);
}

static void test_growth(void)
{
    uint64_t rng = test_seed;
    for (size_t m = 0; m < 3; m++) {
        check_growth(metrics[m], N2_NAVIGATE_CODES, true, false, &rng);
        check_growth(metrics[m], N2_NAVIGATE_VECTORS, true, true, &rng);
        check_growth(metrics[m], N2_NAVIGATE_CODES, false, true, &rng);
    }
}

/* No wider than what is asked for, whatever comes; and updates and puts widen as adds do. */
static void test_calls(void)
{
    const float whole[] = {1, 2, 3}, half[] = {1, 2.5f, 3}, fine[] = {1, 0.1f, 3};
    for (int store = N2_STORE_FLOAT32; store <= N2_STORE_SQ8; store++) {
        struct n2_options options = options_of(N2_L2);
        struct n2_index *index = NULL;
        uint32_t id;
        options.store = store;
        REQUIRE(CHECK_STATUS(0, n2_create(&index, 3, &options)));
        CHECK_STATUS(0, n2_add(index, whole, 1, &id));
        CHECK(packing(index) == N2_STORE_SQ8);
        CHECK_STATUS(N2_ERR_NOT_FOUND, n2_update(index, id + 1, fine));
        CHECK(packing(index) == N2_STORE_SQ8);
        CHECK_STATUS(0, n2_update(index, id, half));
        CHECK(packing(index) == (store == N2_STORE_SQ8 ? N2_STORE_SQ8 : N2_STORE_FLOAT16));
        CHECK_STATUS(0, n2_update(index, id, fine));
        CHECK(packing(index) == store);
        CHECK_STATUS(0, n2_update(index, id, whole));
        CHECK(packing(index) == store);
        check_vectors(index, NULL, 0, 3);
        n2_free(index);
        options.keys = N2_KEYS_U64;
        REQUIRE(CHECK_STATUS(0, n2_create(&index, 3, &options)));
        const uint64_t keys[] = {7, 8};
        const float two[] = {1, 2, 3, 1, 0.1f, 3};
        CHECK_STATUS(0, n2_put_u64(index, keys, two, 2, NULL));
        CHECK(packing(index) == store);
        n2_free(index);
    }
}

/* Copies from an index that is wider, or rounded in another way, are what n2_add makes of them. */
static void test_other(void)
{
    enum { N = 400, DIM = 20 };
    uint64_t rng = test_seed;
    for (int store = N2_STORE_FLOAT32; store <= N2_STORE_SQ8; store++) {
        for (int of_other = N2_STORE_FLOAT32; of_other <= N2_STORE_SQ8; of_other++) {
            for (int need = 0; need < NEEDS; need++) {
                float *own = make_vectors(&rng, N, DIM, need == HALVES ? HALVES : PIXELS);
                float *vectors = make_vectors(&rng, N, DIM, (enum need)need), out[DIM];
                memcpy(vectors, own, 3 * DIM * sizeof *own); /* what needs more comes later */
                struct n2_options options = options_of(N2_ANGULAR);
                options.store = of_other;
                struct n2_index *other = index_make(&options, DIM, vectors, N, -1);
                options.store = store;
                struct n2_index *index = index_make(&options, DIM, own, N, -1);
                struct n2_index *twin = index_make(&options, DIM, own, N, -1);
                REQUIRE(other && index && twin);
                CHECK_STATUS(0, n2_add_index(index, other, NULL));
                for (uint32_t id = 0; id < N; id++) {
                    CHECK_STATUS(0, n2_vector(other, id, out));
                    CHECK_STATUS(0, n2_add(twin, out, 1, NULL));
                }
                if (store != of_other || store != N2_STORE_SQ8) { /* rounded once, not twice */
                    struct bytes a = index_bytes(index), b = index_bytes(twin);
                    CHECKF(bytes_equal(a, b), "store %d, other %d, need %d", store, of_other, need);
                    bytes_free(&a);
                    bytes_free(&b);
                }
                CHECK_SOUND(index);
                n2_free(other);
                n2_free(index);
                n2_free(twin);
                free(own);
                free(vectors);
            }
        }
    }
}

/* Widens the index at one call of a build's, and counts them. */
struct visit {
    struct n2_index *index;
    size_t dim;
    int at, calls;
};

static int widen_at(void *user, uint64_t done, uint64_t total)
{
    struct visit *visit = user;
    (void)done;
    (void)total;
    if (visit->calls++ == visit->at) {
        float *vector = must_alloc(visit->dim, sizeof *vector);
        vector[0] = 0.1f;
        CHECK_STATUS(0, n2_add(visit->index, vector, 1, NULL));
        CHECK(packing(visit->index) == N2_STORE_FLOAT32);
        free(vector);
    }
    return 0;
}

/* Between any two steps of a build, compactions among them. */
static void test_during_builds(void)
{
    enum { N = 3000, DIM = 40 };
    uint64_t rng = test_seed;
    float *vectors = make_vectors(&rng, N, DIM, SIGNED), out[DIM];
    for (int at = 0, calls = 1; at < calls; at++) {
        struct n2_options options = options_of(N2_L2);
        options.navigation = N2_NAVIGATE_CODES;
        options.ef_construction = 20;
        struct n2_index *index = index_make(&options, DIM, vectors, N - 500, 2);
        REQUIRE(index != NULL);
        CHECK_STATUS(0, n2_add(index, vectors + (N - 500) * DIM, 500, NULL));
        for (uint32_t id = 0; id < N; id += 3)
            CHECK_STATUS(0, n2_delete(index, id));
        struct n2_build_options build;
        n2_build_options_init(&build);
        struct visit visit = {.index = index, .dim = DIM, .at = at};
        build.threads = 2;
        build.progress = widen_at;
        build.user = &visit;
        CHECK_STATUS(0, n2_compact(index, &build));
        calls = visit.calls;
        CHECK(calls > 3 && packing(index) == N2_STORE_FLOAT32);
        CHECK_SOUND(index);
        for (uint32_t id = 0; id < N; id++) {
            CHECK_STATUS(id % 3 ? 0 : N2_ERR_NOT_FOUND, n2_vector(index, id, out));
            CHECK(id % 3 == 0 || !memcmp(out, vectors + id * DIM, sizeof out));
        }
        n2_free(index);
    }
    free(vectors);
}

/* Rot in a file is met before it is rewritten, and nothing is added. */
static void test_rot(void)
{
    enum { N = 200, DIM = 12 };
    uint64_t rng = test_seed;
    float *vectors = make_vectors(&rng, N, DIM, PIXELS);
    const float fine[DIM] = {0.1f};
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, DIM, vectors, N, 2);
    REQUIRE(index != NULL);
    struct bytes bytes = index_bytes(index);
    n2_free(index);
    struct n2_header header;
    REQUIRE(craft_header_of(bytes.data, bytes.n, &header));
    const char *path = temp_path("rot");
    for (int rotten = 0; rotten < 2; rotten++) {
        bytes.data[header.sections[N2_SECTION_VECTORS].offset + 5] ^= (unsigned char)rotten;
        file_write(path, bytes.data, bytes.n);
        REQUIRE(CHECK_STATUS(0, n2_load(&index, path, NULL)));
        CHECK_STATUS(0, n2_add(index, vectors, 1, NULL)); /* which need not look */
        CHECK_STATUS(rotten ? N2_ERR_CORRUPT : 0, n2_add(index, fine, 1, NULL));
        CHECK(packing(index) == (rotten ? N2_STORE_SQ8 : N2_STORE_FLOAT32));
        struct n2_stats stats = {.size = sizeof stats};
        CHECK_STATUS(0, n2_get_stats(index, &stats));
        CHECK(stats.n_vectors == (rotten ? N + 1 : N + 2));
        n2_free(index);
    }
    bytes.data[header.sections[N2_SECTION_VECTORS].offset + 5] ^= 1;
    /* Rows that no vector of floats is packed in: their range is not one of whole numbers. */
    const struct n2_range odd = {0, 0.5f};
    memcpy(bytes.data + header.sections[N2_SECTION_VECTORS].offset + 16, &odd, sizeof odd);
    craft_trailer(bytes.data, bytes.n, true);
    file_write(path, bytes.data, bytes.n);
    REQUIRE(CHECK_STATUS(0, n2_load(&index, path, NULL)));
    CHECK_STATUS(N2_ERR_CORRUPT, n2_verify(index, NULL, NULL));
    n2_free(index);
    for (int32_t wrong = 0; wrong <= 4; wrong++) { /* wider than asked for, or none there is */
        header.store = N2_STORE_FLOAT16;
        header.packing = wrong;
        memcpy(bytes.data, &header, sizeof header);
        craft_header(bytes.data, bytes.n);
        file_write(path, bytes.data, bytes.n);
        int status = n2_load(&index, path, NULL);
        CHECK_STATUS(wrong == N2_STORE_SQ8 ? 0 : N2_ERR_CORRUPT, status);
        if (!status)
            n2_free(index);
    }
    bytes_free(&bytes);
    free(vectors);
}

static const struct test_case cases[] = {
    {"held", test_held},
    {"kernels", test_kernels},
    {"distances", test_distances},
    {"growth", test_growth},
    {"calls", test_calls},
    {"other", test_other},
    {"during_builds", test_during_builds},
    {"rot", test_rot},
};
TEST_MAIN(cases)
