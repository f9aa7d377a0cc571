/* tune.h - which search finds how much: measured, so that callers can ask for recall.
 * SPDX-License-Identifier: Apache-2.0
 *
 * How far a search must look for a recall depends on the data and on k. Before the last nodes of a
 * build are linked, they serve as queries that the graph does not know, unless the caller gave some
 * of its own. What searches of growing stretch find is compared with their true neighbours: those
 * of some of them, and for the others with what a far search finds, which nearly has them all.
 */
#ifndef N2_TUNE_H
#define N2_TUNE_H

#include "queue.h"

#define N2_TUNE_QUERIES 1500 /* at most */
#define N2_TUNE_ENOUGH 400   /* for a graph that grows, a few nodes at a time */
#define N2_TUNE_STEPS 12
#define N2_TUNE_KS 3 /* k 1, 10, 100 */

/* Element [i][j] is of k = 10^i and step j of tune.c, a power of the growth or a multiple. */
struct n2_tuning {
    uint32_t n_linked; /* nodes there were; 0: nothing is known */
    float growth;      /* of n2_space, then */
    float recall[N2_TUNE_KS][N2_TUNE_STEPS];
    float measured[N2_TUNE_KS][N2_TUNE_STEPS]; /* distances a search took */
};

/* The beam for k results of that recall, 0 < recall <= 1, and how many distances it will take.
 * There is a tuning. */
struct n2_beam n2_tune_beam(const struct n2_tuning *tuning, int32_t metric, size_t k, float recall,
                            float *measured);

/* The width of such a beam. */
N2_INLINE size_t n2_tune_width(size_t k)
{
    return 2000 + 4 * k;
}

struct n2_build;
struct n2_index;

/* Whether recall is to be measured again when n_new more nodes are linked. */
bool n2_tune_is_due(const struct n2_index *index, size_t n_new);

/* How many of the last n_new of n_nodes serve as queries: 0 where they are too few. */
size_t n2_tune_enough(size_t n_nodes, size_t n_new);

/* Whether the build is to tune, and before how many nodes to go: 0 if not. */
size_t n2_tune_queries(struct n2_build *build);

/* Fills *tuning, with the build's queries or else nodes[n], which are not linked, as queries. Sets
 * the build's shrink. On the team's leader. Returns 0, N2_ERR_NO_MEMORY or N2_ERR_CANCELLED. */
int n2_tune(struct n2_build *build, const uint32_t *nodes, size_t n, struct n2_tuning *tuning);

#endif
