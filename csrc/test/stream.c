/* stream.c - tests of writers and readers: the bytes of a file, in pieces of any size.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include "craft.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const size_t pieces[] = {1, 7, 4096, 65536, (size_t)5 << 20};
#define N_PIECES (sizeof pieces / sizeof *pieces)

static struct n2_index *make(uint64_t *rng, struct n2_options options, size_t dim, size_t n,
                             size_t pending)
{
    float *vectors = data_make(rng, n + pending, dim, DATA_NORMAL, 10);
    options.M = 5;
    options.ef_construction = 40;
    struct n2_index *index = index_make(&options, dim, vectors, n, n ? 1 : -1);
    if (index)
        CHECK_STATUS(0, n2_add(index, vectors + n * dim, pending, NULL));
    free(vectors);
    return index;
}

/* The file of such an index. */
static struct bytes sample(uint64_t *rng, size_t n, size_t pending)
{
    struct n2_index *index = make(rng, options_of(1 + (int)rng_below(rng, 3)), 6, n, pending);
    struct bytes bytes = index ? index_bytes(index) : (struct bytes){NULL, 0};
    n2_free(index);
    return bytes;
}

static int read_all(struct bytes bytes, struct n2_index **index)
{
    size_t used;
    return stream_in(index, bytes.data, bytes.n, bytes.n, false, &used);
}

/* Out and in again, in pieces of each size. */
static void check_both_ways(struct n2_index *index)
{
    struct bytes saved = index_bytes(index);
    for (size_t i = 0; i < N_PIECES; i++) {
        struct bytes written, again;
        struct n2_index *read = NULL;
        size_t used;
        CHECK_STATUS(0, stream_out(index, pieces[i], &written));
        CHECKF(bytes_equal(saved, written), "in pieces of %zu: other bytes", pieces[i]);
        bytes_free(&written);
        if (!CHECK_STATUS(0, stream_in(&read, saved.data, saved.n, pieces[i], i % 2, &used)))
            continue;
        CHECK(used == saved.n);
        CHECK_SOUND(read);
        again = index_bytes(read);
        CHECKF(bytes_equal(saved, again), "read in pieces of %zu: other bytes", pieces[i]);
        bytes_free(&again);
        n2_free(read);
    }
    bytes_free(&saved);
}

static void test_both_ways(void)
{
    uint64_t rng = test_seed;
    const size_t shapes[][3] = {/* dimension, built, pending */
                                {3, 0, 0}, {1, 0, 1},    {70, 0, 50},
                                {9, 1, 0}, {8, 300, 77}, {80, 300, 20}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct n2_options options = options_of(1 + (int)(s % 3));
        struct n2_index *index = make(&rng, options, shapes[s][0], shapes[s][1], shapes[s][2]);
        REQUIRE(index != NULL);
        check_both_ways(index);
        n2_free(index);
    }
    for (int store = N2_STORE_FLOAT32; store <= N2_STORE_SQ8; store++) {
        struct n2_options options = options_of(store);
        options.store = store;
        options.navigation = N2_NAVIGATE_CODES;
        struct n2_index *index = make(&rng, options, 40, test_scale(1000, 400), 11);
        struct n2_stats stats = {.size = sizeof stats};
        REQUIRE(index != NULL);
        CHECK_STATUS(0, n2_get_stats(index, &stats));
        CHECK(stats.code_axes > 0 && stats.sketch_bytes > 0);
        check_both_ways(index);
        n2_free(index);
    }
}

/* What was read goes on as any index, and so does one that is mapped. */
static void test_goes_on(void)
{
    uint64_t rng = test_seed;
    struct bytes bytes = sample(&rng, 300, 20), all[2];
    REQUIRE(bytes.data != NULL);
    file_write(temp_path("mapped"), bytes.data, bytes.n);
    float more[50 * 6];
    for (size_t i = 0; i < 50 * 6; i++)
        more[i] = (float)(i % 37) + 1;
    for (int i = 0; i < 2; i++) {
        struct n2_index *index = NULL;
        REQUIRE_OK(i ? read_all(bytes, &index) : n2_load(&index, temp_path("mapped"), NULL));
        CHECK_STATUS(0, n2_add(index, more, 50, NULL));
        CHECK_STATUS(0, build_on(index, 2));
        CHECK_SOUND(index);
        CHECK_STATUS(0, stream_out(index, 10000, &all[i]));
        n2_free(index);
    }
    CHECK(bytes_equal(all[0], all[1]));
    bytes_free(&all[0]);
    bytes_free(&all[1]);
    bytes_free(&bytes);
}

