/* train.c - a map from a sample.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "train.h"

#include "alloc.h"
#include "axes.h"
#include "hash.h"
#include "sketch.h"
#include "sort.h"

#include <math.h>

#define LEAST_NODES 400                  /* fewer are scanned rather than walked to */
#define SAMPLE 4096                      /* vectors */
#define SAMPLE_FLOATS ((size_t)16 << 20) /* of a sample, at most */
#define QUERIES 128                      /* whose neighbours are looked for in the sample */
#define NEAREST 10                       /* of these neighbours */
#define AMONG 12                         /* nearest by codes, where they are to be found */
#define ENOUGH 0.92f                     /* the share of them that is */
#define HOPELESS 0.3f                    /* if so few are, more axes will not help either */
#define LOST 0.03f                       /* the share that rounding may lose */
#define LOST_SHORT 0.06f                 /* the same for short codes, which read half as much */
#define CLIPPED 1000                     /* one coordinate in so many lies outside its byte */
#define FINE_PRODUCTS 1                  /* units between its first and tenth products, under dot */
#define LOW_SHARE 50                     /* one in so many is nearer than `shrink` says */
#define RANGE 63.5f                      /* of a byte, from its middle */
#define LEAST_GROWTH 1.05f
#define GRAIN 64

struct sample {
    const struct n2_training *training;
    size_t n, dim;
    float *vectors;                /* [n][dim], less their mean */
    float *mean;                   /* [dim]; under dot 0 */
    uint32_t *nodes;               /* [n] where they come from */
    uint32_t *counting;            /* [n] 0, 1, 2, ... */
    float *axes;                   /* [n_axes][dim] */
    float *images;                 /* [n][n_axes] */
    float *queries, *query_images; /* [QUERIES], the same of the queries */
    float reciprocals[QUERIES];    /* of their norms, under dot; else 1 */
    size_t n_axes;
    const struct n2_space *space; /* in the end */
    uint8_t *codes;               /* [n] in it */
    float unit;                   /* of the codes */
    float *squares;      /* [QUERIES][n] squared distances: true, then estimated by some axes */
    uint32_t *near;      /* [QUERIES][NEAREST] true neighbours, nearest first */
    float *near_squares; /* how far they are */
    float growth;        /* see n2_space */
    float *found;        /* [QUERIES][N2_MAX_AXES / N2_CODE_UNIT] share of them among the nearest */
    uint64_t *words;     /* [SAMPLE * N2_CODE_UNIT] and as many more, for sorting */
};

static bool is_dot(const struct sample *s)
{
    return s->training->store->metric == N2_DOT;
}

/* The row of the sample that is the query, if queries are taken from it; else none. */
static size_t self_of(const struct sample *s, size_t query)
{
    return s->training->queries ? SIZE_MAX : query * s->n / QUERIES;
}

/* estimates[i] += what the numbers at..at + n - 1 of rows[s->n][width] tell of the distance between
 * row i and the query, which is queries[query]: the squared distance, or less the product. */
static void add_estimates(const struct sample *s, const float *queries, size_t query,
                          const float *rows, size_t width, size_t at, size_t n, float *estimates)
{
    const struct n2_kernels *kernels = s->training->kernels;
    const float *row = queries + query * width + at;
    float part[SAMPLE];
    (is_dot(s) ? kernels->dot : kernels->l2)(row, rows + at, width, s->counting, s->n, n, part);
    for (size_t i = 0; i < s->n; i++)
        estimates[i] += is_dot(s) ? -part[i] : part[i];
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
static void fill(struct sample *s, size_t room)
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
    memset(s->mean, 0, s->dim * sizeof(float));
    for (size_t i = 0; i < s->dim && !is_dot(s); i++) {
        double sum = 0;
        for (size_t j = 0; j < s->n; j++)
            sum += (double)s->vectors[j * s->dim + i];
        s->mean[i] = (float)(sum / (double)n2_max(s->n, 1));
        for (size_t j = 0; j < s->n; j++)
            s->vectors[j * s->dim + i] -= s->mean[i];
    }
}

