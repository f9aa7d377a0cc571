/* pack.c - tests of what an index keeps of the vectors: half floats and bytes, and searches on
 * them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An index that rounds must be, in every result to the last bit, one of floats that was given the
 * rounded vectors.
 */
#define _GNU_SOURCE 1 /* MAP_ANONYMOUS */
#include "support.h"

#include "../format.h"
#include "../kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define K 10

static const int metrics[] = {N2_ANGULAR, N2_L2, N2_DOT};
static const int storages[] = {N2_STORE_FLOAT32, N2_STORE_FLOAT16, N2_STORE_SQ8};

/* ---- packing --------------------------------------------------------------------------------- */

/* Every float of 16 bits stays what it is; every other float becomes the nearest, and of two as
 * near the one whose last bit is 0. */
static void test_halves(void)
{
    uint64_t rng = test_seed;
    for (uint32_t half = 0; half < 0x10000; half++) {
        float x = n2_unpack_half((uint16_t)half);
        bool is_nan = (half & 0x7fff) > 0x7c00;
        CHECKF(is_nan ? isnan(x) && isnan(n2_unpack_half(n2_pack_half(x)))
                      : n2_pack_half(x) == half,
               "half %04x is %g", half, (double)x);
        CHECK(is_nan || (signbit(x) != 0) == (half >> 15));
        if ((half & 0x7fff) >= 0x7bff)
            continue; /* the largest, infinity, NaN */
        double next = (double)n2_unpack_half((uint16_t)(half + 1));
        double middle = ((double)x + next) / 2; /* a float: it has 12 bits */
        uint16_t even = (uint16_t)(half + half % 2);
        CHECKF(n2_pack_half((float)middle) == even, "%g between %04x and the next", middle, half);
        CHECK(n2_pack_half(nextafterf((float)middle, x)) == half);
        CHECK(n2_pack_half(nextafterf((float)middle, (float)next)) == half + 1);
    }
    CHECK(n2_unpack_half(0x3c00) == 1 && n2_unpack_half(0x7bff) == 65504 &&
          n2_unpack_half(1) == 0x1p-24f && isinf(n2_unpack_half(0x7c00)));
    CHECK(n2_pack_half(nextafterf(65520, 0)) == 0x7bff && n2_pack_half(65520) == 0x7c00 &&
          n2_pack_half(-3e38f) == 0xfc00 && n2_pack_half(1e-30f) == 0);
    for (int i = 0; i < 10000; i++) {
        float x = ldexpf(rng_normal(&rng), (int)rng_below(&rng, 30) - 15);
        float error = fabsf(n2_unpack_half(n2_pack_half(x)) - x);
        CHECKF(error <= fmaxf(fabsf(x) * 0x1p-11f, 0x1p-25f), "%g is %g off", (double)x,
               (double)error);
    }
}

/* A byte is at most half a step off; the least coordinate is kept as it is. */
static void test_bytes(void)
{
    uint64_t rng = test_seed;
    for (int i = 0; i < 2000; i++) {
        size_t dim = 1 + rng_below(&rng, 70);
        float x[70], y[70];
        unsigned char row[200];
        float size = ldexpf(1, (int)rng_below(&rng, 200) - 90);
        for (size_t j = 0; j < dim; j++)
            x[j] = i % 5 == 4 ? size : size * rng_normal(&rng);
        if (i % 7 == 6)
            x[rng_below(&rng, dim)] *= 1000;
        n2_pack(N2_STORE_SQ8, x, dim, row);
        struct n2_range range = n2_pack_range(row, dim);
        const float *unpacked = n2_unpack(N2_STORE_SQ8, row, dim, y);
        CHECK(unpacked == y);
        float most = fabsf(range.low) + 255 * range.step;
        for (size_t j = 0; j < dim; j++) {
            float off = fabsf(y[j] - x[j]);
            CHECKF(off <= range.step * 0.501f + most * 0x1p-23f, "dim %zu: %g is %g off", dim,
                   (double)x[j], (double)off);
            CHECK(x[j] > range.low || y[j] == x[j]);
            CHECK(y[j] == n2_pack_rounded(N2_STORE_SQ8, x[j], range));
        }
        for (size_t j = dim; j < n2_round_up(dim, N2_PACK_UNIT); j++)
            CHECK(row[j] == 0);
    }
}

/* ---- kernels --------------------------------------------------------------------------------- */

static n2_packed_distances_fn *kernel_of(const struct n2_kernels *kernels, int storage, bool l2)
{
    if (storage == N2_STORE_FLOAT16)
        return l2 ? kernels->half_l2 : kernels->half_dot;
    return l2 ? kernels->byte_l2 : kernels->byte_dot;
}

