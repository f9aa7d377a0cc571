/* rot.c - tests of damaged files: cut short, bits flipped, payload overwritten.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Damage to the header is always noticed. Damage to the payload is noticed by n2_verify, and
 * without it does no more harm than wrong neighbours.
 */
#include "craft.h"
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIM 6

static struct bytes sample(uint64_t *rng, size_t n, size_t pending)
{
    float *vectors = data_make(rng, n + pending, DIM, DATA_NORMAL, 10);
    struct n2_options options = options_of(1 + (int)rng_below(rng, 3));
    options.M = 4;
    options.keys = (int32_t)rng_below(rng, 3);
    struct n2_index *index = index_make(&options, DIM, vectors, n, 1);
    struct bytes bytes = {NULL, 0};
    if (index && CHECK_STATUS(0, put_named(index, n, vectors + n * DIM, pending)))
        bytes = index_bytes(index);
    n2_free(index);
    free(vectors);
    return bytes;
}

/* A random byte of a random section, and how many follow it there. */
static size_t place_in_payload(struct bytes bytes, uint64_t *rng, size_t *n_after)
{
    struct n2_header header;
    CHECK(craft_header_of(bytes.data, bytes.n, &header));
    for (;;) {
        const struct n2_section *s = &header.sections[rng_below(rng, N2_N_SECTIONS)];
        if (!s->bytes)
            continue;
        size_t at = rng_below(rng, s->bytes);
        *n_after = s->bytes - at;
        return s->offset + at;
    }
}

static int try_load(const char *path, bool no_map, bool verify, struct n2_index **index)
{
    struct n2_load_options options;
    n2_load_options_init(&options);
    options.no_map = no_map;
    options.verify = verify;
    *index = NULL;
    int status = n2_load(index, path, &options);
    CHECK((status == 0) == (*index != NULL));
    return status;
}

/* What goes through all of an index: each id once, and every one that there is if it is sound. */
static void walk(struct n2_index *index, bool sound, const struct n2_stats *stats)
{
    const float query[DIM] = {1, -2, 3};
    const size_t n_ids = stats->n_vectors + stats->n_deleted;
    struct n2_cursor *cursor = NULL;
    struct n2_neighbor out[40];
    uint32_t *ids = must_alloc(n_ids + 1, sizeof *ids);
    bool *seen = must_alloc(n_ids + 1, sizeof *seen);
    size_t n_listed = 0, n_came = 0;
    CHECK_STATUS(0, n2_list(index, 0, ids, n_ids + 1, &n_listed));
    CHECK_STATUS(0, n2_cursor_open(&cursor, index, query, NULL));
    for (size_t n = 1; n > 0; n_came += n) {
        CHECK_STATUS(0, n2_cursor_next(cursor, out, 40, &n));
        for (size_t i = 0; i < n && CHECK(out[i].id < n_ids && !seen[out[i].id]); i++)
            seen[out[i].id] = true;
    }
    n2_cursor_close(cursor);
    CHECKF(n_listed <= n_ids && n_came <= n_ids, "%zu are listed, %zu come", n_listed, n_came);
    CHECKF(!sound || (n_listed == stats->n_vectors && n_came == n_listed),
           "%zu are listed, %zu come", n_listed, n_came);
    free(seen);
    free(ids);
}

/* The key of an id, and the id of that key. */
static void use_key(struct n2_index *index, int kind, uint32_t id)
{
    unsigned char bytes[KEY_ROOM];
    uint64_t number = 0;
    size_t n = 0;
    int status = kind == N2_KEYS_U64 ? n2_key_u64(index, id, &number)
                                     : n2_key_bytes(index, id, bytes, sizeof bytes, &n);
    CHECKF(status == 0 || status == N2_ERR_CORRUPT, "key: %s", n2_status_text(status));
    n = n < sizeof bytes ? n : sizeof bytes;
    status =
        kind == N2_KEYS_U64 ? n2_find_u64(index, number, &id) : n2_find_bytes(index, bytes, n, &id);
    CHECKF(status == 0 || status == N2_ERR_NOT_FOUND, "find: %s", n2_status_text(status));
}

/* Everything that reads an index. Unless it is sound, its payload may be anything, and results may
 * be fewer: an id that is gone cannot be found. */
