/* keys.c - tests of vectors that are put, found, named and deleted by keys, against a plain model.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include "../keys.h"
#include "craft.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { DIM = 6, NAMES = 600, K = 8 };

static struct n2_options keyed_options(int kind)
{
    struct n2_options options = options_of(N2_L2);
    options.keys = kind;
    options.M = 4;
    options.ef_construction = 30;
    return options;
}

/* --- by name, whatever the kind --- */

static int put(struct n2_index *index, int kind, size_t name, const float *vector, uint32_t *id)
{
    unsigned char bytes[KEY_ROOM];
    uint64_t number = key_number(name);
    uint32_t n = (uint32_t)key_bytes(name, bytes);
    return kind == N2_KEYS_U64 ? n2_put_u64(index, &number, vector, 1, id)
                               : n2_put_bytes(index, n ? bytes : NULL, &n, vector, 1, id);
}

static int find(struct n2_index *index, int kind, size_t name, uint32_t *id)
{
    unsigned char bytes[KEY_ROOM];
    size_t n = key_bytes(name, bytes);
    return kind == N2_KEYS_U64 ? n2_find_u64(index, key_number(name), id)
                               : n2_find_bytes(index, n ? bytes : NULL, n, id);
}

static int delete_name(struct n2_index *index, int kind, size_t name)
{
    unsigned char bytes[KEY_ROOM];
    size_t n = key_bytes(name, bytes);
    return kind == N2_KEYS_U64 ? n2_delete_u64(index, key_number(name))
                               : n2_delete_bytes(index, n ? bytes : NULL, n);
}

/* Checks that an id has the key of a name. */
static void check_key(struct n2_index *index, int kind, uint32_t id, size_t name)
{
    unsigned char want[KEY_ROOM], bytes[KEY_ROOM];
    size_t n_want = key_bytes(name, want), n = 0;
    uint64_t number = 0;
    if (kind == N2_KEYS_U64) {
        CHECK_STATUS(0, n2_key_u64(index, id, &number));
        CHECK(number == key_number(name));
        return;
    }
    CHECK_STATUS(0, n2_key_bytes(index, id, NULL, 0, &n));
    CHECK(n == n_want);
    memset(bytes, 0x5a, sizeof bytes);
    CHECK_STATUS(0, n2_key_bytes(index, id, bytes, n_want / 2, &n));
    CHECK(n == n_want && !memcmp(bytes, want, n / 2) && bytes[n / 2] == 0x5a);
    CHECK_STATUS(0, n2_key_bytes(index, id, bytes, sizeof bytes, &n));
    CHECK(n == n_want && !memcmp(bytes, want, n) && bytes[n] == 0x5a);
}

/* --- against a model --- */

/* What an index should hold. */
struct model {
    float vectors[NAMES][DIM];
    uint32_t ids[NAMES];   /* N2_NONE: the name is not there */
    size_t names[1 << 20]; /* by id, those that were deleted too */
    size_t n_ids, n_live;
};

static void random_vector(uint64_t *rng, float out[DIM])
{
    for (size_t i = 0; i < DIM; i++)
        out[i] = rng_normal(rng);
}

static void model_put(struct model *model, size_t name, const float *vector)
{
    memcpy(model->vectors[name], vector, sizeof model->vectors[name]);
    if (model->ids[name] != N2_NONE)
        return;
    model->names[model->n_ids] = name;
    model->ids[name] = (uint32_t)model->n_ids++;
    model->n_live++;
}

static void put_some(struct n2_index *index, int kind, struct model *model, uint64_t *rng, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t name = rng_below(rng, NAMES);
        float vector[DIM];
        uint32_t id = 0;
        random_vector(rng, vector);
        CHECK_STATUS(0, put(index, kind, name, vector, &id));
        model_put(model, name, vector);
        CHECK(id == model->ids[name]);
    }
}