/* All instruction sets give for packed rows what the scalar kernel of floats gives for unpacked
 * ones. Rows end where the sanitizers look; their stride is any that an index has. */
static void test_kernels(void)
{
    enum { ROWS = 5, MOST = 1100 };
    uint64_t rng = test_seed;
    const struct n2_kernels *scalar = n2_kernels_named("scalar");
    const uint32_t nodes[ROWS] = {4, 2, 0, 3, 1};
    for (size_t dim = 1; dim <= MOST; dim += dim < 300 ? 1 : 37) {
        float *query = data_make(&rng, 1, dim, DATA_NORMAL, 0);
        float *rows = data_make(&rng, ROWS, dim, DATA_NORMAL, 0);
        float *unpacked = must_alloc(ROWS * dim, sizeof *unpacked);
        for (int storage = N2_STORE_FLOAT16; storage <= N2_STORE_SQ8; storage++) {
            size_t stride = n2_pack_bytes(storage, dim) + (dim % 2 ? sizeof(float) : 0);
            unsigned char *packed = must_alloc(ROWS, stride);
            for (size_t i = 0; i < ROWS; i++) {
                n2_pack(storage, rows + i * dim, dim, packed + i * stride);
                (void)n2_unpack(storage, packed + i * stride, dim, unpacked + i * dim);
            }
            for (int l2 = 0; l2 < 2; l2++) {
                float want[ROWS], got[ROWS + 1];
                (l2 ? scalar->l2 : scalar->dot)(query, unpacked, dim, nodes, ROWS, dim, want);
                for (size_t k = 0; k < N_ISAS; k++) {
                    const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
                    if (!kernels)
                        continue;
                    got[ROWS] = 1234.5f;
                    kernel_of(kernels, storage, l2)(query, packed, stride, nodes, ROWS, dim, got);
                    CHECKF(!memcmp(want, got, sizeof want) && got[ROWS] == 1234.5f,
                           "%s, storage %d, l2 %d, dim %zu: other bits", isas[k], storage, l2, dim);
                }
            }
            free(packed);
        }
        free(query);
        free(rows);
        free(unpacked);
    }
}

/* ---- indexes --------------------------------------------------------------------------------- */

static struct n2_stats stats_of(struct n2_index *index)
{
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    return stats;
}

/* Has the index keep floats, whatever less would hold what is in it. */
static void make_wide(struct n2_index *index, size_t dim)
{
    float *vector = must_alloc(dim, sizeof *vector);
    uint32_t id;
    vector[0] = 0.1f;
    CHECK_STATUS(0, n2_add(index, vector, 1, &id));
    CHECK_STATUS(0, n2_delete(index, id));
    CHECK(stats_of(index).packing == N2_STORE_FLOAT32);
    free(vector);
}

/* Searches of `index` give what is right for `floats`, which holds the same vectors. */
static void check_searches(struct n2_index *index, struct n2_index *floats, int metric, size_t dim,
                           const float *queries, size_t n_queries, size_t n)
{
    struct n2_neighbor *want = must_alloc(n, sizeof *want), got[K];
    struct n2_neighbor *by_id = must_alloc(n, sizeof *by_id);
    size_t m = 0, n_found = 0;
    for (size_t q = 0; q < n_queries; q++) {
        const float *query = queries + q * dim;
        CHECK_STATUS(0, n2_search_exact(floats, query, 1, n, want, &m));
        CHECK(m == n);
        CHECK_STATUS(0, n2_search_exact(index, query, 1, K, got, &m));
        for (size_t i = 0; i < m; i++) {
            CHECKF(same_neighbor(want[i], got[i]), "metric %d: id %u at %.9g, not %u at %.9g",
                   metric, got[i].id, (double)got[i].distance, want[i].id,
                   (double)want[i].distance);
        }
        for (size_t i = 0; i < n; i++)
            by_id[want[i].id] = want[i];
        CHECK_STATUS(0, n2_search(index, query, K, NULL, got, &m));
        CHECK(m == K);
        CHECK_RESULTS(metric, got, m, n);
        for (size_t i = 0; i < m && got[i].id < n; i++) {
            CHECK(same_neighbor(got[i], by_id[got[i].id]));
            n_found += !precedes(metric, want[K - 1], got[i]);
        }
        CHECK_STATUS(0, n2_search_id(index, (uint32_t)q, K, NULL, got, &m));
        CHECK_RESULTS(metric, got, m, n);
    }
    double recall = (double)n_found / (double)(n_queries * K);
    CHECKF(recall >= 0.9, "metric %d, dim %zu: recall %.4f", metric, dim, recall);
    free(want);
    free(by_id);
}

