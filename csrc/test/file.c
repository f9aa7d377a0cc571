/* file.c - tests of saving and loading: what comes back, what a failed save leaves, odd paths.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* fork, seteuid, setrlimit */
#include "support.h"

#include "craft.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const int metrics[] = {N2_ANGULAR, N2_L2, N2_DOT};

static struct n2_index *load(const char *path, bool no_map, bool verify)
{
    struct n2_load_options options;
    n2_load_options_init(&options);
    options.no_map = no_map;
    options.verify = verify;
    struct n2_index *index = NULL;
    CHECK_STATUS(0, n2_load(&index, path, &options));
    return index;
}

/* Whether two indexes answer alike, bit for bit. */
static void check_alike(struct n2_index *a, struct n2_index *b, const float *queries, size_t dim)
{
    struct n2_stats sa = {.size = sizeof sa}, sb = sa;
    CHECK_STATUS(0, n2_get_stats(a, &sa));
    CHECK_STATUS(0, n2_get_stats(b, &sb));
    CHECK(sa.dim == sb.dim && sa.n_vectors == sb.n_vectors && sa.n_pending == sb.n_pending);
    CHECK(sa.n_duplicates == sb.n_duplicates && sa.metric == sb.metric && sa.M == sb.M);
    CHECK(sa.selection == sb.selection && sa.merging == sb.merging && sa.max_m0 == sb.max_m0);
    CHECK(sa.ef_construction == sb.ef_construction && sa.seed == sb.seed);
    CHECK(sa.level_multiplier == sb.level_multiplier && sa.max_level == sb.max_level);
    CHECK(sa.entry_id == sb.entry_id && !memcmp(sa.n_level, sb.n_level, sizeof sa.n_level));
    float *va = must_alloc(dim, sizeof *va), *vb = must_alloc(dim, sizeof *vb);
    for (uint32_t id = 0; id < sa.n_vectors; id++) {
        CHECK_STATUS(0, n2_vector(a, id, va));
        CHECK_STATUS(0, n2_vector(b, id, vb));
        CHECK(!memcmp(va, vb, dim * sizeof *va));
    }
    free(va);
    free(vb);
    struct n2_search_options options;
    n2_search_options_init(&options);
    for (size_t q = 0; q < 10; q++) {
        struct n2_neighbor na[20], nb[20];
        size_t ca = 0, cb = 0;
        options.ef = q * 10;
        CHECK_STATUS(0, n2_search(a, queries + q * dim, 20, &options, na, &ca));
        CHECK_STATUS(0, n2_search(b, queries + q * dim, 20, &options, nb, &cb));
        CHECK(ca == cb && !memcmp(na, nb, ca * sizeof *na));
    }
}

static void check_round_trip(uint64_t *rng, size_t n, size_t pending, size_t dim, int metric)
{
    float *vectors = data_make(rng, n + pending + 20, dim, DATA_NORMAL, 10);
    const float *queries = vectors + (n + pending) * dim, *more = queries + 10 * dim;
    struct n2_options options = options_of(metric);
    options.M = 5;
    options.max_m0 = 11;
    options.ef_construction = 40;
    options.seed = rng_next(rng);
    struct n2_index *index = index_make(&options, dim, vectors, n, 2);
    const char *path = temp_path("trip"), *again = temp_path("again");
    if (index && CHECK_STATUS(0, n2_add(index, vectors + n * dim, pending, NULL)) &&
        CHECK_STATUS(0, n2_save(index, path))) {
        struct bytes saved = {NULL, 0};
        saved.data = file_read(path, &saved.n);
        for (int way = 0; way < 4; way++) {
            struct n2_index *loaded = load(path, way & 1, way & 2);
            if (!loaded)
                continue;
            struct n2_stats stats = {.size = sizeof stats};
            CHECK_STATUS(0, n2_get_stats(loaded, &stats));
            CHECK((stats.mapped_bytes > 0) == (!(way & 1) && n + pending > 0));
            CHECK_SOUND(loaded);
            check_alike(index, loaded, queries, dim);
            struct bytes second = index_bytes(loaded);
            CHECK(bytes_equal(saved, second));
            bytes_free(&second);

            /* Growing it leaves the file as it was. */
            CHECK_STATUS(0, n2_add(loaded, more, 10, NULL));
            CHECK_STATUS(0, build_on(loaded, 2));
            CHECK_SOUND(loaded);
            CHECK_STATUS(0, n2_save(loaded, again));
            second.data = file_read(path, &second.n);
            CHECK(bytes_equal(saved, second));
            bytes_free(&second);
            n2_free(loaded);
        }
        bytes_free(&saved);
    }
    n2_free(index);
    free(vectors);
}

