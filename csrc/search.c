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
#define LEAST_SCANNED 64 /* bytes; a shorter vector takes about as long */

/* One coordinate in so many of a query may lie outside its byte; of a vector one in a thousand
 * does. */
#define OUTSIDE 8

/* Up to that many nodes for each place in the beam, a scan in order is faster than the graph's walk
 * in no order, and exact. A node in the beam costs about 15 distances to nodes not seen before; a
 * distance in order costs at most half of one at random. */
#define SCAN_PER_PLACE 16

/* Under a filter: a walk that has taken one in so many of the distances that a scan of what is
 * allowed would take is given up for that. (Where few are allowed a walk from one to the next,
 * through what lies between them, is no choice: on 1,000,000 SIFT vectors with 1 % allowed it took
 * 1.9 times as long as the scan, and found three in four.) */
#define SCANS_A_WALK 2
#define PATIENCE 3
#define LEAST_PATIENCE 300
#define LEAST_SIEVED 512 /* of fewer allowed ones a scan asks no codes */
#define MOST_TUNED 100   /* the largest k of a tuning; beyond, walks take longer as k grows */

/* By how much farther a walk looks for each e times that its results lie behind what it was
 * measured with, in parts of the growth within neighbours (n2_tuning). Of 40,000 vectors in
 * clusters, without the 400 nearest, 0.48, 0.59, 0.96 and 0.99 of the ten nearest were found with
 * 0, 0.14, 0.36 and 0.72; of 98,000 GloVe vectors, without the 98 nearest, 0.98, 0.99, 1 and 1, in
 * 1, 1.7, 3 and 4.5 of the time. */
#define APART_GROWTH 0.36f

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
    if (ef || !view->tuning)
        return beam;
    bool asked = recall > 0;
    beam = n2_tune_beam(view->tuning, metric, asked ? k : n2_max(k, DEFAULT_LEAST_K),
                        asked ? recall : DEFAULT_RECALL, measured);
    if (k > MOST_TUNED)
        *measured *= (float)k / MOST_TUNED;
    if (!asked) {
        size_t stride = n2_max(view->store->vectors.stride, LEAST_SCANNED);
        *measured = fmaxf(*measured, (float)(SCANNED_BYTES / stride));
    }
    return beam;
}

/* The stretch with which the bound of a beam lies at what sets it. */
static float no_stretch(const struct n2_view *view)
{
    return view->store->metric == N2_DOT ? 0 : 1;
}

/* The beam that is ef wide, of what counts, if only some of what a walk finds does. */
static struct n2_beam beam_of_some(const struct n2_view *view, size_t ef, size_t width)
{
    return (struct n2_beam){.width = width, .rank = ef, .stretch = no_stretch(view)};
}

/* The beam of a walk of which only a share of what it finds counts. Sets *measured as beam_of, for
 * results that lie anywhere. */
static struct n2_beam picky_beam(const struct n2_view *view, size_t k, float share,
                                 const struct n2_search_options *o, float *measured)
{
    struct n2_beam beam = beam_of(view, k, o, measured), of_all;
    size_t rank = n2_max(k, beam.rank);
    float all = (float)rank / share; /* among which there are as many as `rank` that count */
    of_all = beam_of(view, (size_t)all, o, measured);
    if (beam.rank == 0) {
        size_t ef = n2_min(n2_max(beam.width, k), view->n_nodes);
        return beam_of_some(view, ef, n2_tune_width((size_t)((float)ef / share)));
    }
    beam.all = (size_t)all;
    beam.growth = (view->tuning->growth - no_stretch(view)) * APART_GROWTH;
    beam.stretch_all = of_all.stretch;
    beam.width = n2_tune_width((size_t)all);
    return beam;
}

/* What a search under a filter does: see search.h. */
static void plan_filtered(const struct n2_view *view, const struct n2_search_options *o,
                          struct n2_plan *plan)
{
    size_t n_allowed = n2_filter_count(view->filter, view->n_ids);
    size_t n_live = n2_max(N2_LOAD(&view->store->n_live), 1);
    float share = (float)n2_min(n2_max(n_allowed, 1), n_live) / (float)n_live, measured;
    plan->beam = picky_beam(view, n2_max(plan->k, 1), share, o, &measured);
    plan->most_measured = n_allowed / SCANS_A_WALK;
    plan->patience = n2_min(plan->most_measured / PATIENCE,
                            (size_t)(PATIENCE * (float)plan->beam.rank / share) + LEAST_PATIENCE);
    plan->walks = view->entry && measured < (float)plan->most_measured;
    plan->sieves &= plan->walks || n_allowed > LEAST_SIEVED;
}

void n2_search_plan(const struct n2_view *view, size_t k, const struct n2_search_options *o,
                    struct n2_plan *plan)
{
    float measured;
    *plan = (struct n2_plan){.k = n2_min(k, N2_LOAD(&view->store->n_live)),
                             .most_measured = SIZE_MAX,
                             .patience = SIZE_MAX,
                             .sieves = !o || o->recall < 1,
                             .radius = o ? o->radius : NULL};
    if (view->filter) {
        plan_filtered(view, o, plan);
    } else {
        size_t least = n2_max(plan->k, 1);
        plan->beam = view->picky ? picky_beam(view, least, 1, o, &measured)
                                 : beam_of(view, least, o, &measured);
        plan->walks = view->entry && (float)N2_LOAD(&view->graph->n_linked) > measured;
        plan->sieves &= plan->walks;
    }
    plan->beam.width = n2_min(n2_max(plan->beam.width, plan->k), n2_max(view->n_nodes, 1));
}

