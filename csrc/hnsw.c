/* hnsw.c - search-layer and select-neighbours, in the paper's terms.
 * SPDX-License-Identifier: Apache-2.0
 *
 * One step of search-layer takes the nearest node not yet expanded, reads its links, drops those
 * seen before, asks the cache for all the vectors left at once, and only then measures them: the
 * waits for memory, which are most of a search's time, overlap.
 */
#include "hnsw.h"

#define CACHE_LINE 64
#define PREFETCH_LINES 8 /* of each vector; the processor's own prefetcher follows from there */
#define AT_ONCE 2        /* nodes expanded in one step */
#define SOON 4           /* places ahead in the queue whose links are asked for */

N2_INLINE size_t copy_links(const uint32_t *row, uint32_t m, uint32_t n_rows, uint32_t *out)
{
    size_t n = 0;
    for (uint32_t i = 0; i < m; i++) {
        uint32_t node = N2_LOAD(&row[i]);
        if (node < n_rows)
            out[n++] = node;
        else if (node == N2_NONE)
            break;
    }
    return n;
}

N2_INLINE size_t links(const struct n2_view *view, uint32_t node, uint32_t level, uint32_t *out)
{
    uint32_t m;
    const uint32_t *row = n2_graph_links(view->graph, node, level, &m);
    if (N2_UNLIKELY(!row))
        return 0;
    size_t n = copy_links(row, m, view->n_rows, out);
    if (level == 0 && view->slack && n == m) {
        const uint32_t *slots = n2_slack_slots(view->slack, node);
        for (uint32_t i = 0; i < view->slack->room && slots[i]; i++)
            out[n++] = slots[i] - 1;
    }
    return n;
}

size_t n2_hnsw_links(const struct n2_view *view, uint32_t node, uint32_t level, uint32_t *out)
{
    return links(view, node, level, out);
}

/* Asks for what n2_view_keys will read. */
N2_INLINE void prefetch(const struct n2_view *view, const uint32_t *nodes, size_t n)
{
    const struct n2_column *column = view->space ? &view->space->codes : &view->store->vectors;
    size_t bytes = n2_min(column->stride, PREFETCH_LINES * CACHE_LINE);
    for (size_t i = 0; i < n; i++) {
        const unsigned char *row = n2_column_row(column, nodes[i]);
        for (size_t at = 0; at < bytes; at += CACHE_LINE)
            N2_PREFETCH(row + at);
    }
}

uint64_t n2_hnsw_descend(const struct n2_view *view, const struct n2_probe *probe, uint64_t entry,
                         uint32_t level, struct n2_scratch *scratch)
{
    uint32_t node = n2_entry_point(entry), key;
    n2_view_keys(view, probe, &node, 1, &key);
    uint64_t best = n2_entry(key, node);
    for (uint32_t l = n2_entry_height(entry) - 1; l > level; l--) {
        for (uint64_t from = UINT64_MAX; from != best;) { /* strictly nearer each time: it ends */
            from = best;
            size_t n = links(view, n2_entry_node(from), l, scratch->nodes);
            prefetch(view, scratch->nodes, n);
            n2_view_keys(view, probe, scratch->nodes, n, scratch->keys);
            for (size_t i = 0; i < n; i++) {
                uint64_t next = n2_entry(scratch->keys[i], scratch->nodes[i]);
                best = next < best ? next : best;
            }
        }
    }
    return best;
}

bool n2_hnsw_start(struct n2_scratch *scratch, struct n2_beam beam, uint64_t entry)
{
    uint32_t node = n2_entry_node(entry), fresh;
    n2_queue_clear(&scratch->queue, beam);
    n2_queue_insert(&scratch->queue, entry);
    return n2_visited_filter(&scratch->visited, &node, 1, &fresh) == 1;
}

/* The largest key that the queue's beam lets in. */
N2_INLINE uint32_t bound_of(const struct n2_view *view, const struct n2_queue *queue)
{
    const struct n2_beam *beam = &queue->beam;
    if (beam->stretch <= 0 || queue->size < beam->rank)
        return UINT32_MAX;
    return n2_view_stretch(view, n2_entry_key(queue->entries[beam->rank - 1]), beam->stretch);
}

