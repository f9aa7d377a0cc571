/* fuzz_keys.c - bytes drive puts, looks and deletes by key on one index, checked against a model.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The model is an array of the few names that there are. After every call the status is the
 * documented one; now and then, and at the end, each name is looked for and each id is named.
 */
#include "fuzz.h"

#include "../n2.h"

#include <stdbool.h>
#include <string.h>

#define NAMES 64
#define MAX_IDS 4096
#define NONE UINT32_MAX

struct input {
    const uint8_t *data;
    size_t size;
};

struct world {
    struct n2_index *index;
    int kind;
    uint32_t ids[NAMES]; /* NONE: the name is not there */
    float vectors[NAMES];
    uint8_t names[MAX_IDS]; /* by id */
    uint32_t n_ids, n_live;
};

static uint8_t take(struct input *in)
{
    if (!in->size)
        return 0;
    in->size--;
    return *in->data++;
}

static uint64_t number_of(uint8_t name)
{
    return (uint64_t)name << name % 57;
}

/* Some begin like others, one is empty, one long. */
static uint32_t bytes_of(uint8_t name, uint8_t out[1024])
{
    memset(out, 0, 1024);
    out[name / 8] = (uint8_t)(1 + name % 8);
    return name == 0 ? 0 : name == 1 ? 1000 : name / 8 + 1u;
}

static int put(struct world *w, const uint8_t *names, const float *vectors, size_t n, uint32_t *ids)
{
    static uint8_t bytes[8 * 1024];
    uint64_t numbers[8];
    uint32_t lengths[8];
    for (size_t i = 0, at = 0; i < n; at += lengths[i], i++) {
        numbers[i] = number_of(names[i]);
        lengths[i] = bytes_of(names[i], bytes + at);
    }
    return w->kind == N2_KEYS_U64 ? n2_put_u64(w->index, numbers, vectors, n, ids)
                                  : n2_put_bytes(w->index, bytes, lengths, vectors, n, ids);
}

static int find(struct world *w, uint8_t name, uint32_t *id)
{
    uint8_t bytes[1024];
    uint32_t n = bytes_of(name, bytes);
    return w->kind == N2_KEYS_U64 ? n2_find_u64(w->index, number_of(name), id)
                                  : n2_find_bytes(w->index, bytes, n, id);
}

static int delete_name(struct world *w, uint8_t name)
{
    uint8_t bytes[1024];
    uint32_t n = bytes_of(name, bytes);
    return w->kind == N2_KEYS_U64 ? n2_delete_u64(w->index, number_of(name))
                                  : n2_delete_bytes(w->index, bytes, n);
}

/* Up to 8 at once, of which the last may be refused. */
static void put_some(struct world *w, struct input *in, uint8_t byte)
{
    size_t n = byte % 8;
    uint8_t names[8];
    float vectors[8];
    uint32_t ids[8];
    for (size_t i = 0; i < n; i++) {
        names[i] = take(in) % NAMES;
        vectors[i] = (float)take(in);
    }
    if (w->n_ids + n > MAX_IDS)
        return;
    bool bad = n > 0 && byte >= 240;
    if (bad)
        vectors[n - 1] = 0x1p61f;
    FUZZ_CHECK(put(w, names, vectors, n, ids) == (bad ? N2_ERR_MAGNITUDE : 0));
    for (size_t i = 0; i < n && !bad; i++) {
        if (w->ids[names[i]] == NONE) {
            w->names[w->n_ids] = names[i];
            w->ids[names[i]] = w->n_ids++;
            w->n_live++;
        }
        w->vectors[names[i]] = vectors[i];
        FUZZ_CHECK(ids[i] == w->ids[names[i]]);
    }
}

/* By name or by id. */
static void delete_one(struct world *w, uint8_t name, bool by_id)
{
    uint32_t id = w->ids[name];
    int want = id == NONE ? N2_ERR_NOT_FOUND : 0;
    FUZZ_CHECK((by_id ? n2_delete(w->index, id) : delete_name(w, name)) == want);
    w->ids[name] = NONE;
    w->n_live -= id != NONE;
}