/* Copies the query as it was given, or as it stands in the index; returns its norm. */
static double copy_query(const struct sample *s, size_t query, float *out)
{
    const struct n2_training *t = s->training;
    const float *from = t->queries ? t->queries + query * t->n_queries / QUERIES * s->dim
                                   : n2_store_vector(t->store, s->nodes[self_of(s, query)], out);
    double norm;
    memmove(out, from, s->dim * sizeof(*out));
    (void)n2_store_check(t->store, out, &norm); /* known to be good */
    return norm;
}

static void fill_queries(struct sample *s)
{
    for (size_t q = 0; q < QUERIES; q++) {
        float *query = s->queries + q * s->dim;
        float reciprocal = n2_store_reciprocal((float)copy_query(s, q, query));
        s->reciprocals[q] = is_dot(s) ? reciprocal : 1;
        for (size_t i = 0; i < s->dim; i++)
            query[i] =
                query[i] * (s->training->store->metric == N2_ANGULAR ? reciprocal : 1) - s->mean[i];
    }
}

/* Finds the true neighbours of queries begin..end-1 within the sample. */
static void find_near(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    struct sample *s = context;
    for (size_t q = begin; q < end && !N2_LOAD(s->training->cancel); q++) {
        size_t self = self_of(s, q), n_near = 0;
        float *squares = s->squares + q * s->n, *best = s->near_squares + q * NEAREST;
        uint32_t *near = s->near + q * NEAREST;
        memset(squares, 0, s->n * sizeof(*squares));
        add_estimates(s, s->queries, q, s->vectors, s->dim, 0, s->dim, squares);
        for (uint32_t i = 0; i < s->n; i++) {
            if (i == self || (n_near == NEAREST && squares[i] >= best[NEAREST - 1]))
                continue;
            size_t at = n_near < NEAREST ? n_near++ : NEAREST - 1;
            for (; at > 0 && best[at - 1] > squares[i]; at--) {
                best[at] = best[at - 1];
                near[at] = near[at - 1];
            }
            best[at] = squares[i];
            near[at] = i;
        }
    }
}

/* The share of a query's true neighbours that is among the nearest by these estimates. */
static float share_found(const struct sample *s, size_t query, const float *estimates)
{
    size_t n_found = 0, self = self_of(s, query);
    for (size_t j = 0; j < NEAREST; j++) {
        float own = estimates[s->near[query * NEAREST + j]];
        size_t twice = 0; /* those nearer, and half of those as near */
        for (size_t i = 0; i < s->n; i++)
            twice += i != self ? (size_t)(estimates[i] < own) + (estimates[i] <= own) : 0;
        n_found += twice <= 2 * AMONG;
    }
    return (float)n_found / NEAREST;
}

/* Measures how well the first 64, 128, ... axes find the neighbours of queries begin..end-1. */
static void try_axes(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    struct sample *s = context;
    for (size_t q = begin; q < end && !N2_LOAD(s->training->cancel); q++) {
        float *estimates = s->squares + q * s->n;
        memset(estimates, 0, s->n * sizeof(*estimates));
        for (size_t at = 0; at < s->n_axes; at += N2_CODE_UNIT) {
            size_t n = n2_min(N2_CODE_UNIT, s->n_axes - at);
            add_estimates(s, s->query_images, q, s->images, s->n_axes, at, n, estimates);
            s->found[q * (N2_MAX_AXES / N2_CODE_UNIT) + at / N2_CODE_UNIT] =
                share_found(s, q, estimates);
        }
    }
}

/* Prepares a query as searches do. `code` has room for N2_MAX_LANES bytes. */
static void probe_query(const struct sample *s, size_t query, void *buffer, uint8_t *code,
                        struct n2_probe *probe)
{
    const struct n2_training *t = s->training;
    float *vector = n2_space_floats_of(buffer, s->dim);
    double norm = copy_query(s, query, vector);
    n2_store_probe_query(t->store, vector, norm, vector, probe);
    (void)n2_space_encode_query(s->space, t->store, t->kernels, probe, buffer, code);
}

