/* repair.c - orphans get a link.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "repair.h"

#include "link.h"
#include "reach.h"

#define LOOKED_AT 64 /* nodes, for one with a free place */

/* The place in the row of a reached node that may be given to another: a free one, else, unless
 * only that will do, that of the last link by which reaching did not pass. N2_NONE if there is
 * none. */
static uint32_t spare_place(const struct n2_inserter *in, const struct n2_reach *reach,
                            uint32_t node, bool free_only)
{
    const uint32_t *row = n2_graph_links0(in->graph, node);
    uint32_t M0 = in->graph->M0, n = n2_graph_degree(row, M0, reach->n_nodes);
    if (n < M0)
        return n;
    for (; n > 0 && !free_only; n--) {
        uint32_t link = N2_LOAD(&row[n - 1]);
        if (link >= reach->n_nodes || reach->parent[link] != node)
            return n - 1;
    }
    return N2_NONE;
}

static bool link_from(const struct n2_inserter *in, struct n2_reach *reach, uint32_t node,
                      bool free_only, uint32_t orphan)
{
    if (reach->parent[node] == N2_NONE)
        return false;
    uint32_t place = spare_place(in, reach, node, free_only);
    if (place == N2_NONE)
        return false;
    if (in->undo)
        n2_undo_save(in->undo, node, 0);
    n2_link_put(in, node, place, orphan);
    n2_reach_add(reach, orphan, node);
    return true;
}

/* Links an orphan from the first node in the queue that has a place to spare. */
static bool link_from_found(const struct n2_inserter *in, struct n2_reach *reach, bool free_only,
                            uint32_t orphan)
{
    const struct n2_queue *queue = &in->scratches[0]->queue;
    for (size_t i = 0; i < queue->size; i++)
        if (link_from(in, reach, n2_entry_node(queue->entries[i]), free_only, orphan))
            return true;
    return false;
}

/* The same from one of the last nodes reached. */
static bool link_from_last(const struct n2_inserter *in, struct n2_reach *reach, bool free_only,
                           uint32_t orphan)
{
    uint32_t least =
        free_only ? reach->n_reached - (uint32_t)n2_min(reach->n_reached, LOOKED_AT) : 0;
    for (uint32_t i = reach->n_reached; i-- > least;)
        if (link_from(in, reach, reach->queue[i], free_only, orphan))
            return true;
    return false;
}

/* Links an orphan from the nearest reached node that has a place to spare. Under dot these nearest
 * are the few long vectors that all searches pass: orphans, which are short ones, would take over
 * their rows; so they get free places only, of those that other orphans leave if need be. */
static void adopt(const struct n2_inserter *in, struct n2_reach *reach, uint32_t orphan)
{
    struct n2_scratch *scratch = in->scratches[0];
    struct n2_probe probe;
    n2_view_probe_node(&in->view, orphan, scratch->query, &probe);
    uint64_t start = n2_hnsw_descend(&in->view, &probe, in->graph->entry, 0, scratch);
    n2_hnsw_start(&in->view, scratch, (struct n2_beam){.width = in->ef_construction}, start);
    n2_hnsw_search_layer(&in->view, &probe, 0, scratch);
    n2_visited_clear(&scratch->visited);
    bool is_dot = in->view.store->metric == N2_DOT;
    /* Where nothing was found, the search ended among orphans. Reaching n nodes took n - 1 links of
     * at least n M0 places, so some reached node has one to spare. */
    (void)(link_from_found(in, reach, is_dot, orphan) ||
           link_from_last(in, reach, is_dot, orphan) || link_from_last(in, reach, false, orphan));
}

int n2_repair(struct n2_inserter *in)
{
    const struct n2_graph *graph = in->graph;
    if (!graph->entry)
        return N2_OK;
    struct n2_reach reach;
    int status = n2_reach_open(&reach, in->view.n_nodes);
    if (status)
        return status;
    uint32_t entry = n2_entry_point(graph->entry);
    n2_reach_add(&reach, entry, entry);
    n2_reach_follow(&reach, graph, in->cancel);
    for (uint32_t node = 0; node < in->view.n_nodes && !N2_LOAD(in->cancel); node++) {
        uint8_t height = *n2_graph_height(graph, node);
        if (!n2_is_linked(height) || reach.parent[node] != N2_NONE)
            continue;
        adopt(in, &reach, node);
        n2_reach_follow(&reach, graph, in->cancel);
    }
    n2_reach_close(&reach);
    return N2_LOAD(in->cancel) ? N2_ERR_CANCELLED : N2_OK;
}
