/* store.c - vectors, ids, distances.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "store.h"

#include "alloc.h"

#include <math.h>

/* Norms that keep every float32 distance finite and apart from zero. L2: a difference of two
 * vectors of norm 2^60 has at most the square 2^122. Dot: a product of at most 2^120. Angular: a
 * unit vector times one of norm up to 2^120, and reciprocals down to 2^-120; FLT_MAX is 2^128,
 * FLT_MIN 2^-126. */
#define MAX_NORM 0x1p60
#define MAX_NORM_ANGULAR 0x1p120
#define MIN_NORM_ANGULAR 0x1p-90

static bool has_extra(int32_t metric)
{
    return metric != N2_L2;
}

/* Bytes of a vector's row. */
static size_t row_bytes(const struct n2_store *store, int32_t storage)
{
    return n2_pack_bytes(storage, store->dim) + (has_extra(store->metric) ? sizeof(float) : 0);
}

int n2_store_init(struct n2_store *store, size_t dim, int32_t metric, int32_t rounding,
                  size_t n_reserved)
{
    memset(store, 0, sizeof(*store));
    store->dim = dim;
    store->metric = metric;
    store->rounding = rounding;
    store->storage = N2_STORE_SQ8;
    int status = n2_column_reserve(&store->vectors, row_bytes(store, N2_STORE_SQ8), n_reserved, 0);
    if (!status)
        status = n2_column_reserve(&store->labels, sizeof(uint32_t), n_reserved, 0);
    if (!status)
        status = n2_column_reserve(&store->ids, sizeof(struct n2_id), n_reserved, 0);
    if (status)
        n2_store_release(store);
    return status;
}

void n2_store_release(struct n2_store *store)
{
    n2_column_release(&store->vectors);
    n2_column_release(&store->labels);
    n2_column_release(&store->ids);
}

int32_t n2_store_holding(const struct n2_store *store, const float *vectors, size_t n)
{
    int32_t storage = N2_LOAD(&store->storage);
    for (size_t i = 0; i < n && storage > store->rounding; i++)
        while (storage > store->rounding &&
               !n2_pack_holds(storage, vectors + i * store->dim, store->dim))
            storage--; /* the next wider */
    return storage;
}

static void widen_rows(const struct n2_store *store, int32_t storage, float *buffer,
                       const struct n2_column *column)
{
    for (uint32_t node = 0; node < store->n_nodes; node++) {
        unsigned char *row = n2_column_row(column, node);
        n2_pack(storage, n2_store_vector(store, node, buffer), store->dim, row);
        if (has_extra(store->metric)) {
            float extra = n2_store_behind(store, node);
            memcpy(row + column->stride - sizeof(extra), &extra, sizeof(extra));
        }
    }
}

int n2_store_widen(const struct n2_store *store, int32_t storage, struct n2_column *column)
{
    size_t rows = store->vectors.n_reserved / store->vectors.stride;
    float *buffer = n2_alloc(store->dim, sizeof(*buffer));
    if (!buffer)
        return N2_ERR_NO_MEMORY;
    int status = n2_column_make(column, row_bytes(store, storage), store->n_nodes, rows);
    if (!status)
        widen_rows(store, storage, buffer, column);
    n2_alloc_free(buffer);
    return status;
}

static bool norm_holds(const struct n2_store *store, double norm)
{
    return store->metric == N2_ANGULAR ? norm >= MIN_NORM_ANGULAR && norm <= MAX_NORM_ANGULAR
                                       : norm <= MAX_NORM;
}

/* The square of a coordinate, rounded; `rounding` is a constant where this is inlined. */
N2_INLINE double square(int32_t rounding, float x, struct n2_range range)
{
    double y = (double)(rounding == N2_STORE_FLOAT32 ? x : n2_pack_rounded(rounding, x, range));
    return y * y;
}

/* Eight sums side by side: one alone would wait for each addition before the next. */
N2_INLINE double sum_of_squares(int32_t rounding, const float *vector, size_t dim,
                                struct n2_range range)
{
    enum { SUMS = 8 };
    double sums[SUMS] = {0};
    size_t i = 0;
    for (; i + SUMS <= dim; i += SUMS)
        for (size_t j = 0; j < SUMS; j++)
            sums[j] += square(rounding, vector[i + j], range);
    for (; i < dim; i++)
        sums[i % SUMS] += square(rounding, vector[i], range);
    return ((sums[0] + sums[1]) + (sums[2] + sums[3])) +
           ((sums[4] + sums[5]) + (sums[6] + sums[7]));
}