static void test_round_trip(void)
{
    uint64_t rng = test_seed;
    const size_t sizes[][2] = {{0, 0}, {0, 1}, {1, 0}, {2, 3}, {0, 50}, {400, 0}, {300, 77}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t m = 0; m < 3; m++)
            check_round_trip(&rng, sizes[s][0], sizes[s][1], 1 + rng_below(&rng, 70), metrics[m]);
}

/* Over the file that the index is mapped from, and over one that another is mapped from. */
static void test_save_over_mapped(void)
{
    uint64_t rng = test_seed;
    const size_t n = 500, dim = 7;
    float *vectors = data_make(&rng, 2 * n, dim, DATA_NORMAL, 0);
    struct n2_index *first = index_make(NULL, dim, vectors, n, 2);
    REQUIRE(first != NULL);
    const char *path = temp_path("over");
    CHECK_STATUS(0, n2_save(first, path));
    struct n2_index *mapped = load(path, false, false), *reader = load(path, false, false);
    REQUIRE(mapped != NULL && reader != NULL);
    CHECK_STATUS(0, n2_save(mapped, path));
    check_alike(first, mapped, vectors, dim);
    CHECK_STATUS(0, n2_add(mapped, vectors + n * dim, n, NULL));
    CHECK_STATUS(0, build_on(mapped, 2));
    for (int round = 0; round < 3; round++) {
        CHECK_STATUS(0, n2_save(mapped, path));
        struct n2_index *loaded = load(path, round & 1, true);
        if (loaded)
            check_alike(mapped, loaded, vectors, dim);
        n2_free(loaded);
    }
    check_alike(first, reader, vectors, dim); /* still the old file */
    CHECK_SOUND(reader);
    CHECK_SOUND(mapped);
    n2_free(first);
    n2_free(mapped);
    n2_free(reader);
    free(vectors);
}

/* What stands in the padding of a file never becomes part of an index. */
static void test_padding(void)
{
    enum { N = 100, ROOM = 2 * N };
    float vectors[N + 1];
    for (int i = 0; i <= N; i++)
        vectors[i] = (float)(i * i);
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, 1, vectors, N, 1);
    REQUIRE(index != NULL);
    CHECK_STATUS(0, n2_save(index, temp_path("padding")));
    n2_free(index);
    size_t n;
    unsigned char *file = file_read(temp_path("padding"), &n);
    struct n2_header header;
    REQUIRE(craft_header_of(file, n, &header));
    for (int i = 0; i < N2_N_SECTIONS; i++)
        if (header.sections[i].bytes > 0)
            memset(file + header.sections[i].offset + header.sections[i].bytes, 0xff, 64);
    file_write(temp_path("padding"), file, header.file_bytes);
    free(file);
    for (int no_map = 0; no_map < 2; no_map++) {
        index = load(temp_path("padding"), no_map, true);
        REQUIRE(index != NULL);
        CHECK_STATUS(0, n2_add(index, vectors + N, 1, NULL));
        for (int built = 0; built < 2; built++) {
            struct n2_neighbor found[ROOM];
            size_t n_found = 0;
            CHECK_STATUS(0, n2_search(index, vectors + N, ROOM, NULL, found, &n_found));
            CHECK(n_found == N + 1 && found[0].id == N && found[0].distance == 0);
            CHECK_STATUS(0, build_on(index, 1));
        }
        CHECK_SOUND(index);
        n2_free(index);
    }
}

static bool is_settled(const char *path)
{
    size_t n;
    unsigned char *file = file_read(path, &n);
    struct n2_header header = {0};
    CHECK(craft_header_of(file, n, &header));
    free(file);
    return header.settled;
}

