/* sample.c - draws a sample and tries estimates on it.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sample.h"

#include "alloc.h"
#include "axes.h"
#include "hash.h"

#define MOST_FLOATS ((size_t)16 << 20) /* of a sample */
#define AMONG 12                       /* nearest by estimates, where neighbours are to be found */
#define GRAIN 64

/* The row of the sample that is the query, if queries are taken from it; else none. */
static size_t self_of(const struct n2_sample *s, size_t query)
{
    return s->training->queries ? SIZE_MAX : query * s->n / N2_SAMPLE_QUERIES;
}

/* estimates[i] += what the numbers at..at + n - 1 of rows[s->n][width] tell of the distance between
 * row i and the query, which is queries[query]: the squared distance, or less the product. */
static void add_estimates(const struct n2_sample *s, const float *queries, size_t query,
                          const float *rows, size_t width, size_t at, size_t n, float *estimates)
{
    const struct n2_kernels *kernels = s->training->kernels;
    const float *row = queries + query * width + at;
    float part[N2_SAMPLE_MOST];
    (n2_sample_is_dot(s) ? kernels->dot : kernels->l2)(row, rows + at, width, s->counting, s->n, n,
                                                       part);
    for (size_t i = 0; i < s->n; i++)
        estimates[i] += n2_sample_is_dot(s) ? -part[i] : part[i];
}

/* Copies a vector as the space sees it. */
static void copy_vector(const struct n2_training *t, uint32_t node, float *out)
{
    const struct n2_store *store = t->store;
    const float *vector = n2_store_vector(store, node, out);
    float factor = store->metric == N2_ANGULAR ? n2_store_behind(store, node) : 1;
    for (size_t i = 0; i < store->dim; i++)
        out[i] = vector[i] * factor;
}

/* Fills the sample with vectors from all over the index, duplicates left out. */
static void fill(struct n2_sample *s, size_t room)
{
    const struct n2_training *t = s->training;
    for (size_t i = 0; i < room; i++) {
        uint64_t from = (uint64_t)i * t->n_nodes / room, to = (uint64_t)(i + 1) * t->n_nodes / room;
        uint32_t node = (uint32_t)(from + n2_hash_below(n2_hash(t->seed, i), to - from));
        if (N2_LOAD(n2_graph_height(t->graph, node)) != N2_GONE) {
            s->nodes[s->n] = node;
            copy_vector(t, node, s->vectors + s->n++ * s->dim);
        }
    }
}

/* Takes the mean out of the sample's vectors. */
static int centre(struct n2_sample *s)
{
    double *sums = n2_alloc_zero(s->dim, sizeof(*sums));
    if (!sums)
        return N2_ERR_NO_MEMORY;
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < s->dim; j++)
            sums[j] += (double)s->vectors[i * s->dim + j];
    for (size_t j = 0; j < s->dim; j++)
        s->mean[j] = (float)(sums[j] / (double)n2_max(s->n, 1));
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = 0; j < s->dim; j++)
            s->vectors[i * s->dim + j] -= s->mean[j];
    n2_alloc_free(sums);
    return N2_OK;
}

/* Copies the query as it was given, or as it stands in the index; returns its norm. */
static double copy_query(const struct n2_sample *s, size_t query, float *out)
{
    const struct n2_training *t = s->training;
    const float *from = t->queries ? t->queries + query * t->n_queries / N2_SAMPLE_QUERIES * s->dim
                                   : n2_store_vector(t->store, s->nodes[self_of(s, query)], out);
    double norm;
    memmove(out, from, s->dim * sizeof(*out));
    (void)n2_store_check(t->store, out, &norm); /* known to be good */
    return norm;
}

static void fill_queries(struct n2_sample *s)
{
    for (size_t q = 0; q < N2_SAMPLE_QUERIES; q++) {
        float *query = s->queries + q * s->dim;
        float reciprocal = n2_store_reciprocal((float)copy_query(s, q, query));
        s->reciprocals[q] = n2_sample_is_dot(s) ? reciprocal : 1;
        for (size_t i = 0; i < s->dim; i++)
            query[i] =
                query[i] * (s->training->store->metric == N2_ANGULAR ? reciprocal : 1) - s->mean[i];
    }
}

/* Finds the true neighbours of queries begin..end-1 within the sample. */
static void find_near(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    struct n2_sample *s = context;
    for (size_t q = begin; q < end && !N2_LOAD(s->training->cancel); q++) {
        size_t self = self_of(s, q), n_near = 0;
        float *squares = s->squares + q * s->n, *best = s->near_squares + q * N2_SAMPLE_NEAREST;
        uint32_t *near = s->near + q * N2_SAMPLE_NEAREST;
        memset(squares, 0, s->n * sizeof(*squares));
        add_estimates(s, s->queries, q, s->vectors, s->dim, 0, s->dim, squares);
        for (uint32_t i = 0; i < s->n; i++) {
            if (i == self ||
                (n_near == N2_SAMPLE_NEAREST && squares[i] >= best[N2_SAMPLE_NEAREST - 1]))
                continue;
            size_t at = n_near < N2_SAMPLE_NEAREST ? n_near++ : N2_SAMPLE_NEAREST - 1;
            for (; at > 0 && best[at - 1] > squares[i]; at--) {
                best[at] = best[at - 1];
                near[at] = near[at - 1];
            }
            best[at] = squares[i];
            near[at] = i;
        }
    }
}

