/* space.c - codes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "space.h"

#include <math.h>

int n2_space_init(struct n2_space *space, size_t dim, size_t n_axes, bool short_codes,
                  size_t sketch_bytes, size_t n_nodes, size_t n_reserved)
{
    memset(space, 0, sizeof(*space));
    space->dim = dim;
    space->n_axes = n_axes;
    space->short_codes = short_codes;
    int status = n2_column_make(&space->means, sizeof(float), dim, 0);
    if (!status)
        status = n2_column_make(&space->axes, n2_space_width(dim), n_axes, 0);
    if (!status)
        status = n2_column_make(&space->scales, sizeof(float), n_axes, 0);
    if (!status)
        status = n2_column_reserve(&space->codes, n2_code_bytes(n_axes, short_codes), n_reserved,
                                   n_nodes);
    if (!status && sketch_bytes)
        status = n2_column_reserve(&space->sketches, sketch_bytes, n_reserved, n_nodes);
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

/* The products of vector[] times `factor` with the directions, in units. */
static void project(const struct n2_space *space, const struct n2_kernels *kernels,
                    const float *vector, float factor, int16_t *buffer, float *out)
{
    const float *means = (const float *)(const void *)space->means.base;
    const float *scales = (const float *)(const void *)space->scales.base;
    const int8_t *axes = (const int8_t *)space->axes.base;
    size_t width = n2_space_width(space->dim);
    kernels->quantise(vector, factor, means, space->scale, n2_space_limit(space->dim), space->dim,
                      buffer);
    memset(buffer + space->dim, 0, (width - space->dim) * sizeof(*buffer));
    int32_t products[N2_MAX_AXES];
    kernels->project(buffer, axes, width, space->n_axes, products);
    for (size_t i = 0; i < space->n_axes; i++)
        out[i] = (float)products[i] * scales[i];
}

/* The numbers of a code; what five bits stand for if it is to be short. */
static size_t encode(const struct n2_space *space, const struct n2_kernels *kernels,
                     const float *vector, float factor, bool is_short, int16_t *buffer,
                     uint8_t *numbers)
{
    float image[N2_MAX_AXES];
    project(space, kernels, vector, factor, buffer, image);
    size_t n_outside = 0;
    for (size_t i = 0; i < space->n_axes; i++) {
        float x = image[i] + N2_CODE_MAX / 2.0f;
        float inside = x > 0 ? x < N2_CODE_MAX ? x : N2_CODE_MAX : 0; /* NaN becomes 0 */
        n_outside += inside != x;
        numbers[i] = (uint8_t)(is_short ? (int32_t)(inside / 4) * 4 + 2 : (int32_t)(inside + 0.5f));
    }
    return n_outside;
}

size_t n2_space_encode_node(const struct n2_space *space, const struct n2_store *store,
                            const struct n2_kernels *kernels, uint32_t node, void *buffer,
                            uint8_t *code)
{
    const float *vector = n2_store_vector(store, node, n2_space_floats_of(buffer, store->dim));
    float factor = store->metric == N2_ANGULAR ? n2_store_behind(store, node) : 1;
    uint8_t numbers[N2_MAX_AXES];
    size_t n_outside = encode(space, kernels, vector, factor, space->short_codes, buffer, numbers);
    n2_code_pack(numbers, space->n_axes, space->short_codes, code);
    return n_outside;
}

void n2_space_probe_node(const struct n2_space *space, uint32_t node, float *buffer,
                         struct n2_probe *probe)
{
    uint8_t *lanes = (uint8_t *)(void *)buffer;
    const uint8_t *code = n2_space_code(space, node);
    *probe = (struct n2_probe){.code = code};
    if (!space->short_codes)
        return;
    n2_code_lanes(code, space->codes.stride, lanes);
    probe->code = lanes;
}

static float largest_of(const float *x, size_t n)
{
    float largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
    return largest;
}

/* Only the direction of a query matters to its weights: its coordinates are made as large as there
 * is room for. False if it has none that floats can tell. */