static void check_index(int metric, int storage, int navigation, size_t dim, uint64_t *rng)
{
    const size_t n = test_scale(1500, 600), n_queries = 50;
    float *vectors = data_make(rng, n + n_queries, dim, DATA_NORMAL, 20);
    float *rounded = must_alloc(n * dim, sizeof *rounded);
    struct n2_options options = options_of(metric);
    options.navigation = navigation;
    options.ef_construction = 60;
    options.store = storage;
    struct n2_index *index = index_make(&options, dim, vectors, n, 2);
    struct n2_index *again = index_make(&options, dim, vectors, n, 1);
    REQUIRE(index && again);
    CHECK_SOUND(index);
    for (size_t i = 0; i < n; i++)
        CHECK_STATUS(0, n2_vector(index, (uint32_t)i, rounded + i * dim));
    CHECK(storage != N2_STORE_FLOAT32 || !memcmp(rounded, vectors, n * dim * sizeof *vectors));
    options.store = N2_STORE_FLOAT32;
    struct n2_index *floats = index_make(&options, dim, rounded, n, 2);
    REQUIRE(floats != NULL);
    make_wide(floats, dim);
    struct n2_stats stats = stats_of(index), of_floats = stats_of(floats);
    size_t extra = metric == N2_L2 ? 0 : sizeof(float);
    CHECK(stats.store == storage && of_floats.store == N2_STORE_FLOAT32 &&
          stats.vector_bytes == n * (n2_pack_bytes(storage, dim) + extra));
    /* An equal vector that a search does not meet is linked for itself: short ones under dot. */
    CHECKF(stats.n_duplicates >= (metric == N2_DOT ? 1 : of_floats.n_duplicates * 95 / 100),
           "metric %d, storage %d, dim %zu: %llu duplicates, with floats %llu", metric, storage,
           dim, (unsigned long long)stats.n_duplicates, (unsigned long long)of_floats.n_duplicates);
    check_searches(index, floats, metric, dim, vectors + n * dim, n_queries, n);

    struct bytes bytes = index_bytes(index), other = index_bytes(again);
    CHECKF(bytes_equal(bytes, other), "metric %d, storage %d: threads change the file", metric,
           storage);
    bytes_free(&other);
    const char *path = temp_path("packed");
    file_write(path, bytes.data, bytes.n);
    for (int no_map = 0; no_map < 2; no_map++) {
        struct n2_load_options load;
        n2_load_options_init(&load);
        load.no_map = no_map;
        load.verify = 1;
        struct n2_index *loaded = NULL;
        REQUIRE(CHECK_STATUS(0, n2_load(&loaded, path, &load)));
        other = index_bytes(loaded);
        CHECK(bytes_equal(bytes, other));
        bytes_free(&other);
        check_searches(loaded, floats, metric, dim, vectors + n * dim, n_queries, n);
        CHECK_STATUS(0, n2_add(loaded, vectors, n / 2, NULL));
        CHECK_STATUS(0, build_on(loaded, 2));
        CHECK_SOUND(loaded);
        CHECK(metric == N2_DOT || stats_of(loaded).n_duplicates >= n * 48 / 100);
        n2_free(loaded);
    }
    bytes_free(&bytes);
    n2_free(index);
    n2_free(again);
    n2_free(floats);
    free(vectors);
    free(rounded);
}

static void test_indexes(void)
{
    uint64_t rng = test_seed;
    for (size_t m = 0; m < 3; m++) {
        for (size_t s = 0; s < 3; s++) {
            check_index(metrics[m], storages[s], N2_NAVIGATE_AUTO, 100, &rng);
            check_index(metrics[m], storages[s], N2_NAVIGATE_VECTORS, 19, &rng);
        }
        check_index(metrics[m], N2_STORE_SQ8, N2_NAVIGATE_CODES, 30, &rng);
    }
}

