/* profile.c - the program that `benchmark run --profile` runs under callgrind: it builds an index,
 *             or loads one and searches it.
 * SPDX-License-Identifier: Apache-2.0
 *
 *     profile build METRIC DIM VECTORS N M EF_CONSTRUCTION THREADS INDEX
 *     profile search INDEX DIM QUERIES N K RECALL
 *
 * VECTORS and QUERIES are files of float32, row by row. Only what is between n2_build_begin and
 * n2_build_end, or within n2_search, is of interest: callgrind is told so by its --toggle-collect.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "n2.h"

static void fail(const char *what, int status)
{
    fprintf(stderr, "profile: %s: %s\n", what,
            status > 0 ? strerror(status) : n2_status_text(status));
    exit(1);
}

static size_t number(const char *text)
{
    char *end;
    const unsigned long long value = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0') {
        fail(text, N2_ERR_OPTION);
    }
    return (size_t)value;
}

static float *rows(const char *path, size_t n, size_t dim)
{
    float *const values = malloc(n * dim * sizeof *values + 1);
    FILE *const file = fopen(path, "rb");
    if (values == NULL || file == NULL || fread(values, sizeof *values, n * dim, file) != n * dim) {
        fprintf(stderr, "profile: %s: cannot read %zu rows of %zu\n", path, n, dim);
        exit(1);
    }
    fclose(file);
    return values;
}

static void check(const char *what, int status)
{
    if (status != 0) {
        fail(what, status);
    }
}

static void build(char **argv)
{
    static const char *const metrics[] = {
        [N2_ANGULAR] = "angular", [N2_L2] = "L2", [N2_DOT] = "dot"};
    const size_t dim = number(argv[3]), n = number(argv[5]);
    struct n2_options options;
    n2_options_init(&options);
    for (int32_t m = N2_ANGULAR; m <= N2_DOT; m++) {
        if (strcmp(argv[2], metrics[m]) == 0) {
            options.metric = m;
        }
    }
    options.M = (int32_t)number(argv[6]);
    options.ef_construction = (int32_t)number(argv[7]);
    struct n2_index *index;
    check("create", n2_create(&index, dim, &options));
    float *const vectors = rows(argv[4], n, dim);
    check("add", n2_add(index, vectors, n, NULL));
    free(vectors);
    struct n2_build_options by_threads;
    n2_build_options_init(&by_threads);
    by_threads.threads = (int32_t)number(argv[8]);
    check("build", n2_build(index, &by_threads));
    check("save", n2_save(index, argv[9]));
    n2_free(index);
}

static void search(char **argv)
{
    const size_t dim = number(argv[3]), n = number(argv[5]), k = number(argv[6]);
    struct n2_index *index;
    check("load", n2_load(&index, argv[2], NULL));
    float *const queries = rows(argv[4], n, dim);
    struct n2_neighbor *const found = malloc((k + 1) * sizeof *found);
    if (found == NULL) {
        fail("results", N2_ERR_NO_MEMORY);
    }
    struct n2_search_options options;
    n2_search_options_init(&options);
    options.recall = strtof(argv[7], NULL);
    for (size_t i = 0; i < n; i++) {
        size_t count;
        check("search", n2_search(index, queries + i * dim, k, &options, found, &count));
    }
    free(found);
    free(queries);
    n2_free(index);
}

int main(int argc, char **argv)
{
    if (argc == 10 && strcmp(argv[1], "build") == 0) {
        build(argv);
    } else if (argc == 8 && strcmp(argv[1], "search") == 0) {
        search(argv);
    } else {
        fail("arguments", N2_ERR_OPTION);
    }
    return 0;
}
