/* axes.c - principal axes by orthogonal iteration; random mixtures.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "axes.h"

#include "alloc.h"
#include "hash.h"

#include <float.h>
#include <math.h>

#define ROUNDS 6      /* of the iteration; the space spanned is what counts, not the single axes */
#define MIX_ROUNDS 12 /* 2^12 axes are mixed by so many */
#define LEAST_LEFT 1e-4f /* of a row, when what others span is taken out */
#define WHOLE 1024       /* up to so many dimensions the covariance itself takes fewer products */
#define TILE 16          /* columns that are turned at once: a line of the cache each way */
#define BLOCK 16         /* axes that are taken out of all that follow at once */
#define GRAIN 16
#define PIECE 1536 /* numbers of a row at once, */
#define AT_ONCE 4  /* of so many rows: they stay in the first-level cache */

/* out[i][j] = a[i] . b[j] */
struct product {
    const struct n2_kernels *kernels;
    const float *a, *b;
    size_t dim, n_b;
    float *out;
};

/* Rows begin..end-1 of the product, of b's first n_b rows. Of these, four that lie apart are taken
 * at once, which kernels read side by side. */
static void multiply_by(const struct product *p, size_t begin, size_t end, size_t n_b)
{
    uint32_t rows[AT_ONCE];
    size_t step = (n_b + AT_ONCE - 1) / AT_ONCE;
    for (size_t i = begin; i < end; i++)
        memset(p->out + i * p->n_b, 0, n_b * sizeof(*p->out));
    for (size_t at = 0; at < p->dim; at += PIECE) {
        size_t n = n2_min(PIECE, p->dim - at);
        for (size_t j = 0; j < step; j++) {
            size_t n_rows = 0;
            for (size_t row = j; row < n_b; row += step)
                rows[n_rows++] = (uint32_t)row;
            for (size_t i = begin; i < end; i++) {
                float part[AT_ONCE], *out = p->out + i * p->n_b;
                p->kernels->dot(p->a + i * p->dim + at, p->b + at, p->dim, rows, n_rows, n, part);
                for (size_t k = 0; k < n_rows; k++)
                    out[rows[k]] += part[k];
            }
        }
    }
}

static void multiply(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    const struct product *p = context;
    multiply_by(p, begin, end, p->n_b);
}

/* The same where a and b are one: what stands on one side of the diagonal stands on the other. */
static void multiply_itself(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    const struct product *p = context;
    multiply_by(p, begin, end, end);
    for (size_t j = 0; j < end; j++)
        for (size_t i = n2_max(begin, j + 1); i < end; i++)
            p->out[j * p->n_b + i] = p->out[i * p->n_b + j];
}

void n2_axes_project(struct n2_team *team, const struct n2_kernels *kernels, const float *sample,
                     size_t n, size_t dim, const float *axes, size_t n_axes, float *out)
{
    struct product product = {kernels, sample, axes, dim, n_axes, out};
    n2_team_for(team, n, GRAIN, multiply, &product);
}

/* out[columns][rows] = a[rows][columns], turned. */
struct turning {
    const float *a;
    size_t rows, columns;
    float *out;
};

static void turn(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    const struct turning *t = context;
    for (size_t i = 0; i < t->rows; i++)
        for (size_t j = begin; j < end; j++)
            t->out[j * t->rows + i] = t->a[i * t->columns + j];
}

static void transpose(struct n2_team *team, const float *a, size_t rows, size_t columns, float *out)
{
    struct turning turning = {a, rows, columns, out};
    n2_team_for(team, columns, TILE, turn, &turning);
}

static float length(const struct n2_kernels *kernels, const float *row, size_t dim)
{
    uint32_t first = 0;
    float square;
    kernels->dot(row, row, dim, &first, 1, dim, &square);
    return sqrtf(square);
}

