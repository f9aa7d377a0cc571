/* search.c - k nearest neighbours.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A vector is found by the scan while it is pending and by the graph once it is linked. A build may
 * link it in the middle of a search: so the scan comes first, what it found is not offered again,
 * and what it took for linked has its links in place, because a build raises a node's height last.
 */
#include "search.h"

#include <math.h>

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

/* Under a filter: where less than a share of the ids is allowed, walks leap (hnsw.h), and start
 * from so many more nodes. A walk that has taken one in so many of the distances that a scan of
 * what is allowed would take is given up for that. */
#define LEAP_SHARE 0.01f
#define STARTS 32
#define SCANS_A_WALK 2
#define LEAP_COST 6
#define PATIENCE 3
#define LEAST_PATIENCE 300
#define MOST_TUNED 100 /* the largest k of a tuning; beyond, walks take longer as k grows */

/* So often a chain is followed from its beginning: more is rot. */
#define MOST_LEFT 1024

static bool holds(const struct n2_heap *heap, uint32_t id)
{
    bool found = false;
    for (size_t i = 0; i < heap->size; i++)
        found |= (uint32_t)heap->words[i] == id;
    return found;
}

/* Offers one id of a node at that key, or of `own`, the node that it has meanwhile, if any. */
static void offer_id(const struct n2_view *view, const struct n2_scan *scan, uint32_t key,
                     uint32_t node, uint32_t id, uint32_t own, bool again)
{
    if (own >= N2_ACQUIRE(&view->store->n_nodes) ||
        (view->filter && !n2_filter_allows(view->filter, id)))
        return;
    if (own != node)
        n2_store_keys(view->store, view->kernels, scan->probe, &own, 1, &key);
    uint64_t word = (uint64_t)key << 32 | id;
    again |= n2_view_moves(view); /* an id that moves may be met twice */
    if (word < n2_heap_bound(scan->heap) && !(again && holds(scan->heap, id)))
        n2_heap_push(scan->heap, word);
}

/* Offers the ids of a node, which are in ascending order; if `again`, they may have been offered.
 * One that has left the chain does not say how it goes on: then it is followed from its beginning.
 */
static void offer(const struct n2_view *view, const struct n2_scan *scan, uint32_t key,
                  uint32_t node, bool again)
{
    const struct n2_store *store = view->store;
    uint32_t least = 0; /* those below were offered */
    uint32_t id = N2_ACQUIRE(n2_store_label(store, node));
    for (int n_left = 0; id < view->n_ids &&
                         ((uint64_t)key << 32 | id) < n2_heap_bound(scan->heap) &&
                         n_left < MOST_LEFT;) {
        struct n2_id entry = n2_store_entry(store, id); /* once: it may change at any time */
        if (id >= least) {
            offer_id(view, scan, key, node, id, entry.node, again);
            least = id + 1;
        }
        if (entry.node != node) {
            n_left++;
            id = N2_ACQUIRE(n2_store_label(store, node));
        } else if (entry.next > id) {
            id = entry.next;
        } else {
            return; /* rotten */
        }
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
        n += pending_only ? height == 0 : height != N2_GONE;
    }
    return n;
}

static void scan_nodes(const struct n2_view *view, const uint32_t *nodes, size_t n,
                       const struct n2_scan *scan)
{
    uint32_t keys[N2_SCAN_BLOCK];
    n2_store_keys(view->store, view->kernels, scan->probe, nodes, n, keys);
    for (size_t i = 0; i < n; i++)
        if ((uint64_t)keys[i] << 32 < n2_heap_bound(scan->heap))
            offer(view, scan, keys[i], nodes[i], false);
}

