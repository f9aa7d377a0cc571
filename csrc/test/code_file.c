/* code_file.c - tests of what a file holds of codes: kept, and rotten in any way.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "codes.h"
#include "craft.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FILE_N 900
#define FILE_QUERIES 20

/* An index with codes as a file, and what searches of it give. */
struct filed {
    int metric;
    size_t dim;
    float *vectors; /* [FILE_N][dim], and as many queries */
    struct bytes bytes;
    struct n2_header header;
    struct n2_neighbor exact[FILE_QUERIES * FILE_N]; /* by id */
    struct n2_neighbor found[FILE_QUERIES * K];
};

static const float *query_of(const struct filed *f, size_t query)
{
    return f->vectors + (FILE_N + query) * f->dim;
}

static void search(struct n2_index *index, const struct filed *f, size_t query, uint64_t ef,
                   struct n2_neighbor *out)
{
    struct n2_search_options options;
    n2_search_options_init(&options);
    options.ef = ef;
    size_t n = 0;
    CHECK_STATUS(0, n2_search(index, query_of(f, query), K, &options, out, &n));
    CHECKF(n == K, "%zu results", n);
}

static struct filed *filed_make(int metric, size_t dim, uint64_t *rng)
{
    struct filed *f = must_alloc(1, sizeof *f);
    f->metric = metric;
    f->dim = dim;
    f->vectors = data_make(rng, FILE_N + FILE_QUERIES, dim, DATA_NORMAL, 2);
    struct n2_options options = navigating(metric, N2_NAVIGATE_CODES);
    options.sketch = N2_SKETCH_ON;
    options.M = 6;
    options.ef_construction = 40;
    struct n2_index *index = index_make(&options, dim, f->vectors, FILE_N, 1);
    if (!index)
        return f;
    CHECK(stats_of(index).code_axes > 0);
    f->bytes = index_bytes(index);
    CHECK(craft_header_of(f->bytes.data, f->bytes.n, &f->header));
    for (size_t q = 0; q < FILE_QUERIES; q++) {
        static struct n2_neighbor all[FILE_N];
        size_t n = 0;
        CHECK_STATUS(0, n2_search_exact(index, query_of(f, q), 1, FILE_N, all, &n));
        for (size_t i = 0; i < n; i++)
            f->exact[q * FILE_N + all[i].id] = all[i];
        search(index, f, q, 20, f->found + q * K);
    }
    n2_free(index);
    return f;
}

static void filed_free(struct filed *f)
{
    bytes_free(&f->bytes);
    free(f->vectors);
    free(f);
}

static struct n2_index *load(const void *bytes, size_t n, bool no_map, int want)
{
    const char *path = temp_path("codes");
    struct n2_index *index = NULL;
    struct n2_load_options options;
    n2_load_options_init(&options);
    options.no_map = no_map;
    file_write(path, bytes, n);
    CHECK_STATUS(want, n2_load(&index, path, &options));
    return index;
}

/* Searches of all kinds: as many results as asked for, in order, with the distances that the exact
 * search gives. Those of vectors from FILE_N on are not compared. */
static void check_searches(struct n2_index *index, const struct filed *f)
{
    struct n2_stats stats = stats_of(index);
    struct n2_neighbor out[K];
    size_t n = 0;
    for (size_t q = 0; q < FILE_QUERIES; q++) {
        search(index, f, q, q % 3 ? 8 + q : 0, out);
        CHECK_RESULTS(f->metric, out, K, stats.n_vectors);
        for (size_t i = 0; i < K && out[i].id < stats.n_vectors; i++)
            if (out[i].id < FILE_N)
                CHECKF(same_neighbor(out[i], f->exact[q * FILE_N + out[i].id]),
                       "metric %d: id %u has distance %.9g", f->metric, out[i].id,
                       (double)out[i].distance);
        struct n2_search_options options;
        n2_search_options_init(&options);
        options.ef = 12;
        CHECK_STATUS(0, n2_search_id(index, (uint32_t)q, K, &options, out, &n));
        CHECK_RESULTS(f->metric, out, n, stats.n_vectors);
    }
}

static void check_verify(struct n2_index *index, const char *want)
{
    const char *what = NULL;
    CHECK_STATUS(want ? N2_ERR_CORRUPT : 0, n2_verify(index, NULL, &what));
    if (want && CHECK(what != NULL))
        CHECKF(!strcmp(what, want), "n2_verify says \"%s\" and not \"%s\"", what, want);
}

