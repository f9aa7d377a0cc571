/* hnsw.h - the algorithms of the HNSW paper (arXiv 1603.09320), on a graph that is only read.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_HNSW_H
#define N2_HNSW_H

#include "scratch.h"
#include "view.h"

/* Copies the node's links on a level to out[N2_MAX_DEGREE]; returns their number. */
size_t n2_hnsw_links(const struct n2_view *view, uint32_t node, uint32_t level, uint32_t *out);

/* The entry of the queue for the entry point of `entry`, which is not 0. */
uint64_t n2_hnsw_enter(const struct n2_view *view, const struct n2_probe *probe, uint64_t entry);

/* Walks on a level above 0 to the node nearest to the probe by greedy steps (Algorithm 2 with
 * ef = 1). Returns the entry of the queue for the node it arrives at. */
uint64_t n2_hnsw_nearest(const struct n2_view *view, const struct n2_probe *probe, uint64_t from,
                         uint32_t level, struct n2_scratch *scratch);

/* Walks so from the entry point of `entry` down to `level`, on each level above it. */
uint64_t n2_hnsw_descend(const struct n2_view *view, const struct n2_probe *probe, uint64_t entry,
                         uint32_t level, struct n2_scratch *scratch);

/* Asks the cache for what n2_view_keys will read of nodes[n]. */
void n2_hnsw_prefetch(const struct n2_view *view, const uint32_t *nodes, size_t n);

/* SEARCH-LAYER (Algorithm 2): from the nodes in scratch->queue, which are also in scratch->visited,
 * finds those nearest to the probe, as many and as far as the queue's beam says: n2_hnsw_found. A
 * picky view's walk sets scratch->gave_up if it ended early. */
void n2_hnsw_search_layer(const struct n2_view *view, const struct n2_probe *probe, uint32_t level,
                          struct n2_scratch *scratch);

/* After a search by codes, the same on level 0 by vectors, from the nearest that it found. What
 * they are farther than their codes tell, others are taken to be at least. */
void n2_hnsw_search_again(const struct n2_view *by_codes, const struct n2_probe *probe,
                          struct n2_scratch *scratch);

/* Puts one entry into an empty queue of that beam and into the visited set. */
void n2_hnsw_start(const struct n2_view *view, struct n2_scratch *scratch, struct n2_beam beam,
                   uint64_t entry);

/* What a walk has found: what is in the queue, or, if the view is picky, in scratch->found. */
N2_INLINE struct n2_queue *n2_hnsw_found(const struct n2_view *view, struct n2_scratch *scratch)
{
    return view->picky ? &scratch->found : &scratch->queue;
}

/* SELECT-NEIGHBORS (Algorithms 3 and 4): of candidates[n], ascending by distance to one centre,
 * chooses at most M and moves them to the front; returns their number. The heuristic takes a
 * candidate unless one taken before is at least as near to it as the centre is. Equal distances
 * count as nearer: so copies of one vector do not fill each other's lists. Uses scratch->centre and
 * lengths. */
size_t n2_hnsw_select(const struct n2_view *view, int32_t selection, uint64_t *candidates, size_t n,
                      size_t M, struct n2_scratch *scratch);

#endif