/* Files that follow one another: a reader takes its own, and tells how much is to come. */
static void test_one_after_another(void)
{
    uint64_t rng = test_seed;
    struct bytes files[3], joined = {NULL, 0};
    for (size_t i = 0; i < 3; i++) {
        files[i] = sample(&rng, i * 100, 5);
        REQUIRE(files[i].data != NULL);
        joined.n += files[i].n;
    }
    joined.data = must_alloc(joined.n, 1);
    for (size_t i = 0, at = 0; i < 3; at += files[i].n, i++)
        memcpy(joined.data + at, files[i].data, files[i].n);
    for (size_t p = 2; p < N_PIECES; p++) {
        size_t at = 0, used;
        for (size_t i = 0; i < 3; at += used, i++) {
            struct n2_index *index = NULL;
            REQUIRE_OK(stream_in(&index, joined.data + at, joined.n - at, pieces[p], false, &used));
            CHECK(used == files[i].n);
            struct bytes again = index_bytes(index);
            CHECK(bytes_equal(files[i], again));
            bytes_free(&again);
            n2_free(index);
        }
    }
    struct n2_reader *reader = NULL;
    struct n2_index *index = NULL;
    REQUIRE_OK(n2_load_begin(&reader, NULL));
    for (size_t at = 0; at < files[0].n; at++) {
        size_t end = at < sizeof(struct n2_header) ? sizeof(struct n2_header) : files[0].n;
        CHECK(n2_load_left(reader) == end - at);
        CHECK_STATUS(0, n2_load_next(reader, joined.data + at, 1, NULL));
    }
    CHECK(n2_load_left(reader) == 0);
    size_t used = 99;
    CHECK_STATUS(0, n2_load_next(reader, joined.data, 1, &used));
    CHECK(used == 0);
    CHECK_STATUS(0, n2_load_end(reader, &index));
    n2_free(index);
    for (size_t i = 0; i < 3; i++)
        bytes_free(&files[i]);
    bytes_free(&joined);
}

static void check_cut(struct bytes bytes, size_t n, size_t piece)
{
    struct n2_index *const before = (struct n2_index *)(void *)&bytes, *index = before;
    size_t used;
    int want = n < 8 ? N2_ERR_FORMAT : N2_ERR_TRUNCATED;
    int status = stream_in(&index, bytes.data, n, piece, false, &used);
    CHECKF(status == want && used == n && index == before, "%zu of %zu bytes: %s", n, bytes.n,
           n2_status_text(status));
}

static void test_truncation(void)
{
    uint64_t rng = test_seed;
    struct bytes bytes = sample(&rng, 200, 20);
    REQUIRE(bytes.data != NULL);
    for (size_t n = 0; n < 1000; n++)
        check_cut(bytes, n, 1 + n % 5);
    for (size_t at = 65536; at < bytes.n; at += 65536)
        for (size_t n = at - 2; n <= at + 2 && n < bytes.n; n++)
            check_cut(bytes, n, 65535);
    for (size_t n = bytes.n - 70; n < bytes.n; n++)
        check_cut(bytes, n, bytes.n);
    for (size_t i = test_scale(500, 50); i--;)
        check_cut(bytes, rng_below(&rng, bytes.n), 10000);
    bytes_free(&bytes);
}

/* As a file they give the same. */
static int load_all(struct bytes bytes)
{
    struct n2_index *index = NULL;
    struct n2_load_options options;
    n2_load_options_init(&options);
    options.verify = 1;
    file_write(temp_path("damaged"), bytes.data, bytes.n);
    int status = n2_load(&index, temp_path("damaged"), &options);
    n2_free(index);
    return status;
}