/* In one call, some names twice; the later one holds. */
static void put_batch(struct n2_index *index, int kind, struct model *model, uint64_t *rng)
{
    enum { N = 40 };
    static unsigned char bytes[N * KEY_ROOM];
    float vectors[N][DIM];
    uint64_t numbers[N];
    uint32_t lengths[N], ids[N];
    size_t names[N];
    for (size_t i = 0, at = 0; i < N; at += lengths[i], i++) {
        names[i] = i % 5 == 4 ? names[i - 3] : rng_below(rng, NAMES);
        numbers[i] = key_number(names[i]);
        lengths[i] = (uint32_t)key_bytes(names[i], bytes + at);
        random_vector(rng, vectors[i]);
    }
    CHECK_STATUS(0, kind == N2_KEYS_U64 ? n2_put_u64(index, numbers, vectors[0], N, ids)
                                        : n2_put_bytes(index, bytes, lengths, vectors[0], N, ids));
    for (size_t i = 0; i < N; i++) {
        model_put(model, names[i], vectors[i]);
        CHECK(ids[i] == model->ids[names[i]]);
    }
}

static void delete_some(struct n2_index *index, int kind, struct model *model, uint64_t *rng,
                        size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t name = rng_below(rng, NAMES);
        uint32_t id = model->ids[name];
        int want = id == N2_NONE ? N2_ERR_NOT_FOUND : 0;
        CHECK_STATUS(want, id != N2_NONE && i % 2 ? n2_delete(index, id)
                                                  : delete_name(index, kind, name));
        model->ids[name] = N2_NONE;
        model->n_live -= id != N2_NONE;
    }
}

static void update_some(struct n2_index *index, struct model *model, uint64_t *rng, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t name = rng_below(rng, NAMES);
        if (model->ids[name] == N2_NONE)
            continue;
        random_vector(rng, model->vectors[name]);
        CHECK_STATUS(0, n2_update(index, model->ids[name], model->vectors[name]));
    }
}

static void check_model(struct n2_index *index, int kind, const struct model *model)
{
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECK(stats.keys == kind && stats.n_vectors == model->n_live);
    CHECK(stats.n_deleted == model->n_ids - model->n_live);
    for (size_t name = 0; name < NAMES; name++) {
        uint32_t id = 12345;
        float vector[DIM];
        bool there = model->ids[name] != N2_NONE;
        CHECK_STATUS(there ? 0 : N2_ERR_NOT_FOUND, find(index, kind, name, &id));
        CHECK(id == (there ? model->ids[name] : 12345));
        if (there && CHECK_STATUS(0, n2_vector(index, id, vector)))
            CHECK(!memcmp(vector, model->vectors[name], sizeof vector));
    }
    for (uint32_t id = 0; id < model->n_ids; id++)
        check_key(index, kind, id, model->names[id]);
}

/* Searches for what is there, and names what it finds. */
static void check_search(struct n2_index *index, int kind, const struct model *model, uint64_t *rng)
{
    size_t name = rng_below(rng, NAMES), n = 0;
    struct n2_neighbor found[K];
    if (model->ids[name] == N2_NONE)
        return;
    CHECK_STATUS(0, n2_search(index, model->vectors[name], K, NULL, found, &n));
    CHECK(n == (model->n_live < K ? model->n_live : K));
    CHECK(n > 0 && found[0].distance == 0);
    for (size_t i = 0; i < n; i++)
        check_key(index, kind, found[i].id, model->names[found[i].id]);
}