static void check_name_of(struct world *w, uint32_t id)
{
    uint8_t want[1024], bytes[1024];
    uint32_t n_want = bytes_of(w->names[id], want);
    uint64_t number;
    size_t n;
    if (w->kind == N2_KEYS_U64) {
        FUZZ_CHECK(n2_key_u64(w->index, id, &number) == 0 && number == number_of(w->names[id]));
        return;
    }
    FUZZ_CHECK(n2_key_bytes(w->index, id, bytes, sizeof bytes, &n) == 0 && n == n_want);
    FUZZ_CHECK(!memcmp(bytes, want, n));
}

static void check_state(struct world *w)
{
    struct n2_stats stats = {.size = sizeof stats};
    FUZZ_CHECK(n2_get_stats(w->index, &stats) == 0 && stats.keys == w->kind);
    FUZZ_CHECK(stats.n_vectors == w->n_live && stats.n_deleted == w->n_ids - w->n_live);
    for (uint8_t name = 0; name < NAMES; name++) {
        uint32_t id = 0;
        float vector;
        bool there = w->ids[name] != NONE;
        FUZZ_CHECK(find(w, name, &id) == (there ? 0 : N2_ERR_NOT_FOUND));
        FUZZ_CHECK(!there || id == w->ids[name]);
        FUZZ_CHECK(!there || (n2_vector(w->index, id, &vector) == 0 && vector == w->vectors[name]));
    }
    for (uint32_t id = 0; id < w->n_ids; id++)
        check_name_of(w, id);
    const char *what = "";
    int status = n2_verify(w->index, NULL, &what);
    if (status)
        fprintf(stderr, "n2_verify: %s: %s\n", n2_status_text(status), what);
    FUZZ_CHECK(status == 0);
}

static void reload(struct world *w, bool no_map)
{
    struct n2_load_options options;
    n2_load_options_init(&options);
    options.no_map = no_map;
    FUZZ_CHECK(n2_save(w->index, fuzz_path()) == 0);
    n2_free(w->index);
    FUZZ_CHECK(n2_load(&w->index, fuzz_path(), &options) == 0);
    remove(fuzz_path());
}

static void act(struct world *w, struct input *in)
{
    uint8_t what = take(in), byte = take(in);
    struct n2_build_options options;
    switch (what % 16) {
    default:
        put_some(w, in, byte);
        break;
    case 8:
    case 9:
    case 10:
    case 11:
        delete_one(w, byte % NAMES, what & 16);
        break;
    case 12:
        n2_build_options_init(&options);
        options.threads = 1;
        options.compact = byte % 2;
        FUZZ_CHECK(n2_build(w->index, &options) == 0);
        break;
    case 13:
        reload(w, byte % 2);
        break;
    case 14:
        check_state(w);
        break;
    case 15:
        w->vectors[byte % NAMES] = 7;
        FUZZ_CHECK(n2_update(w->index, w->ids[byte % NAMES], &w->vectors[byte % NAMES]) ==
                   (w->ids[byte % NAMES] == NONE ? N2_ERR_NOT_FOUND : 0));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    struct input in = {data, size};
    struct n2_options options;
    memset(&world, 0, sizeof world);
    memset(world.ids, 0xff, sizeof world.ids);
    n2_options_init(&options);
    options.metric = N2_L2;
    options.M = 4;
    options.keys = world.kind = 1 + take(&in) % 2;
    options.seed = take(&in);
    FUZZ_CHECK(n2_create(&world.index, 1, &options) == 0);
    while (in.size)
        act(&world, &in);
    check_state(&world);
    n2_free(world.index);
    return 0;
}

size_t fuzz_seed(uint64_t seed, uint8_t *out, size_t capacity)
{
    size_t size = 100 + seed * 50;
    if (size > capacity)
        size = capacity;
    uint64_t z = seed + 99;
    for (size_t i = 0; i < size; i++) {
        z = z * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(z >> 56);
    }
    return size;
}
