/* fuzz_load.c - any bytes as a file: n2_load, mapped and read, a reader, and all that may follow.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An input is a file without the padding between its sections, 64 KiB each, which would only slow
 * the fuzzer down; before it stands one byte that says which checksums are to be set right, since a
 * random change would never get past them.
 */
#include "fuzz.h"

#include "../test/craft.h"

#include <math.h>
#include <string.h>

#define MAX_FILE ((size_t)2 << 20)

enum { FLAG_HEADER = 1, FLAG_TRAILER = 2, FLAG_SECTIONS = 4 };

static uint8_t file_bytes[MAX_FILE];

static bool documented(int status)
{
    return status <= N2_OK && status >= N2_ERR_CANCELLED;
}

/* The key of an id, and the id of that key. */
static void use_key(struct n2_index *index, int kind, uint32_t id)
{
    uint8_t bytes[256];
    uint64_t number = 0;
    size_t n = 0;
    FUZZ_CHECK(documented(kind == N2_KEYS_U64 ? n2_key_u64(index, id, &number)
                                              : n2_key_bytes(index, id, bytes, sizeof bytes, &n)));
    n = n < sizeof bytes ? n : sizeof bytes;
    FUZZ_CHECK(documented(kind == N2_KEYS_U64 ? n2_find_u64(index, number, &id)
                                              : n2_find_bytes(index, bytes, n, &id)));
}

/* Adds two vectors, or puts them under some keys. */
static int add(struct n2_index *index, int kind, const float *vectors)
{
    const uint64_t numbers[2] = {1, UINT64_MAX};
    const uint32_t lengths[2] = {1, 3};
    return kind == N2_KEYS_NONE  ? n2_add(index, vectors, 2, NULL)
           : kind == N2_KEYS_U64 ? n2_put_u64(index, numbers, vectors, 2, NULL)
                                 : n2_put_bytes(index, "1new", lengths, vectors, 2, NULL);
}

/* Every kind of reading; then what changes the index and saves it. */
static void use(struct n2_index *index, bool verified)
{
    struct n2_stats stats = {.size = sizeof stats};
    FUZZ_CHECK(n2_get_stats(index, &stats) == 0);
    size_t dim = stats.dim, n_ids = stats.n_vectors + stats.n_deleted, k = 7, n[2] = {0, 0};
    FUZZ_CHECK(dim >= 1 && dim <= N2_MAX_DIM && stats.n_pending <= stats.n_vectors);
    float *v = calloc(2 * dim, sizeof *v);
    struct n2_neighbor out[14];
    FUZZ_CHECK(v != NULL);
    for (size_t i = 0; i < 2 * dim; i++)
        v[i] = (float)(i % 5) - 1.5f;
    FUZZ_CHECK(n2_search(index, v, k, NULL, out, n) == 0);
    FUZZ_CHECK(n[0] <= k && n[0] <= n_ids && (!verified || n[0] == k || n[0] == stats.n_vectors));
    for (size_t i = 0; i < n[0]; i++)
        FUZZ_CHECK(out[i].id < n_ids);
    FUZZ_CHECK(n2_search_exact(index, v, 2, k, out, n) == 0);
    for (uint64_t id = 0; id <= n_ids; id += 1 + n_ids / 5) {
        if (stats.keys != N2_KEYS_NONE)
            use_key(index, stats.keys, (uint32_t)id);
        FUZZ_CHECK(documented(n2_search_id(index, (uint32_t)id, k, NULL, out, n)));
        FUZZ_CHECK(documented(n2_vector(index, (uint32_t)id, v)));
    }
    uint64_t *counts = calloc((N2_MAX_LEVEL + 1) * ((size_t)stats.max_m0 + 1), sizeof *counts);
    FUZZ_CHECK(counts != NULL && documented(n2_degrees(index, counts, NULL)));
    free(counts);

    for (size_t i = 0; i < 2 * dim; i++)
        v[i] = (float)(i % 3) + 1;
    struct n2_build_options build;
    n2_build_options_init(&build);
    build.threads = 1;
    int status = add(index, stats.keys, v);
    FUZZ_CHECK(documented(status) && (!verified || !status));
    status = n2_build(index, &build);
    FUZZ_CHECK(documented(status) && (!verified || !status));
    FUZZ_CHECK(documented(n2_search(index, v, k, NULL, out, n)));
    FUZZ_CHECK(!verified || n2_verify(index, NULL, NULL) == 0);
    status = n2_save(index, fuzz_path());
    FUZZ_CHECK(documented(status) && (!verified || !status));
    FUZZ_CHECK(documented(n2_delete(index, 0)) && documented(n2_delete(index, 1)));
    status = n2_compact(index, &build);
    FUZZ_CHECK(documented(status) && (!verified || !status));
    FUZZ_CHECK(documented(n2_search(index, v, k, NULL, out, n)));
    FUZZ_CHECK(!verified || n2_verify(index, NULL, NULL) == 0);
    free(v);
}