/* Asks for a node's links on level 0. */
N2_INLINE void prefetch_links(const struct n2_graph *graph, uint32_t node)
{
    const unsigned char *row = (const unsigned char *)n2_graph_links0(graph, node);
    for (size_t at = 0; at < n2_min(graph->links0.stride, PREFETCH_LINES * CACHE_LINE);
         at += CACHE_LINE)
        N2_PREFETCH(row + at);
}

/* Inserts what was measured, and asks for the links of what will be expanded soon. */
N2_INLINE void insert(const struct n2_view *view, uint32_t level, uint32_t bound, size_t n,
                      struct n2_scratch *scratch)
{
    struct n2_queue *queue = &scratch->queue;
    for (size_t i = 0; i < n; i++) {
        if (scratch->keys[i] > bound)
            continue;
        size_t at = n2_queue_insert(queue, n2_entry(scratch->keys[i], scratch->nodes[i]));
        if (level == 0 && at < queue->next + SOON)
            prefetch_links(view->graph, scratch->nodes[i]);
    }
}

void n2_hnsw_search_layer(const struct n2_view *view, const struct n2_probe *probe, uint32_t level,
                          struct n2_scratch *scratch)
{
    struct n2_queue *queue = &scratch->queue;
    uint32_t node, bound = UINT32_MAX;
    while (n2_queue_expand(queue, bound, &node)) {
        size_t n = 0;
        int expanded = 0;
        do {
            uint32_t *nodes = scratch->nodes + n;
            n +=
                n2_visited_filter(&scratch->visited, nodes, links(view, node, level, nodes), nodes);
        } while (++expanded < AT_ONCE && n2_queue_expand(queue, bound, &node));
        prefetch(view, scratch->nodes, n);
        n2_view_keys(view, probe, scratch->nodes, n, scratch->keys);
        scratch->n_measured += n;
        insert(view, level, bound, n, scratch);
        bound = bound_of(view, queue);
    }
}

/* Whether one of taken[n] is at least as near to the candidate as the centre is. */
static bool is_covered(const struct n2_view *view, float reach, uint64_t candidate,
                       const uint64_t *taken, size_t n, struct n2_scratch *scratch)
{
    enum { GROUP = 4 };
    struct n2_probe probe;
    n2_view_probe_node(view, n2_entry_node(candidate), reach, scratch->centre, &probe);
    uint32_t nodes[GROUP], keys[GROUP];
    for (size_t i = 0; i < n; i += GROUP) {
        size_t m = n2_min(n - i, GROUP);
        for (size_t j = 0; j < m; j++)
            nodes[j] = n2_entry_node(taken[i + j]);
        n2_view_keys(view, &probe, nodes, m, keys);
        for (size_t j = 0; j < m; j++)
            if (keys[j] <= n2_entry_key(candidate))
                return true;
    }
    return false;
}

size_t n2_hnsw_select(const struct n2_view *view, int32_t selection, float reach,
                      uint64_t *candidates, size_t n, size_t M, struct n2_scratch *scratch)
{
    if (selection == N2_NAIVE)
        return n2_min(n, M);
    if (selection == N2_HEURISTIC_KEEP_PRUNED && n <= M)
        return n;
    size_t n_taken = 0;
    for (size_t i = 0; i < n && n_taken < M; i++) {
        uint64_t candidate = candidates[i];
        if (is_covered(view, reach, candidate, candidates, n_taken, scratch))
            continue;
        /* Those passed over keep their order behind the taken ones. */
        memmove(candidates + n_taken + 1, candidates + n_taken, (i - n_taken) * sizeof(candidate));
        candidates[n_taken++] = candidate;
    }
    if (selection == N2_HEURISTIC_KEEP_PRUNED)
        n_taken = n2_min(n, M);
    return n_taken;
}
