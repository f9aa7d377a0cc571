/* undo.h - what a graph was before a build changed it.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The rows of nodes that were linked before are copied before their first change, each to its own
 * place in a column as large as the graph's: addresses that are never touched cost no memory, and
 * nothing is allocated while links are written.
 */
#ifndef N2_UNDO_H
#define N2_UNDO_H

#include "graph.h"

struct n2_undo {
    struct n2_graph *graph;
    struct n2_graph before;          /* what a build changes of the counters, and no more */
    uint32_t n_nodes;                /* nodes that were there before */
    struct n2_column links0, upper;  /* rows as they were */
    struct n2_column saved0, saved1; /* a bit for each row of `links0` and of `upper`: copied */
};

/* Remembers the graph, whose nodes so far are 0..n_nodes-1. Returns 0 or N2_ERR_NO_MEMORY. */
int n2_undo_init(struct n2_undo *undo, struct n2_graph *graph, uint32_t n_nodes);
void n2_undo_release(struct n2_undo *undo);

/* To be called before a row is written. Threads may call it at once for different rows. */
void n2_undo_save(struct n2_undo *undo, uint32_t node, uint32_t level);

/* The row as it was: the copy, or the graph's own if it has none. `node` < n_nodes. */
const uint32_t *n2_undo_links0(const struct n2_undo *undo, uint32_t node);
const uint32_t *n2_undo_upper(const struct n2_undo *undo, uint32_t row);

/* Whether the row of a node on level 0 was saved. `node` < n_nodes. */
bool n2_undo_changed(const struct n2_undo *undo, uint32_t node);

/* Puts everything back. Nobody may be reading the graph. */
void n2_undo_restore(struct n2_undo *undo);

#endif
