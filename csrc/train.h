/* train.h - chooses the map of space.h for the vectors there are.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A sample tells in which directions the vectors vary most, how many of these directions a walk
 * needs for meeting the true neighbours among the nearest it finds, and how wide a byte must be. It
 * also tells where codes would be too coarse: vectors of very few dimensions, or so many in so
 * little space that several share a code; there is no space then and walks compare the vectors.
 * Navigating in fewer dimensions and ranking on originals is the idea of LeanVec (arXiv
 * 2312.16335).
 */
#ifndef N2_TRAIN_H
#define N2_TRAIN_H

#include "graph.h"
#include "space.h"
#include "team.h"

/* Codes are coarse where more than one vector in N2_TRAIN_COARSE is less than N2_TRAIN_FINE units
 * away from its tenth neighbour. */
#define N2_TRAIN_FINE 8
#define N2_TRAIN_COARSE 5

struct n2_training {
    const struct n2_store *store;
    const struct n2_graph *graph; /* whose duplicates are left out */
    const struct n2_kernels *kernels;
    struct n2_team *team;
    void **buffers; /* one a thread, of n2_space_buffer_bytes */
    uint32_t n_nodes;
    size_t n_reserved;    /* nodes that the columns have addresses for */
    const float *queries; /* [n_queries][dim], checked; NULL: vectors are in their place */
    size_t n_queries;
    uint64_t seed;
    const int32_t *cancel; /* not 0: ends early, without a space */
    bool wanted;           /* there is to be a space, if codes are good enough */
    bool forced;           /* there is to be one even if they are not */
    int32_t sketch;        /* enum n2_sketch: whether it has sketches */
};

/* Makes *space a space without codes; one without axes where codes are not wanted or would not do.
 * Runs on the team's leader. Returns 0, N2_ERR_NO_MEMORY or N2_ERR_CANCELLED. */
int n2_train(const struct n2_training *training, struct n2_space *space);

/* Makes the codes of nodes[n] (NULL: of nodes 0..n-1), for which there is room, in parallel. Sets
 * *unfit if the map does not fit them: if many coordinates lie outside the bytes, different vectors
 * share a code or nearly so, or codes leave out much more of them than of linked nodes. Runs on the
 * team's leader. Returns 0 or N2_ERR_NO_MEMORY. */
int n2_train_encode(const struct n2_training *training, struct n2_space *space,
                    const uint32_t *nodes, size_t n, bool *unfit);

#endif
