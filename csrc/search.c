/* search.c - k nearest neighbours.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A vector is found by the scan while it is pending and by the graph once it is linked. A build may
 * link it in the middle of a search: so the scan comes first, what it found is not offered again,
 * and what it took for linked has its links in place, because a build raises a node's height last.
 */
#include "search.h"

/* The default beam where there is no tuning. On 340,479 GloVe vectors recall@k is 0.96 with it for
 * k 1, 10 and 100. */
#define DEFAULT_EF(k) (200 + 4 * (uint64_t)(k))

/* What a search finds that is asked for nothing: for one or two neighbours as much as of the ten
 * nearest, so that what is in the index finds itself. What fits a second-level cache is scanned. */
#define DEFAULT_RECALL 0.95f
#define DEFAULT_LEAST_K 10
#define SCANNED_BYTES (256 << 10)

/* One coordinate in so many of a query may lie outside its byte; of a vector one in a thousand
 * does. */
#define OUTSIDE 8

/* Up to that many nodes for each place in the beam, a scan in order is faster than the graph's walk
 * in no order, and exact. A node in the beam costs about 15 distances to nodes not seen before; a
 * distance in order costs at most half of one at random. */
#define SCAN_PER_PLACE 16

static bool holds(const struct n2_heap *heap, uint64_t word)
{
    bool found = false;
    for (size_t i = 0; i < heap->size; i++)
        found |= heap->words[i] == word;
    return found;
}

/* Offers the ids of a node, which are in ascending order; if `again`, they may have been offered.
 */
static void offer(const struct n2_view *view, struct n2_heap *heap, uint32_t key, uint32_t node,
                  uint32_t n_ids, bool again)
{
    uint32_t id = N2_LOAD(n2_store_label(view->store, node));
    for (size_t i = 0; i < heap->width && id < n_ids; i++) { /* a rotten chain ends here too */
        uint64_t word = (uint64_t)key << 32 | id;
        if (word >= n2_heap_bound(heap))
            return;
        if (!again || !holds(heap, word))
            n2_heap_push(heap, word);
        id = N2_LOAD(&n2_store_id(view->store, id)->next);
    }
}

/* Lists the nodes of from..to-1 that are to be scanned. */
static size_t list_nodes(const struct n2_graph *graph, uint32_t from, uint32_t to,
                         bool pending_only, uint32_t *nodes)
{
    size_t n = 0;
    for (uint32_t node = from; node < to; node++) {
        uint8_t height = N2_ACQUIRE(n2_graph_height(graph, node));
        nodes[n] = node;
        n += pending_only ? height == 0 : height != N2_DUPLICATE;
    }
    return n;
}

static void scan_nodes(const struct n2_view *view, const uint32_t *nodes, size_t n,
                       const struct n2_scan *scan)
{
    uint32_t keys[N2_SCAN_BLOCK];
    uint32_t n_ids = N2_ACQUIRE(&view->store->n_ids);
    n2_store_keys(view->store, view->kernels, scan->probe, nodes, n, keys);
    for (size_t i = 0; i < n; i++)
        if ((uint64_t)keys[i] << 32 < n2_heap_bound(scan->heap))
            offer(view, scan->heap, keys[i], nodes[i], n_ids, false);
}

void n2_scan_block(const struct n2_view *view, uint32_t from, const struct n2_scan *scans, size_t n)
{
    uint32_t nodes[N2_SCAN_BLOCK];
    uint32_t to = (uint32_t)n2_min((size_t)from + N2_SCAN_BLOCK, view->n_nodes);
    size_t m = list_nodes(view->graph, from, to, false, nodes);
    for (size_t i = 0; i < n; i++)
        scan_nodes(view, nodes, m, &scans[i]);
}

static void scan_pending(const struct n2_view *view, const struct n2_scan *scan)
{
    uint32_t nodes[N2_SCAN_BLOCK];
    for (uint32_t from = N2_ACQUIRE(&view->graph->first_pending); from < view->n_nodes;) {
        uint32_t to = (uint32_t)n2_min((size_t)from + N2_SCAN_BLOCK, view->n_nodes);
        size_t n = list_nodes(view->graph, from, to, true, nodes);
        scan_nodes(view, nodes, n, scan);
        from = to;
    }
}

bool n2_search_options_hold(const struct n2_search_options *o)
{
    return !o || (o->size >= sizeof(*o) && o->threads >= 0 && o->threads <= N2_MAX_THREADS &&
                  o->recall >= 0 && o->recall <= 1);
}

struct n2_beam n2_search_beam(const struct n2_view *view, size_t k, uint64_t ef, float recall,
                              float *measured)
{
    struct n2_beam beam = {ef ? ef : DEFAULT_EF(k), 0, 0};
    int32_t metric = view->store->metric;
    *measured = (float)beam.width * SCAN_PER_PLACE;
    if (!ef && view->tuning && recall > 0)
        beam = n2_tune_beam(view->tuning, metric, k, recall, measured);
    else if (!ef && view->tuning) {
        beam = n2_tune_beam(view->tuning, metric, n2_max(k, DEFAULT_LEAST_K), DEFAULT_RECALL,
                            measured);
        float in_cache = (float)SCANNED_BYTES / (float)view->store->vectors.stride;
        *measured = *measured > in_cache ? *measured : in_cache;
    }
    beam.width = n2_min(n2_max(beam.width, k), n2_max(view->n_nodes, 1));
    return beam;
}