/* Saves and loads, as a file or as a stream. */
static struct n2_index *reload(struct n2_index *index, uint64_t *rng)
{
    struct n2_index *loaded = NULL;
    struct bytes before = index_bytes(index), after;
    size_t way = rng_below(rng, 3), used;
    if (way == 2) {
        CHECK_STATUS(0, stream_in(&loaded, before.data, before.n, 5000, true, &used));
    } else {
        struct n2_load_options load;
        n2_load_options_init(&load);
        load.no_map = (int32_t)way;
        load.verify = (int32_t)rng_below(rng, 2);
        file_write(temp_path("keyed"), before.data, before.n);
        CHECK_STATUS(0, n2_load(&loaded, temp_path("keyed"), &load));
    }
    n2_free(index);
    if (loaded && rng_below(rng, 2)) {
        CHECK_STATUS(0, stream_out(loaded, 30000, &after));
        CHECK(bytes_equal(before, after));
        bytes_free(&after);
    }
    bytes_free(&before);
    return loaded;
}

static void run_model(int kind)
{
    uint64_t rng = test_seed + (uint64_t)kind;
    struct model *model = must_alloc(1, sizeof *model);
    struct n2_options options = keyed_options(kind);
    options.seed = rng_next(&rng);
    struct n2_index *index = NULL;
    for (size_t name = 0; name < NAMES; name++)
        model->ids[name] = N2_NONE;
    REQUIRE_OK(n2_create(&index, DIM, &options));
    for (size_t round = test_scale(80, 15); round-- && index;) {
        put_some(index, kind, model, &rng, rng_below(&rng, 150));
        delete_some(index, kind, model, &rng, rng_below(&rng, round % 16 == 7 ? 3000 : 120));
        put_batch(index, kind, model, &rng);
        update_some(index, model, &rng, rng_below(&rng, 30));
        if (rng_below(&rng, 2))
            CHECK_STATUS(0, round % 3 ? build_on(index, 2) : n2_compact(index, NULL));
        for (size_t i = 0; i < 5; i++)
            check_search(index, kind, model, &rng);
        if (rng_below(&rng, 2))
            index = reload(index, &rng);
        if (index) {
            check_model(index, kind, model);
            CHECK_SOUND(index);
        }
    }
    n2_free(index);
    free(model);
}

static void test_model(void)
{
    run_model(N2_KEYS_U64);
    run_model(N2_KEYS_BYTES);
}

/* --- the table --- */

/* Many keys, one by one and at once, from the first on and in a mapped file: all are found. */
static void test_growth(void)
{
    const size_t n = test_scale(40000, 4000), n_first = n / 8;
    float *vectors = must_alloc(n * DIM, sizeof *vectors);
    for (size_t i = 0; i < n; i++)
        vectors[i * DIM] = (float)(i + 1);
    for (int kind = N2_KEYS_U64; kind <= N2_KEYS_BYTES; kind++) {
        struct n2_options options = keyed_options(kind);
        struct n2_index *index = index_make(&options, DIM, vectors, 0, -1);
        REQUIRE(index != NULL);
        for (size_t name = 0; name < n_first; name++) {
            uint32_t id = 0;
            CHECK_STATUS(0, put(index, kind, name, vectors + name * DIM, &id));
            CHECK(id == name);
        }
        CHECK_STATUS(0, n2_save(index, temp_path("growth")));
        n2_free(index);
        REQUIRE_OK(n2_load(&index, temp_path("growth"), NULL));
        CHECK_STATUS(0, put_named(index, n_first, vectors + n_first * DIM, n - n_first));
        for (size_t name = 0; name < n + 100; name++) {
            uint32_t id = 0;
            CHECK_STATUS(name < n ? 0 : N2_ERR_NOT_FOUND, find(index, kind, name, &id));
            CHECK(name >= n || id == name);
        }
        struct n2_stats stats = {.size = sizeof stats};
        CHECK_STATUS(0, n2_get_stats(index, &stats));
        if (kind == N2_KEYS_U64) /* as n2.h says */
            CHECKF(stats.key_bytes >= 14 * n && stats.key_bytes <= 24 * n, "%llu bytes, %zu keys",
                   (unsigned long long)stats.key_bytes, n);
        CHECK_SOUND(index);
        n2_free(index);
    }
    free(vectors);
}