int n2_store_check(const struct n2_store *store, const float *vector, double *norm)
{
    double sum = sum_of_squares(N2_STORE_FLOAT32, vector, store->dim, (struct n2_range){0, 0});
    *norm = 0;
    if (!isfinite(sum)) /* a finite float's square is finite as a double, and so are the sums */
        return N2_ERR_NOT_FINITE;
    *norm = sqrt(sum);
    if (store->metric == N2_ANGULAR && sum == 0)
        return N2_ERR_ZERO_VECTOR;
    return norm_holds(store, *norm) ? N2_OK : N2_ERR_MAGNITUDE;
}

/* The norm of what a vector is rounded to. */
static double norm_of(const struct n2_store *store, const float *vector)
{
    double norm;
    if (store->rounding == N2_STORE_FLOAT32) { /* which are not rounded */
        (void)n2_store_check(store, vector, &norm);
        return norm;
    }
    struct n2_range range = n2_pack_range_of(vector, store->dim);
    return sqrt(sum_of_squares(store->rounding, vector, store->dim, range));
}

int n2_store_check_all(const struct n2_store *store, const float *vectors, size_t n)
{
    int status = N2_OK;
    double norm;
    for (size_t i = 0; i < n && !status; i++)
        status = n2_store_check(store, vectors + i * store->dim, &norm);
    return status;
}

float n2_store_extra(const struct n2_store *store, double norm)
{
    return (float)(store->metric == N2_ANGULAR ? 1 / norm : norm);
}

int n2_store_check_new(const struct n2_store *store, const float *vectors, size_t n)
{
    int status = n2_store_check_all(store, vectors, n);
    for (size_t i = 0; i < n && !status && store->rounding != N2_STORE_FLOAT32; i++) {
        double norm = norm_of(store, vectors + i * store->dim);
        status = isfinite(norm) && norm_holds(store, norm) ? N2_OK : N2_ERR_MAGNITUDE;
    }
    return status;
}

static void set_extra(const struct n2_store *store, unsigned char *row, double norm)
{
    float extra = n2_store_extra(store, norm);
    memcpy(row + store->vectors.stride - sizeof(extra), &extra, sizeof(extra));
}

void n2_store_put(struct n2_store *store, uint32_t node, uint32_t id, const float *vector)
{
    unsigned char *row = n2_column_row(&store->vectors, node);
    n2_pack(store->storage, vector, store->dim, row);
    if (has_extra(store->metric))
        set_extra(store, row, norm_of(store, vector));
    *n2_store_label(store, node) = id;
}

void n2_store_put_packed(struct n2_store *store, uint32_t node, uint32_t id,
                         const unsigned char *packed, double norm)
{
    unsigned char *row = n2_column_row(&store->vectors, node);
    memcpy(row, packed, n2_pack_bytes(store->storage, store->dim));
    if (has_extra(store->metric))
        set_extra(store, row, norm);
    *n2_store_label(store, node) = id;
}

int n2_store_find(const struct n2_store *store, uint32_t id, uint32_t *node)
{
    if (id >= N2_ACQUIRE(&store->n_ids))
        return N2_ERR_NOT_FOUND;
    *node = n2_store_entry(store, id).node;
    if (*node == N2_NONE)
        return N2_ERR_NOT_FOUND;
    return *node < N2_ACQUIRE(&store->n_nodes) ? N2_OK : N2_ERR_CORRUPT;
}

void n2_store_detach(struct n2_store *store, uint32_t id)
{
    struct n2_id entry = n2_store_entry(store, id);
    uint32_t *label = n2_store_label(store, entry.node), before = N2_LOAD(label);
    if (before == id) {
        N2_RELEASE(label, entry.next); /* who sees it sees that the id moves */
        return;
    }
    while (before < id) { /* chains ascend, unless they are rotten */
        struct n2_id link = n2_store_entry(store, before);
        if (link.next == id) {
            n2_store_set_entry(store, before, (struct n2_id){link.node, entry.next});
            return;
        }
        if (link.next <= before)
            return;
        before = link.next;
    }
}

static void scale(const float *vector, float factor, size_t dim, float *out)
{
    for (size_t i = 0; i < dim; i++)
        out[i] = vector[i] * factor;
}

void n2_store_probe_query(const struct n2_store *store, const float *query, double norm,
                          float *buffer, struct n2_probe *probe)
{
    *probe = (struct n2_probe){.vector = query, .norm = (float)norm, .factor = 1};
    if (store->metric == N2_ANGULAR) {
        scale(query, (float)(1 / norm), store->dim, buffer);
        probe->vector = buffer;
    }
}

/* Sets what bytes are of that range, if it is one of whole numbers. */
static void set_whole(struct n2_probe *probe, const uint8_t *bytes, struct n2_range range)
{
    probe->whole = range.step == 1 ? bytes : NULL;
    probe->low = range.low;
}

