/* data.c - random vectors, the word vectors, reference distances.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "support.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

uint64_t rng_next(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t rng_below(uint64_t *state, uint64_t n)
{
    return rng_next(state) % n;
}

double rng_unit(uint64_t *state)
{
    return (double)(rng_next(state) >> 11) * 0x1p-53;
}

/* Sum of twelve uniform numbers: no libm, so the same numbers on every machine. */
float rng_normal(uint64_t *state)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += rng_unit(state);
    return (float)sum;
}

void *must_alloc(size_t count, size_t size)
{
    void *memory = calloc(count ? count : 1, size);
    if (!memory) {
        fprintf(stderr, "no memory for the test itself\n");
        exit(2);
    }
    return memory;
}

const char *data_kind_name(enum data_kind kind)
{
    static const char *const names[DATA_KINDS] = {"normal", "clusters", "sorted",  "two far",
                                                  "grid",   "line",     "constant"};
    return names[kind];
}

/* Coordinate j of the vector of that place (0..1 of all) and cluster. */
static float coordinate(uint64_t *state, enum data_kind kind, double place, uint64_t cluster,
                        size_t j)
{
    uint64_t center = cluster << 32 | j; /* seed of the cluster's centre */
    switch (kind) {
    case DATA_CLUSTERS:
    case DATA_SORTED:
        return rng_normal(&center) + 0.01f * rng_normal(state);
    case DATA_TWO_FAR:
        return rng_normal(state) + (place < 0.5 ? 0.0f : 1000.0f);
    case DATA_GRID:
        return (float)rng_below(state, 3) - 1.0f;
    case DATA_LINE:
        return (float)(1000 * place) * (j % 2 ? 1.0f : -0.5f) + 1.0f;
    case DATA_CONSTANT:
        return (float)j + 0.5f;
    default:
        return rng_normal(state);
    }
}

float *data_make(uint64_t *state, size_t n, size_t dim, enum data_kind kind, int duplicates)
{
    float *vectors = must_alloc(n * dim, sizeof *vectors);
    for (size_t i = 0; i < n; i++) {
        float *row = vectors + i * dim;
        if (i && rng_below(state, 100) < (uint64_t)duplicates) {
            memcpy(row, vectors + rng_below(state, i) * dim, dim * sizeof *row);
            continue;
        }
        double place = (double)i / (double)n;
        uint64_t cluster = kind == DATA_SORTED ? (uint64_t)(10 * place) : rng_below(state, 10);
        bool zero = true;
        for (size_t j = 0; j < dim; j++) {
            row[j] = coordinate(state, kind, place, cluster, j);
            zero &= row[j] == 0;
        }
        if (zero)
            row[0] = 1;
    }
    return vectors;
}

float *data_falling(uint64_t *state, size_t n, size_t dim)
{
    float *vectors = data_make(state, n, dim, DATA_NORMAL, 0);
    for (size_t i = 0; i < n * dim; i++)
        vectors[i] /= 1 + (float)(i % dim) / 4;
    return vectors;
}

float *data_glove(void)
{
    const char *folder = getenv("N2_TEST_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/glove.f32", folder ? folder : "testdata");
    size_t n;
    unsigned char *bytes = file_read(path, &n);
    if (n != (size_t)GLOVE_N * GLOVE_DIM * sizeof(float)) {
        fprintf(stderr, "%s has %zu bytes\n", path, n);
        exit(2);
    }
    return (float *)(void *)bytes;
}

double reference_distance(int metric, const float *p, const float *q, size_t dim, double *bound)
{
    double l2 = 0, dot = 0, terms = 0, pp = 0, qq = 0;
    for (size_t i = 0; i < dim; i++) {
        double a = p[i], b = q[i];
        l2 += (a - b) * (a - b);
        dot += a * b;
        terms += fabs(a * b);
        pp += a * a;
        qq += b * b;
    }
    /* Summing n terms in any order errs by less than n units of the sum of their absolute values;
     * eight more for the operations of one term and of the cosine. Each term may also vanish. */
    double unit = ((double)dim + 8) * 0x1p-24, tiny = (double)dim * FLT_MIN;
    if (metric == N2_L2) {
        *bound = unit * l2 + tiny;
        return l2;
    }
    if (metric == N2_DOT) {
        *bound = unit * terms + tiny;
        return dot;
    }
    *bound = 2 * unit;
    return 1 - dot / (sqrt(pp) * sqrt(qq));
}