/* A file saved while the last pass of a build runs has nothing pending; a build settles it. */
static void test_saved_while_building(void)
{
    uint64_t rng = test_seed;
    const size_t n = test_scale(1000, 200), dim = 3;
    float *vectors = data_make(&rng, n, dim, DATA_NORMAL, 0);
    struct n2_options options = options_of(N2_L2);
    options.merging = N2_MERGE_LEVEL0;
    struct n2_index *index = index_make(&options, dim, vectors, n, -1);
    REQUIRE(index != NULL);
    struct n2_build *build = NULL;
    CHECK_STATUS(0, n2_build_begin(&build, index, NULL));
    uint64_t done = 0, total = 1;
    while (4 * done < 3 * total)
        REQUIRE(CHECK_STATUS(0, n2_build_step(build, &done, &total)));
    CHECK_STATUS(0, n2_save(index, temp_path("unsettled")));
    n2_build_end(build);
    n2_free(index);
    CHECK(!is_settled(temp_path("unsettled")));
    index = load(temp_path("unsettled"), false, true);
    REQUIRE(index != NULL);
    CHECK_STATUS(0, build_on(index, 1));
    CHECK_STATUS(0, n2_save(index, temp_path("settled")));
    CHECK(is_settled(temp_path("settled")));
    CHECK_SOUND(index);
    n2_free(index);
    free(vectors);
}

/* What is no regular file is refused, and stays what it is. */
static void test_save_over_device(void)
{
    const float vector = 1;
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, 1, &vector, 1, 1);
    REQUIRE(index != NULL);
    const char *path = temp_path("fifo");
    struct stat info;
    CHECK(mkfifo(path, 0600) == 0);
    CHECK_STATUS(EINVAL, n2_save(index, path));
    CHECK(stat(path, &info) == 0 && S_ISFIFO(info.st_mode));
    n2_free(index);
}

/* A name as long as names may be. */
static void test_long_name(void)
{
    const float vector = 1;
    struct n2_options options = options_of(N2_L2);
    struct n2_index *index = index_make(&options, 1, &vector, 1, 1);
    REQUIRE(index != NULL);
    char name[256];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    const char *path = temp_path(name);
    size_t n_before = temp_count();
    CHECK_STATUS(0, n2_save(index, path));
    CHECK(file_exists(path) && temp_count() == n_before + 1);
    remove(path);
    n2_free(index);
}

/* What is no N2 file, and what cannot be opened. */
static void test_odd_files(void)
{
    struct n2_index *const before = (struct n2_index *)(void *)&before, *index = before;
    const char *path = temp_path("odd"), *folder = temp_path("folder");
    CHECK_STATUS(ENOENT, n2_load(&index, temp_path("missing"), NULL));
    REQUIRE(mkdir(folder, 0700) == 0);
    CHECK_STATUS(EISDIR, n2_load(&index, folder, NULL));
    file_write(path, "", 0);
    CHECK_STATUS(N2_ERR_FORMAT, n2_load(&index, path, NULL));
    char text[200000];
    memset(text, 'a', sizeof text);
    const size_t sizes[] = {1, 7, 8, 100, 4096, 65536, sizeof text};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        file_write(path, text, sizes[i]);
        CHECK_STATUS(N2_ERR_FORMAT, n2_load(&index, path, NULL));
        memset(text, 0, sizes[i]);
        file_write(path, text, sizes[i]);
        CHECK_STATUS(N2_ERR_FORMAT, n2_load(&index, path, NULL));
        memset(text, 'a', sizes[i]);
    }
    char through[512];
    snprintf(through, sizeof through, "%s/x", path);
    CHECK_STATUS(ENOTDIR, n2_load(&index, through, NULL));
    CHECK(index == before);
    rmdir(folder);
    remove(path);
}

/* A save that cannot be leaves what was there, and no other file. */
static void test_failed_saves(void)
{
    uint64_t rng = test_seed;
    float *vectors = data_make(&rng, 3000, 20, DATA_NORMAL, 0);
    struct n2_index *index = index_make(NULL, 20, vectors, 3000, -1);
    free(vectors);
    REQUIRE(index != NULL);
    const char *path = temp_path("kept"), *folder = temp_path("folder");
    file_write(path, "something", 9);
    size_t files = temp_count();

    CHECK_STATUS(ENOENT, n2_save(index, temp_path("none/x")));
    CHECK_STATUS(ENOENT, n2_save(index, ""));
    char through[512], name[600];
    snprintf(through, sizeof through, "%s/x", path);
    CHECK_STATUS(ENOTDIR, n2_save(index, through));
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    CHECK_STATUS(ENAMETOOLONG, n2_save(index, temp_path(name)));
    CHECK(temp_count() == files);

    REQUIRE(mkdir(folder, 0700) == 0);
    CHECK_STATUS(EISDIR, n2_save(index, folder));
    CHECK(temp_count() == files + 1);
    rmdir(folder);

    /* The file may not grow as far as it must. */
    struct rlimit usual, less;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    REQUIRE(getrlimit(RLIMIT_FSIZE, &usual) == 0);
    less = usual;
    less.rlim_cur = 100000;
    REQUIRE(setrlimit(RLIMIT_FSIZE, &less) == 0);
    int status = n2_save(index, path);
    setrlimit(RLIMIT_FSIZE, &usual);
    signal(SIGXFSZ, handler);
    CHECKF(status == EFBIG || status == ENOSPC, "beyond the size limit: %s",
           n2_status_text(status));
    CHECK(temp_count() == files);
    size_t n = 0;
    unsigned char *kept = file_read(path, &n);
    CHECK(n == 9 && !memcmp(kept, "something", 9));
    free(kept);
    CHECK_STATUS(0, n2_save(index, path));
    CHECK(temp_count() == files);
    CHECK_SOUND(index);
    n2_free(index);
}

