/* reach.h - which nodes can be reached from the entry point on level 0.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_REACH_H
#define N2_REACH_H

#include "graph.h"

struct n2_reach {
    uint32_t n_nodes;
    uint32_t *parent; /* [n_nodes] node a node was reached from; N2_NONE: not reached */
    uint32_t *queue;  /* [n_nodes] nodes in the order of reaching */
    uint32_t n_reached, n_followed; /* of the queue: filled, and with links followed */
};

/* Nothing reached yet. Returns 0 or N2_ERR_NO_MEMORY. */
int n2_reach_open(struct n2_reach *reach, uint32_t n_nodes); /* all have rows */
void n2_reach_close(struct n2_reach *reach);

/* Reaches `node`, which was not reached, from `parent` (from itself: a start). */
void n2_reach_add(struct n2_reach *reach, uint32_t node, uint32_t parent);

/* Follows the links of all nodes reached, breadth first. Stops early when *cancel (NULL: none)
 * becomes nonzero. */
void n2_reach_follow(struct n2_reach *reach, const struct n2_graph *graph,
                     const volatile int32_t *cancel);

#endif