/* keys[i] = key of the distance from the probe to the code of row rows[i] of the sample. */
static void code_keys(const struct sample *s, const struct n2_probe *probe, const uint32_t *rows,
                      size_t n, uint32_t *keys)
{
    struct n2_space space = *s->space;
    space.codes.base = s->codes; /* instead of those of the nodes */
    n2_space_keys(&space, s->training->kernels, probe, rows, n, keys);
}

/* The same with codes, of which there is one length only. */
static void try_codes(void *context, size_t begin, size_t end, int worker)
{
    struct sample *s = context;
    uint32_t keys[SAMPLE];
    for (size_t q = begin; q < end && !N2_LOAD(s->training->cancel); q++) {
        float *estimates = s->squares + q * s->n;
        struct n2_probe probe;
        uint8_t code[N2_MAX_LANES];
        probe_query(s, q, s->training->buffers[worker], code, &probe);
        code_keys(s, &probe, s->counting, s->n, keys);
        for (size_t i = 0; i < s->n; i++)
            estimates[i] = is_dot(s) ? n2_key_distance(keys[i]) : (float)keys[i];
        s->found[q * (N2_MAX_AXES / N2_CODE_UNIT)] = share_found(s, q, estimates);
    }
}

static float mean_found(const struct sample *s, size_t block)
{
    float sum = 0;
    for (size_t q = 0; q < QUERIES; q++)
        sum += s->found[q * (N2_MAX_AXES / N2_CODE_UNIT) + block];
    return sum / QUERIES;
}

static int make_axes(struct sample *s, size_t n_axes)
{
    n2_alloc_free(s->axes);
    n2_alloc_free(s->images);
    s->n_axes = n_axes;
    s->axes = n2_alloc(n_axes * s->dim, sizeof(float));
    s->images = n2_alloc((s->n + QUERIES) * n_axes, sizeof(float));
    s->query_images = s->images ? s->images + s->n * n_axes : NULL;
    return s->axes && s->images ? N2_OK : N2_ERR_NO_MEMORY;
}

static void project(struct sample *s)
{
    const struct n2_training *t = s->training;
    n2_axes_project(t->team, t->kernels, s->vectors, s->n, s->dim, s->axes, s->n_axes, s->images);
    n2_axes_project(t->team, t->kernels, s->queries, QUERIES, s->dim, s->axes, s->n_axes,
                    s->query_images);
}

/* Takes all coordinates, which leaves nothing out. */
static int take_all(struct sample *s, float *share)
{
    int status = make_axes(s, s->dim);
    if (status)
        return status;
    memset(s->axes, 0, s->dim * s->dim * sizeof(float));
    for (size_t i = 0; i < s->dim; i++)
        s->axes[i * s->dim + i] = 1;
    *share = 1;
    return N2_OK;
}

/* Takes the first 64, 128, ... axes that find enough, if fewer than all do, and sets *share to what
 * those found that were tried last. */
static int try_fewer(struct sample *s, const struct n2_cloud *cloud, bool *enough, float *share)
{
    const struct n2_training *t = s->training;
    size_t n_axes = s->dim > 2 * N2_CODE_UNIT ? 2 * N2_CODE_UNIT : N2_CODE_UNIT, block = 0;
    for (; n_axes < s->dim && n_axes <= N2_MAX_AXES && *share >= HOPELESS; n_axes *= 2) {
        int status = make_axes(s, n_axes);
        if (!status)
            status =
                n2_axes_principal(cloud, t->team, t->kernels, n_axes, t->seed, t->cancel, s->axes);
        if (status)
            return status;
        project(s);
        n2_team_for(t->team, QUERIES, 1, try_axes, s);
        for (; block * N2_CODE_UNIT < n_axes; block++) {
            *share = mean_found(s, block);
            if (*share >= ENOUGH) {
                s->n_axes = (block + 1) * N2_CODE_UNIT;
                *enough = true;
                return N2_OK;
            }
        }
    }
    return N2_OK;
}

