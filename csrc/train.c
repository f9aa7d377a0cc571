/* train.c - a map from a sample.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "train.h"

#include "alloc.h"
#include "axes.h"
#include "sample.h"
#include "sketch.h"
#include "sort.h"

#include <math.h>

#define LEAST_NODES 400  /* fewer are scanned rather than walked to */
#define ENOUGH 0.92f     /* the share of neighbours that fewer axes are to find */
#define HOPELESS 0.3f    /* if so few are found, more axes will not help either */
#define LOST 0.03f       /* the share that rounding may lose */
#define LOST_SHORT 0.06f /* the same for short codes, which read half as much */
#define CLIPPED 1000     /* one coordinate in so many lies outside its byte */
#define FINE_PRODUCTS 1  /* units between its first and tenth products, under dot */
#define LOW_SHARE 50     /* one in so many is nearer than `shrink` says */
#define RANGE 63.5f      /* of a byte, from its middle */
#define LEAST_GROWTH 1.05f
#define MOST_GROWTH 8.0f /* more comes of near copies, and says nothing of how far to look */
#define WORDS ((size_t)N2_SAMPLE_MOST * N2_CODE_UNIT)

struct choice {
    struct n2_sample sample;
    float unit;      /* of the codes */
    uint64_t *words; /* [2 * WORDS] for sorting: words, and as many more */
};

/* The distances of a query's first and last true neighbours. */
struct reach {
    float near, far;
};

static struct reach reach_of(const struct n2_sample *s, size_t query)
{
    const float *squares = s->near_squares + query * N2_SAMPLE_NEAREST;
    return (struct reach){squares[0], squares[N2_SAMPLE_NEAREST - 1]};
}