static bool weigh_query(const struct n2_space *space, const struct n2_kernels *kernels,
                        struct n2_probe *probe, int16_t *buffer, int8_t *weights)
{
    float image[N2_MAX_AXES], most = n2_space_limit(space->dim) / space->scale;
    float factor = most * n2_store_reciprocal(largest_of(probe->vector, space->dim));
    bool has_direction = factor > 0 && factor < INFINITY;
    project(space, kernels, probe->vector, has_direction ? factor : 0, buffer, image);
    float largest = largest_of(image, space->n_axes), finer = n2_store_reciprocal(largest);
    memset(weights, 0, n2_code_bytes(space->n_axes, false));
    int32_t sum = 0;
    for (size_t i = 0; i < space->n_axes; i++) {
        weights[i] = (int8_t)lrintf(image[i] * finer * N2_CODE_MAX);
        sum += weights[i];
    }
    probe->weights = weights;
    probe->centre = N2_CODE_MAX * sum;
    probe->unit =
        has_direction ? space->unit / factor * (space->unit * largest / (2 * N2_CODE_MAX)) : 0;
    return has_direction;
}

void n2_space_weigh(const struct n2_space *space, const uint8_t *code, int8_t *weights,
                    struct n2_probe *probe)
{
    int32_t sum = 0, squares = 0;
    for (size_t i = 0; i < space->n_axes; i++) {
        int32_t twice = 2 * code[i] - N2_CODE_MAX; /* what it is away from the middle */
        weights[i] = (int8_t)twice;
        sum += twice;
        squares += twice * twice;
    }
    memset(weights + space->n_axes, 0, space->codes.stride - space->n_axes);
    float half = space->unit / 2, length = sqrtf((float)squares) * half;
    *probe = (struct n2_probe){.norm = 1, .length = length, .weights = weights};
    probe->centre = N2_CODE_MAX * sum;
    probe->unit = half * n2_store_reciprocal(length) * half;
}

size_t n2_space_encode_query(const struct n2_space *space, const struct n2_store *store,
                             const struct n2_kernels *kernels, struct n2_probe *probe, void *buffer,
                             void *code)
{
    if (store->metric == N2_DOT)
        return weigh_query(space, kernels, probe, buffer, code) ? 0 : space->n_axes;
    uint8_t numbers[N2_MAX_AXES];
    size_t n_outside = encode(space, kernels, probe->vector, 1, false, buffer, numbers);
    if (space->short_codes)
        n2_code_spread(numbers, space->n_axes, code);
    else
        n2_code_pack(numbers, space->n_axes, false, code);
    probe->code = code;
    return n_outside;
}

/* The squared distance between vectors, in units of codes, that a key of store.h stands for. */
static float square_of(const struct n2_space *space, const struct n2_store *store, uint32_t key)
{
    float square = n2_key_distance(key) * (store->metric == N2_ANGULAR ? 2 : 1);
    return square * (1 / (space->unit * space->unit));
}

bool n2_space_deviation(const struct n2_space *space, const struct n2_store *store,
                        const struct n2_probe *probe, uint32_t code_key, uint32_t key,
                        float *deviation)
{
    if (store->metric == N2_DOT) {
        *deviation =
            (n2_key_distance(key) - n2_key_distance(code_key)) * n2_store_reciprocal(probe->norm);
        return true;
    }
    float square = square_of(space, store, key);
    *deviation = code_key > 0 ? square / (float)code_key : 0;
    return *deviation > 0;
}

static uint32_t key_of(float square)
{
    return square < 0x1p32f ? square > 0 ? (uint32_t)square : 0 : UINT32_MAX; /* of NaN too */
}

uint32_t n2_space_farthest(const struct n2_space *space, const struct n2_store *store,
                           const struct n2_probe *probe, uint32_t key)
{
    if (store->metric == N2_DOT)
        return n2_key(n2_key_distance(key) - space->shrink * probe->norm);
    if (!(space->shrink > 0))
        return UINT32_MAX;
    /* What is lost with some directions is less of what is far away. */
    float shrink = space->shrink < 1 ? space->shrink : 1;
    return key_of(square_of(space, store, key) / shrink + n2_space_noise(space));
}

/* The part of the noise that a code tells nothing within. */
static float hidden(const struct n2_space *space)
{
    return n2_space_noise(space) / 4;
}

void n2_space_learn(const struct n2_space *space, const struct n2_store *store, uint32_t code_key,
                    uint32_t key, float *excess)
{
    if (store->metric == N2_DOT || (float)code_key < hidden(space))
        return;
    float seen = square_of(space, store, key) / ((float)code_key + hidden(space));
    if (seen < *excess)
        *excess = seen > 0 ? seen : 0;
}

uint32_t n2_space_within(const struct n2_space *space, const struct n2_store *store,
                         const struct n2_probe *probe, uint32_t key, float excess)
{
    if (excess == INFINITY)
        return store->metric == N2_DOT ? n2_space_farthest(space, store, probe, key) : UINT32_MAX;
    return key_of(square_of(space, store, key) / excess - hidden(space));
}