static void use(struct n2_index *index, bool sound, uint64_t *rng)
{
    struct n2_stats stats = {.size = sizeof stats};
    if (!CHECK_STATUS(0, n2_get_stats(index, &stats)) || !CHECK(stats.dim == DIM))
        return;
    const size_t n = stats.n_vectors, n_ids = n + stats.n_deleted, k = 12;
    float query[2 * DIM] = {1, -2, 3, 0, 0.5f, 0, 0, 1};
    struct n2_neighbor out[24];
    struct n2_search_options options;
    n2_search_options_init(&options);
    size_t counts[2];
    for (uint64_t round = 0; round < 3; round++) {
        options.ef = round * round * 100;
        CHECK_STATUS(0, n2_search(index, query, k, &options, out, counts));
        CHECKF(counts[0] <= k && (!sound || counts[0] == (k < n ? k : n)), "%zu results of %zu",
               counts[0], n);
        for (size_t i = 0; i < counts[0]; i++)
            CHECK(out[i].id < n_ids);
        int status = n2_search_id(index, (uint32_t)rng_below(rng, n + 1), k, &options, out, counts);
        CHECKF(status == 0 || status == N2_ERR_NOT_FOUND || status == N2_ERR_NOT_FINITE ||
                   status == N2_ERR_MAGNITUDE || status == N2_ERR_ZERO_VECTOR ||
                   status == N2_ERR_CORRUPT,
               "n2_search_id: %s", n2_status_text(status));
    }
    CHECK_STATUS(0, n2_search_batch(index, query, 2, k, &options, out, counts));
    CHECK_STATUS(0, n2_search_exact(index, query, 2, k, out, counts));
    CHECK(counts[0] <= k && counts[1] <= k && (!sound || counts[0] == (k < n ? k : n)));
    for (uint32_t id = 0; id < n; id += 7) {
        int status = n2_vector(index, id, query);
        CHECK(status == 0 || status == N2_ERR_NOT_FOUND || status == N2_ERR_CORRUPT);
    }
    for (uint32_t id = 0; stats.keys != N2_KEYS_NONE && id < n_ids; id += 5)
        use_key(index, stats.keys, id);
    uint64_t *degrees = must_alloc((N2_MAX_LEVEL + 1) * ((size_t)stats.max_m0 + 1), 8);
    CHECK_STATUS(0, n2_degrees(index, degrees, NULL));
    free(degrees);
    walk(index, sound, &stats);
}

/* Adds it to another, which stays sound. */
static void merge(struct n2_index *index, bool sound)
{
    struct n2_stats stats = {.size = sizeof stats};
    struct n2_index *to = NULL;
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    struct n2_options options = options_of(stats.metric);
    REQUIRE_OK(n2_create(&to, DIM, &options));
    int status = n2_add_index(to, index, NULL);
    CHECKF(status == 0 || (!sound && status == N2_ERR_CORRUPT), "n2_add_index: %s",
           n2_status_text(status));
    CHECK_SOUND(to);
    n2_free(to);
}

/* Deletes some and compacts. */
static void give_back(struct n2_index *index, bool sound, uint64_t *rng)
{
    for (uint32_t id = 0; id < 100; id += 3) {
        int status = n2_delete(index, id);
        CHECKF(status == 0 || status == N2_ERR_NOT_FOUND || (!sound && status == N2_ERR_CORRUPT),
               "n2_delete: %s", n2_status_text(status));
    }
    int status = n2_compact(index, NULL);
    CHECKF(status == 0 || (!sound && status == N2_ERR_CORRUPT), "n2_compact: %s",
           n2_status_text(status));
    use(index, sound, rng);
}

/* What changes an index. Sound ones are served; rotten ones are refused, or served and then saved
 * as rotten as they were: what their checksums tell is never laundered. */
static void change(struct n2_index *index, bool sound, bool crafted, uint64_t *rng)
{
    const char *path = temp_path("laundered");
    const float more[2 * DIM] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct n2_index *again = NULL;
    int status = put_named(index, 1000, more, 2);
    CHECKF(status == 0 || (!sound && status == N2_ERR_CORRUPT), "add or put: %s",
           n2_status_text(status));
    status = build_on(index, 1 + (int)rng_below(rng, 2));
    CHECKF(status == 0 || (!sound && status == N2_ERR_CORRUPT), "n2_build: %s",
           n2_status_text(status));
    use(index, sound, rng);
    merge(index, sound);
    remove(path);
    status = n2_save(index, path);
    CHECKF(status == 0 || (!sound && status == N2_ERR_CORRUPT), "n2_save: %s",
           n2_status_text(status));
    CHECK(file_exists(path) == (status == 0));
    if (!status) {
        status = try_load(path, false, true, &again);
        CHECKF(status == 0 || (!sound && crafted && status == N2_ERR_CORRUPT),
               "loading what was saved: %s", n2_status_text(status));
        n2_free(again);
    }
    give_back(index, sound, rng);
}