/* Takes out of a row what it has of axes[n], which are orthogonal to each other. */
static void take_out(const struct n2_kernels *kernels, const float *axes, size_t n, size_t dim,
                     float *row)
{
    for (size_t at = 0; at < n; at += 4) {
        uint32_t rows[4];
        float by[4] = {0};
        const void *x[4];
        size_t m = n2_min(4, n - at);
        for (size_t k = 0; k < m; k++)
            rows[k] = (uint32_t)(at + k);
        kernels->dot(row, axes, dim, rows, m, dim, by);
        n2_four_rows(axes, dim * sizeof(*axes), rows, m, x);
        const float *a = x[0], *b = x[1], *c = x[2], *d = x[3];
        for (size_t i = 0; i < dim; i++)
            row[i] -= (by[0] * a[i] + by[1] * b[i]) + (by[2] * c[i] + by[3] * d[i]);
    }
}

/* Makes the row's largest coordinate 1, so that no length over- or underflows. False if it has no
 * finite length above 0. */
static bool level(float *row, size_t dim)
{
    float largest = 0;
    for (size_t i = 0; i < dim; i++) {
        float x = fabsf(row[i]);
        if (!(x <= FLT_MAX))
            return false;
        largest = x > largest ? x : largest;
    }
    for (size_t i = 0; i < dim && largest > 0; i++)
        row[i] /= largest;
    return largest > 0;
}

/* Takes out of row j what it has of the rows first..j-1, and makes what is left of length 1. False
 * if that is next to nothing of what it was. */
static bool straighten(const struct n2_kernels *kernels, float *axes, size_t first, size_t j,
                       size_t dim, float length_before)
{
    float *row = axes + j * dim;
    take_out(kernels, axes + first * dim, j - first, dim, row);
    float left = length(kernels, row, dim);
    if (!(left > length_before * LEAST_LEFT))
        return false;
    for (size_t i = 0; i < dim; i++)
        row[i] /= left;
    return true;
}

/* Puts in the place of row j the direction of a coordinate, as far as the rows before it do not
 * span it: of dim of these that holds for one at least. */
static void replace(const struct n2_kernels *kernels, float *axes, size_t j, size_t dim)
{
    float *row = axes + j * dim;
    bool good = false;
    for (size_t i = 0; i < dim && !good; i++) {
        memset(row, 0, dim * sizeof(*row));
        row[(j + i) % dim] = 1;
        good = straighten(kernels, axes, 0, j, dim, 1) && straighten(kernels, axes, 0, j, dim, 1);
    }
}

struct straightening {
    const struct n2_kernels *kernels;
    float *axes;
    size_t dim;
    size_t first, end;          /* rows that are orthogonal to each other */
    float lengths[N2_MAX_AXES]; /* of all rows, at first; 0: none */
};

/* Takes them out of rows end + begin..end + until - 1. */
static void take_block_out(void *context, size_t begin, size_t until, int worker)
{
    (void)worker;
    const struct straightening *s = context;
    for (size_t j = s->end + begin; j < s->end + until; j++)
        take_out(s->kernels, s->axes + s->first * s->dim, s->end - s->first, s->dim,
                 s->axes + j * s->dim);
}

/* Makes the rows of length 1 and orthogonal to each other, in so many sweeps: in floats one is not
 * enough where it must be exact, nor are two where next to nothing is left of most rows. Where too
 * little is left of one, another direction takes its place. */
static void make_orthogonal(struct n2_team *team, const struct n2_kernels *kernels, float *axes,
                            size_t n_axes, size_t dim, int times)
{
    struct straightening s = {.kernels = kernels, .axes = axes, .dim = dim};
    while (times-- > 0) {
        for (size_t j = 0; j < n_axes; j++)
            s.lengths[j] = level(axes + j * dim, dim) ? length(kernels, axes + j * dim, dim) : 0;
        for (s.first = 0; s.first < n_axes; s.first = s.end) {
            s.end = n2_min(s.first + BLOCK, n_axes);
            for (size_t j = s.first; j < s.end; j++)
                if (s.lengths[j] == 0 || !straighten(kernels, axes, s.first, j, dim, s.lengths[j]))
                    replace(kernels, axes, j, dim);
            n2_team_for(team, n_axes - s.end, 1, take_block_out, &s);
        }
    }
}

