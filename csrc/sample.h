/* sample.h - some of an index's vectors and queries, and how many of their neighbours estimates
 * find.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The true neighbours of the queries within the sample are found once. Then estimates are tried:
 * distances by some axes, or by codes. What they find is the share of the true neighbours that is
 * among the nearest by them.
 */
#ifndef N2_SAMPLE_H
#define N2_SAMPLE_H

#include "train.h"

#define N2_SAMPLE_QUERIES 128 /* whose neighbours are looked for */
#define N2_SAMPLE_NEAREST 10  /* of these neighbours */
#define N2_SAMPLE_MOST 4096   /* vectors */
#define N2_SAMPLE_BLOCKS (N2_MAX_AXES / N2_CODE_UNIT)

struct n2_sample {
    const struct n2_training *training;
    size_t n, dim;
    float *vectors;                       /* [n][dim], less their mean */
    float *mean;                          /* [dim]; under dot 0 */
    uint32_t *nodes;                      /* [n] where they come from */
    uint32_t *counting;                   /* [n] 0, 1, 2, ... */
    float *queries;                       /* [N2_SAMPLE_QUERIES][dim], likewise */
    float reciprocals[N2_SAMPLE_QUERIES]; /* of their norms, under dot; else 1 */
    float *squares;      /* [N2_SAMPLE_QUERIES][n] distances: true, then estimated */
    uint32_t *near;      /* [N2_SAMPLE_QUERIES][N2_SAMPLE_NEAREST] true neighbours, nearest first */
    float *near_squares; /* how far they are: squared, or under dot products, negated */

    size_t n_axes;
    float *axes;                  /* [n_axes][dim] */
    float *images, *query_images; /* [n][n_axes], [N2_SAMPLE_QUERIES][n_axes] */
    const struct n2_space *space; /* whose codes were tried */
    uint8_t *codes;               /* [n] in it */
    float *found; /* [N2_SAMPLE_QUERIES][N2_SAMPLE_BLOCKS] share of neighbours found */
};

N2_INLINE bool n2_sample_is_dot(const struct n2_sample *sample)
{
    return sample->training->store->metric == N2_DOT;
}

/* Takes vectors from all over the index, duplicates left out, and queries, and finds the true
 * neighbours; not where there are fewer vectors than N2_SAMPLE_QUERIES. Runs, as all of these do,
 * on the team's leader. Returns 0, N2_ERR_NO_MEMORY or N2_ERR_CANCELLED; whichever, n2_sample_close
 * frees it. */
int n2_sample_open(struct n2_sample *sample, const struct n2_training *training);
void n2_sample_close(struct n2_sample *sample);

/* Makes room for other axes, which the caller sets. Returns 0 or N2_ERR_NO_MEMORY. */
int n2_sample_new_axes(struct n2_sample *sample, size_t n_axes);

/* Makes the images that the axes give. */
void n2_sample_project(struct n2_sample *sample);

/* Sets shares[i] to what the first i + 1 times N2_CODE_UNIT axes find. Returns 0 or
 * N2_ERR_CANCELLED. */
int n2_sample_try_axes(struct n2_sample *sample, float shares[N2_SAMPLE_BLOCKS]);

/* Makes the codes of that space, which lasts as long as the sample or until the next, and sets
 * *share to what they find. Returns 0, N2_ERR_NO_MEMORY or N2_ERR_CANCELLED. */
int n2_sample_try_codes(struct n2_sample *sample, const struct n2_space *space, float *share);

/* keys[i] = key of the distance from a query to the code of its i-th true neighbour, as searches
 * have it; the query becomes *probe, whose code is in `code`. */
void n2_sample_near_keys(const struct n2_sample *sample, size_t query, uint8_t code[N2_MAX_LANES],
                         struct n2_probe *probe, uint32_t keys[N2_SAMPLE_NEAREST]);

#endif
