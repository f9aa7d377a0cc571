/* bytes.c - writes the files that must be the same from every compiler and processor.
 * SPDX-License-Identifier: Apache-2.0
 *
 * `bytes FOLDER` builds indexes of every metric, merging, kind of data, storage and codes and saves
 * them there, with the results of searches as text. The Makefile runs it from several builds and
 * compares.
 */
#include "support.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define K 10
#define QUERIES 40

static const char *folder; /* where to */

static void write_results(struct n2_index *index, const float *queries, size_t n, size_t dim,
                          const char *path)
{
    FILE *file = fopen(path, "w");
    if (!file) {
        fprintf(stderr, "cannot write %s\n", path);
        exit(2);
    }
    struct n2_search_options options;
    n2_search_options_init(&options);
    for (size_t q = 0; q < n; q++) {
        struct n2_neighbor out[2 * K];
        size_t counts[2] = {0, 0};
        options.ef = 10 + q;
        CHECK_STATUS(0, n2_search(index, queries + q * dim, K, &options, out, &counts[0]));
        CHECK_STATUS(0, n2_search_exact(index, queries + q * dim, 1, K, out + K, &counts[1]));
        for (size_t i = 0; i < counts[0] && i < counts[1]; i++) {
            uint32_t bits[2];
            memcpy(&bits[0], &out[i].distance, sizeof bits[0]);
            memcpy(&bits[1], &out[K + i].distance, sizeof bits[1]);
            fprintf(file, "%zu %zu %" PRIu32 " %08" PRIx32 " %" PRIu32 " %08" PRIx32 "\n", q, i,
                    out[i].id, bits[0], out[K + i].id, bits[1]);
        }
    }
    fclose(file);
}

/* An index of vectors[n][dim], its second half added to the built first one, and searches for the
 * QUERIES vectors behind these: as FOLDER/NAME.n2 and .txt. Sets *stats. */
static void write_index(const char *name, const struct n2_options *options, size_t dim,
                        const float *vectors, size_t n, struct n2_stats *stats)
{
    struct n2_index *index = index_make(options, dim, vectors, n / 2, 2);
    stats->size = sizeof *stats;
    if (index && CHECK_STATUS(0, n2_add(index, vectors + n / 2 * dim, n - n / 2, NULL)) &&
        CHECK_STATUS(0, build_on(index, 3)) && CHECK_STATUS(0, n2_get_stats(index, stats))) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s.n2", folder, name);
        CHECK_STATUS(0, n2_save(index, path));
        snprintf(path, sizeof path, "%s/%s.txt", folder, name);
        write_results(index, vectors + n * dim, QUERIES, dim, path);
    }
    n2_free(index);
}

static void write_kind(int metric, int merging, enum data_kind kind)
{
    uint64_t rng = (uint64_t)(metric * 100 + merging * 10 + (int)kind);
    size_t n = test_scale(1500, 300), dim = 3 + rng_below(&rng, 60);
    float *vectors = data_make(&rng, n + QUERIES, dim, kind, 5);
    struct n2_options options = options_of(metric);
    struct n2_stats stats;
    char name[64];
    options.merging = merging;
    options.selection = 1 + (int32_t)kind % 3;
    options.M = 6;
    options.ef_construction = 50;
    options.seed = rng;
    snprintf(name, sizeof name, "m%d-g%d-k%d", metric, merging, (int)kind);
    write_index(name, &options, dim, vectors, n, &stats);
    free(vectors);
}

/* Enough vectors for codes: of fewer directions than dimensions, or short ones, or, of products,
 * long ones with sketches. */
static void write_codes(int metric, int store)
{
    const bool falls = (metric + store) % 2 == 0, sketched = metric == N2_DOT && !falls;
    uint64_t rng = (uint64_t)(metric * 100 + store);
    const size_t n = test_scale(1500, 820), dim = falls ? 150 : 80;
    float *vectors = falls ? data_falling(&rng, n + QUERIES, dim)
                           : data_make(&rng, n + QUERIES, dim, DATA_NORMAL, 5);
    struct n2_options options = options_of(metric);
    struct n2_stats stats = {0};
    char name[64];
    options.sketch = sketched ? N2_SKETCH_AUTO : N2_SKETCH_OFF;
    options.store = store;
    options.M = 6;
    options.ef_construction = 30;
    snprintf(name, sizeof name, "m%d-s%d-d%zu", metric, store, dim);
    write_index(name, &options, dim, vectors, n, &stats);
    CHECKF(stats.code_axes == (falls ? 64 : dim) && (stats.sketch_bytes > 0) == sketched,
           "%s: %u axes, %llu bytes of sketches", name, stats.code_axes,
           (unsigned long long)stats.sketch_bytes);
    free(vectors);
}

static void write_all(void)
{
    for (int metric = N2_ANGULAR; metric <= N2_DOT; metric++) {
        for (int merging = N2_MERGE_SKIP; merging <= N2_MERGE_LEVEL0; merging++)
            for (int kind = DATA_NORMAL; kind < DATA_KINDS; kind += 2)
                write_kind(metric, merging, (enum data_kind)kind);
        for (int store = N2_STORE_FLOAT32; store <= N2_STORE_SQ8; store++)
            write_codes(metric, store);
    }
}

int main(int argc, char **argv)
{
    static const struct test_case cases[] = {{"write", write_all}};
    if (argc != 2) {
        fprintf(stderr, "usage: bytes FOLDER\n");
        return 2;
    }
    folder = argv[1];
    return test_main(cases, 1, 1, argv);
}