/* Coordinates that do not fit are refused, and nothing is added. */
static void test_limits(void)
{
    const struct {
        int metric, storage;
        float x;
        int status;
    } plans[] = {
        {N2_L2, N2_STORE_FLOAT16, 65504, 0},
        {N2_L2, N2_STORE_FLOAT16, 65519, 0},
        {N2_L2, N2_STORE_FLOAT16, -65520, N2_ERR_MAGNITUDE},
        {N2_DOT, N2_STORE_FLOAT16, 1e20f, N2_ERR_MAGNITUDE},
        {N2_ANGULAR, N2_STORE_FLOAT16, 1e-6f, 0},
        {N2_ANGULAR, N2_STORE_FLOAT16, 1e-9f, N2_ERR_MAGNITUDE}, /* which becomes 0 */
        {N2_L2, N2_STORE_FLOAT16, 1e-9f, 0},
        {N2_L2, N2_STORE_FLOAT16, NAN, N2_ERR_NOT_FINITE},
        {N2_ANGULAR, N2_STORE_FLOAT16, 0, N2_ERR_ZERO_VECTOR},
        {N2_ANGULAR, N2_STORE_SQ8, 0x1p119f, 0},
        {N2_ANGULAR, N2_STORE_SQ8, 0x1p-89f, 0},
        {N2_L2, N2_STORE_SQ8, 0x1p61f, N2_ERR_MAGNITUDE},
        {N2_L2, N2_STORE_SQ8, INFINITY, N2_ERR_NOT_FINITE},
        {N2_DOT, N2_STORE_SQ8, 0, 0},
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        float vectors[2][3] = {{1, 2, 3}, {plans[i].x, 0, 0}}, out[3];
        struct n2_options options = options_of(plans[i].metric);
        options.store = plans[i].storage;
        struct n2_index *index = NULL;
        REQUIRE(CHECK_STATUS(0, n2_create(&index, 3, &options)));
        CHECK_STATUS(plans[i].status, n2_add(index, vectors[0], 2, NULL));
        CHECK(stats_of(index).n_vectors == (plans[i].status ? 0 : 2));
        CHECK_STATUS(plans[i].status ? N2_ERR_NOT_FOUND : 0, n2_vector(index, 0, out));
        n2_free(index);
    }
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = NULL;
    for (options.store = -1; options.store <= N2_STORE_SQ8 + 1; options.store += 5)
        CHECK_STATUS(N2_ERR_OPTION, n2_create(&index, 3, &options));
}

/* A -0 among whole numbers: rounded to bytes it is 0, and the others stay what they are; where
 * vectors are kept as they are, so is it. */
static void test_minus_zero(void)
{
    const float vector[4] = {-0.0f, 3, 7, 9}, rounded[4] = {0, 3, 7, 9};
    for (int storage = N2_STORE_FLOAT32; storage <= N2_STORE_SQ8; storage++) {
        struct n2_options options = options_of(N2_L2);
        options.store = storage;
        struct n2_index *index = index_make(&options, 4, vector, 1, -1);
        REQUIRE(index != NULL);
        struct n2_neighbor found;
        float out[4];
        size_t n = 0;
        CHECK_STATUS(0, n2_vector(index, 0, out));
        CHECK(!memcmp(out, storage == N2_STORE_SQ8 ? rounded : vector, sizeof out));
        CHECK_STATUS(0, n2_search(index, vector, 1, NULL, &found, &n));
        CHECK(n == 1 && found.distance == 0);
        n2_free(index);
    }
}

/* Whatever stands in the rows of a file, searches end with as many results as asked for. */
static void test_rotten(void)
{
    uint64_t rng = test_seed;
    const size_t n = 500, dim = 20;
    float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
    for (size_t m = 0; m < 3; m++) {
        for (int storage = N2_STORE_FLOAT16; storage <= N2_STORE_SQ8; storage++) {
            struct n2_options options = options_of(metrics[m]);
            options.store = storage;
            struct n2_index *index = index_make(&options, dim, vectors, n, 2);
            REQUIRE(index != NULL);
            struct bytes bytes = index_bytes(index);
            n2_free(index);
            struct n2_header header;
            memcpy(&header, bytes.data, sizeof header);
            const struct n2_section *rows = &header.sections[N2_SECTION_VECTORS];
            for (int round = 0; round < 6; round++) {
                for (size_t i = 0; i < rows->bytes; i++)
                    bytes.data[rows->offset + i] =
                        round == 0 ? 0xff : (unsigned char)rng_next(&rng);
                const char *path = temp_path("rotten"), *what = NULL;
                file_write(path, bytes.data, bytes.n);
                REQUIRE(CHECK_STATUS(0, n2_load(&index, path, NULL)));
                CHECK_STATUS(N2_ERR_CORRUPT, n2_verify(index, NULL, &what));
                for (size_t q = 0; q < 20; q++) {
                    struct n2_neighbor out[K];
                    size_t found = 0;
                    CHECK_STATUS(0, n2_search(index, vectors + q * dim, K, NULL, out, &found));
                    CHECK(found == K);
                    int status = n2_search_id(index, (uint32_t)q, K, NULL, out, &found);
                    CHECK(status == 0 || status == N2_ERR_CORRUPT);
                }
                n2_free(index);
            }
            bytes_free(&bytes);
        }
    }
    free(vectors);
}

static const struct test_case cases[] = {
    {"halves", test_halves},         {"bytes", test_bytes},   {"kernels", test_kernels},
    {"indexes", test_indexes},       {"limits", test_limits}, {"rotten", test_rotten},
    {"minus_zero", test_minus_zero},
};
TEST_MAIN(cases)
