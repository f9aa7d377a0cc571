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

N2_INLINE void prefetch_vectors(const struct n2_store *store, const uint32_t *nodes, size_t n)
{
    size_t bytes = n2_min(store->vectors.stride, PREFETCH_LINES * CACHE_LINE);
    for (size_t i = 0; i < n; i++) {
        const char *vector = (const char *)n2_store_vector(store, nodes[i]);
        for (size_t at = 0; at < bytes; at += CACHE_LINE)
            N2_PREFETCH(vector + at);
    }
}

uint64_t n2_hnsw_descend(const struct n2_view *view, const struct n2_probe *probe, uint64_t entry,
                         uint32_t level, struct n2_scratch *scratch)
{
    uint32_t node = n2_entry_point(entry), key;
    n2_store_keys(view->store, view->kernels, probe, &node, 1, &key);
    uint64_t best = n2_entry(key, node);
    for (uint32_t l = n2_entry_height(entry) - 1; l > level; l--) {
        for (uint64_t from = UINT64_MAX; from != best;) { /* strictly nearer each time: it ends */
            from = best;
            size_t n = links(view, n2_entry_node(from), l, scratch->nodes);
            prefetch_vectors(view->store, scratch->nodes, n);
            n2_store_keys(view->store, view->kernels, probe, scratch->nodes, n, scratch->keys);
            for (size_t i = 0; i < n; i++) {
                uint64_t next = n2_entry(scratch->keys[i], scratch->nodes[i]);
                best = next < best ? next : best;
            }
        }
    }
    return best;
}

bool n2_hnsw_start(struct n2_scratch *scratch, size_t width, uint64_t entry)
{
    uint32_t node = n2_entry_node(entry), fresh;
    n2_queue_clear(&scratch->queue, width);
    n2_queue_insert(&scratch->queue, entry);
    return n2_visited_filter(&scratch->visited, &node, 1, &fresh) == 1;
}

void n2_hnsw_search_layer(const struct n2_view *view, const struct n2_probe *probe, uint32_t level,
                          struct n2_scratch *scratch)
{
    struct n2_queue *queue = &scratch->queue;
    uint32_t *nodes = scratch->nodes, *keys = scratch->keys;
    uint32_t node;
    while (n2_queue_expand(queue, &node)) {
        size_t n = links(view, node, level, nodes);
        n = n2_visited_filter(&scratch->visited, nodes, n, nodes);
        prefetch_vectors(view->store, nodes, n);
        if (queue->next < queue->size && level == 0) /* likely to be expanded next */
            N2_PREFETCH(n2_graph_links0(view->graph, n2_entry_node(queue->entries[queue->next])));
        n2_store_keys(view->store, view->kernels, probe, nodes, n, keys);
        for (size_t i = 0; i < n; i++)
            n2_queue_insert(queue, n2_entry(keys[i], nodes[i]));
    }
}

/* Whether one of taken[n] is at least as near to the candidate as the centre is. */
static bool is_covered(const struct n2_view *view, float reach, uint64_t candidate,
                       const uint64_t *taken, size_t n, struct n2_scratch *scratch)
{
    enum { AT_ONCE = 4 };
    struct n2_probe probe;
    n2_store_probe_node(view->store, n2_entry_node(candidate), reach, scratch->centre, &probe);
    uint32_t nodes[AT_ONCE], keys[AT_ONCE];
    for (size_t i = 0; i < n; i += AT_ONCE) {
        size_t m = n2_min(n - i, AT_ONCE);
        for (size_t j = 0; j < m; j++)
            nodes[j] = n2_entry_node(taken[i + j]);
        n2_store_keys(view->store, view->kernels, &probe, nodes, m, keys);
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