int n2_cloud_open(struct n2_cloud *cloud, struct n2_team *team, const struct n2_kernels *kernels,
                  const float *sample, size_t n, size_t dim)
{
    *cloud = (struct n2_cloud){.sample = sample, .n = n, .dim = dim};
    cloud->turned = n2_alloc(dim * n, sizeof(float));
    if (!cloud->turned)
        return N2_ERR_NO_MEMORY;
    transpose(team, sample, n, dim, cloud->turned);
    if (dim > WHOLE)
        return N2_OK;
    cloud->covariance = n2_alloc(dim * dim, sizeof(float));
    if (!cloud->covariance)
        return N2_ERR_NO_MEMORY;
    struct product product = {kernels, cloud->turned, cloud->turned, n, dim, cloud->covariance};
    n2_team_for(team, dim, GRAIN, multiply_itself, &product);
    n2_alloc_free(cloud->turned);
    cloud->turned = NULL;
    return N2_OK;
}

void n2_cloud_close(struct n2_cloud *cloud)
{
    n2_alloc_free(cloud->covariance);
    n2_alloc_free(cloud->turned);
}

int n2_axes_principal(const struct n2_cloud *cloud, struct n2_team *team,
                      const struct n2_kernels *kernels, size_t n_axes, uint64_t seed,
                      const int32_t *cancel, float *axes)
{
    size_t n = cloud->n, dim = cloud->dim;
    const float *covariance = cloud->covariance;
    float *images = covariance ? NULL : n2_alloc(n * n_axes, sizeof(float)); /* [n_axes][n] */
    float *spread = n2_alloc(n2_max(n, dim) * n_axes, sizeof(float));
    if (spread && (images || covariance)) {
        for (size_t i = 0; i < n_axes * dim; i++)
            axes[i] = (float)(int64_t)n2_hash(seed, i) * 0x1p-63f;
        for (int round = 0; round < ROUNDS && !N2_LOAD(cancel); round++) {
            make_orthogonal(team, kernels, axes, n_axes, dim, 1);
            /* axes <- the covariance times axes */
            if (covariance) {
                n2_axes_project(team, kernels, covariance, dim, dim, axes, n_axes, spread);
            } else {
                n2_axes_project(team, kernels, cloud->sample, n, dim, axes, n_axes, spread);
                transpose(team, spread, n, n_axes, images);
                n2_axes_project(team, kernels, cloud->turned, dim, n, images, n_axes, spread);
            }
            transpose(team, spread, dim, n_axes, axes);
        }
        if (!N2_LOAD(cancel))
            make_orthogonal(team, kernels, axes, n_axes, dim, 3);
    }
    int status = spread && (images || covariance) ? N2_OK : N2_ERR_NO_MEMORY;
    n2_alloc_free(images);
    n2_alloc_free(spread);
    return status;
}

void n2_axes_mix(float *axes, size_t n_axes, size_t dim, uint64_t seed)
{
    const float half = 0.70710678f; /* 1 / sqrt(2) */
    for (size_t round = 0; round < MIX_ROUNDS; round++) {
        /* A random order of the rows: each row goes to a place that is drawn from those left. */
        for (size_t j = n_axes; j > 1; j--) {
            size_t k = n2_hash_below(n2_hash(seed, round * n_axes + j), j);
            for (size_t i = 0; i < dim && k != j - 1; i++) {
                float swap = axes[(j - 1) * dim + i];
                axes[(j - 1) * dim + i] = axes[k * dim + i];
                axes[k * dim + i] = swap;
            }
        }
        for (size_t j = 0; j + 1 < n_axes; j += 2) {
            float *a = axes + j * dim, *b = a + dim;
            for (size_t i = 0; i < dim; i++) {
                float sum = (a[i] + b[i]) * half, difference = (a[i] - b[i]) * half;
                a[i] = sum;
                b[i] = difference;
            }
        }
    }
}
