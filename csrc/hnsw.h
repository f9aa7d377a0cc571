/* hnsw.h - the algorithms of the HNSW paper (arXiv 1603.09320), on a graph that is only read.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_HNSW_H
#define N2_HNSW_H

#include "graph.h"
#include "scratch.h"
#include "store.h"

/* Room for links on level 0 beyond M0, which nodes have while a build runs: `room` slots a node,
 * each a node plus 1, ended by the first 0. In use only where the node's row proper is full. */
struct n2_slack {
    struct n2_column slots;
    uint32_t room;
};

N2_INLINE uint32_t *n2_slack_slots(const struct n2_slack *slack, uint32_t node)
{
    return (uint32_t *)(void *)slack->slots.base + (size_t)node * slack->room;
}

/* What a search looks at: nodes from n_nodes on do not exist for it, links end where one leads to a
 * node from n_rows on. */
struct n2_view {
    const struct n2_store *store;
    const struct n2_graph *graph;
    const struct n2_slack *slack; /* NULL except for a build */
    const struct n2_kernels *kernels;
    uint32_t n_nodes, n_rows; /* n_rows <= n_nodes */
    uint64_t entry;           /* of the graph; its node is below n_rows. Builds do not use it */
};

/* Copies the node's links on a level to out[N2_MAX_DEGREE]; returns their number. */
size_t n2_hnsw_links(const struct n2_view *view, uint32_t node, uint32_t level, uint32_t *out);

/* Walks from the entry point of `entry` (not 0) down to `level`, on each level above it to the node
 * nearest to the probe by greedy steps (Algorithm 2 with ef = 1). Returns the entry of the queue
 * for the node it arrives at. */
uint64_t n2_hnsw_descend(const struct n2_view *view, const struct n2_probe *probe, uint64_t entry,
                         uint32_t level, struct n2_scratch *scratch);

/* SEARCH-LAYER (Algorithm 2): from the nodes in scratch->queue, which are also in scratch->visited,
 * finds the queue's width nearest to the probe. They are in the queue then. */
void n2_hnsw_search_layer(const struct n2_view *view, const struct n2_probe *probe, uint32_t level,
                          struct n2_scratch *scratch);

/* Puts one entry into an empty queue of that width and into the visited set; returns whether it was
 * new there. */
bool n2_hnsw_start(struct n2_scratch *scratch, size_t width, uint64_t entry);

/* SELECT-NEIGHBORS (Algorithms 3 and 4): of candidates[n], ascending by distance to one centre,
 * chooses at most M and moves them to the front; returns their number. The
 * heuristic takes a candidate unless one taken before is at least as near to it as the centre is.
 * Equal distances count as nearer: so copies of one vector do not fill each other's lists. `reach`
 * as in n2_store_probe_node. Uses scratch->centre. */
size_t n2_hnsw_select(const struct n2_view *view, int32_t selection, float reach,
                      uint64_t *candidates, size_t n, size_t M, struct n2_scratch *scratch);

#endif
