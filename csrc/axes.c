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
#define GRAIN 16
#define PIECE 768 /* numbers of a row at once, */
#define AT_ONCE 8 /* of so many rows: they stay in the first-level cache */

/* out[i][j] = a[i] . b[j] */
struct product {
    const struct n2_kernels *kernels;
    const float *a, *b;
    size_t dim, n_b;
    float *out;
};

static void multiply(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    const struct product *p = context;
    uint32_t rows[AT_ONCE];
    for (uint32_t j = 0; j < AT_ONCE; j++)
        rows[j] = j;
    memset(p->out + begin * p->n_b, 0, (end - begin) * p->n_b * sizeof(*p->out));
    for (size_t at = 0; at < p->dim; at += PIECE) {
        size_t n = n2_min(PIECE, p->dim - at);
        for (size_t j = 0; j < p->n_b; j += AT_ONCE) {
            size_t n_rows = n2_min(AT_ONCE, p->n_b - j);
            for (size_t i = begin; i < end; i++) {
                float part[AT_ONCE], *out = p->out + i * p->n_b + j;
                p->kernels->dot(p->a + i * p->dim + at, p->b + j * p->dim + at, p->dim, rows,
                                n_rows, n, part);
                for (size_t k = 0; k < n_rows; k++)
                    out[k] += part[k];
            }
        }
    }
}

void n2_axes_project(struct n2_team *team, const struct n2_kernels *kernels, const float *sample,
                     size_t n, size_t dim, const float *axes, size_t n_axes, float *out)
{
    struct product product = {kernels, sample, axes, dim, n_axes, out};
    n2_team_for(team, n, GRAIN, multiply, &product);
}

static void transpose(const float *a, size_t rows, size_t columns, float *out)
{
    for (size_t from = 0; from < columns; from += TILE)
        for (size_t i = 0; i < rows; i++)
            for (size_t j = from; j < n2_min(from + TILE, columns); j++)
                out[j * rows + i] = a[i * columns + j];
}

static float length(const struct n2_kernels *kernels, const float *row, size_t dim)
{
    uint32_t first = 0;
    float square;
    kernels->dot(row, row, dim, &first, 1, dim, &square);
    return sqrtf(square);
}

static void add_multiple(float *row, const float *other, float factor, size_t dim)
{
    for (size_t i = 0; i < dim; i++)
        row[i] += factor * other[i];
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

/* Takes out of row j what it has of the rows before it, and makes what is left of length 1; twice
 * where it must be exact, since in floats once is not enough. False if next to nothing is left. */
static bool straighten(const struct n2_kernels *kernels, float *axes, size_t j, size_t dim,
                       int times)
{
    float *row = axes + j * dim;
    while (times-- > 0) {
        float before = length(kernels, row, dim), product;
        for (size_t i = 0; i < j; i++) {
            uint32_t first = 0;
            kernels->dot(row, axes + i * dim, dim, &first, 1, dim, &product);
            add_multiple(row, axes + i * dim, -product, dim);
        }
        float left = length(kernels, row, dim);
        if (!(left > before * LEAST_LEFT))
            return false;
        for (size_t i = 0; i < dim; i++)
            row[i] /= left;
    }
    return true;
}

/* Makes row j of length 1 and orthogonal to those before it; where too little is left of it, the
 * direction of a coordinate takes its place: of dim of these one at least is not spanned yet. */
static void make_orthogonal(const struct n2_kernels *kernels, float *axes, size_t j, size_t dim,
                            int times)
{
    float *row = axes + j * dim;
    bool good = level(row, dim) && straighten(kernels, axes, j, dim, times);
    for (size_t i = 0; i < dim && !good; i++) {
        memset(row, 0, dim * sizeof(*row));
        row[(j + i) % dim] = 1;
        good = straighten(kernels, axes, j, dim, 2);
    }
}

static void make_all_orthogonal(const struct n2_kernels *kernels, float *axes, size_t n_axes,
                                size_t dim, int times)
{
    for (size_t j = 0; j < n_axes; j++)
        make_orthogonal(kernels, axes, j, dim, times);
}

int n2_cloud_open(struct n2_cloud *cloud, struct n2_team *team, const struct n2_kernels *kernels,
                  const float *sample, size_t n, size_t dim)
{
    *cloud = (struct n2_cloud){.sample = sample, .n = n, .dim = dim};
    cloud->turned = n2_alloc(dim * n, sizeof(float));
    if (!cloud->turned)
        return N2_ERR_NO_MEMORY;
    transpose(sample, n, dim, cloud->turned);
    if (dim > WHOLE)
        return N2_OK;
    cloud->covariance = n2_alloc(dim * dim, sizeof(float));
    if (!cloud->covariance)
        return N2_ERR_NO_MEMORY;
    n2_axes_project(team, kernels, cloud->turned, dim, n, cloud->turned, dim, cloud->covariance);
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
            make_all_orthogonal(kernels, axes, n_axes, dim, 1);
            /* axes <- the covariance times axes */
            if (covariance) {
                n2_axes_project(team, kernels, covariance, dim, dim, axes, n_axes, spread);
            } else {
                n2_axes_project(team, kernels, cloud->sample, n, dim, axes, n_axes, spread);
                transpose(spread, n, n_axes, images);
                n2_axes_project(team, kernels, cloud->turned, dim, n, images, n_axes, spread);
            }
            transpose(spread, dim, n_axes, axes);
        }
        if (!N2_LOAD(cancel))
            make_all_orthogonal(kernels, axes, n_axes, dim, 2);
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