/* Loads in all ways. Returns whether n2_verify found damage. `crafted`: the checksums are right. */
static bool check_damaged(struct bytes bytes, bool crafted, uint64_t *rng)
{
    const char *path = temp_path("damaged");
    struct n2_index *index;
    file_write(path, bytes.data, bytes.n);
    int status = try_load(path, false, false, &index);
    CHECKF(status == 0, "intact header, rotten payload: %s", n2_status_text(status));
    if (!index)
        return true;
    bool no_map = rng_below(rng, 2);
    use(index, false, rng);
    int verified = n2_verify(index, NULL, NULL);
    CHECKF(verified == 0 || verified == N2_ERR_CORRUPT, "n2_verify: %s", n2_status_text(verified));
    change(index, !verified, crafted, rng);
    n2_free(index);
    CHECK_STATUS(verified, try_load(path, no_map, true, &index));
    n2_free(index);
    CHECK_STATUS(0, try_load(path, no_map, false, &index));
    if (index)
        change(index, !verified, crafted, rng); /* before anything has looked at the payload */
    n2_free(index);
    return verified != 0;
}

static void check_cut(struct bytes bytes, size_t n)
{
    const char *path = temp_path("cut");
    struct n2_index *index;
    file_write(path, bytes.data, n);
    for (int way = 0; way < 4; way++) {
        int status = try_load(path, way & 1, way & 2, &index);
        CHECKF(status == N2_ERR_TRUNCATED || (n < 16 && status == N2_ERR_FORMAT),
               "%zu of %zu bytes: %s", n, bytes.n, n2_status_text(status));
        n2_free(index);
    }
}

static void test_truncation(void)
{
    uint64_t rng = test_seed;
    struct bytes bytes = sample(&rng, 500, 20);
    REQUIRE(bytes.data != NULL);
    for (size_t n = 0; n < 300; n++)
        check_cut(bytes, n);
    for (size_t at = 0; at < bytes.n; at += 4096)
        for (size_t n = at < 2 ? 0 : at - 2; n <= at + 2 && n < bytes.n; n++)
            check_cut(bytes, n);
    for (size_t n = bytes.n - 70; n < bytes.n; n++)
        check_cut(bytes, n);
    for (size_t i = test_scale(1000, 100); i--;)
        check_cut(bytes, rng_below(&rng, bytes.n));
    bytes_free(&bytes);
}

/* Every bit of the header and of the trailer is noticed; the padding behind the header is not used.
 */
static void test_header_bits(void)
{
    uint64_t rng = test_seed;
    struct bytes bytes = sample(&rng, 60, 3);
    struct n2_header header;
    const char *path = temp_path("flipped");
    size_t step = test_scale(100, 1) == 100 ? 1 : 7;
    REQUIRE(bytes.data != NULL && craft_header_of(bytes.data, bytes.n, &header));
    for (size_t at = 0; at < bytes.n; at += step) {
        if (at > sizeof header + 100 && at < header.trailer_offset)
            at = header.trailer_offset;
        bool padding = at >= sizeof header && at < header.trailer_offset;
        for (int bit = 0; bit < 8; bit++) {
            struct n2_index *index;
            bytes.data[at] ^= (unsigned char)(1 << bit);
            file_write(path, bytes.data, bytes.n);
            int status = try_load(path, false, false, &index);
            bytes.data[at] ^= (unsigned char)(1 << bit);
            CHECKF((status == 0) == padding, "bit %d of byte %zu: %s", bit, at,
                   n2_status_text(status));
            CHECKF(status == 0 || status == N2_ERR_FORMAT || status == N2_ERR_VERSION ||
                       status == N2_ERR_CORRUPT || status == N2_ERR_TRUNCATED,
                   "bit %d of byte %zu: %s", bit, at, n2_status_text(status));
            if (at < 8)
                CHECKF(status == N2_ERR_FORMAT, "bit %d of byte %zu, the magic: %s", bit, at,
                       n2_status_text(status));
            n2_free(index);
        }
    }
    bytes_free(&bytes);
}