/* Chooses the axes and sets *share to what they find; to 0 if there is no good choice. */
static int choose_axes(struct sample *s, float *share)
{
    const struct n2_training *t = s->training;
    struct n2_cloud cloud;
    bool enough = false;
    if (s->dim <= N2_CODE_UNIT)
        return take_all(s, share);
    *share = 1;
    int status = n2_cloud_open(&cloud, t->team, t->kernels, s->vectors, s->n, s->dim);
    if (!status)
        status = try_fewer(s, &cloud, &enough, share);
    n2_cloud_close(&cloud);
    if (status || enough)
        return status;
    if (s->dim <= N2_MAX_AXES)
        return take_all(s, share);
    if (!t->forced)
        *share = 0;
    return N2_OK;
}

/* Sorts n floats that stand in words, as keys. */
static void sort_floats(struct sample *s, size_t n)
{
    n2_sort(s->words, s->words + SAMPLE * N2_CODE_UNIT, n);
}

/* The unit in which all but a few coordinates of these images fit a byte. */
static float unit_for(struct sample *s, const float *images, size_t n_images)
{
    size_t all = n_images * s->n_axes, n = n2_min(all, SAMPLE * N2_CODE_UNIT);
    for (size_t i = 0; i < n; i++)
        s->words[i] = n2_key(fabsf(images[i * all / n]));
    sort_floats(s, n);
    size_t clipped = is_dot(s) ? 0 : n / CLIPPED; /* the longest vectors matter most under dot */
    return n2_key_distance((uint32_t)s->words[n - 1 - clipped]) / RANGE;
}

/* The unit for the vectors, up to twice as large if the queries need that. Under dot they are not
 * coded. */
static float choose_unit(struct sample *s)
{
    float unit = unit_for(s, s->images, s->n);
    float wider = is_dot(s) ? 0 : unit_for(s, s->query_images, QUERIES);
    return wider <= unit ? unit : wider < 2 * unit ? wider : 2 * unit;
}

/* The distance of the last of NEAREST neighbours over that of the first, or under dot how much
 * less the product with a query of length 1 is: that of `share` of the queries. */
static float measure_growth(struct sample *s, size_t share)
{
    size_t n = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        float near = s->near_squares[q * NEAREST], far = s->near_squares[(q + 1) * NEAREST - 1];
        if (is_dot(s))
            s->words[n++] = n2_key((far - near) * s->reciprocals[q]);
        else if (near > 0)
            s->words[n++] = n2_key(sqrtf(far / near));
    }
    sort_floats(s, n);
    return n ? n2_key_distance((uint32_t)s->words[n / share]) : 0;
}

/* The number of dimensions in which distances to neighbours grow, typically; 0 if none can be told.
 */
static double measure_dimension(struct sample *s)
{
    size_t n = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        float near = s->near_squares[q * NEAREST], far = s->near_squares[(q + 1) * NEAREST - 1];
        if (near > 0 && far > near) /* else equal vectors, or a lattice */
            s->words[n++] = n2_key((float)(2 * log(NEAREST) / log((double)(far / near))));
    }
    sort_floats(s, n);
    return n ? (double)n2_key_distance((uint32_t)s->words[n / 2]) : 0;
}

/* Whether neighbours are apart by more than rounding to that unit, all but a few: at the distance
 * that the tenth has among all vectors, which is less than within the sample. */
static bool fine_enough(struct sample *s, float unit)
{
    if (is_dot(s))
        return measure_growth(s, N2_TRAIN_COARSE) >= FINE_PRODUCTS * unit;
    double dimension = measure_dimension(s);
    double closer = dimension > 0 ? pow((double)s->n / s->training->n_nodes, 1 / dimension) : 1;
    size_t n = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        double far = (double)s->near_squares[(q + 1) * NEAREST - 1];
        if (far > 0)
            s->words[n++] = n2_key((float)(sqrt(far) * closer));
    }
    sort_floats(s, n);
    return n > 0 &&
           n2_key_distance((uint32_t)s->words[n / N2_TRAIN_COARSE]) >= N2_TRAIN_FINE * unit;
}

