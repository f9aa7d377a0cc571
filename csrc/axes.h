/* axes.h - directions in a cloud of vectors: those in which it varies most, and mixtures of them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Matrices are rows of floats. What is computed is the same on all processors and for any number
 * of threads.
 */
#ifndef N2_AXES_H
#define N2_AXES_H

#include "kernels.h"
#include "team.h"

/* A sample and what axes are found by: its covariance where that takes fewer products, else itself
 * both ways. */
struct n2_cloud {
    const float *sample; /* [n][dim], whose mean is 0 */
    size_t n, dim;
    float *covariance; /* [dim][dim], or NULL */
    float *turned;     /* [dim][n], or NULL */
};

/* Makes a cloud of sample[n][dim], which it keeps pointing to. Runs on the team's leader. Returns 0
 * or N2_ERR_NO_MEMORY; either way n2_cloud_close frees it. */
int n2_cloud_open(struct n2_cloud *cloud, struct n2_team *team, const struct n2_kernels *kernels,
                  const float *sample, size_t n, size_t dim);
void n2_cloud_close(struct n2_cloud *cloud);

/* Sets axes[n_axes][dim], n_axes <= dim and N2_MAX_AXES, to directions of length 1, orthogonal to
 * each other, that approximate the principal axes of the cloud, roughly by falling variance:
 * orthogonal iteration (Golub and Van Loan, "Matrix Computations", 8.2) from a start that hashes of
 * the seed give. Runs on the team's leader. *cancel ends it early, with anything in `axes`. Returns
 * 0 or N2_ERR_NO_MEMORY. */
int n2_axes_principal(const struct n2_cloud *cloud, struct n2_team *team,
                      const struct n2_kernels *kernels, size_t n_axes, uint64_t seed,
                      const int32_t *cancel, float *axes);

/* Turns the axes within the space they span, at random, so that a vector's length spreads over all
 * of them alike: rounds of a random pairing, each pair (a, b) becoming (a + b, a - b) / sqrt(2). */
void n2_axes_mix(float *axes, size_t n_axes, size_t dim, uint64_t seed);

/* out[i][j] = sample[i] . axes[j], in parallel. */
void n2_axes_project(struct n2_team *team, const struct n2_kernels *kernels, const float *sample,
                     size_t n, size_t dim, const float *axes, size_t n_axes, float *out);

#endif