/* Offers what a walk by codes found, measured by the vectors, nearest code first, until those left
 * are too far away to enter. */
static void rank(const struct n2_view *view, const struct n2_probe *probe, bool again,
                 struct n2_scratch *scratch)
{
    enum { AT_ONCE = 8 };
    const struct n2_queue *queue = &scratch->queue;
    const struct n2_column *vectors = &view->store->vectors;
    uint32_t n_ids = N2_ACQUIRE(&view->store->n_ids);
    for (size_t i = 0; i < queue->size; i += AT_ONCE) {
        uint32_t nodes[AT_ONCE], keys[AT_ONCE];
        size_t n = n2_min(AT_ONCE, queue->size - i);
        for (size_t j = 0; j < n; j++)
            nodes[j] = n2_entry_node(queue->entries[i + j]);
        uint64_t bound = n2_heap_bound(&scratch->heap);
        if (bound != UINT64_MAX) {
            uint32_t nearest = n2_entry_key(queue->entries[i]), worst = (uint32_t)(bound >> 32);
            if (n2_space_excludes(view->space, view->store, probe, nearest, worst))
                break;
        }
        for (size_t j = 0; j < n; j++)
            N2_PREFETCH(n2_column_row(vectors, nodes[j]));
        n2_store_keys(view->store, view->kernels, probe, nodes, n, keys);
        for (size_t j = 0; j < n; j++)
            offer(view, &scratch->heap, keys[j], nodes[j], n_ids, again);
    }
}

/* Encodes the query. False if it lies so far outside the range of codes that they tell too little.
 */
static bool encode(const struct n2_view *view, struct n2_probe *probe, struct n2_scratch *scratch)
{
    return n2_space_encode_query(view->space, view->store, view->kernels, probe, scratch->encoding,
                                 scratch->code) <= view->space->n_axes / OUTSIDE;
}

void n2_search_graph(const struct n2_view *view, struct n2_probe *probe, struct n2_beam beam,
                     struct n2_scratch *scratch)
{
    const struct n2_view by_vectors = n2_view_by_vectors(view);
    if (view->space && !encode(view, probe, scratch)) {
        view = &by_vectors;
        if (beam.rank > 0) /* which says nothing of such queries */
            beam = (struct n2_beam){.width = n2_min(beam.width, DEFAULT_EF(scratch->heap.width))};
    }
    uint64_t start = n2_hnsw_descend(view, probe, view->entry, 0, scratch);
    bool again = scratch->heap.size > 0;
    n2_hnsw_start(scratch, beam, start);
    n2_hnsw_search_layer(view, probe, 0, scratch);
    const struct n2_queue *queue = &scratch->queue;
    size_t nth = n2_min(scratch->heap.width, queue->size); /* of those wanted, the farthest */
    if (nth > 0 && n2_view_is_coarse(view, n2_entry_key(queue->entries[nth - 1]))) {
        view = &by_vectors;
        n2_hnsw_search_again(view, probe, scratch);
    }
    if (view->space) {
        rank(view, probe, again, scratch);
        return;
    }
    uint32_t n_ids = N2_ACQUIRE(&view->store->n_ids);
    for (size_t i = 0; i < queue->size; i++) {
        uint32_t key = n2_entry_key(queue->entries[i]);
        if ((uint64_t)key << 32 >= n2_heap_bound(&scratch->heap))
            break; /* nor can any behind it enter */
        offer(view, &scratch->heap, key, n2_entry_node(queue->entries[i]), n_ids, again);
    }
}

void n2_search_probe(const struct n2_view *view, struct n2_probe *probe, size_t k,
                     struct n2_beam beam, float measured, struct n2_scratch *scratch,
                     struct n2_neighbor *out, size_t *n_out)
{
    k = n2_min(k, N2_ACQUIRE(&view->store->n_ids));
    k = n2_min(k, view->n_nodes);
    *n_out = 0;
    if (k == 0)
        return;
    struct n2_heap *heap = &scratch->heap;
    struct n2_scan scan = {probe, heap};
    heap->size = 0;
    heap->width = k;
    if (view->entry && (float)N2_LOAD(&view->graph->n_linked) > measured) {
        scan_pending(view, &scan);
        struct n2_view linked = *view; /* with every link to what the scan took for linked */
        linked.n_rows = (uint32_t)n2_min(N2_ACQUIRE(&view->graph->n_rows), view->n_nodes);
        n2_search_graph(&linked, probe, beam, scratch);
        n2_visited_clear(&scratch->visited);
    }
    if (heap->size < k) {
        heap->size = 0;
        for (uint32_t from = 0; from < view->n_nodes; from += N2_SCAN_BLOCK)
            n2_scan_block(view, from, &scan, 1);
    }
    n2_search_results(view->store, heap, out, n_out);
}

void n2_search_results(const struct n2_store *store, struct n2_heap *heap, struct n2_neighbor *out,
                       size_t *n_out)
{
    n2_heap_sort(heap);
    for (size_t i = 0; i < heap->size; i++) {
        out[i].id = (uint32_t)heap->words[i];
        out[i].distance = n2_store_distance(store, (uint32_t)(heap->words[i] >> 32));
    }
    *n_out = heap->size;
}