/* Loads bytes whose header was changed and given a right checksum again. */
static int open_crafted(struct bytes bytes, const struct n2_header *header, struct n2_index **index)
{
    const char *path = temp_path("crafted");
    memcpy(bytes.data, header, sizeof *header);
    craft_header(bytes.data, bytes.n);
    file_write(path, bytes.data, bytes.n);
    return try_load(path, false, false, index);
}

static int load_crafted(struct bytes bytes, const struct n2_header *header)
{
    struct n2_index *index;
    int status = open_crafted(bytes, header, &index);
    n2_free(index);
    return status;
}

static void test_versions(void)
{
    uint64_t rng = test_seed;
    struct bytes bytes = sample(&rng, 60, 3);
    struct n2_header good, header;
    REQUIRE(bytes.data != NULL && craft_header_of(bytes.data, bytes.n, &good));
    CHECK(!memcmp(good.magic, "\x89N2\r\n\x1a\n", 8) && good.version == N2_FORMAT_VERSION);
    CHECK(good.file_bytes == bytes.n && good.dim == DIM);
    CHECK_STATUS(0, load_crafted(bytes, &good));
    header = good;
    header.version = N2_FORMAT_VERSION + 1;
    CHECK_STATUS(N2_ERR_VERSION, load_crafted(bytes, &header));
    header.version = UINT32_MAX;
    CHECK_STATUS(N2_ERR_VERSION, load_crafted(bytes, &header));
    header.version = N2_FORMAT_VERSION - 1;
    CHECK_STATUS(N2_ERR_VERSION, load_crafted(bytes, &header));
    header = good;
    header.must_understand = 1;
    CHECK_STATUS(N2_ERR_VERSION, load_crafted(bytes, &header));
    header = good;
    header.may_ignore = UINT64_MAX;
    CHECK_STATUS(0, load_crafted(bytes, &header));

    /* Another format may have a longer header with another checksum: the version counts first. */
    memset(bytes.data + 12, 0xff, 200);
    bytes.data[8] = 9;
    const char *path = temp_path("newer");
    struct n2_index *index;
    file_write(path, bytes.data, bytes.n);
    CHECK_STATUS(N2_ERR_VERSION, try_load(path, false, false, &index));
    bytes_free(&bytes);
}

/* Any number anywhere in the header, with a right checksum: refused, or usable. */
static void test_header_numbers(void)
{
    uint64_t rng = test_seed;
    const uint64_t odd[] = {0,          1,          2,          255,
                            256,        65535,      65536,      0x7fffffff,
                            1u << 31,   UINT32_MAX, 1ull << 32, 1ull << 40,
                            1ull << 62, 1ull << 63, UINT64_MAX, UINT64_MAX - 65535};
    struct bytes bytes = sample(&rng, 60, 3);
    struct n2_header good;
    REQUIRE(bytes.data != NULL && craft_header_of(bytes.data, bytes.n, &good));
    const char *path = temp_path("numbers");
    for (size_t at = 8; at + 8 <= sizeof good; at += 4) {
        for (size_t i = 0; i < 2 * sizeof odd / sizeof *odd; i++) {
            uint64_t value = odd[i / 2];
            struct n2_index *index;
            memcpy(bytes.data, &good, sizeof good);
            memcpy(bytes.data + at, &value, i % 2 ? 8 : 4);
            craft_header(bytes.data, bytes.n);
            file_write(path, bytes.data, bytes.n);
            int status = try_load(path, i & 4, i & 8, &index);
            CHECKF(status == 0 || status == N2_ERR_FORMAT || status == N2_ERR_VERSION ||
                       status == N2_ERR_CORRUPT || status == N2_ERR_TRUNCATED,
                   "%llx at byte %zu: %s", (unsigned long long)value, at, n2_status_text(status));
            struct n2_stats stats = {.size = sizeof stats};
            if (index && CHECK_STATUS(0, n2_get_stats(index, &stats)) && stats.dim == DIM)
                use(index, false, &rng);
            n2_free(index);
        }
    }
    bytes_free(&bytes);
}

