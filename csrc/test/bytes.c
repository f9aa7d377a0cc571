/* bytes.c - writes the files that must be the same from every compiler and processor.
 * SPDX-License-Identifier: Apache-2.0
 *
 * `bytes FOLDER` builds indexes of every metric, merging and kind of data and saves them there,
 * with the results of searches as text. The Makefile runs it from several builds and compares.
 */
#include "support.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define K 10

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

static void write_one(const char *folder, int metric, int merging, enum data_kind kind)
{
    uint64_t rng = (uint64_t)(metric * 100 + merging * 10 + (int)kind);
    size_t n = test_scale(1500, 300), dim = 3 + rng_below(&rng, 60);
    float *vectors = data_make(&rng, n + 40, dim, kind, 5);
    struct n2_options options = options_of(metric);
    options.merging = merging;
    options.selection = 1 + (int32_t)kind % 3;
    options.M = 6;
    options.ef_construction = 50;
    options.seed = rng;
    struct n2_index *index = index_make(&options, dim, vectors, n / 2, 2);
    if (index && CHECK_STATUS(0, n2_add(index, vectors + n / 2 * dim, n - n / 2, NULL)) &&
        CHECK_STATUS(0, build_on(index, 3))) {
        char path[1024];
        snprintf(path, sizeof path, "%s/m%d-g%d-k%d.n2", folder, metric, merging, (int)kind);
        CHECK_STATUS(0, n2_save(index, path));
        snprintf(path, sizeof path, "%s/m%d-g%d-k%d.txt", folder, metric, merging, (int)kind);
        write_results(index, vectors + n * dim, 40, dim, path);
    }
    n2_free(index);
    free(vectors);
}

static const char *folder;

static void write_all(void)
{
    for (int metric = N2_ANGULAR; metric <= N2_DOT; metric++)
        for (int merging = N2_MERGE_SKIP; merging <= N2_MERGE_LEVEL0; merging++)
            for (int kind = DATA_NORMAL; kind < DATA_KINDS; kind += 2)
                write_one(folder, metric, merging, (enum data_kind)kind);
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