/* What the deviation of codes from near vectors is below for one in LOW_SHARE. */
static float choose_shrink(struct sample *s)
{
    size_t n = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        struct n2_probe probe;
        uint8_t code[N2_MAX_LANES];
        uint32_t keys[NEAREST];
        probe_query(s, q, s->training->buffers[0], code, &probe);
        code_keys(s, &probe, s->near + q * NEAREST, NEAREST, keys);
        for (size_t i = 0; i < NEAREST; i++) {
            float deviation, near = s->near_squares[q * NEAREST + i];
            if (s->training->store->metric == N2_ANGULAR)
                near /= 2; /* which is 1 - p.q for vectors of length 1 */
            if (n2_space_deviation(s->space, s->training->store, &probe, keys[i], n2_key(near),
                                   &deviation))
                s->words[n++] = n2_key(deviation);
        }
    }
    sort_floats(s, n);
    return n ? n2_key_distance((uint32_t)s->words[n / LOW_SHARE]) : 0;
}

/* The factor of coordinates that leaves room for twice the largest of the sample. */
static float choose_scale(const struct sample *s)
{
    float largest = 0;
    for (size_t i = 0; i < s->n * s->dim; i++) {
        float x = fabsf(s->vectors[i]);
        largest = x > largest ? x : largest;
    }
    return n2_space_limit(s->dim) / (2 * largest);
}

/* Rounds the axes to whole numbers: what they span stays much the same, and the map is applied to
 * queries and to vectors alike. */
static int make_space(const struct sample *s, bool short_codes, struct n2_space *space)
{
    const struct n2_training *t = s->training;
    size_t sketch_bytes = n2_sketch_bytes(s->n_axes, t->graph->M0);
    bool pays = s->n_axes == s->dim && n2_code_bytes(s->n_axes, short_codes) > N2_CODE_UNIT;
    bool sketched = t->sketch == N2_SKETCH_ON || (t->sketch == N2_SKETCH_AUTO && pays);
    int status = n2_space_init(space, s->dim, s->n_axes, short_codes, sketched ? sketch_bytes : 0,
                               t->n_nodes, t->n_reserved);
    if (status)
        return status;
    space->of_products = is_dot(s);
    space->unit = s->unit;
    space->scale = choose_scale(s);
    memcpy(space->means.base, s->mean, s->dim * sizeof(float));
    for (size_t j = 0; j < s->n_axes; j++) {
        const float *axis = s->axes + j * s->dim;
        int8_t *row = n2_column_row(&space->axes, j);
        float *scale = n2_column_row(&space->scales, j), largest = 0;
        for (size_t i = 0; i < s->dim; i++)
            largest = fabsf(axis[i]) > largest ? fabsf(axis[i]) : largest;
        for (size_t i = 0; i < s->dim; i++)
            row[i] = (int8_t)lrintf(axis[i] / largest * INT8_MAX);
        *scale = largest / INT8_MAX / space->scale / s->unit;
    }
    return N2_OK;
}

static void encode_sample(void *context, size_t begin, size_t end, int worker)
{
    struct sample *s = context;
    const struct n2_training *t = s->training;
    for (size_t i = begin; i < end; i++)
        (void)n2_space_encode_node(s->space, t->store, t->kernels, s->nodes[i], t->buffers[worker],
                                   s->codes + i * s->space->codes.stride);
}

/* Makes the space and tries its codes; releases it where they find too little. */
static int make_and_try(struct sample *s, bool short_codes, float share, struct n2_space *space)
{
    const struct n2_training *t = s->training;
    int status = make_space(s, short_codes, space);
    if (status)
        return status;
    s->space = space;
    n2_alloc_free(s->codes);
    s->codes = n2_alloc(s->n, space->codes.stride);
    if (!s->codes) {
        n2_space_release(space);
        return N2_ERR_NO_MEMORY;
    }
    n2_team_for(t->team, s->n, GRAIN, encode_sample, s);
    n2_team_for(t->team, QUERIES, 1, try_codes, s);
    float lost = share - mean_found(s, 0);
    if (short_codes ? lost > LOST_SHORT : lost > LOST && !t->forced)
        n2_space_release(space);
    else
        space->shrink = choose_shrink(s);
    return N2_OK;
}