/* What a step returns that may have been cut short. */
static int cancelled(const struct n2_sample *s)
{
    return N2_LOAD(s->training->cancel) ? N2_ERR_CANCELLED : N2_OK;
}

int n2_sample_open(struct n2_sample *s, const struct n2_training *t)
{
    size_t dim = t->store->dim;
    size_t room = n2_min(n2_min(N2_SAMPLE_MOST, MOST_FLOATS / dim), t->n_nodes);
    *s = (struct n2_sample){.training = t, .dim = dim};
    s->vectors = n2_alloc(room * dim, sizeof(float));
    s->mean = n2_alloc_zero(dim, sizeof(float));
    s->queries = n2_alloc(N2_SAMPLE_QUERIES * dim, sizeof(float));
    s->nodes = n2_alloc(room, sizeof(uint32_t));
    s->counting = n2_alloc(room, sizeof(uint32_t));
    s->squares = n2_alloc(N2_SAMPLE_QUERIES * room, sizeof(float));
    s->near = n2_alloc(N2_SAMPLE_QUERIES * N2_SAMPLE_NEAREST, sizeof(uint32_t));
    s->near_squares = n2_alloc(N2_SAMPLE_QUERIES * N2_SAMPLE_NEAREST, sizeof(float));
    s->found = n2_alloc(N2_SAMPLE_QUERIES * N2_SAMPLE_BLOCKS, sizeof(float));
    if (!s->vectors || !s->mean || !s->queries || !s->nodes || !s->counting || !s->squares ||
        !s->near || !s->near_squares || !s->found)
        return N2_ERR_NO_MEMORY;
    fill(s, room);
    if (!n2_sample_is_dot(s) && centre(s))
        return N2_ERR_NO_MEMORY;
    for (uint32_t i = 0; i < s->n; i++)
        s->counting[i] = i;
    if (s->n >= N2_SAMPLE_QUERIES) {
        fill_queries(s);
        n2_team_for(t->team, N2_SAMPLE_QUERIES, 1, find_near, s);
    }
    return cancelled(s);
}

void n2_sample_close(struct n2_sample *s)
{
    n2_alloc_free(s->vectors);
    n2_alloc_free(s->mean);
    n2_alloc_free(s->queries);
    n2_alloc_free(s->nodes);
    n2_alloc_free(s->counting);
    n2_alloc_free(s->squares);
    n2_alloc_free(s->near);
    n2_alloc_free(s->near_squares);
    n2_alloc_free(s->axes);
    n2_alloc_free(s->images);
    n2_alloc_free(s->codes);
    n2_alloc_free(s->found);
}

int n2_sample_new_axes(struct n2_sample *s, size_t n_axes)
{
    n2_alloc_free(s->axes);
    n2_alloc_free(s->images);
    s->n_axes = n_axes;
    s->axes = n2_alloc(n_axes * s->dim, sizeof(float));
    s->images = n2_alloc((s->n + N2_SAMPLE_QUERIES) * n_axes, sizeof(float));
    s->query_images = s->images ? s->images + s->n * n_axes : NULL;
    return s->axes && s->images ? N2_OK : N2_ERR_NO_MEMORY;
}

void n2_sample_project(struct n2_sample *s)
{
    const struct n2_training *t = s->training;
    n2_axes_project(t->team, t->kernels, s->vectors, s->n, s->dim, s->axes, s->n_axes, s->images);
    n2_axes_project(t->team, t->kernels, s->queries, N2_SAMPLE_QUERIES, s->dim, s->axes, s->n_axes,
                    s->query_images);
}

/* The share of a query's true neighbours that is among the nearest by these estimates. */
static float share_found(const struct n2_sample *s, size_t query, const float *estimates)
{
    size_t n_found = 0, self = self_of(s, query);
    for (size_t j = 0; j < N2_SAMPLE_NEAREST; j++) {
        float own = estimates[s->near[query * N2_SAMPLE_NEAREST + j]];
        size_t twice = 0; /* those nearer, and half of those as near */
        for (size_t i = 0; i < s->n; i++)
            twice += i != self ? (size_t)(estimates[i] < own) + (estimates[i] <= own) : 0;
        n_found += twice <= 2 * AMONG;
    }
    return (float)n_found / N2_SAMPLE_NEAREST;
}