static int load(struct n2_index **index, const uint8_t *data, size_t size, int way)
{
    struct n2_load_options options;
    n2_load_options_init(&options);
    options.no_map = way & 1;
    options.verify = way & 2;
    FILE *file = fopen(fuzz_path(), "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file)) {
        fprintf(stderr, "cannot write %s\n", fuzz_path());
        exit(2);
    }
    *index = NULL;
    return n2_load(index, fuzz_path(), &options);
}

/* By a reader, in pieces of that size, and one byte more than there are. */
static int read_pieces(struct n2_index **index, const uint8_t *data, size_t size, size_t piece)
{
    struct n2_load_options options;
    struct n2_reader *reader;
    n2_load_options_init(&options);
    options.verify = 1;
    FUZZ_CHECK(n2_load_begin(&reader, &options) == 0);
    int status = 0;
    for (size_t at = 0, used = 1; at < size && used && !status; at += used) {
        size_t n = size - at < piece ? size - at : piece;
        uint64_t left = n2_load_left(reader);
        used = 0;
        status = n2_load_next(reader, data + at, n, &used);
        FUZZ_CHECK(documented(status) && (status || used == n || left < n));
    }
    if (!status && n2_load_left(reader) == 0) {
        size_t used = 1;
        FUZZ_CHECK(n2_load_next(reader, data, 1, &used) == 0 && used == 0);
    }
    *index = NULL;
    int last = n2_load_end(reader, index);
    FUZZ_CHECK(!status || last == status);
    return last;
}

/* Moves *n bytes, at most `want`, from *data to file_bytes + offset, if that many fit there. */
static void place(const uint8_t **data, size_t *n, uint64_t offset, uint64_t want)
{
    if (want > *n)
        want = *n;
    if (offset > MAX_FILE || want > MAX_FILE - offset)
        return;
    memcpy(file_bytes + offset, *data, want);
    *data += want;
    *n -= want;
}