/* In a child without privileges: what may not be written or read. Exit code: what went wrong. */
static int without_permission(struct n2_index *index, const char *folder, const char *file)
{
    if (geteuid() == 0 && (setegid(65534) || seteuid(65534)))
        return 10;
    char path[512];
    snprintf(path, sizeof path, "%s/x", folder);
    struct n2_index *loaded = NULL;
    int status = n2_save(index, path);
    if (status != EACCES)
        return 11;
    if (n2_load(&loaded, file, NULL) != EACCES || loaded)
        return 12;
    return 0;
}

static void test_permissions(void)
{
    float v[2] = {1, 2};
    struct n2_index *index = index_make(NULL, 2, v, 1, -1);
    REQUIRE(index != NULL);
    const char *folder = temp_path("locked"), *file = temp_path("secret");
    file_write(file, "x", 1);
    REQUIRE(mkdir(folder, 0500) == 0 && chmod(file, 0) == 0);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        int code = without_permission(index, folder, file);
        n2_free(index);
        _exit(code);
    }
    int status = 0;
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child);
    CHECKF(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", (unsigned)status);
    rmdir(folder);
    remove(file);
    n2_free(index);
}

/* A saved file is as readable as any new file. */
static void test_mode(void)
{
    float v[2] = {1, 2};
    struct n2_index *index = index_make(NULL, 2, v, 1, -1);
    REQUIRE(index != NULL);
    const char *path = temp_path("mode");
    mode_t usual = umask(027);
    CHECK_STATUS(0, n2_save(index, path));
    umask(usual);
    struct stat information;
    REQUIRE(stat(path, &information) == 0);
    CHECKF((information.st_mode & 0777) == 0640, "mode %o", (unsigned)information.st_mode & 0777);
    n2_free(index);
}

/* Relative paths, and as many saves and loads as a process has descriptors for: none leaks. */
static void test_descriptors(void)
{
    float v[2] = {1, 2};
    struct n2_index *index = index_make(NULL, 2, v, 1, 1), *loaded[100];
    REQUIRE(index != NULL);
    char previous[4096];
    REQUIRE(getcwd(previous, sizeof previous) != NULL);
    char folder[512];
    snprintf(folder, sizeof folder, "%s", temp_path("."));
    REQUIRE(chdir(folder) == 0);
    struct rlimit usual, less;
    REQUIRE(getrlimit(RLIMIT_NOFILE, &usual) == 0);
    less = usual;
    less.rlim_cur = 24;
    setrlimit(RLIMIT_NOFILE, &less);
    for (int i = 0; i < 100; i++) { /* a mapped index keeps no descriptor */
        loaded[i] = NULL;
        CHECK_STATUS(0, n2_save(index, "relative"));
        CHECK_STATUS(0, n2_load(&loaded[i], "relative", NULL));
        struct n2_index *none = NULL;
        CHECK_STATUS(ENOENT, n2_load(&none, "absent", NULL));
    }
    setrlimit(RLIMIT_NOFILE, &usual);
    for (int i = 0; i < 100; i++)
        n2_free(loaded[i]);
    CHECK(chdir(previous) == 0);
    n2_free(index);
}

static const struct test_case cases[] = {
    {"round_trip", test_round_trip},
    {"save_over_mapped", test_save_over_mapped},
    {"padding", test_padding},
    {"saved_while_building", test_saved_while_building},
    {"save_over_device", test_save_over_device},
    {"long_name", test_long_name},
    {"odd_files", test_odd_files},
    {"failed_saves", test_failed_saves},
    {"permissions", test_permissions},
    {"mode", test_mode},
    {"descriptors", test_descriptors},
};
TEST_MAIN(cases)