/* Searches that are said to take more distances than any can. */
static void test_header_tuning(void)
{
    uint64_t rng = test_seed;
    struct bytes bytes = sample(&rng, 60, 3);
    struct n2_header header;
    REQUIRE(bytes.data != NULL && craft_header_of(bytes.data, bytes.n, &header));
    header.tuning.n_linked = 60;
    header.tuning.growth = 2;
    CHECK_STATUS(0, load_crafted(bytes, &header));
    for (float measured = 1e9f; measured < 1e38f; measured *= 1e5f) {
        struct n2_index *index;
        header.tuning.measured[1][3] = measured;
        int status = open_crafted(bytes, &header, &index);
        CHECKF(status == (measured < 1e12f ? 0 : N2_ERR_CORRUPT), "%g distances: %s",
               (double)measured, n2_status_text(status));
        if (!status)
            use(index, false, &rng);
        n2_free(index);
    }
    bytes_free(&bytes);
}

/* Single bits of the payload: n2_verify notices each. */
static void test_payload_bits(void)
{
    uint64_t rng = test_seed;
    struct bytes bytes = sample(&rng, 300, 20);
    REQUIRE(bytes.data != NULL);
    CHECK(!check_damaged(bytes, false, &rng));
    for (size_t i = test_scale(300, 30); i--;) {
        size_t n, at = place_in_payload(bytes, &rng, &n);
        unsigned char bit = (unsigned char)(1 << rng_below(&rng, 8));
        bytes.data[at] ^= bit;
        CHECKF(check_damaged(bytes, false, &rng), "bit %d of byte %zu: not noticed", bit, at);
        bytes.data[at] ^= bit;
    }
    bytes_free(&bytes);
}

enum stretch { ONES, ZEROS, COUNTING, NANS, NOISE, OTHERS, N_STRETCHES };

static void overwrite(unsigned char *to, const unsigned char *others, size_t n, enum stretch kind,
                      uint64_t *rng)
{
    const unsigned char nan[4] = {0, 0, 0xc0, 0x7f};
    uint32_t count = (uint32_t)rng_below(rng, 64);
    for (size_t i = 0; i < n; i++) {
        const unsigned char values[N_STRETCHES] = {0xff,
                                                   0,
                                                   i % 4 ? 0 : (unsigned char)count++,
                                                   nan[i % 4],
                                                   (unsigned char)rng_next(rng),
                                                   others[i]};
        to[i] = values[kind];
    }
}

/* Whole stretches, some over the end of a section; with `craft` under right checksums. */
static void check_stretches(bool craft)
{
    uint64_t rng = test_seed;
    struct bytes bytes = sample(&rng, 400, 20);
    struct n2_header header;
    REQUIRE(bytes.data != NULL && craft_header_of(bytes.data, bytes.n, &header));
    unsigned char *sound = must_alloc(bytes.n, 1);
    memcpy(sound, bytes.data, bytes.n);
    for (size_t round = test_scale(250, 30); round--;) {
        for (uint64_t s = 1 + rng_below(&rng, 4); s--;) {
            size_t n, at = place_in_payload(bytes, &rng, &n) & ~(size_t)3;
            if (rng_below(&rng, 2))
                n = n < 64 ? n : 64;
            if (rng_below(&rng, 8) == 0)
                n = header.trailer_offset - at;
            size_t from = rng_below(&rng, bytes.n - n) & ~(size_t)3;
            overwrite(bytes.data + at, sound + from, n, (enum stretch)rng_below(&rng, N_STRETCHES),
                      &rng);
        }
        if (craft)
            craft_trailer(bytes.data, bytes.n, true);
        check_damaged(bytes, craft, &rng);
        memcpy(bytes.data, sound, bytes.n);
    }
    free(sound);
    bytes_free(&bytes);
}

static void test_stretches(void)
{
    check_stretches(false);
}

/* Nothing but n2_verify can tell: builds and saves go on with what they find. */
static void test_crafted_stretches(void)
{
    check_stretches(true);
}