uint32_t n2_scan_block(const struct n2_view *view, uint32_t from, const struct n2_scan *scans,
                       size_t n)
{
    uint32_t nodes[N2_SCAN_BLOCK];
    uint32_t to = (uint32_t)n2_min((size_t)from + N2_SCAN_BLOCK, view->n_nodes);
    size_t m = list_nodes(view->graph, from, to, false, nodes);
    for (size_t i = 0; i < n; i++)
        scan_nodes(view, nodes, m, &scans[i]);
    return to;
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

/* Measures the allowed ids below view->n_ids, and offers them. */
static void scan_allowed(const struct n2_view *view, const struct n2_scan *scan)
{
    uint32_t ids[N2_SCAN_BLOCK], nodes[N2_SCAN_BLOCK], keys[N2_SCAN_BLOCK];
    for (uint32_t from = 0; from < view->n_ids;) {
        size_t m = n2_filter_list(view->filter, from, view->n_ids, N2_SCAN_BLOCK, ids, &from),
               n = 0;
        for (size_t i = 0; i < m; i++) {
            ids[n] = ids[i];
            nodes[n] = n2_store_node(view->store, ids[i]);
            n += nodes[n] != N2_NONE;
        }
        for (size_t i = 0; i < n; i++)
            N2_PREFETCH(n2_store_row(view->store, nodes[i]));
        n2_store_keys(view->store, view->kernels, scan->probe, nodes, n, keys);
        for (size_t i = 0; i < n; i++)
            n2_heap_push(scan->heap, (uint64_t)keys[i] << 32 | ids[i]);
    }
}

static void scan_all(const struct n2_view *view, const struct n2_scan *scan)
{
    scan->heap->size = 0;
    if (view->filter) {
        scan_allowed(view, scan);
        return;
    }
    for (uint32_t from = 0; from < view->n_nodes;)
        from = n2_scan_block(view, from, scan, 1);
}

/* Offers what has moved to nodes that are not the view's: from nodes that a search came to too
 * late.
 */
static void scan_moved(const struct n2_view *view, const struct n2_scan *scan)
{
    struct n2_view later = *view;
    uint32_t from = view->n_nodes;
    while (from < (later.n_nodes = n2_view_end(view)))
        from = n2_scan_block(&later, from, scan, 1);
}

bool n2_search_options_hold(const struct n2_search_options *o)
{
    return !o || (o->size >= sizeof(*o) && o->threads >= 0 && o->threads <= N2_MAX_THREADS &&
                  o->recall >= 0 && o->recall <= 1 && (!o->radius || !isnan(*o->radius)));
}

/* The beam for k results, and about how many distances a walk takes with it. */
static struct n2_beam beam_of(const struct n2_view *view, size_t k,
                              const struct n2_search_options *o, float *measured)
{
    uint64_t ef = o ? o->ef : 0;
    float recall = o ? o->recall : 0;
    struct n2_beam beam = {.width = ef ? ef : DEFAULT_EF(k)};
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
    return beam;
}

/* The beam of a walk of which only a share of what it finds counts. Sets *measured as beam_of, for
 * results that lie anywhere. */
static struct n2_beam picky_beam(const struct n2_view *view, size_t k, float share,
                                 const struct n2_search_options *o, float *measured)
{
    float all = (float)k / share; /* among which there are k that count */
    struct n2_beam beam = beam_of(view, k, o, measured), of_all;
    of_all = beam_of(view, (size_t)all, o, measured);
    if (all > MOST_TUNED)
        *measured *= all / MOST_TUNED;
    if (beam.rank == 0) { /* ef, of those that count */
        beam.rank = n2_min(beam.width, view->n_nodes);
        beam.stretch = view->store->metric == N2_DOT ? 0 : 1;
    } else {
        beam.rank = k;
        beam.all = (size_t)all;
        beam.stretch_all = of_all.stretch;
    }
    beam.width = n2_tune_width((size_t)((float)beam.rank / share));
    return beam;
}

/* What a search under a filter does: see search.h. */
static void plan_filtered(struct n2_view *view, const struct n2_search_options *o,
                          struct n2_plan *plan)
{
    size_t n_allowed = n2_filter_count(view->filter, view->n_ids);
    float share = (float)n2_max(n_allowed, 1) / (float)n2_max(view->n_ids, 1), measured;
    view->leaps = share < LEAP_SHARE;
    plan->beam = picky_beam(view, n2_max(plan->k, 1), view->leaps ? 1 : share, o, &measured);
    plan->most_measured = n_allowed / SCANS_A_WALK;
    plan->patience = n2_min(plan->most_measured / PATIENCE,
                            (size_t)(PATIENCE * (float)plan->beam.rank / share) + LEAST_PATIENCE);
    plan->walks =
        view->entry && measured * (view->leaps ? LEAP_COST : 1) < (float)plan->most_measured;
}

void n2_search_plan(struct n2_view *view, size_t k, const struct n2_search_options *o,
                    struct n2_plan *plan)
{
    float measured;
    *plan = (struct n2_plan){.k = n2_min(k, N2_LOAD(&view->store->n_live)),
                             .most_measured = SIZE_MAX,
                             .patience = SIZE_MAX,
                             .radius = o ? o->radius : NULL};
    if (view->filter) {
        plan_filtered(view, o, plan);
    } else {
        size_t least = n2_max(plan->k, 1);
        plan->beam = view->picky ? picky_beam(view, least, 1, o, &measured)
                                 : beam_of(view, least, o, &measured);
        plan->walks = view->entry && (float)N2_LOAD(&view->graph->n_linked) > measured;
    }
    plan->beam.width = n2_min(n2_max(plan->beam.width, plan->k), n2_max(view->n_nodes, 1));
}

/* Offers what a walk by codes found, measured by the vectors, nearest code first, until those left
 * are too far away to enter. */
static void rank(const struct n2_view *view, const struct n2_scan *scan,
                 const struct n2_queue *queue, bool again)
{
    enum { AT_ONCE = 8 };
    const struct n2_column *vectors = &view->store->vectors;
    for (size_t i = 0; i < queue->size; i += AT_ONCE) {
        uint32_t nodes[AT_ONCE], keys[AT_ONCE];
        size_t n = n2_min(AT_ONCE, queue->size - i);
        for (size_t j = 0; j < n; j++)
            nodes[j] = n2_entry_node(queue->entries[i + j]);
        uint64_t bound = n2_heap_bound(scan->heap);
        if (bound != UINT64_MAX) {
            uint32_t nearest = n2_entry_key(queue->entries[i]), worst = (uint32_t)(bound >> 32);
            if (n2_space_excludes(view->space, view->store, scan->probe, nearest, worst))
                break;
        }
        for (size_t j = 0; j < n; j++)
            N2_PREFETCH(n2_column_row(vectors, nodes[j]));
        n2_store_keys(view->store, view->kernels, scan->probe, nodes, n, keys);
        for (size_t j = 0; j < n; j++)
            offer(view, scan, keys[j], nodes[j], again);
    }
}

/* Encodes the query. False if it lies so far outside the range of codes that they tell too little.
 */
static bool encode(const struct n2_view *view, struct n2_probe *probe, struct n2_scratch *scratch)
{
    return n2_space_encode_query(view->space, view->store, view->kernels, probe, scratch->encoding,
                                 scratch->code) <= view->space->n_axes / OUTSIDE;
}

/* Has a walk that leaps start also from some nodes that are admitted, wherever they lie. */
static void join_allowed(const struct n2_view *view, const struct n2_probe *probe,
                         struct n2_scratch *scratch)
{
    uint32_t ids[STARTS], nodes[STARTS];
    size_t m = n2_filter_sample(view->filter, view->n_ids, STARTS, ids), n = 0;
    for (size_t i = 0; i < m; i++) {
        uint32_t node = nodes[n] = n2_store_node(view->store, ids[i]);
        n += node < view->n_rows && n2_is_linked(N2_ACQUIRE(n2_graph_height(view->graph, node)));
    }
    n2_hnsw_join(view, probe, nodes, n, scratch);
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
    n2_hnsw_start(view, scratch, beam, start);
    if (view->leaps)
        join_allowed(view, probe, scratch);
    n2_hnsw_search_layer(view, probe, 0, scratch);
    const struct n2_queue *queue = n2_hnsw_found(view, scratch);
    size_t nth = n2_min(scratch->heap.width, queue->size); /* of those wanted, the farthest */
    if (nth > 0 && n2_view_is_coarse(view, n2_entry_key(queue->entries[nth - 1]))) {
        view = &by_vectors;
        n2_hnsw_search_again(view, probe, scratch);
    }
    const struct n2_scan scan = {probe, &scratch->heap};
    if (view->space) {
        rank(view, &scan, queue, again);
        return;
    }
    for (size_t i = 0; i < queue->size; i++) {
        uint32_t key = n2_entry_key(queue->entries[i]);
        if ((uint64_t)key << 32 >= n2_heap_bound(&scratch->heap))
            break; /* nor can any behind it enter */
        offer(view, &scan, key, n2_entry_node(queue->entries[i]), again);
    }
}

/* Whether a distance is not within the radius. */
static bool is_beyond(const struct n2_store *store, float distance, float radius)
{
    return store->metric == N2_DOT ? distance < radius : distance > radius;
}

void n2_search_probe(const struct n2_view *view, struct n2_probe *probe, const struct n2_plan *plan,
                     struct n2_scratch *scratch, struct n2_neighbor *out, size_t *n_out)
{
    *n_out = 0;
    if (plan->k == 0)
        return;
    struct n2_heap *heap = &scratch->heap;
    struct n2_scan scan = {probe, heap};
    heap->size = 0;
    heap->width = plan->k;
    scratch->n_measured = 0;
    scratch->most_measured = plan->most_measured;
    scratch->patience = plan->patience;
    scratch->gave_up = false;
    if (plan->walks) {
        scan_pending(view, &scan);
        struct n2_view linked = *view; /* with every link to what the scan took for linked */
        linked.n_rows = (uint32_t)n2_min(N2_ACQUIRE(&view->graph->n_rows), view->n_nodes);
        n2_search_graph(&linked, probe, plan->beam, scratch);
        n2_visited_clear(&scratch->visited);
    }
    if (heap->size < plan->k || scratch->gave_up)
        scan_all(view, &scan);
    scan_moved(view, &scan);
    n2_search_results(view->store, heap, out, n_out);
    while (plan->radius && *n_out > 0 &&
           is_beyond(view->store, out[*n_out - 1].distance, *plan->radius))
        --*n_out;
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
