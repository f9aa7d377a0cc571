/* reach.c - breadth-first search over level 0.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "reach.h"

#include "alloc.h"

int n2_reach_open(struct n2_reach *reach, uint32_t n_nodes)
{
    *reach = (struct n2_reach){.n_nodes = n_nodes};
    reach->parent = n2_alloc(n_nodes, sizeof(uint32_t));
    reach->queue = n2_alloc(n_nodes, sizeof(uint32_t));
    if (!reach->parent || !reach->queue) {
        n2_reach_close(reach);
        return N2_ERR_NO_MEMORY;
    }
    memset(reach->parent, 0xff, n_nodes * sizeof(uint32_t)); /* N2_NONE */
    return N2_OK;
}

void n2_reach_close(struct n2_reach *reach)
{
    n2_alloc_free(reach->parent);
    n2_alloc_free(reach->queue);
    reach->parent = reach->queue = NULL;
}

void n2_reach_add(struct n2_reach *reach, uint32_t node, uint32_t parent)
{
    reach->parent[node] = parent;
    reach->queue[reach->n_reached++] = node;
}

void n2_reach_follow(struct n2_reach *reach, const struct n2_graph *graph,
                     const volatile int32_t *cancel)
{
    while (reach->n_followed < reach->n_reached) {
        if (cancel && reach->n_followed % 1024 == 0 && N2_LOAD(cancel))
            return;
        uint32_t node = reach->queue[reach->n_followed++];
        const uint32_t *row = n2_graph_links0(graph, node);
        for (uint32_t i = 0; i < graph->M0; i++) {
            uint32_t next = N2_LOAD(&row[i]);
            if (next >= reach->n_nodes)
                break;
            if (reach->parent[next] == N2_NONE)
                n2_reach_add(reach, next, node);
        }
    }
}