void n2_store_probe_whole(const struct n2_store *store, uint8_t *bytes, struct n2_probe *probe)
{
    if (store->metric != N2_L2 || N2_LOAD(&store->storage) != N2_STORE_SQ8)
        return;
    struct n2_range range = n2_pack_whole_range(probe->vector, store->dim);
    set_whole(probe, bytes, range);
    if (probe->whole)
        n2_pack_whole(probe->vector, store->dim, range, bytes);
}

void n2_store_probe_node(const struct n2_store *store, uint32_t node, float *buffer,
                         struct n2_probe *probe)
{
    const float *vector = n2_store_vector(store, node, buffer);
    *probe = (struct n2_probe){.vector = vector, .norm = 1};
    if (store->metric == N2_ANGULAR) {
        scale(vector, n2_store_behind(store, node), store->dim, buffer);
        probe->vector = buffer;
    } else if (store->metric == N2_DOT) {
        probe->length = n2_store_behind(store, node);
        probe->factor = n2_store_reciprocal(probe->length);
    } else if (store->storage == N2_STORE_SQ8) {
        const unsigned char *row = n2_store_row(store, node);
        set_whole(probe, row, n2_pack_range(row, store->dim));
    }
}

static void angular_keys(const struct n2_store *store, const float *dot, const uint32_t *nodes,
                         size_t n, uint32_t *keys)
{
    for (size_t i = 0; i < n; i++) {
        float d = 1 - dot[i] * n2_store_behind(store, nodes[i]);
        d = d < 0 ? 0 : d > 2 ? 2 : d;
        keys[i] = n2_key(d);
    }
}

static void dot_keys(float factor, const float *dot, size_t n, uint32_t *keys)
{
    for (size_t i = 0; i < n; i++)
        keys[i] = n2_key(0 - dot[i] * factor); /* 0 - 0 is +0, as n2_key asks */
}

#define BLOCK 256 /* numbers on the stack */

/* Distances by L2 between whole numbers. Up to 2^24 a float holds each, and each sum on the way to
 * it: so whatever the order in which the kernels of floats sum, they give the same. Beyond, and
 * where a row is of another range, these are asked. */
static void measure_whole(const struct n2_store *store, const struct n2_kernels *kernels,
                          const struct n2_probe *probe, const uint32_t *nodes, size_t n, float *out)
{
    uint32_t squares[BLOCK];
    const unsigned char *rows = store->vectors.base;
    size_t stride = store->vectors.stride;
    kernels->whole_l2(probe->whole, rows, stride, nodes, n, store->dim, squares);
    for (size_t i = 0; i < n; i++) {
        struct n2_range range = n2_pack_range(n2_store_row(store, nodes[i]), store->dim);
        out[i] = (float)squares[i];
        if (squares[i] > UINT32_C(1) << 24 || range.step != 1 || range.low != probe->low)
            kernels->byte_l2(probe->vector, rows, stride, nodes + i, 1, store->dim, out + i);
    }
}

/* Distances by L2, else products. */
static void measure(const struct n2_store *store, const struct n2_kernels *kernels,
                    const float *vector, const uint32_t *nodes, size_t n, float *out)
{
    const unsigned char *rows = store->vectors.base;
    size_t stride = store->vectors.stride;
    bool l2 = store->metric == N2_L2, halves = store->storage == N2_STORE_FLOAT16;
    if (store->storage == N2_STORE_FLOAT32) {
        n2_distances_fn *of_floats = l2 ? kernels->l2 : kernels->dot;
        of_floats(vector, (const float *)(const void *)rows, stride / sizeof(float), nodes, n,
                  store->dim, out);
        return;
    }
    n2_packed_distances_fn *packed = halves ? l2 ? kernels->half_l2 : kernels->half_dot
                                     : l2   ? kernels->byte_l2
                                            : kernels->byte_dot;
    packed(vector, rows, stride, nodes, n, store->dim, out);
}

void n2_store_keys(const struct n2_store *store, const struct n2_kernels *kernels,
                   const struct n2_probe *probe, const uint32_t *nodes, size_t n, uint32_t *keys)
{
    float distances[BLOCK];
    for (size_t m; n > 0; nodes += m, keys += m, n -= m) {
        m = n2_min(n, BLOCK);
        if (probe->whole && store->storage == N2_STORE_SQ8)
            measure_whole(store, kernels, probe, nodes, m, distances);
        else
            measure(store, kernels, probe->vector, nodes, m, distances);
        if (store->metric == N2_ANGULAR)
            angular_keys(store, distances, nodes, m, keys);
        else if (store->metric == N2_DOT)
            dot_keys(probe->factor, distances, m, keys);
        else
            for (size_t i = 0; i < m; i++)
                keys[i] = n2_key(distances[i]);
    }
}

float n2_store_distance(const struct n2_store *store, uint32_t key)
{
    float distance = n2_key_distance(key);
    return store->metric == N2_DOT ? 0 - distance : distance;
}