/* A key that comes and goes for ever does not fill the table. */
static void test_same_again(void)
{
    struct n2_options options = keyed_options(N2_KEYS_U64);
    struct n2_index *index = NULL;
    const float vector[DIM] = {1};
    uint64_t key_bytes_before = 0;
    REQUIRE_OK(n2_create(&index, DIM, &options));
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t key = i % 7;
        uint32_t id = 0;
        CHECK_STATUS(0, n2_put_u64(index, &key, vector, 1, &id));
        CHECK(id == i);
        CHECK_STATUS(0, n2_delete_u64(index, key));
        struct n2_stats stats = {.size = sizeof stats};
        CHECK_STATUS(0, n2_get_stats(index, &stats));
        if (i == 0)
            key_bytes_before = stats.key_bytes;
        CHECK(stats.key_bytes == key_bytes_before + 8 * i);
    }
    CHECK_SOUND(index);
    n2_free(index);
}

/* Keys that all begin at one slot. */
static void test_collisions(void)
{
    enum { N = 300 };
    struct n2_options options = keyed_options(N2_KEYS_U64);
    struct n2_index *index = NULL;
    static uint64_t keys[N];
    const float vector[DIM] = {1};
    uint64_t key = 0;
    uint32_t id;
    REQUIRE_OK(n2_create(&index, DIM, &options));
    for (size_t n = 0; n < N; key++)
        if ((n2_hash(options.seed, key) & 1023) == 1020) /* and go on at the first one */
            keys[n++] = key;
    for (uint32_t i = 0; i < N; i++) {
        CHECK_STATUS(0, n2_put_u64(index, &keys[i], vector, 1, &id));
        CHECK(id == i);
    }
    for (uint32_t i = 0; i < N; i += 2)
        CHECK_STATUS(0, n2_delete_u64(index, keys[i]));
    for (uint32_t i = 0; i < N; i++) {
        CHECK_STATUS(i % 2 ? 0 : N2_ERR_NOT_FOUND, n2_find_u64(index, keys[i], &id));
        CHECK(i % 2 == 0 || id == i);
    }
    for (uint32_t i = 0; i < N; i++) {
        CHECK_STATUS(0, n2_put_u64(index, &keys[N - 1 - i], vector, 1, &id));
        CHECK(i % 2 ? id == N + i / 2 : id == N - 1 - i);
    }
    CHECK_SOUND(index);
    n2_free(index);
}

/* --- odd keys and bad ones --- */

