/* space.c - codes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "space.h"

#include <math.h>

int n2_space_init(struct n2_space *space, size_t dim, size_t n_axes, size_t sketch_bytes,
                  size_t n_nodes)
{
    memset(space, 0, sizeof(*space));
    space->dim = dim;
    space->n_axes = n_axes;
    int status = n2_column_reserve(&space->means, sizeof(float), dim, dim);
    if (!status)
        status = n2_column_commit(&space->means, dim);
    if (!status)
        status = n2_column_reserve(&space->axes, n2_space_width(dim), n_axes, n_axes);
    if (!status)
        status = n2_column_commit(&space->axes, n_axes);
    if (!status)
        status = n2_column_reserve(&space->scales, sizeof(float), n_axes, n_axes);
    if (!status)
        status = n2_column_commit(&space->scales, n_axes);
    if (!status)
        status = n2_column_reserve(&space->codes, n2_space_code_bytes(n_axes), n_nodes, n_nodes);
    if (!status && sketch_bytes)
        status = n2_column_reserve(&space->sketches, sketch_bytes, n_nodes, n_nodes);
    if (status)
        n2_space_release(space);
    return status;
}

void n2_space_release(struct n2_space *space)
{
    n2_column_release(&space->means);
    n2_column_release(&space->axes);
    n2_column_release(&space->scales);
    n2_column_release(&space->codes);
    n2_column_release(&space->sketches);
    memset(space, 0, sizeof(*space));
}

/* Encodes vector[] times `factor`, under dot with `extra` as the coordinate more. */
static size_t encode(const struct n2_space *space, const struct n2_kernels *kernels,
                     const float *vector, float factor, float extra, int16_t *buffer, uint8_t *code)
{
    const float *means = (const float *)(const void *)space->means.base;
    const float *scales = (const float *)(const void *)space->scales.base;
    const int8_t *axes = (const int8_t *)space->axes.base;
    size_t n = space->reach > 0 ? space->dim - 1 : space->dim, width = n2_space_width(space->dim);
    float limit = n2_space_limit(space->dim);
    kernels->quantise(vector, factor, means, space->scale, limit, n, buffer);
    if (space->reach > 0)
        buffer[n] = n2_quantise_one(extra, 1, means[n], space->scale, limit);
    memset(buffer + space->dim, 0, (width - space->dim) * sizeof(*buffer));
    int32_t products[N2_MAX_AXES];
    kernels->project(buffer, axes, width, space->n_axes, products);
    size_t n_outside = 0;
    for (size_t i = 0; i < space->n_axes; i++) {
        float x = (float)products[i] * scales[i] + N2_CODE_MAX / 2.0f;
        float inside = x > 0 ? x < N2_CODE_MAX ? x : N2_CODE_MAX : 0; /* NaN becomes 0 */
        n_outside += inside != x;
        code[i] = (uint8_t)(inside + 0.5f);
    }
    memset(code + space->n_axes, 0, n2_space_code_bytes(space->n_axes) - space->n_axes);
    return n_outside;
}

size_t n2_space_encode_node(const struct n2_space *space, const struct n2_store *store,
                            const struct n2_kernels *kernels, uint32_t node, int16_t *buffer,
                            uint8_t *code)
{
    const float *row = n2_store_vector(store, node);
    float factor = store->metric == N2_ANGULAR ? row[store->dim] : 1;
    float extra = store->metric == N2_DOT ? n2_store_lift(space->reach, row[store->dim]) : 0;
    return encode(space, kernels, row, factor, extra, buffer, code);
}

size_t n2_space_encode_query(const struct n2_space *space, const struct n2_store *store,
                             const struct n2_kernels *kernels, const struct n2_probe *probe,
                             int16_t *buffer, uint8_t *code)
{
    /* Under dot the order of results does not depend on the query's length: it gets that of all
     * others, R. */
    float factor = store->metric == N2_DOT && probe->norm > 0 ? space->reach / probe->norm : 1;
    return encode(space, kernels, probe->vector, factor, 0, buffer, code);
}

float n2_space_square(const struct n2_space *space, const struct n2_store *store,
                      const struct n2_probe *probe, uint32_t key)
{
    float distance = n2_key_distance(key), unit = 1 / (space->unit * space->unit);
    switch (store->metric) {
    case N2_ANGULAR:
        return 2 * distance * unit;
    case N2_L2:
        return distance * unit;
    default: { /* |q' - x|^2 = 2 R^2 - 2 q'.x, where q' has length R */
        float factor = probe->norm > 0 ? space->reach / probe->norm : 1;
        return 2 * (space->reach * space->reach + distance * factor) * unit;
    }
    }
}
