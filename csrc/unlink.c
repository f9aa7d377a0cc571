/* unlink.c - lost links are replaced by what the lost nodes led to.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "unlink.h"

#include "alloc.h"
#include "link.h"

#define ROWS_A_STEP 65536
#define GRAIN 64
#define MOST_PASSED 256 /* doomed nodes that are passed through for a row */

static bool is_doomed(const struct n2_unlink *u, uint32_t node)
{
    return node < u->n_nodes && u->doomed[node / 64] >> (node % 64) & 1;
}

int n2_unlink_open(struct n2_unlink *u, struct n2_inserter *in)
{
    const struct n2_graph *graph = in->graph;
    in->view.n_rows = graph->n_rows; /* what is pending has no code yet, whatever a row leads to */
    *u = (struct n2_unlink){.in = in, .n_nodes = graph->n_rows};
    u->doomed = n2_alloc_zero((size_t)u->n_nodes / 64 + 1, sizeof(*u->doomed));
    if (!u->doomed)
        return N2_ERR_NO_MEMORY;
    for (uint32_t node = 0; node < u->n_nodes; node++) {
        if (n2_is_linked(*n2_graph_height(graph, node)) && n2_store_is_dead(in->view.store, node)) {
            u->doomed[node / 64] |= UINT64_C(1) << (node % 64);
            u->n_doomed++;
        }
    }
    return N2_OK;
}

void n2_unlink_close(struct n2_unlink *u)
{
    n2_alloc_free(u->doomed);
    u->doomed = NULL;
}

/* Moves what is not doomed of nodes[n] to the front, in order, and appends the doomed ones to
 * doomed[], of which there are *n_doomed, as far as they are looked at. Returns how many are not.
 */
static size_t divide(const struct n2_unlink *u, uint32_t *nodes, size_t n, uint32_t *doomed,
                     size_t *n_doomed)
{
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_doomed(u, nodes[i]))
            nodes[n_left++] = nodes[i];
        else if (*n_doomed < MOST_PASSED)
            doomed[(*n_doomed)++] = nodes[i];
    }
    return n_left;
}

/* Appends to nodes[n], a row's links, those not doomed that its doomed ones lead to, directly or
 * through others. Returns how many there are then, `most` at most. */
static size_t look_behind(const struct n2_unlink *u, uint32_t node, uint32_t level, size_t n,
                          uint32_t *doomed, size_t n_doomed, size_t most,
                          struct n2_scratch *scratch)
{
    struct n2_visited *visited = &scratch->visited;
    uint32_t *nodes = scratch->nodes, seen[MOST_PASSED];
    n2_visited_filter(visited, &node, 1, seen);
    n2_visited_filter(visited, doomed, n_doomed, seen);
    n2_visited_filter(visited, nodes, n, nodes);
    for (size_t i = 0; i < n_doomed && n + u->in->graph->M0 <= N2_MAX_DEGREE; i++) {
        size_t m = n2_hnsw_links(&u->in->view, doomed[i], level, nodes + n);
        m = n2_visited_filter(visited, nodes + n, m, nodes + n);
        n += divide(u, nodes + n, m, doomed, &n_doomed);
    }
    n2_visited_clear(visited);
    return n2_min(n, most);
}

/* Replaces the links of a node on a level that lead to doomed nodes. The row is chosen anew among
 * what is left of it and what lies behind the doomed, and keeps its length, or becomes full where
 * rows should be: to keep what was left and choose a few more, or to choose no more than the
 * heuristic alone would, led to less, time after time. */
static void mend(const struct n2_unlink *u, uint32_t node, uint32_t level,
                 struct n2_scratch *scratch)
{
    const struct n2_inserter *in = u->in;
    uint32_t doomed[MOST_PASSED];
    size_t n_doomed = 0;
    size_t n_links = n2_hnsw_links(&in->view, node, level, scratch->nodes);
    size_t n_kept = divide(u, scratch->nodes, n_links, doomed, &n_doomed);
    if (n_kept == n_links)
        return;
    N2_FETCH_ADD(&in->graph->n_repaired, n_links - n_kept);
    size_t n = look_behind(u, node, level, n_kept, doomed, n_doomed, scratch->queue_room, scratch);
    int32_t selection = in->selection == N2_NAIVE ? N2_NAIVE : N2_HEURISTIC_KEEP_PRUNED;
    bool fills = level == 0 && in->selection0 == N2_HEURISTIC_KEEP_PRUNED;
    n2_link_choose(in, node, level, selection, n, fills ? in->graph->M0 : n_links, scratch);
}

static void mend_rows(void *context, size_t begin, size_t end, int worker)
{
    const struct n2_unlink *u = context;
    const struct n2_inserter *in = u->in;
    for (size_t i = begin; i < end && !N2_LOAD(in->cancel); i++) {
        uint32_t node = u->next + (uint32_t)i;
        uint8_t height = *n2_graph_height(in->graph, node);
        for (uint32_t level = 0; n2_is_linked(height) && !is_doomed(u, node) && level < height;
             level++)
            mend(u, node, level, in->scratches[worker]);
    }
}

bool n2_unlink_step(struct n2_unlink *u)
{
    uint32_t n = (uint32_t)n2_min(ROWS_A_STEP, u->n_nodes - u->next);
    n2_team_for(u->in->team, n, GRAIN, mend_rows, u);
    if (!N2_LOAD(u->in->cancel))
        u->next += n;
    return u->next == u->n_nodes;
}

void n2_unlink_finish(struct n2_unlink *u, struct n2_graph *graph)
{
    for (uint32_t node = 0; node < u->n_nodes; node++) {
        if (!is_doomed(u, node))
            continue;
        uint32_t level = n2_graph_levels(graph, node) - 1;
        N2_STORE(n2_graph_height(graph, node), N2_GONE);
        N2_STORE(&graph->n_level[level], graph->n_level[level] - 1);
    }
    N2_STORE(&graph->n_linked, graph->n_linked - u->n_doomed);
    N2_STORE(&graph->n_changed, graph->n_changed + u->n_doomed);
    N2_STORE(&graph->n_gone, graph->n_gone + u->n_doomed);
    N2_STORE(&graph->n_dead, graph->n_dead - u->n_doomed);
    if (is_doomed(u, n2_entry_point(graph->entry)))
        N2_RELEASE(&graph->entry, n2_graph_highest(graph));
}