/* Every byte counts but those of the padding; what is wrong is what n2_load finds wrong. */
static void test_damage(void)
{
    uint64_t rng = test_seed;
    struct bytes bytes = sample(&rng, 100, 10);
    struct n2_header header;
    REQUIRE(bytes.data != NULL && craft_header_of(bytes.data, bytes.n, &header));
    size_t step = test_scale(100, 1) == 100 ? 1 : 7, skipped = 0;
    for (size_t at = 0; at < bytes.n; at += step) {
        bool counts = at < sizeof header || at >= header.trailer_offset;
        for (int i = 0; i < N2_N_SECTIONS; i++)
            counts |= at - header.sections[i].offset < header.sections[i].bytes;
        if (!counts && skipped++ % 5000)
            continue;
        struct n2_index *index = NULL;
        bool quick = at % 97 != 0 && at >= sizeof header;
        unsigned char bit = (unsigned char)(1 << rng_below(&rng, 8));
        bytes.data[at] ^= bit;
        int want = !counts ? 0 : quick ? N2_ERR_CORRUPT : load_all(bytes);
        int status = read_all(bytes, &index);
        CHECKF(status == want && (status == 0) == !counts, "bit %d of byte %zu: %s, not %s", bit,
               at, n2_status_text(status), n2_status_text(want));
        bytes.data[at] ^= bit;
        n2_free(index);
    }
    bytes_free(&bytes);
}

/* Pages that may be written; 0 where the system does not tell. */
static size_t data_pages(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long pages = 0;
    if (file && fscanf(file, "%*u %*u %*u %*u %*u %lu", &pages) != 1)
        pages = 0;
    if (file)
        fclose(file);
    return pages;
}

/* A header promises a hundred gigabytes; memory is taken for what comes. */
static void test_promises(void)
{
    uint64_t rng = test_seed;
    struct bytes bytes = sample(&rng, 0, 4);
    struct n2_header header;
    REQUIRE(bytes.data != NULL && craft_header_of(bytes.data, bytes.n, &header));
    header.n_nodes = header.n_ids = 2000000000;
    uint64_t end = N2_SECTION_ALIGN;
    for (int i = 0; i < N2_N_SECTIONS; i++) {
        struct n2_section *s = &header.sections[i];
        s->bytes = s->bytes / 4 * header.n_nodes; /* of 4 vectors, or empty */
        s->offset = end;
        end = (end + s->bytes + N2_SECTION_ALIGN - 1) / N2_SECTION_ALIGN * N2_SECTION_ALIGN;
    }
    header.trailer_offset = end;
    header.file_bytes = end + sizeof(struct n2_trailer);
    memcpy(bytes.data, &header, sizeof header);
    craft_header(bytes.data, bytes.n);
    struct n2_reader *reader = NULL;
    struct n2_index *index = NULL;
    size_t before = data_pages(), used;
    REQUIRE_OK(n2_load_begin(&reader, NULL));
    int status = n2_load_next(reader, bytes.data, bytes.n, &used);
    CHECK(status == 0 || status == N2_ERR_NO_MEMORY); /* where addresses are few */
    if (!status)
        CHECK(used == bytes.n && n2_load_left(reader) == header.file_bytes - used);
    size_t after = data_pages(), page = (size_t)sysconf(_SC_PAGESIZE);
    CHECKF(after < before + ((size_t)64 << 20) / page, "%zu pages were taken", after - before);
    CHECK_STATUS(status ? status : N2_ERR_TRUNCATED, n2_load_end(reader, &index));
    CHECK(index == NULL);
    bytes_free(&bytes);
}

/* What is added while a writer is open is not in the file, and is found at once. */
static void test_adds_meanwhile(void)
{
    enum { DIM = 6 };
    uint64_t rng = test_seed;
    struct n2_index *index = make(&rng, options_of(N2_L2), DIM, 200, 30);
    REQUIRE(index != NULL);
    struct bytes saved = index_bytes(index), written = {must_alloc(saved.n, 1), 0};
    struct n2_writer *writer = NULL;
    REQUIRE_OK(n2_save_begin(&writer, index));
    float v[DIM] = {0};
    for (size_t n = 1; n > 0; written.n += n) {
        struct n2_neighbor found[1];
        size_t n_found = 0;
        v[0] = 100 + (float)written.n;
        CHECK_STATUS(0, n2_add(index, v, 1, NULL));
        CHECK_STATUS(0, n2_search(index, v, 1, NULL, found, &n_found));
        CHECK(n_found == 1 && found[0].distance == 0);
        size_t room = saved.n - written.n < 5000 ? saved.n - written.n : 5000;
        REQUIRE_OK(n2_save_next(writer, written.data + written.n, room, &n));
    }
    n2_save_end(writer);
    CHECK(bytes_equal(saved, written));
    CHECK_STATUS(0, build_on(index, 1));
    CHECK_SOUND(index);
    bytes_free(&saved);
    bytes_free(&written);
    n2_free(index);
}