/* Offers what a walk by codes found, measured by the vectors, nearest code first, until those left
 * are too far away to enter. */
static void rank(const struct n2_view *view, const struct n2_scan *scan,
                 const struct n2_queue *queue)
{
    enum { AT_ONCE = 8 };
    const struct n2_space *space = view->space;
    const struct n2_store *store = view->store;
    const float unseen = n2_beam_unseen(&queue->beam);
    float excess = INFINITY;
    for (size_t i = 0; i < queue->size; i += AT_ONCE) {
        uint32_t nodes[AT_ONCE], keys[AT_ONCE];
        size_t n = n2_min(AT_ONCE, queue->size - i);
        uint64_t bound = n2_heap_bound(scan->heap);
        if (bound != UINT64_MAX && n2_entry_key(queue->entries[i]) >
                                       n2_space_within(space, store, scan->probe,
                                                       (uint32_t)(bound >> 32), excess * unseen))
            break;
        for (size_t j = 0; j < n; j++) {
            nodes[j] = n2_entry_node(queue->entries[i + j]);
            N2_PREFETCH(n2_column_row(&store->vectors, nodes[j]));
            N2_PREFETCH(n2_store_label(store, nodes[j]));
        }
        n2_store_keys(store, view->kernels, scan->probe, nodes, n, keys);
        for (size_t j = 0; j < n; j++)
            N2_PREFETCH(n2_column_row(&store->ids, N2_LOAD(n2_store_label(store, nodes[j]))));
        for (size_t j = 0; j < n; j++) {
            n2_space_learn(space, store, n2_entry_key(queue->entries[i + j]), keys[j], &excess);
            if ((uint64_t)keys[j] << 32 < n2_heap_bound(scan->heap))
                n2_scan_offer(view, scan, keys[j], nodes[j]);
        }
    }
}

/* Encodes the query. One that lies so far outside the range of codes that they tell too little is
 * looked for by vectors, in a beam of fixed width, which says nothing of codes. */
static void encode(struct n2_view *view, struct n2_probe *probe, struct n2_beam *beam,
                   struct n2_scratch *scratch)
{
    if (!view->space ||
        n2_space_encode_query(view->space, view->store, view->kernels, probe, scratch->encoding,
                              scratch->code) <= view->space->n_axes / OUTSIDE)
        return;
    *view = n2_view_by_vectors(view);
    if (beam->rank == 0)
        return;
    size_t ef = n2_min(beam->width, DEFAULT_EF(scratch->heap.width));
    if (view->picky)
        *beam = beam_of_some(view, ef, beam->width);
    else
        *beam = (struct n2_beam){.width = ef};
}

/* The walk proper, by the codes of an encoded query, or by vectors. */
static void walk(const struct n2_view *view, const struct n2_scan *scan, struct n2_beam beam,
                 struct n2_scratch *scratch)
{
    const struct n2_view by_vectors = n2_view_by_vectors(view);
    const struct n2_probe *probe = scan->probe;
    uint64_t start = n2_hnsw_descend(view, probe, view->entry, 0, scratch);
    n2_hnsw_start(view, scratch, beam, start);
    n2_hnsw_search_layer(view, probe, 0, scratch);
    const struct n2_queue *queue = n2_hnsw_found(view, scratch);
    size_t nth = n2_min(scratch->heap.width, queue->size); /* of those wanted, the farthest */
    if (nth > 0 && n2_view_is_coarse(view, n2_entry_key(queue->entries[nth - 1]))) {
        n2_hnsw_search_again(view, probe, scratch);
        view = &by_vectors;
    }
    if (view->space) {
        rank(view, scan, queue);
        return;
    }
    for (size_t i = 0; i < queue->size; i++) {
        uint32_t key = n2_entry_key(queue->entries[i]);
        if ((uint64_t)key << 32 >= n2_heap_bound(&scratch->heap))
            break; /* nor can any behind it enter */
        n2_scan_offer(view, scan, key, n2_entry_node(queue->entries[i]));
    }
}

void n2_search_graph(const struct n2_view *view, struct n2_probe *probe, struct n2_beam beam,
                     struct n2_scratch *scratch)
{
    struct n2_view encoded = *view;
    const struct n2_scan scan = {.probe = probe, .heap = &scratch->heap, .again_from = N2_NONE};
    encode(&encoded, probe, &beam, scratch);
    walk(&encoded, &scan, beam, scratch);
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
    heap->size = 0;
    heap->width = plan->k;
    scratch->n_measured = 0;
    scratch->most_measured = plan->most_measured;
    scratch->patience = plan->patience;
    scratch->gave_up = false;
    n2_store_probe_whole(view->store, scratch->whole, probe);
    struct n2_view encoded = *view;
    struct n2_beam beam = plan->beam;
    if (plan->walks || plan->sieves)
        encode(&encoded, probe, &beam, scratch);
    struct n2_scan scan = {probe, heap, N2_NONE, .sieves = plan->sieves && encoded.space};
    if (plan->walks) {
        n2_scan_pending(&encoded, &scan);
        struct n2_view linked = encoded; /* with every link to what the scan took for linked */
        linked.n_rows = (uint32_t)n2_min(N2_ACQUIRE(&view->graph->n_rows), view->n_nodes);
        walk(&linked, &scan, beam, scratch);
        n2_visited_clear(&scratch->visited);
    }
    if (heap->size < plan->k || scratch->gave_up)
        n2_scan_all(&encoded, &scan);
    n2_scan_moved(&encoded, &scan);
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