/* Loaded in either way, an index gives what it gave, and saves what was saved. */
static void test_load(void)
{
    uint64_t rng = test_seed;
    for (size_t m = 0; m < 3; m++) {
        for (size_t dim = 3; dim < 100; dim += 61) {
            struct filed *f = filed_make(metrics[m], dim, &rng);
            for (int no_map = 0; no_map < 2 && f->bytes.data; no_map++) {
                struct n2_index *index = load(f->bytes.data, f->bytes.n, no_map, 0);
                REQUIRE(index != NULL);
                CHECK(stats_of(index).code_axes == f->header.n_axes);
                check_searches(index, f);
                for (size_t q = 0; q < FILE_QUERIES; q++) {
                    struct n2_neighbor out[K];
                    search(index, f, q, 20, out);
                    CHECKF(!memcmp(out, f->found + q * K, sizeof out),
                           "metric %d, dim %zu, no_map %d: other results", f->metric, dim, no_map);
                }
                CHECK_SOUND(index);
                struct bytes again = index_bytes(index);
                CHECK(bytes_equal(again, f->bytes));
                bytes_free(&again);
                n2_free(index);
            }
            filed_free(f);
        }
    }
}

static bool is_linked(const struct filed *f, size_t node)
{
    unsigned char height = f->bytes.data[f->header.sections[N2_SECTION_HEIGHTS].offset + node];
    return height != 0 && height != 255;
}

/* Any byte of the codes: noticed by the checksum, and under a right one for what it is. */
static void test_code_bytes(void)
{
    uint64_t rng = test_seed;
    for (size_t m = 0; m < 3; m++) {
        struct filed *f = filed_make(metrics[m], 20, &rng);
        REQUIRE(f->bytes.data != NULL);
        const struct n2_section *codes = &f->header.sections[N2_SECTION_CODES];
        unsigned char *copy = must_alloc(f->bytes.n, 1);
        for (size_t i = test_scale(40, 10); i--;) {
            size_t at = rng_below(&rng, codes->bytes);
            memcpy(copy, f->bytes.data, f->bytes.n);
            copy[codes->offset + at] ^= (unsigned char)(1 << rng_below(&rng, 8));
            struct n2_index *index = load(copy, f->bytes.n, i % 2, 0);
            REQUIRE(index != NULL);
            check_verify(index, "a checksum of the file does not match");
            n2_free(index);
            craft_trailer(copy, f->bytes.n, true);
            index = load(copy, f->bytes.n, i % 2, 0);
            REQUIRE(index != NULL);
            check_searches(index, f);
            check_verify(index, is_linked(f, at / codes->stride)
                                    ? "a code is not that of its vector"
                                    : NULL);
            n2_free(index);
        }
        free(copy);
        filed_free(f);
    }
}

enum rot { ONES, ZEROS, TOPS, NANS, INFINITIES, HUGE_FLOATS, NOISE, N_ROTS };

static void overwrite(unsigned char *to, size_t n, enum rot rot, uint64_t *rng)
{
    const float floats[] = {NAN, INFINITY, -3e38f};
    for (size_t i = 0; i < n; i++) {
        unsigned char bytes[4];
        if (rot >= NANS && rot <= HUGE_FLOATS)
            memcpy(bytes, &floats[rot - NANS], 4);
        const unsigned char values[] = {0xff, 0, 0x7f};
        to[i] = rot < NANS    ? values[rot]
                : rot < NOISE ? bytes[i % 4]
                              : (unsigned char)rng_next(rng);
    }
}

/* Whatever the map and the codes hold, searches give vectors with their distances, and later
 * builds do not fail. */
static void check_rot(const struct filed *f, unsigned char *copy, bool no_map, const char *want,
                      uint64_t *rng)
{
    struct n2_index *index = load(copy, f->bytes.n, no_map, 0);
    REQUIRE(index != NULL);
    check_searches(index, f);
    check_verify(index, "a checksum of the file does not match");
    n2_free(index);
    craft_trailer(copy, f->bytes.n, true);
    index = load(copy, f->bytes.n, no_map, 0);
    REQUIRE(index != NULL);
    float *more = data_make(rng, 20, f->dim, DATA_NORMAL, 0);
    check_searches(index, f);
    check_verify(index, want);
    CHECK_STATUS(0, n2_add(index, more, 20, NULL));
    check_searches(index, f);
    CHECK_STATUS(0, build_on(index, 2));
    check_searches(index, f);
    free(more);
    n2_free(index);
}