/* The share found in all, by that many blocks of axes. */
static float mean_found(const struct n2_sample *s, size_t block)
{
    float sum = 0;
    for (size_t q = 0; q < N2_SAMPLE_QUERIES; q++)
        sum += s->found[q * N2_SAMPLE_BLOCKS + block];
    return sum / N2_SAMPLE_QUERIES;
}

/* Measures how well the first 64, 128, ... axes find the neighbours of queries begin..end-1. */
static void try_axes(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    struct n2_sample *s = context;
    for (size_t q = begin; q < end && !N2_LOAD(s->training->cancel); q++) {
        float *estimates = s->squares + q * s->n;
        memset(estimates, 0, s->n * sizeof(*estimates));
        for (size_t at = 0; at < s->n_axes; at += N2_CODE_UNIT) {
            size_t n = n2_min(N2_CODE_UNIT, s->n_axes - at);
            add_estimates(s, s->query_images, q, s->images, s->n_axes, at, n, estimates);
            s->found[q * N2_SAMPLE_BLOCKS + at / N2_CODE_UNIT] = share_found(s, q, estimates);
        }
    }
}

int n2_sample_try_axes(struct n2_sample *s, float shares[N2_SAMPLE_BLOCKS])
{
    n2_team_for(s->training->team, N2_SAMPLE_QUERIES, 1, try_axes, s);
    int status = cancelled(s);
    if (status)
        return status;
    for (size_t block = 0; block * N2_CODE_UNIT < s->n_axes; block++)
        shares[block] = mean_found(s, block);
    return N2_OK;
}

static void encode_sample(void *context, size_t begin, size_t end, int worker)
{
    struct n2_sample *s = context;
    const struct n2_training *t = s->training;
    for (size_t i = begin; i < end; i++)
        (void)n2_space_encode_node(s->space, t->store, t->kernels, s->nodes[i], t->buffers[worker],
                                   s->codes + i * s->space->codes.stride);
}

/* Prepares a query as searches do. `code` has room for N2_MAX_LANES bytes. */
static void probe_query(const struct n2_sample *s, size_t query, void *buffer, uint8_t *code,
                        struct n2_probe *probe)
{
    const struct n2_training *t = s->training;
    float *vector = n2_space_floats_of(buffer, s->dim);
    double norm = copy_query(s, query, vector);
    n2_store_probe_query(t->store, vector, norm, vector, probe);
    (void)n2_space_encode_query(s->space, t->store, t->kernels, probe, buffer, code);
}

/* keys[i] = key of the distance from the probe to the code of row rows[i] of the sample. */
static void code_keys(const struct n2_sample *s, const struct n2_probe *probe, const uint32_t *rows,
                      size_t n, uint32_t *keys)
{
    struct n2_space space = *s->space;
    space.codes.base = s->codes; /* instead of those of the nodes */
    n2_space_keys(&space, s->training->kernels, probe, rows, n, keys);
}

/* The same with codes, of which there is one length only. */
static void try_codes(void *context, size_t begin, size_t end, int worker)
{
    struct n2_sample *s = context;
    uint32_t keys[N2_SAMPLE_MOST];
    for (size_t q = begin; q < end && !N2_LOAD(s->training->cancel); q++) {
        float *estimates = s->squares + q * s->n;
        struct n2_probe probe;
        uint8_t code[N2_MAX_LANES];
        probe_query(s, q, s->training->buffers[worker], code, &probe);
        code_keys(s, &probe, s->counting, s->n, keys);
        for (size_t i = 0; i < s->n; i++)
            estimates[i] = n2_sample_is_dot(s) ? n2_key_distance(keys[i]) : (float)keys[i];
        s->found[q * N2_SAMPLE_BLOCKS] = share_found(s, q, estimates);
    }
}

int n2_sample_try_codes(struct n2_sample *s, const struct n2_space *space, float *share)
{
    const struct n2_training *t = s->training;
    s->space = space;
    n2_alloc_free(s->codes);
    s->codes = n2_alloc(s->n, space->codes.stride);
    if (!s->codes)
        return N2_ERR_NO_MEMORY;
    n2_team_for(t->team, s->n, GRAIN, encode_sample, s);
    n2_team_for(t->team, N2_SAMPLE_QUERIES, 1, try_codes, s);
    int status = cancelled(s);
    if (status)
        return status;
    *share = mean_found(s, 0);
    return N2_OK;
}

void n2_sample_near_keys(const struct n2_sample *s, size_t query, uint8_t code[N2_MAX_LANES],
                         struct n2_probe *probe, uint32_t keys[N2_SAMPLE_NEAREST])
{
    probe_query(s, query, s->training->buffers[0], code, probe);
    code_keys(s, probe, s->near + query * N2_SAMPLE_NEAREST, N2_SAMPLE_NEAREST, keys);
}