/* Towers that lead nowhere, or an entry point that is no node: compactions do without. */
static void test_crafted_graph(void)
{
    uint64_t rng = test_seed;
    for (int round = 0; round < 4; round++) {
        struct bytes bytes = sample(&rng, 600, 0);
        struct n2_header header;
        REQUIRE(bytes.data != NULL && craft_header_of(bytes.data, bytes.n, &header));
        unsigned char *heights = bytes.data + header.sections[N2_SECTION_HEIGHTS].offset;
        const struct n2_section *towers = &header.sections[N2_SECTION_TOWERS];
        if (round == 0)
            memset(bytes.data + towers->offset, 0xf0, towers->bytes);
        else
            heights[header.entry_node] = (const unsigned char[]){255, 0, 254}[round - 1];
        craft_trailer(bytes.data, bytes.n, true);
        const char *path = temp_path("graph");
        struct n2_index *index;
        file_write(path, bytes.data, bytes.n);
        CHECK_STATUS(0, try_load(path, round % 2, false, &index));
        if (index)
            give_back(index, false, &rng);
        n2_free(index);
        bytes_free(&bytes);
    }
}

/* Codes of five bits where no build would choose them: they are as long, and take more room apart
 * than vectors do. */
static void test_crafted_codes(void)
{
    uint64_t rng = test_seed;
    const size_t n = 1000, dim = 8;
    float *vectors = data_make(&rng, n + 200, dim, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_L2);
    options.navigation = N2_NAVIGATE_CODES;
    struct n2_index *index = index_make(&options, dim, vectors, n, 2);
    struct n2_header header;
    REQUIRE(index != NULL);
    struct bytes bytes = index_bytes(index);
    n2_free(index);
    REQUIRE(craft_header_of(bytes.data, bytes.n, &header) && header.n_axes > 0);
    header.short_codes = 1;
    if (CHECK_STATUS(0, open_crafted(bytes, &header, &index))) {
        CHECK_STATUS(0, n2_add(index, vectors + n * dim, 200, NULL));
        CHECK_STATUS(0, build_on(index, 1));
    }
    n2_free(index);
    bytes_free(&bytes);
    free(vectors);
}

/* Rows that lead to a dead node and to one not yet linked, which has no code: far more wait for the
 * build that takes the dead one out than there is room for codes. */
static void test_crafted_pending(void)
{
    uint64_t rng = test_seed;
    const size_t n = 1000, n_pending = 70000, dim = 8;
    float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
    float *pending = must_alloc(n_pending * dim, sizeof *pending);
    struct n2_options options = options_of(N2_L2);
    options.navigation = N2_NAVIGATE_CODES;
    struct n2_index *index = index_make(&options, dim, vectors, n, 2);
    REQUIRE(index != NULL);
    for (size_t i = 0; i < n_pending * dim; i++)
        pending[i] = (float)i;
    CHECK_STATUS(0, n2_add(index, pending, n_pending, NULL));
    CHECK_STATUS(0, n2_delete(index, 5));
    struct bytes bytes = index_bytes(index);
    n2_free(index);
    struct n2_header header;
    REQUIRE(craft_header_of(bytes.data, bytes.n, &header) && header.n_axes > 0);
    uint32_t *links = (void *)(bytes.data + header.sections[N2_SECTION_LINKS0].offset);
    const uint32_t *labels = (void *)(bytes.data + header.sections[N2_SECTION_LABELS].offset);
    uint32_t dead = 0;
    while (labels[dead] != N2_NONE)
        dead++;
    for (uint32_t node = 0; node < n; node++) {
        links[node * header.M0] = header.n_nodes - 1;
        links[node * header.M0 + 1] = dead;
    }
    craft_trailer(bytes.data, bytes.n, true);
    const char *path = temp_path("pending");
    file_write(path, bytes.data, bytes.n);
    if (CHECK_STATUS(0, try_load(path, false, false, &index))) {
        struct n2_build *build;
        CHECK_STATUS(0, n2_build_begin(&build, index, NULL));
        CHECK_STATUS(0, n2_build_step(build, NULL, NULL));
        n2_build_end(build);
    }
    n2_free(index);
    bytes_free(&bytes);
    free(pending);
    free(vectors);
}

static const struct test_case cases[] = {
    {"crafted_codes", test_crafted_codes},
    {"crafted_pending", test_crafted_pending},
    {"crafted_graph", test_crafted_graph},
    {"truncation", test_truncation},
    {"header_bits", test_header_bits},
    {"versions", test_versions},
    {"header_numbers", test_header_numbers},
    {"header_tuning", test_header_tuning},
    {"payload_bits", test_payload_bits},
    {"stretches", test_stretches},
    {"crafted_stretches", test_crafted_stretches},
};
TEST_MAIN(cases)
