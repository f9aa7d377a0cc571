/* support.c - files of a test, ready-made indexes, and what holds for every sound index.
 * SPDX-License-Identifier: Apache-2.0
 */
#define _GNU_SOURCE 1 /* mkdtemp */
#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const isas[N_ISAS] = {"scalar", "avx2", "avx512", "neon", "neon_dotprod"};

static char temp_folder[256];
static pid_t temp_owner;

static void die(const char *what, const char *path)
{
    fprintf(stderr, "%s %s: %s\n", what, path, strerror(errno));
    exit(2);
}

/* Calls `visit` (may be NULL) with each file's path; returns their number. */
static size_t temp_walk(int (*visit)(const char *path))
{
    DIR *folder = opendir(temp_folder);
    if (!folder)
        die("cannot list", temp_folder);
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        n++;
        char path[sizeof temp_folder + sizeof entry->d_name + 1];
        snprintf(path, sizeof path, "%s/%s", temp_folder, entry->d_name);
        if (visit)
            visit(path);
    }
    closedir(folder);
    return n;
}

/* A forked child inherits the handler, not the folder. */
static void temp_remove(void)
{
    if (getpid() != temp_owner)
        return;
    temp_walk(remove);
    rmdir(temp_folder);
}

/* Memory first: every save is synchronised, which a disk makes slow. */
static void temp_make(void)
{
    const char *base = getenv("TMPDIR");
    if (!base)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(temp_folder, sizeof temp_folder, "%s/n2-test-XXXXXX", base);
    if (!mkdtemp(temp_folder))
        die("cannot create", temp_folder);
    temp_owner = getpid();
    atexit(temp_remove);
}

const char *temp_path(const char *name)
{
    static _Thread_local char paths[8][sizeof temp_folder + 256];
    static _Thread_local unsigned next;
    if (!temp_owner)
        temp_make();
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", temp_folder, name);
    return path;
}

size_t temp_count(void)
{
    return temp_owner ? temp_walk(NULL) : 0;
}

unsigned char *file_read(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END))
        die("cannot read", path);
    long size = ftell(file);
    rewind(file);
    unsigned char *bytes = must_alloc((size_t)size + 1, 1);
    if (size < 0 || fread(bytes, 1, (size_t)size, file) != (size_t)size)
        die("cannot read", path);
    fclose(file);
    *n = (size_t)size;
    return bytes;
}