static void test_odd_keys(void)
{
    struct n2_index *index = NULL, *plain = NULL, *numbers = NULL;
    struct n2_options options = keyed_options(N2_KEYS_BYTES);
    static unsigned char longest[N2_MAX_KEY + 1], back[N2_MAX_KEY];
    const float vectors[3][DIM] = {{1}, {2}, {3}};
    const uint32_t lengths[3] = {0, 1, N2_MAX_KEY}, too_long = N2_MAX_KEY + 1, none = 0;
    uint32_t ids[3] = {77, 77, 77}, id = 77;
    size_t n = 0;
    REQUIRE_OK(n2_create(&index, DIM, &options));
    CHECK_STATUS(0, n2_put_bytes(index, NULL, NULL, NULL, 0, ids));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_find_bytes(index, NULL, 0, &id));
    CHECK_STATUS(0, n2_put_bytes(index, longest, lengths, vectors[0], 3, ids));
    CHECK(ids[0] == 0 && ids[1] == 1 && ids[2] == 2);
    for (uint32_t i = 0; i < 3; i++) { /* all zeros, and yet not the same */
        CHECK_STATUS(0, n2_find_bytes(index, longest, lengths[i], &id));
        CHECK(id == i);
        CHECK_STATUS(0, n2_key_bytes(index, i, back, sizeof back, &n));
        CHECK(n == lengths[i] && !memcmp(back, longest, n));
    }
    CHECK_STATUS(0, n2_put_bytes(index, NULL, &none, vectors[1], 1, &id));
    CHECK(id == 0);
    CHECK_SOUND(index);

    struct bytes before = index_bytes(index);
    id = 77;
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_find_bytes(index, longest, sizeof longest, &id));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_delete_bytes(index, longest, 2));
    CHECK_STATUS(N2_ERR_NOT_FOUND, n2_key_bytes(index, 3, back, 1, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_put_bytes(index, longest, &too_long, vectors[0], 1, &id));
    CHECK_STATUS(N2_ERR_FULL, n2_put_bytes(index, longest, lengths, vectors[0], SIZE_MAX, &id));
    const float bad[2][DIM] = {{1}, {(float)1e30}};
    CHECK_STATUS(N2_ERR_MAGNITUDE, n2_put_bytes(index, longest, lengths, bad[0], 2, ids));
    CHECK_STATUS(N2_ERR_OPTION, n2_add(index, vectors[0], 1, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_find_u64(index, 0, &id));
    CHECK(id == 77 && n == N2_MAX_KEY);
    struct bytes after = index_bytes(index);
    CHECK(bytes_equal(before, after));
    bytes_free(&before);
    bytes_free(&after);
    n2_free(index);

    /* Of the other kind, or of none. */
    const uint64_t key = 1;
    uint64_t got = 77;
    options.keys = N2_KEYS_U64;
    REQUIRE_OK(n2_create(&numbers, DIM, &options));
    REQUIRE_OK(n2_create(&plain, DIM, NULL));
    CHECK_STATUS(N2_ERR_FULL, n2_put_u64(numbers, &key, vectors[0], SIZE_MAX, &id));
    for (int i = 0; i < 2; i++) {
        index = i ? numbers : plain;
        CHECK_STATUS(0, i ? n2_put_u64(index, &key, vectors[0], 1, NULL)
                          : n2_add(index, vectors[0], 1, NULL));
        CHECK_STATUS(i ? N2_ERR_OPTION : 0, n2_add(index, vectors[0], 0, NULL));
        CHECK_STATUS(N2_ERR_OPTION, n2_put_bytes(index, longest, lengths, vectors[0], 1, &id));
        CHECK_STATUS(N2_ERR_OPTION, n2_find_bytes(index, longest, 1, &id));
        CHECK_STATUS(N2_ERR_OPTION, n2_key_bytes(index, 0, back, 1, &n));
        CHECK_STATUS(N2_ERR_OPTION, n2_delete_bytes(index, longest, 1));
    }
    CHECK_STATUS(N2_ERR_OPTION, n2_put_u64(plain, &key, vectors[0], 1, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_find_u64(plain, 1, &id));
    CHECK_STATUS(N2_ERR_OPTION, n2_key_u64(plain, 0, &got));
    CHECK_STATUS(N2_ERR_OPTION, n2_delete_u64(plain, 1));
    CHECK(id == 77 && got == 77);
    n2_free(numbers);
    n2_free(plain);
    for (int kind = -1; kind <= N2_KEYS_BYTES + 1; kind += N2_KEYS_BYTES + 2) {
        options.keys = kind;
        CHECK_STATUS(N2_ERR_OPTION, n2_create(&index, DIM, &options));
    }
}

/* --- damage --- */

static struct bytes sample(int kind, size_t n)
{
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, n, DIM, DATA_NORMAL, 5);
    struct n2_options options = keyed_options(kind);
    struct n2_index *index = index_make(&options, DIM, vectors, n, 1);
    struct bytes bytes = index ? index_bytes(index) : (struct bytes){NULL, 0};
    n2_free(index);
    free(vectors);
    return bytes;
}

/* Everything that reads keys, whatever they are; then what changes them. */
static void use(struct n2_index *index, int kind, size_t n)
{
    const float vector[DIM] = {1, 2, 3};
    unsigned char bytes[KEY_ROOM];
    for (size_t name = 0; name < n; name++) {
        uint32_t id = 0;
        uint64_t number;
        size_t n_bytes;
        int status = find(index, kind, name, &id);
        CHECK((status == 0 && id < n) || status == N2_ERR_NOT_FOUND);
        status = kind == N2_KEYS_U64
                     ? n2_key_u64(index, (uint32_t)name, &number)
                     : n2_key_bytes(index, (uint32_t)name, bytes, sizeof bytes, &n_bytes);
        CHECK(status == 0 || status == N2_ERR_CORRUPT);
    }
    for (size_t name = n / 2; name < n + n / 4; name++) {
        int status =
            name % 3 ? put(index, kind, name, vector, NULL) : delete_name(index, kind, name);
        CHECK(status == 0 || status == N2_ERR_CORRUPT || status == N2_ERR_NOT_FOUND);
    }
}

/* Damage anywhere in the sections of keys does no harm, and is found; under right checksums too,
 * unless it is none. */
static void run_damage(int kind, bool craft)
{
    const size_t n = 200;
    uint64_t rng = test_seed + (uint64_t)kind;
    struct bytes bytes = sample(kind, n);
    struct n2_header header;
    REQUIRE(bytes.data != NULL && craft_header_of(bytes.data, bytes.n, &header));
    unsigned char *sound = must_alloc(bytes.n, 1);
    memcpy(sound, bytes.data, bytes.n);
    for (size_t round = test_scale(300, 60); round--;) {
        const struct n2_section *s = &header.sections[N2_SECTION_KEYS + rng_below(&rng, 3)];
        if (s->bytes == 0)
            continue;
        size_t at = rng_below(&rng, s->bytes), m = 1 + rng_below(&rng, s->bytes - at),
               way = round % 5;
        m = way ? (m < 40 ? m : 40) : s->bytes - at;
        for (size_t i = 0; i < (way == 1 ? 1 : m); i++) {
            unsigned char *byte = bytes.data + s->offset + at + i;
            *byte = way == 1   ? *byte ^ (unsigned char)(1 << rng_below(&rng, 8))
                    : way == 2 ? 0xff
                    : way == 3 ? (unsigned char)rng_next(&rng)
                               : 0;
        }
        bool changed = memcmp(sound, bytes.data, bytes.n) != 0;
        if (craft)
            craft_trailer(bytes.data, bytes.n, true);
        file_write(temp_path("rotten"), bytes.data, bytes.n);
        struct n2_index *index = NULL;
        if (CHECK_STATUS(0, n2_load(&index, temp_path("rotten"), NULL))) {
            int status = n2_verify(index, NULL, NULL);
            CHECKF(status == (changed ? N2_ERR_CORRUPT : 0) || (craft && status == 0),
                   "%zu bytes from %zu of section %u: %s", m, at, s->kind, n2_status_text(status));
            n2_free(index);
        }
        if (CHECK_STATUS(0, n2_load(&index, temp_path("rotten"), NULL))) {
            use(index, kind, n);
            int status = n2_save(index, temp_path("laundered"));
            CHECK(status == (changed ? N2_ERR_CORRUPT : 0) || (craft && status == 0));
            n2_free(index);
        }
        memcpy(bytes.data, sound, bytes.n);
    }
    free(sound);
    bytes_free(&bytes);
}

static void test_damage(void)
{
    for (int kind = N2_KEYS_U64; kind <= N2_KEYS_BYTES; kind++) {
        run_damage(kind, false);
        run_damage(kind, true);
    }
}

/* What n2_verify says of a table with one thing wrong in it, whose checksums are right. */
static const char *verdict(struct bytes bytes, const struct n2_header *header)
{
    struct n2_index *index = NULL;
    const char *what = "nothing";
    memcpy(bytes.data, header, sizeof *header);
    craft_trailer(bytes.data, bytes.n, true);
    craft_header(bytes.data, bytes.n);
    file_write(temp_path("crafted"), bytes.data, bytes.n);
    if (CHECK_STATUS(0, n2_load(&index, temp_path("crafted"), NULL)))
        (void)n2_verify(index, NULL, &what);
    n2_free(index);
    return what;
}

static void test_verify(void)
{
    for (int kind = N2_KEYS_U64; kind <= N2_KEYS_BYTES; kind++) {
        struct bytes bytes = sample(kind, 100);
        struct n2_header good, header;
        REQUIRE(bytes.data != NULL && craft_header_of(bytes.data, bytes.n, &good));
        uint64_t *rows = (uint64_t *)(void *)(bytes.data + good.sections[N2_SECTION_KEYS].offset);
        uint32_t *slots =
            (uint32_t *)(void *)(bytes.data + good.sections[N2_SECTION_KEY_SLOTS].offset);
        CHECK(good.keys == kind && good.n_key_used == 100 && good.n_key_slots == 256);
        CHECK(!strcmp(verdict(bytes, &good), "nothing"));
        header = good;
        header.n_key_used++;
        CHECK(!strcmp(verdict(bytes, &header), "a count does not match the keys"));
        rows[50] -= 1;
        CHECK(strcmp(verdict(bytes, &good), "nothing") != 0);
        rows[50] = kind == N2_KEYS_U64 ? rows[51] : UINT64_MAX;
        CHECK(!strcmp(verdict(bytes, &good), kind == N2_KEYS_U64 ? "an id is not found by its key"
                                                                 : "a key lies outside the keys"));
        rows[50] = kind == N2_KEYS_U64 ? key_number(50) : rows[49] + 1;
        CHECK(!strcmp(verdict(bytes, &good), "nothing"));
        for (size_t i = 0; i < good.n_key_slots; i++) {
            uint32_t id = slots[i];
            slots[i] = id == N2_NONE ? 100 : N2_NONE;
            CHECK(strcmp(verdict(bytes, &good), "nothing") != 0);
            slots[i] = id;
        }
        bytes_free(&bytes);
    }
}

/* --- threads --- */

enum { THREADS = 4 };

struct worker {
    struct n2_index *index;
    int kind;
    size_t number, rounds;
};

/* Puts, finds, names and deletes what no other thread does, and what all do. */
static void *work(void *argument)
{
    struct worker *w = argument;
    uint64_t rng = test_seed + w->number;
    for (size_t round = 0; round < w->rounds; round++) {
        size_t own = THREADS * (1 + rng_below(&rng, 200)) + w->number;
        size_t shared = 10000 + rng_below(&rng, 20), n = 0;
        float vector[DIM] = {(float)own, (float)round};
        uint32_t id = 0, again = 0;
        struct n2_neighbor found[K];
        CHECK_STATUS(0, put(w->index, w->kind, own, vector, &id));
        CHECK_STATUS(0, find(w->index, w->kind, own, &again));
        CHECK(id == again);
        check_key(w->index, w->kind, id, own);
        CHECK_STATUS(0, put(w->index, w->kind, shared, vector, &id));
        check_key(w->index, w->kind, id, shared);
        CHECK_STATUS(0, n2_search(w->index, vector, K, NULL, found, &n));
        for (size_t i = 0; i < n; i++) {
            unsigned char bytes[KEY_ROOM];
            uint64_t key;
            CHECK_STATUS(0, w->kind == N2_KEYS_U64
                                ? n2_key_u64(w->index, found[i].id, &key)
                                : n2_key_bytes(w->index, found[i].id, bytes, sizeof bytes, &n));
        }
        if (round % 3 == 0)
            CHECK_STATUS(0, delete_name(w->index, w->kind, own));
        int status = delete_name(w->index, w->kind, 10000 + round % 20);
        CHECK(status == 0 || status == N2_ERR_NOT_FOUND);
    }
    return NULL;
}

static void test_threads(void)
{
    for (int kind = N2_KEYS_U64; kind <= N2_KEYS_BYTES; kind++) {
        struct n2_options options = keyed_options(kind);
        struct n2_index *index = NULL;
        struct worker workers[THREADS];
        pthread_t threads[THREADS];
        REQUIRE_OK(n2_create(&index, DIM, &options));
        for (size_t i = 0; i < THREADS; i++) {
            workers[i] = (struct worker){index, kind, i, test_scale(1500, 200)};
            REQUIRE(!pthread_create(&threads[i], NULL, work, &workers[i]));
        }
        for (size_t round = 0; round < 8; round++) {
            struct bytes bytes;
            struct n2_index *copy = NULL;
            size_t used;
            CHECK_STATUS(0, build_on(index, 2));
            CHECK_STATUS(0, stream_out(index, 20000, &bytes));
            CHECK_STATUS(0, stream_in(&copy, bytes.data, bytes.n, 20000, true, &used));
            n2_free(copy);
            bytes_free(&bytes);
            /* Counts are not of one moment while others change them. */
            CHECK_STATUS(0, n2_verify(index, NULL, NULL));
        }
        for (size_t i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        CHECK_SOUND(index);
        n2_free(index);
    }
}

/* What is put while a writer is open is not in the file, though the table is made anew. */
static void test_puts_meanwhile(void)
{
    for (int kind = N2_KEYS_U64; kind <= N2_KEYS_BYTES; kind++) {
        uint64_t rng = test_seed;
        float *vectors = data_make(&rng, 2000, DIM, DATA_NORMAL, 0);
        struct n2_options options = keyed_options(kind);
        struct n2_index *index = index_make(&options, DIM, vectors, 100, 1);
        struct n2_writer *writer = NULL;
        REQUIRE(index != NULL);
        struct bytes saved = index_bytes(index), written = {must_alloc(saved.n, 1), 0};
        REQUIRE_OK(n2_save_begin(&writer, index));
        CHECK_STATUS(0, n2_save_next(writer, written.data, 5000, &written.n));
        CHECK_STATUS(0, put_named(index, 50, vectors, 2000));
        for (size_t name = 0; name < 100; name += 3)
            CHECK_STATUS(0, delete_name(index, kind, name));
        size_t n = 0;
        CHECK_STATUS(0, n2_save_next(writer, written.data + written.n, saved.n, &n));
        written.n += n;
        n2_save_end(writer);
        CHECK(bytes_equal(saved, written));
        CHECK_SOUND(index);
        bytes_free(&saved);
        bytes_free(&written);
        n2_free(index);
        free(vectors);
    }
}

/* Same puts, same bytes, whatever builds in between use. */
static void test_same_bytes(void)
{
    for (int kind = N2_KEYS_U64; kind <= N2_KEYS_BYTES; kind++) {
        struct bytes first = {NULL, 0};
        for (int threads = 1; threads <= 3; threads++) {
            uint64_t rng = test_seed;
            float *vectors = data_make(&rng, 900, DIM, DATA_CLUSTERS, 10);
            struct n2_options options = keyed_options(kind);
            struct n2_index *index = index_make(&options, DIM, vectors, 600, threads);
            REQUIRE(index != NULL);
            for (size_t name = 0; name < 600; name += 2)
                CHECK_STATUS(0, delete_name(index, kind, name));
            CHECK_STATUS(0, put_named(index, 300, vectors, 900));
            CHECK_STATUS(0, build_on(index, threads));
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
}

static const struct test_case cases[] = {
    {"model", test_model},
    {"growth", test_growth},
    {"same_again", test_same_again},
    {"collisions", test_collisions},
    {"odd_keys", test_odd_keys},
    {"damage", test_damage},
    {"verify", test_verify},
    {"threads", test_threads},
    {"puts_meanwhile", test_puts_meanwhile},
    {"same_bytes", test_same_bytes},
};
TEST_MAIN(cases)