/* Lays out the input in file_bytes as its own header says. Returns the size of the file. */
static size_t unpack(const uint8_t *data, size_t n)
{
    struct n2_header header;
    uint8_t flags = n ? *data : 0;
    memset(file_bytes, 0, MAX_FILE);
    data += n > 0;
    n -= n > 0;
    if (!craft_header_of(data, n, &header) || header.file_bytes > MAX_FILE) {
        size_t size = n < MAX_FILE ? n : MAX_FILE;
        place(&data, &n, 0, size);
        craft_header(file_bytes, flags & FLAG_HEADER ? size : 0);
        return size;
    }
    place(&data, &n, 0, sizeof header);
    for (size_t i = 0; i < N2_N_SECTIONS; i++)
        place(&data, &n, header.sections[i].offset, header.sections[i].bytes);
    place(&data, &n, header.trailer_offset, n);
    if (flags & FLAG_TRAILER)
        craft_trailer(file_bytes, header.file_bytes, flags & FLAG_SECTIONS);
    if (flags & FLAG_HEADER)
        craft_header(file_bytes, header.file_bytes);
    return header.file_bytes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int unverified = 0, verified = 0;
    size_t n = unpack(data, size);
    for (int way = 0; way < 4; way++) {
        struct n2_index *index;
        const char *what = "nothing";
        int status = load(&index, file_bytes, n, way);
        FUZZ_CHECK(documented(status) && (status == 0) == (index != NULL));
        if (way == 0)
            unverified = status;
        verified = status;
        FUZZ_CHECK(way & 2 ? status == unverified || status == N2_ERR_CORRUPT
                           : status == unverified);
        if (!status) {
            int sound = way & 2 ? 0 : way & 1 ? n2_verify(index, NULL, &what) : N2_ERR_CORRUPT;
            FUZZ_CHECK(sound == 0 || sound == N2_ERR_CORRUPT);
            use(index, sound == 0);
        }
        n2_free(index);
    }
    struct n2_index *read;
    int status = read_pieces(&read, file_bytes, n, 1 + size * size % 100000);
    FUZZ_CHECK(status == verified && (status == 0) == (read != NULL));
    if (!status)
        use(read, true);
    n2_free(read);
    remove(fuzz_path());
    return 0;
}

/* The reverse of unpack; `n` bytes of a sound file are in file_bytes. */
static size_t pack(size_t n, uint8_t flags, uint8_t *out, size_t capacity)
{
    struct n2_header header;
    struct n2_section parts[N2_N_SECTIONS + 2];
    size_t size = 1;
    FUZZ_CHECK(craft_header_of(file_bytes, n, &header));
    parts[0].offset = 0;
    parts[0].bytes = sizeof header;
    memcpy(parts + 1, header.sections, sizeof header.sections);
    parts[N2_N_SECTIONS + 1].offset = header.trailer_offset;
    parts[N2_N_SECTIONS + 1].bytes = sizeof(struct n2_trailer);
    out[0] = flags;
    for (size_t i = 0; i < N2_N_SECTIONS + 2; i++) {
        FUZZ_CHECK(parts[i].bytes <= capacity - size && parts[i].offset + parts[i].bytes <= n);
        memcpy(out + size, file_bytes + parts[i].offset, parts[i].bytes);
        size += parts[i].bytes;
    }
    return size;
}

/* A small index, saved. */
size_t fuzz_seed(uint64_t seed, uint8_t *out, size_t capacity)
{
    struct n2_options options;
    struct n2_index *index;
    n2_options_init(&options);
    options.metric = 1 + (int32_t)(seed % 3);
    options.M = 2 + (int32_t)(seed % 5);
    options.seed = seed;
    options.keys = (int32_t)(seed / 3 % 3);
    size_t dim = 1 + seed % 7, n = seed * 17, size = 0;
    FUZZ_CHECK(n2_create(&index, dim, &options) == 0);
    for (size_t i = 0; i < n; i++) {
        float v[7];
        for (size_t j = 0; j < dim; j++)
            v[j] = (float)((i * 31 + j * 17 + i * i * (j + 3)) % 61) - 30.5f;
        uint64_t key = i * 7;
        const uint32_t length = (uint32_t)(i % 9);
        FUZZ_CHECK((options.keys == N2_KEYS_NONE ? n2_add(index, v, 1, NULL)
                    : options.keys == N2_KEYS_U64
                        ? n2_put_u64(index, &key, v, 1, NULL)
                        : n2_put_bytes(index, &key, &length, v, 1, NULL)) == 0);
        if (i == n * 3 / 4)
            FUZZ_CHECK(n2_build(index, NULL) == 0);
    }
    FUZZ_CHECK(n2_save(index, fuzz_path()) == 0);
    n2_free(index);
    FILE *file = fopen(fuzz_path(), "rb");
    FUZZ_CHECK(file != NULL);
    size = fread(file_bytes, 1, MAX_FILE, file);
    fclose(file);
    remove(fuzz_path());
    return pack(size, (uint8_t)(seed % 8), out, capacity);
}