void file_write(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    if (!file || (n && fwrite(bytes, 1, n, file) != n) || fclose(file))
        die("cannot write", path);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

struct bytes index_bytes(struct n2_index *index)
{
    struct bytes bytes = {NULL, 0};
    const char *path = temp_path("bytes");
    if (CHECK_STATUS(0, n2_save(index, path))) {
        bytes.data = file_read(path, &bytes.n);
        remove(path);
    }
    return bytes;
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.data && b.data && a.n == b.n && !memcmp(a.data, b.data, a.n);
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    bytes->data = NULL;
    bytes->n = 0;
}

int stream_out(struct n2_index *index, size_t piece, struct bytes *bytes)
{
    struct n2_writer *writer = NULL;
    *bytes = (struct bytes){NULL, 0};
    int status = n2_save_begin(&writer, index);
    if (status)
        return status;
    uint64_t left = n2_save_left(writer);
    bytes->data = must_alloc(left + piece, 1);
    for (size_t n = 1; n > 0 && !status; bytes->n += n, left -= n) {
        CHECK(n2_save_left(writer) == left);
        status = n2_save_next(writer, bytes->data + bytes->n, piece, &n);
        n = status ? 0 : n;
        CHECK(n == (left < piece ? left : piece) || status);
    }
    n2_save_end(writer);
    if (status)
        bytes_free(bytes);
    return status;
}

int stream_in(struct n2_index **index, const unsigned char *data, size_t n, size_t piece,
              bool verify, size_t *used)
{
    struct n2_load_options options;
    struct n2_reader *reader = NULL;
    n2_load_options_init(&options);
    options.verify = verify;
    *used = 0;
    int status = n2_load_begin(&reader, &options);
    if (status)
        return status;
    for (size_t taken = 1; *used < n && taken > 0 && !status; *used += taken) {
        size_t room = n - *used < piece ? n - *used : piece;
        taken = 0;
        status = n2_load_next(reader, data + *used, room, &taken);
        CHECK(taken == room || (!status && n2_load_left(reader) == 0) || (status && taken == 0));
    }
    int last = n2_load_end(reader, index);
    CHECK(!status || last == status);
    return last;
}

struct n2_options options_of(int metric)
{
    struct n2_options options;
    n2_options_init(&options);
    options.metric = metric;
    options.sketch = N2_SKETCH_ON;
    return options;
}

int build_on(struct n2_index *index, int threads)
{
    struct n2_build_options options;
    n2_build_options_init(&options);
    options.threads = threads;
    return n2_build(index, &options);
}

uint64_t key_number(size_t name)
{
    return name % 3 ? name : name << 32; /* some alike in their lower halves */
}

size_t key_bytes(size_t name, unsigned char out[KEY_ROOM])
{
    size_t n = name % 100 == 99 ? 2000 + name % 2000 : 0;
    memset(out, 'k', n);
    for (size_t rest = name; rest > 0; rest /= 250) /* any bytes, 0 among them */
        out[n++] = (unsigned char)(rest % 250);
    return n;
}

int put_named(struct n2_index *index, size_t name, const float *vectors, size_t n)
{
    struct n2_stats stats = {.size = sizeof stats};
    int status = n2_get_stats(index, &stats);
    if (status || stats.keys == N2_KEYS_NONE)
        return status ? status : n2_add(index, vectors, n, NULL);
    uint64_t *numbers = must_alloc(n, sizeof *numbers);
    uint32_t *lengths = must_alloc(n, sizeof *lengths);
    unsigned char *bytes = must_alloc(n, KEY_ROOM);
    for (size_t i = 0, at = 0; i < n; at += lengths[i], i++) {
        numbers[i] = key_number(name + i);
        lengths[i] = (uint32_t)key_bytes(name + i, bytes + at);
    }
    status = stats.keys == N2_KEYS_U64 ? n2_put_u64(index, numbers, vectors, n, NULL)
                                       : n2_put_bytes(index, bytes, lengths, vectors, n, NULL);
    free(numbers);
    free(lengths);
    free(bytes);
    return status;
}

struct n2_index *index_make(const struct n2_options *options, size_t dim, const float *vectors,
                            size_t n, int threads)
{
    struct n2_index *index = NULL;
    bool ok = CHECK_STATUS(0, n2_create(&index, dim, options)) &&
              CHECK_STATUS(0, put_named(index, 0, vectors, n)) &&
              (threads < 0 || CHECK_STATUS(0, build_on(index, threads)));
    if (ok)
        return index;
    n2_free(index);
    return NULL;
}

bool precedes(int metric, struct n2_neighbor a, struct n2_neighbor b)
{
    if (a.distance == b.distance)
        return a.id < b.id;
    return metric == N2_DOT ? a.distance > b.distance : a.distance < b.distance;
}

bool same_neighbor(struct n2_neighbor a, struct n2_neighbor b)
{
    return a.id == b.id && !memcmp(&a.distance, &b.distance, sizeof a.distance);
}

void check_results(int metric, const struct n2_neighbor *results, size_t n, size_t n_vectors,
                   const char *file, int line)
{
    unsigned char *seen = must_alloc(n_vectors, 1);
    for (size_t i = 0; i < n; i++) {
        bool inside = results[i].id < n_vectors;
        test_check(inside && !seen[results[i].id], file, line, "result %zu of %zu: id %u is %s", i,
                   n, results[i].id, inside ? "there twice" : "out of range");
        if (inside)
            seen[results[i].id] = 1;
        test_check(!isnan(results[i].distance), file, line, "result %zu: NaN", i);
        test_check(!i || precedes(metric, results[i - 1], results[i]), file, line,
                   "results %zu (%u, %g) and the next (%u, %g) are in wrong order", i - 1,
                   results[i ? i - 1 : 0].id, (double)results[i ? i - 1 : 0].distance,
                   results[i].id, (double)results[i].distance);
        if (metric == N2_ANGULAR)
            test_check(results[i].distance >= 0 && results[i].distance <= 2, file, line,
                       "angular distance %g", (double)results[i].distance);
    }
    free(seen);
}

/* Level by level: as many nodes as the statistics count, none with more links than allowed. */
static void check_degrees(struct n2_index *index, const struct n2_stats *stats, const char *file,
                          int line)
{
    size_t width = (size_t)stats->max_m0 + 1;
    uint64_t *counts = must_alloc((N2_MAX_LEVEL + 1) * width, sizeof *counts);
    memset(counts, 0xff, (N2_MAX_LEVEL + 1) * width * sizeof *counts);
    if (!test_status(n2_degrees(index, counts, NULL), 0, file, line, "n2_degrees")) {
        free(counts);
        return;
    }
    uint64_t expected = 0;
    for (int level = N2_MAX_LEVEL; level >= 0; level--) {
        uint64_t found = 0;
        expected += stats->n_level[level];
        for (size_t links = 0; links < width; links++) {
            uint64_t count = counts[(size_t)level * width + links];
            found += count;
            test_check(level == 0 || links <= (size_t)stats->M || !count, file, line,
                       "%llu nodes of level %d have %zu links, more than M",
                       (unsigned long long)count, level, links);
        }
        test_check(found == expected, file, line, "level %d has %llu nodes, %llu were counted",
                   level, (unsigned long long)found, (unsigned long long)expected);
        test_check((level <= stats->max_level) == (expected > 0), file, line,
                   "%llu nodes from level %d on, highest is %d", (unsigned long long)expected,
                   level, stats->max_level);
    }
    uint64_t graph = stats->n_vectors + stats->n_dead - stats->n_pending - stats->n_duplicates;
    test_check(expected == graph, file, line, "the graph has %llu nodes instead of %llu",
               (unsigned long long)expected, (unsigned long long)graph);
    free(counts);
}

void check_sound(struct n2_index *index, const char *file, int line)
{
    const char *what = "nothing";
    int status = n2_verify(index, NULL, &what);
    test_check(status == 0, file, line, "n2_verify: %s: %s", n2_status_text(status), what);
    struct n2_stats stats;
    stats.size = sizeof stats;
    if (!test_status(n2_get_stats(index, &stats), 0, file, line, "n2_get_stats"))
        return;
    test_check(stats.n_pending <= stats.n_vectors && stats.n_duplicates <= stats.n_vectors, file,
               line, "%llu vectors, %llu pending, %llu duplicates",
               (unsigned long long)stats.n_vectors, (unsigned long long)stats.n_pending,
               (unsigned long long)stats.n_duplicates);
    check_degrees(index, &stats, file, line);
}

double recall_of(struct n2_index *index, const float *queries, size_t n, size_t k,
                 const struct n2_search_options *options)
{
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    const size_t n_ids = stats.n_vectors + stats.n_deleted;
    struct n2_neighbor *exact = must_alloc(k, sizeof *exact), *found = must_alloc(k, sizeof *found);
    size_t n_true = 0, n_near = 0;
    for (size_t q = 0; q < n; q++, queries += stats.dim) {
        size_t n_exact = 0, n_found = 0;
        CHECK_STATUS(0, n2_search_exact(index, queries, 1, k, exact, &n_exact));
        CHECK_STATUS(0, n2_search(index, queries, k, options, found, &n_found));
        CHECK(n_exact == (k < stats.n_vectors ? k : stats.n_vectors) && n_found == n_exact);
        CHECK_RESULTS(stats.metric, found, n_found, n_ids);
        for (size_t i = 0; i < n_found; i++)
            n_near += stats.metric == N2_DOT ? found[i].distance >= exact[n_exact - 1].distance
                                             : found[i].distance <= exact[n_exact - 1].distance;
        n_true += n_exact;
    }
    free(exact);
    free(found);
    return (double)n_near / (double)n_true;
}

void sample_add(struct sample *sample, double value)
{
    sample->n++;
    sample->sum += value;
    sample->squares += value * value;
}

double sample_mean(struct sample sample)
{
    return sample.sum / (double)sample.n;
}

double sample_error(struct sample sample)
{
    double mean = sample_mean(sample), n = (double)sample.n;
    return sqrt(fmax(sample.squares / n - mean * mean, 0) / (n - 1));
}

void check_comes_back(struct n2_index *index, const char *file, int line)
{
    const char *path = temp_path("back");
    struct n2_index *loaded = NULL;
    if (test_status(n2_save(index, path), 0, file, line, "n2_save"))
        test_status(n2_load(&loaded, path, NULL), 0, file, line, "n2_load");
    n2_free(loaded);
    remove(path);
}