/* Takes all coordinates, which leaves nothing out. */
static int take_all(struct n2_sample *s, float *share)
{
    int status = n2_sample_new_axes(s, s->dim);
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
static int try_fewer(struct n2_sample *s, const struct n2_cloud *cloud, bool *enough, float *share)
{
    const struct n2_training *t = s->training;
    size_t n_axes = s->dim > 2 * N2_CODE_UNIT ? 2 * N2_CODE_UNIT : N2_CODE_UNIT, block = 0;
    for (; n_axes < s->dim && n_axes <= N2_MAX_AXES && *share >= HOPELESS; n_axes *= 2) {
        float shares[N2_SAMPLE_BLOCKS];
        int status = n2_sample_new_axes(s, n_axes);
        if (!status)
            status =
                n2_axes_principal(cloud, t->team, t->kernels, n_axes, t->seed, t->cancel, s->axes);
        if (status)
            return status;
        n2_sample_project(s);
        status = n2_sample_try_axes(s, shares);
        if (status)
            return status;
        for (; block * N2_CODE_UNIT < n_axes; block++) {
            *share = shares[block];
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
static int choose_axes(struct n2_sample *s, float *share)
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

/* Of the floats whose keys stand in words[n], n > 0, the one before which there are `below`. */
static float float_at(struct choice *c, size_t n, size_t below)
{
    n2_sort(c->words, c->words + WORDS, n);
    return n2_key_distance((uint32_t)c->words[below]);
}

/* The unit in which all but a few coordinates of these images fit a byte. */
static float unit_for(struct choice *c, const float *images, size_t n_images)
{
    size_t all = n_images * c->sample.n_axes, n = n2_min(all, WORDS);
    for (size_t i = 0; i < n; i++)
        c->words[i] = n2_key(fabsf(images[i * all / n]));
    size_t clipped = n2_sample_is_dot(&c->sample) ? 0 /* the longest vectors matter most */
                                                  : n / CLIPPED;
    return float_at(c, n, n - 1 - clipped) / RANGE;
}

/* The unit for the vectors, up to twice as large if the queries need that. Under dot they are not
 * coded. */
static float choose_unit(struct choice *c)
{
    const struct n2_sample *s = &c->sample;
    float unit = unit_for(c, s->images, s->n);
    float wider = n2_sample_is_dot(s) ? 0 : unit_for(c, s->query_images, N2_SAMPLE_QUERIES);
    return wider <= unit ? unit : wider < 2 * unit ? wider : 2 * unit;
}

/* The distance of the last true neighbour over that of the first, or under dot how much less the
 * product with a query of length 1 is: that of `share` of the queries. */
static float measure_growth(struct choice *c, size_t share)
{
    const struct n2_sample *s = &c->sample;
    size_t n = 0;
    for (size_t q = 0; q < N2_SAMPLE_QUERIES; q++) {
        struct reach reach = reach_of(s, q);
        if (n2_sample_is_dot(s))
            c->words[n++] = n2_key((reach.far - reach.near) * s->reciprocals[q]);
        else if (reach.near > 0)
            c->words[n++] = n2_key(sqrtf(reach.far) / sqrtf(reach.near));
    }
    return n ? float_at(c, n, n / share) : 0;
}

/* The number of dimensions in which distances to neighbours grow, typically; 0 if none can be told.
 */
static double measure_dimension(struct choice *c)
{
    size_t n = 0;
    for (size_t q = 0; q < N2_SAMPLE_QUERIES; q++) {
        struct reach reach = reach_of(&c->sample, q);
        if (reach.near > 0 && reach.far > reach.near) /* else equal vectors, or a lattice */
            c->words[n++] =
                n2_key((float)(2 * log(N2_SAMPLE_NEAREST) / log((double)(reach.far / reach.near))));
    }
    return n ? (double)float_at(c, n, n / 2) : 0;
}

/* Whether neighbours are apart by more than rounding to that unit, all but a few: at the distance
 * that the tenth has among all vectors, which is less than within the sample. */
static bool fine_enough(struct choice *c, float unit)
{
    const struct n2_sample *s = &c->sample;
    if (n2_sample_is_dot(s))
        return measure_growth(c, N2_TRAIN_COARSE) >= FINE_PRODUCTS * unit;
    double dimension = measure_dimension(c);
    double closer = dimension > 0 ? pow((double)s->n / s->training->n_nodes, 1 / dimension) : 1;
    size_t n = 0;
    for (size_t q = 0; q < N2_SAMPLE_QUERIES; q++) {
        double far = (double)reach_of(s, q).far;
        if (far > 0)
            c->words[n++] = n2_key((float)(sqrt(far) * closer));
    }
    return n > 0 && float_at(c, n, n / N2_TRAIN_COARSE) >= N2_TRAIN_FINE * unit;
}

/* What the deviation of codes from near vectors is below for one in LOW_SHARE. */
static float choose_shrink(struct choice *c)
{
    const struct n2_sample *s = &c->sample;
    const struct n2_store *store = s->training->store;
    size_t n = 0;
    for (size_t q = 0; q < N2_SAMPLE_QUERIES; q++) {
        struct n2_probe probe;
        uint8_t code[N2_MAX_LANES];
        uint32_t keys[N2_SAMPLE_NEAREST];
        n2_sample_near_keys(s, q, code, &probe, keys);
        for (size_t i = 0; i < N2_SAMPLE_NEAREST; i++) {
            float deviation, near = s->near_squares[q * N2_SAMPLE_NEAREST + i];
            if (store->metric == N2_ANGULAR)
                near /= 2; /* which is 1 - p.q for vectors of length 1 */
            if (n2_space_deviation(s->space, store, &probe, keys[i], n2_key(near), &deviation))
                c->words[n++] = n2_key(deviation);
        }
    }
    return n ? float_at(c, n, n / LOW_SHARE) : 0;
}

/* The factor of coordinates that leaves room for twice the largest of the sample. */
static float choose_scale(const struct n2_sample *s)
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
static int make_space(const struct n2_sample *s, float unit, bool short_codes,
                      struct n2_space *space)
{
    const struct n2_training *t = s->training;
    size_t sketch_bytes = n2_sketch_bytes(s->n_axes, t->graph->M0);
    bool pays = s->n_axes == s->dim && n2_code_bytes(s->n_axes, short_codes) > N2_CODE_UNIT;
    bool sketched = t->sketch == N2_SKETCH_ON || (t->sketch == N2_SKETCH_AUTO && pays);
    int status = n2_space_init(space, s->dim, s->n_axes, short_codes, sketched ? sketch_bytes : 0,
                               t->n_nodes, t->n_reserved);
    if (status)
        return status;
    space->of_products = n2_sample_is_dot(s);
    space->unit = unit;
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
        *scale = largest / INT8_MAX / space->scale / unit;
    }
    return N2_OK;
}

/* Makes the space and tries its codes; releases it where they find too little. */
static int make_and_try(struct choice *c, bool short_codes, float share, struct n2_space *space)
{
    float found = 0;
    int status = make_space(&c->sample, c->unit, short_codes, space);
    if (status)
        return status;
    status = n2_sample_try_codes(&c->sample, space, &found);
    bool enough = share - found <= (short_codes ? LOST_SHORT : LOST) ||
                  (c->sample.training->forced && !short_codes);
    if (status || !enough)
        n2_space_release(space);
    else
        space->shrink = choose_shrink(c);
    return status;
}

/* Where some directions are left out, more of them cost less than bits of those there are. */
static bool may_be_short(const struct n2_sample *s)
{
    return !n2_sample_is_dot(s) && s->n_axes == s->dim &&
           n2_code_bytes(s->n_axes, true) < n2_code_bytes(s->n_axes, false);
}

/* Codes no smaller than the vectors save nothing. */
static bool are_smaller(const struct n2_sample *s, bool short_codes)
{
    const struct n2_training *t = s->training;
    return t->forced || n2_code_bytes(s->n_axes, short_codes) < t->store->vectors.stride;
}

static int choose_space(struct choice *c, struct n2_space *space)
{
    struct n2_sample *s = &c->sample;
    const struct n2_training *t = s->training;
    float share = 0;
    int status = choose_axes(s, &share);
    bool shorter = may_be_short(s);
    if (status || share <= 0 || !are_smaller(s, shorter))
        return status;
    n2_axes_mix(s->axes, s->n_axes, s->dim, t->seed);
    n2_sample_project(s);
    c->unit = choose_unit(c);
    if (!(c->unit > 0) || !isfinite(1 / (c->unit * c->unit)) ||
        (!t->forced && !fine_enough(c, c->unit)))
        return N2_OK;
    if (shorter && fine_enough(c, 4 * c->unit))
        status = make_and_try(c, true, share, space);
    if (status || space->n_axes || !are_smaller(s, false))
        return status;
    return make_and_try(c, false, share, space);
}

int n2_train(const struct n2_training *t, struct n2_space *space)
{
    struct choice c;
    float growth = 0;
    memset(space, 0, sizeof(*space));
    if (t->n_nodes < LEAST_NODES)
        return N2_OK;
    int status = n2_sample_open(&c.sample, t);
    c.words = n2_alloc(2 * WORDS, sizeof(uint64_t));
    if (!status && !c.words)
        status = N2_ERR_NO_MEMORY;
    if (!status && c.sample.n >= N2_SAMPLE_QUERIES) {
        growth = measure_growth(&c, 2);
        if (!n2_sample_is_dot(&c.sample))
            growth = fmaxf(LEAST_GROWTH, fminf(growth, MOST_GROWTH));
        if (t->wanted)
            status = choose_space(&c, space);
    }
    space->n_trained = t->n_nodes;
    space->growth = growth;
    n2_sample_close(&c.sample);
    n2_alloc_free(c.words);
    return status;
}