static void test_rotten(void)
{
    uint64_t rng = test_seed;
    int no_map = 0;
    for (size_t m = 0; m < 3; m++) {
        struct filed *f = filed_make(metrics[m], m == 1 ? 70 : 11, &rng);
        REQUIRE(f->bytes.data != NULL);
        unsigned char *copy = must_alloc(f->bytes.n, 1);
        for (int section = N2_SECTION_MEANS; section <= N2_SECTION_SKETCHES; section++) {
            const struct n2_section *s = &f->header.sections[section];
            for (int rot = 0; rot < N_ROTS; rot++) {
                memcpy(copy, f->bytes.data, f->bytes.n);
                overwrite(copy + s->offset, s->bytes, (enum rot)rot, &rng);
                if (!memcmp(copy, f->bytes.data, f->bytes.n))
                    continue; /* means are 0 under dot */
                check_rot(f, copy, no_map++ % 2,
                          section == N2_SECTION_SKETCHES ? "a sketch is not that of its links"
                                                         : "a code is not that of its vector",
                          &rng);
            }
        }
        for (size_t i = test_scale(15, 5); i--;) { /* all of them at once, in part */
            memcpy(copy, f->bytes.data, f->bytes.n);
            for (int section = N2_SECTION_MEANS; section <= N2_SECTION_SKETCHES; section++) {
                const struct n2_section *s = &f->header.sections[section];
                size_t from = rng_below(&rng, s->bytes / 8) * 4;
                overwrite(copy + s->offset + from, s->bytes - from,
                          (enum rot)rng_below(&rng, N_ROTS), &rng);
            }
            check_rot(f, copy, no_map++ % 2, "a code is not that of its vector", &rng);
        }
        free(copy);
        filed_free(f);
    }
}

static void check_header(const struct filed *f, unsigned char *copy)
{
    const char *path = temp_path("header");
    struct n2_index *index = NULL;
    craft_header(copy, f->bytes.n);
    file_write(path, copy, f->bytes.n);
    int status = n2_load(&index, path, NULL);
    CHECKF(status == 0 || status == N2_ERR_CORRUPT, "n2_load: %s", n2_status_text(status));
    if (!index)
        return;
    check_searches(index, f);
    CHECK_STATUS(0, n2_add(index, f->vectors, 3, NULL));
    CHECK_STATUS(0, build_on(index, 1));
    check_searches(index, f);
    n2_free(index);
}

/* What the header says of codes, and of the searches they need, may be any number: refused, or no
 * harm. */
static void test_header(void)
{
    uint64_t rng = test_seed;
    const float floats[] = {0,       -0.0f,    1,     -1,       1e-45f, 1e-38f,
                            FLT_MAX, -FLT_MAX, 1e20f, INFINITY, NAN};
    const uint32_t words[] = {1, 2, 3, 63, 64, 65, 512, 513, 1u << 31, UINT32_MAX};
    const size_t n_floats = sizeof floats / sizeof *floats, n_words = sizeof words / sizeof *words;
    for (size_t m = 0; m < 3; m++) {
        struct filed *f = filed_make(metrics[m], 20, &rng);
        REQUIRE(f->bytes.data != NULL);
        unsigned char *copy = must_alloc(f->bytes.n, 1);
        memcpy(copy, f->bytes.data, f->bytes.n);
        for (size_t at = offsetof(struct n2_header, n_axes);
             at < offsetof(struct n2_header, n_key_bytes); at += 4) {
            if (at == offsetof(struct n2_header, n_sections))
                at = offsetof(struct n2_header, sketch);
            if (at == offsetof(struct n2_header, n_live)) /* of ids and keys: see rot.c */
                at = offsetof(struct n2_header, tuning);
            bool tuning = at >= offsetof(struct n2_header, tuning); /* long: some numbers only */
            for (size_t i = 0; i < (tuning ? 3 : n_floats + n_words); i++) {
                size_t pick = tuning ? rng_below(&rng, n_floats + n_words) : i;
                memcpy(copy, &f->header, sizeof f->header);
                memcpy(copy + at,
                       pick < n_floats ? (const void *)&floats[pick] : &words[pick - n_floats], 4);
                check_header(f, copy);
            }
        }
        free(copy);
        filed_free(f);
    }
}

static const struct test_case cases[] = {
    {"load", test_load},
    {"code_bytes", test_code_bytes},
    {"rotten", test_rotten},
    {"header", test_header},
};
TEST_MAIN(cases)