/* Ended anywhere, a writer or a reader leaves nothing behind, and the index as it was. */
static void test_end_early(void)
{
    uint64_t rng = test_seed;
    struct n2_index *index = make(&rng, options_of(N2_DOT), 6, 200, 30);
    REQUIRE(index != NULL);
    struct bytes saved = index_bytes(index);
    unsigned char *buffer = must_alloc(saved.n, 1);
    for (size_t i = 0; i < 20; i++) {
        struct n2_writer *writer = NULL;
        struct n2_reader *reader = NULL;
        size_t n, room = i * saved.n / 19;
        REQUIRE_OK(n2_save_begin(&writer, index));
        REQUIRE_OK(n2_load_begin(&reader, NULL));
        CHECK_STATUS(0, n2_save_next(writer, buffer, room, &n));
        CHECK(n == room && n2_save_left(writer) == saved.n - n);
        CHECK_STATUS(0, n2_load_next(reader, buffer, n, NULL));
        n2_save_end(writer);
        CHECK_STATUS(0, n2_load_end(reader, NULL));
    }
    struct bytes after = index_bytes(index);
    CHECK(bytes_equal(saved, after));
    bytes_free(&after);
    bytes_free(&saved);
    free(buffer);
    n2_free(index);
}

struct waiting {
    struct n2_index *index;
    atomic_int state; /* 1: it is about to build; 2: it has */
    int status;
};

static void *build_in_thread(void *argument)
{
    struct waiting *waiting = argument;
    atomic_store(&waiting->state, 1);
    waiting->status = build_on(waiting->index, 1);
    atomic_store(&waiting->state, 2);
    return NULL;
}

/* Starts a build in a thread and gives it time to come as far as it can. */
static bool start_build(struct waiting *waiting, struct n2_index *index, pthread_t *thread)
{
    waiting->index = index;
    atomic_store(&waiting->state, 0);
    if (!CHECK(!pthread_create(thread, NULL, build_in_thread, waiting)))
        return false;
    for (int i = 0; i < 30 || atomic_load(&waiting->state) == 0; i++)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    return true;
}

/* A build waits for the end of the writer, which may be in any thread. */
static void test_build_waits(void)
{
    uint64_t rng = test_seed;
    struct n2_index *index = make(&rng, options_of(N2_L2), 6, 100, 100);
    struct n2_writer *writer = NULL;
    struct waiting waiting;
    pthread_t thread;
    REQUIRE(index != NULL);
    struct bytes saved = index_bytes(index), written = {must_alloc(saved.n, 1), 0};
    REQUIRE_OK(n2_save_begin(&writer, index));
    REQUIRE(start_build(&waiting, index, &thread));
    CHECK(atomic_load(&waiting.state) == 1);
    CHECK_STATUS(0, n2_save_next(writer, written.data, saved.n, &written.n));
    CHECK(atomic_load(&waiting.state) == 1);
    n2_save_end(writer);
    pthread_join(thread, NULL);
    CHECK_STATUS(0, waiting.status);
    CHECK(bytes_equal(saved, written));
    CHECK_SOUND(index);
    bytes_free(&saved);
    bytes_free(&written);
    n2_free(index);
}

/* Closed between two steps: what waits for the writer goes on, and its end is still allowed. */
static void test_close_between(void)
{
    uint64_t rng = test_seed;
    for (int round = 0; round < 4; round++) {
        struct n2_index *index = make(&rng, options_of(N2_L2), 6, 100, 100);
        struct n2_writer *writer = NULL;
        struct waiting waiting;
        pthread_t thread;
        unsigned char byte = 42;
        size_t n = 99;
        REQUIRE(index != NULL);
        REQUIRE_OK(n2_save_begin(&writer, index));
        if (round % 2)
            CHECK_STATUS(0, n2_save_next(writer, &byte, 1, &n));
        bool builds = round / 2 && start_build(&waiting, index, &thread);
        n2_close(index); /* which waits for the build, and that for the writer */
        byte = 42;
        n = 99;
        CHECK_STATUS(N2_ERR_CLOSED, n2_save_next(writer, &byte, 1, &n));
        CHECK_STATUS(N2_ERR_CLOSED, n2_save_next(writer, &byte, 1, &n));
        CHECK(byte == 42 && n == 99);
        n2_save_end(writer);
        n2_close(index);
        if (builds) {
            pthread_join(thread, NULL);
            CHECK(waiting.status == N2_ERR_CANCELLED || waiting.status == N2_ERR_CLOSED);
        }
        n2_free(index);
    }
}