/* Where some directions are left out, more of them cost less than bits of those there are. */
static bool may_be_short(const struct sample *s)
{
    return !is_dot(s) && s->n_axes == s->dim &&
           n2_code_bytes(s->n_axes, true) < n2_code_bytes(s->n_axes, false);
}

/* Codes no smaller than the vectors save nothing. */
static bool are_smaller(const struct sample *s, bool short_codes)
{
    const struct n2_training *t = s->training;
    return t->forced || n2_code_bytes(s->n_axes, short_codes) < t->store->vectors.stride;
}

static int train(struct sample *s, struct n2_space *space)
{
    const struct n2_training *t = s->training;
    fill_queries(s);
    n2_team_for(t->team, QUERIES, 1, find_near, s);
    s->growth = measure_growth(s, 2);
    if (!is_dot(s) && s->growth < LEAST_GROWTH)
        s->growth = LEAST_GROWTH;
    if (!t->wanted)
        return N2_OK;
    float share = 0;
    int status = choose_axes(s, &share);
    bool shorter = may_be_short(s);
    if (status || N2_LOAD(t->cancel) || share <= 0 || !are_smaller(s, shorter))
        return status;
    n2_axes_mix(s->axes, s->n_axes, s->dim, t->seed);
    project(s);
    s->unit = choose_unit(s);
    if (!(s->unit > 0) || !isfinite(1 / (s->unit * s->unit)) ||
        (!t->forced && !fine_enough(s, s->unit)))
        return N2_OK;
    if (shorter && fine_enough(s, 4 * s->unit))
        status = make_and_try(s, true, share, space);
    if (status || space->n_axes || !are_smaller(s, false))
        return status;
    return make_and_try(s, false, share, space);
}

int n2_train(const struct n2_training *t, struct n2_space *space)
{
    size_t dim = t->store->dim;
    size_t room = n2_min(n2_min(SAMPLE, SAMPLE_FLOATS / dim), t->n_nodes);
    memset(space, 0, sizeof(*space));
    if (t->n_nodes < LEAST_NODES || room < QUERIES)
        return N2_OK;
    struct sample s = {.training = t, .dim = dim};
    s.vectors = n2_alloc(room * dim, sizeof(float));
    s.mean = n2_alloc(dim, sizeof(float));
    s.queries = n2_alloc(QUERIES * dim, sizeof(float));
    s.nodes = n2_alloc(room, sizeof(uint32_t));
    s.counting = n2_alloc(room, sizeof(uint32_t));
    s.squares = n2_alloc(QUERIES * room, sizeof(float));
    s.near = n2_alloc(QUERIES * NEAREST, sizeof(uint32_t));
    s.near_squares = n2_alloc(QUERIES * NEAREST, sizeof(float));
    s.found = n2_alloc(QUERIES * (N2_MAX_AXES / N2_CODE_UNIT), sizeof(float));
    s.words = n2_alloc(2 * SAMPLE * N2_CODE_UNIT, sizeof(uint64_t));
    int status = N2_ERR_NO_MEMORY;
    if (s.vectors && s.mean && s.queries && s.nodes && s.counting && s.squares && s.near &&
        s.near_squares && s.found && s.words) {
        fill(&s, room);
        for (uint32_t i = 0; i < s.n; i++)
            s.counting[i] = i;
        status = s.n >= QUERIES ? train(&s, space) : N2_OK;
        space->n_trained = t->n_nodes;
        space->growth = s.growth;
    }
    n2_alloc_free(s.vectors);
    n2_alloc_free(s.mean);
    n2_alloc_free(s.queries);
    n2_alloc_free(s.nodes);
    n2_alloc_free(s.counting);
    n2_alloc_free(s.axes);
    n2_alloc_free(s.images);
    n2_alloc_free(s.codes);
    n2_alloc_free(s.squares);
    n2_alloc_free(s.near);
    n2_alloc_free(s.near_squares);
    n2_alloc_free(s.found);
    n2_alloc_free(s.words);
    return status;
}
