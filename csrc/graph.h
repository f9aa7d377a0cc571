/* graph.h - the links of an HNSW graph as columns.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   heights   node -> on how many levels it is (uint8): 0 = not yet linked, 1 = level 0 only, ...;
 *             N2_GONE = it has no ids any more and no links lead to it: it was equal to another,
 *             which has its id now, or its ids were deleted
 *   links0    node -> M0 links on level 0 (uint32)
 *   towers    node -> row of `upper` with its links on level 1 (uint32); those on level l stand
 *             l - 1 rows further on
 *   upper     M links of one node on one level above 0 (uint32)
 *
 * A list of links ends at its first N2_NONE or at the end of its row. Links are read while they are
 * written, so both go through N2_LOAD and N2_STORE: a reader may see half of an old list and
 * half of a new one, and every link it sees is a node. What is read is never trusted: a link must
 * be below n_rows (N2_NONE is not), a tower within `upper`. So a rotten file leads to wrong
 * neighbours at worst.
 */
#ifndef N2_GRAPH_H
#define N2_GRAPH_H

#include "column.h"

#define N2_GONE 255

struct n2_graph {
    uint32_t M, M0;
    struct n2_column heights, links0, towers, upper;
    uint64_t entry;         /* height of the entry point << 32 | its node; 0: no node is linked */
    uint32_t n_rows;        /* rows of links0 and towers; no link leads to a node beyond */
    uint32_t n_upper;       /* rows of `upper` in use */
    uint32_t first_pending; /* all nodes below are linked or gone */
    uint32_t n_linked, n_gone;
    uint32_t n_renumbered; /* times that ids got other nodes without a change of their vectors;
                              counted with the gate shut */
    uint32_t n_claimed;    /* nodes below are linked or gone, or the build under way links them */
    uint32_t n_dead;       /* of those, nodes without ids that are not gone */
    uint32_t n_level[N2_MAX_LEVEL + 1]; /* linked nodes whose highest level is l */
    uint32_t n_changed;  /* nodes that were linked or unlinked since recall was measured (tune.h) */
    uint32_t n_loose;    /* nodes that n2_link linked since repair.h was there */
    uint64_t n_repaired; /* links that unlink.h replaced */
    bool settled; /* no build has changed it since repair.h made every linked node reachable */
};

/* Makes a graph without rows, with room reserved for so many nodes if that can be had; or with rows
 * that are usable, none of which is linked. Return 0 or N2_ERR_NO_MEMORY. */
int n2_graph_init(struct n2_graph *graph, uint32_t M, uint32_t M0, size_t n_reserved);
int n2_graph_make(struct n2_graph *graph, uint32_t M, uint32_t M0, size_t n_nodes, size_t n_upper);
void n2_graph_release(struct n2_graph *graph);

/* Rows of `upper` to reserve for that many nodes, at the default level multiplier and some more. */
size_t n2_graph_upper_rows(uint32_t M, size_t n_nodes);

N2_INLINE uint8_t *n2_graph_height(const struct n2_graph *graph, uint32_t node)
{
    return graph->heights.base + node;
}

N2_INLINE bool n2_is_linked(uint8_t height)
{
    return height != 0 && height != N2_GONE;
}

/* On how many levels a linked node is; what is more than there can be is rot. */
N2_INLINE uint32_t n2_graph_levels(const struct n2_graph *graph, uint32_t node)
{
    return (uint32_t)n2_min(*n2_graph_height(graph, node), N2_MAX_LEVEL + 1);
}

N2_INLINE uint32_t *n2_graph_links0(const struct n2_graph *graph, uint32_t node)
{
    return (uint32_t *)(void *)graph->links0.base + (size_t)node * graph->M0;
}

/* The node's row on a level >= 1, or NULL where the columns hold none. */
N2_INLINE uint32_t *n2_graph_upper(const struct n2_graph *graph, uint32_t node, uint32_t level)
{
    uint64_t row =
        (uint64_t)N2_LOAD((const uint32_t *)(void *)graph->towers.base + node) + level - 1;
    if (row >= N2_LOAD(&graph->n_upper))
        return NULL;
    return (uint32_t *)(void *)graph->upper.base + row * graph->M;
}

/* The node's row on any level, or NULL; *m is its length. */
N2_INLINE uint32_t *n2_graph_links(const struct n2_graph *graph, uint32_t node, uint32_t level,
                                   uint32_t *m)
{
    *m = level ? graph->M : graph->M0;
    return level ? n2_graph_upper(graph, node, level) : n2_graph_links0(graph, node);
}

/* Replaces a row of length m by links[n] and an end mark. */
static inline void n2_graph_write(uint32_t *row, uint32_t m, const uint32_t *links, size_t n)
{
    for (size_t i = 0; i < m; i++)
        N2_STORE(&row[i], i < n ? links[i] : N2_NONE);
}

/* Links in a row of length m: those before the first that is no node. */
static inline uint32_t n2_graph_degree(const uint32_t *row, uint32_t m, uint32_t n_nodes)
{
    uint32_t n = 0;
    while (n < m && N2_LOAD(&row[n]) < n_nodes)
        n++;
    return n;
}

N2_INLINE uint32_t n2_entry_point(uint64_t entry)
{
    return (uint32_t)entry;
}

N2_INLINE uint32_t n2_entry_height(uint64_t entry)
{
    return (uint32_t)(entry >> 32);
}

/* The entry point that a graph should have: the first of the linked nodes that are on most levels.
 */
uint64_t n2_graph_highest(const struct n2_graph *graph);

#endif