/* Rot in the file an index is mapped from is not passed on. */
static void test_no_laundering(void)
{
    uint64_t rng = test_seed;
    struct bytes bytes = sample(&rng, 100, 0);
    struct n2_index *index = NULL;
    struct n2_writer *writer = NULL;
    REQUIRE(bytes.data != NULL);
    bytes.data[N2_SECTION_ALIGN + 1] ^= 4;
    file_write(temp_path("rotten"), bytes.data, bytes.n);
    bytes_free(&bytes);
    REQUIRE_OK(n2_load(&index, temp_path("rotten"), NULL));
    CHECK_STATUS(N2_ERR_CORRUPT, n2_save_begin(&writer, index));
    CHECK(writer == NULL);
    CHECK_STATUS(N2_ERR_CORRUPT, n2_save(index, temp_path("copy")));
    n2_free(index);
}

static void test_arguments(void)
{
    uint64_t rng = test_seed;
    struct n2_index *index = make(&rng, options_of(N2_L2), 6, 10, 0), *read = NULL;
    struct n2_writer *writer = NULL;
    struct n2_reader *reader = NULL;
    struct n2_load_options options;
    unsigned char byte = 42;
    size_t n = 99;
    REQUIRE(index != NULL);
    CHECK_STATUS(N2_ERR_OPTION, n2_save_begin(NULL, index));
    CHECK_STATUS(N2_ERR_OPTION, n2_save_begin(&writer, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_save_next(NULL, &byte, 1, &n));
    CHECK(n2_save_left(NULL) == 0 && writer == NULL);
    n2_save_end(NULL);
    REQUIRE_OK(n2_save_begin(&writer, index));
    CHECK_STATUS(N2_ERR_OPTION, n2_save_next(writer, NULL, 1, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_save_next(writer, &byte, 1, NULL));
    CHECK(byte == 42 && n == 99);
    CHECK_STATUS(0, n2_save_next(writer, NULL, 0, &n));
    CHECK(n == 0);
    CHECK_STATUS(0, n2_save_next(writer, &byte, 1, &n));
    CHECK(n == 1 && byte == 0x89);
    n2_save_end(writer);
    n2_free(index);

    n2_load_options_init(&options);
    options.size = 0;
    CHECK_STATUS(N2_ERR_OPTION, n2_load_begin(NULL, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_load_begin(&reader, &options));
    CHECK_STATUS(N2_ERR_OPTION, n2_load_next(NULL, &byte, 1, &n));
    CHECK_STATUS(N2_ERR_OPTION, n2_load_end(NULL, &read));
    CHECK_STATUS(N2_ERR_OPTION, n2_load_end(NULL, NULL));
    CHECK(n2_load_left(NULL) == 0 && reader == NULL && n == 1);
    REQUIRE_OK(n2_load_begin(&reader, NULL));
    CHECK_STATUS(N2_ERR_OPTION, n2_load_next(reader, NULL, 1, &n));
    CHECK_STATUS(0, n2_load_next(reader, NULL, 0, &n));
    CHECK(n == 0);
    CHECK_STATUS(N2_ERR_FORMAT, n2_load_end(reader, &read));

    /* An error stays. */
    unsigned char text[2000];
    memset(text, 'a', sizeof text);
    REQUIRE_OK(n2_load_begin(&reader, NULL));
    CHECK_STATUS(N2_ERR_FORMAT, n2_load_next(reader, text, sizeof text, &n));
    CHECK_STATUS(N2_ERR_FORMAT, n2_load_next(reader, text, sizeof text, &n));
    CHECK(n == 0 && n2_load_left(reader) == 0);
    CHECK_STATUS(N2_ERR_FORMAT, n2_load_end(reader, &read));
    CHECK(read == NULL);
}

static const struct test_case cases[] = {
    {"both_ways", test_both_ways},
    {"goes_on", test_goes_on},
    {"one_after_another", test_one_after_another},
    {"truncation", test_truncation},
    {"damage", test_damage},
    {"promises", test_promises},
    {"adds_meanwhile", test_adds_meanwhile},
    {"end_early", test_end_early},
    {"build_waits", test_build_waits},
    {"close_between", test_close_between},
    {"no_laundering", test_no_laundering},
    {"arguments", test_arguments},
};
TEST_MAIN(cases)
