/* hnsw.c - search-layer and select-neighbours, in the paper's terms.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Most of a search's time are waits for memory, so search-layer has three nodes in hand: of the
 * first, which was expanded two steps ago, it measures the neighbours; of the second it reads the
 * links, drops those seen before and asks the cache for what will be measured; of the third, the
 * nearest one not yet expanded, it asks for the links. What a step needs was asked for one step
 * before. On 100,000 GloVe vectors that took 0.8 of the time of two nodes a step, one step at a
 * time.
 */
#include "hnsw.h"

#include <math.h>

#define PREFETCH_LINES 8 /* of each vector; the processor's own prefetcher follows from there */
#define APART 8          /* times farther in rank than if results were anywhere: they are not */
#define SOON 4           /* places ahead in the queue whose links are asked for */
#define STARTS 32        /* nodes that a search by vectors starts from, after one by codes */

/* How many standard deviations nearer than estimated a sketched link may be. It saves distances and
 * loses neighbours: on 100,000 GloVe vectors searches with 0 and 0.5 took 1.03 and 1.01 of the time
 * that they took with 0.25, at the same recall. */
#define DOUBT (0.5f * 0.6f)

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

/* Appends what is in a node's slack to out[n], the links of its full row. */
N2_INLINE size_t copy_slack(const struct n2_view *view, uint32_t node, uint32_t *out, size_t n)
{
    const uint32_t *slots = n2_slack_slots(view->slack, node);
    for (uint32_t i = 0; i < view->slack->room; i++) {
        uint32_t link = N2_LOAD(&slots[i]);
        if (!link)
            break;
        out[n++] = link - 1;
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
    if (level == 0 && view->slack && n == m)
        n = copy_slack(view, node, out, n);
    return n;
}

/* The links on level 0 of a node at that distance that may be nearer than `bound`. */
N2_INLINE size_t near_links(const struct n2_view *view, uint64_t entry, uint32_t bound,
                            const struct n2_sketch_query *ask, uint32_t *out)
{
    uint32_t node = n2_entry_node(entry), M0 = view->graph->M0;
    const uint32_t *row = n2_graph_links0(view->graph, node);
    const unsigned char *sketch = n2_column_row(&view->space->sketches, node);
    float limit, offset = ask->middle;
    if (view->space->of_products) {
        limit = n2_key_distance(bound) - n2_key_distance(n2_entry_key(entry));
        limit = ask->per_product > 0 ? limit * ask->per_product : INFINITY;
        offset += DOUBT * ask->length;
    } else {
        float distance = (float)n2_entry_key(entry);
        limit = (float)bound - distance;
        offset += DOUBT * sqrtf(distance);
    }
    size_t n = 0;
    for (uint32_t at = 0; at < M0; at += N2_GROUP, sketch += ask->group_bytes) {
        uint32_t near =
            view->kernels->sketch(ask->table, (const void *)sketch, ask->n_books, offset, limit);
        if (M0 - at < N2_GROUP)
            near &= (UINT32_C(1) << (M0 - at)) - 1;
        for (; near; near &= near - 1) {
            uint32_t link = N2_LOAD(&row[at + (uint32_t)__builtin_ctz(near)]);
            out[n] = link;
            n += link < view->n_rows;
        }
    }
    return view->slack && N2_LOAD(&row[M0 - 1]) < view->n_rows ? copy_slack(view, node, out, n) : n;
}

/* The links of a node that were not seen before and, if sketches tell, may be nearer than `limit`.
 * One pass reads them and looks them up: 0.97 of a search's time. */
N2_INLINE size_t fresh_links(const struct n2_view *view, uint64_t entry, uint32_t level,
                             bool sketched, uint32_t limit, uint32_t *out,
                             struct n2_scratch *scratch)
{
    struct n2_visited *visited = &scratch->visited;
    uint32_t node = n2_entry_node(entry), m;
    if (sketched && limit != UINT32_MAX)
        return n2_visited_filter(visited, out, near_links(view, entry, limit, scratch->ask, out),
                                 out);
    const uint32_t *row = n2_graph_links(view->graph, node, level, &m);
    if (N2_UNLIKELY(!row))
        return 0;
    const uint32_t n_rows = view->n_rows;
    uint64_t *bits = visited->bits;
    size_t n = 0;
    for (uint32_t i = 0; i < m; i++) {
        uint32_t link = N2_LOAD(&row[i]);
        if (N2_UNLIKELY(link >= n_rows)) {
            if (link == N2_NONE)
                break;
            continue;
        }
        out[n] = link;
        n = n2_visited_add(bits, link, n);
    }
    n2_visited_remember(visited, out, n);
    if (view->slack && level == 0 && N2_LOAD(&row[m - 1]) < n_rows) {
        size_t n_all = copy_slack(view, node, out, n);
        n += n2_visited_filter(visited, out + n, n_all - n, out + n);
    }
    return n;
}

/* Asks for what n2_view_keys will read. */
N2_INLINE void prefetch(const struct n2_view *view, const uint32_t *nodes, size_t n)
{
    const struct n2_column *column = view->space ? &view->space->codes : &view->store->vectors;
    size_t bytes = n2_min(column->stride, PREFETCH_LINES * N2_CACHE_LINE);
    for (size_t i = 0; i < n && column->stride == N2_CACHE_LINE; i++)
        N2_PREFETCH(column->base + (size_t)nodes[i] * N2_CACHE_LINE);
    for (size_t i = 0; i < n && column->stride != N2_CACHE_LINE; i++) {
        const unsigned char *row = n2_column_row(column, nodes[i]);
        for (size_t at = 0; at < bytes; at += N2_CACHE_LINE)
            N2_PREFETCH(row + at);
    }
}

void n2_hnsw_prefetch(const struct n2_view *view, const uint32_t *nodes, size_t n)
{
    prefetch(view, nodes, n);
}

size_t n2_hnsw_links(const struct n2_view *view, uint32_t node, uint32_t level, uint32_t *out)
{
    return links(view, node, level, out);
}

uint64_t n2_hnsw_enter(const struct n2_view *view, const struct n2_probe *probe, uint64_t entry)
{
    uint32_t node = n2_entry_point(entry), key;
    n2_view_keys(view, probe, &node, 1, &key);
    return n2_entry(key, node);
}

uint64_t n2_hnsw_nearest(const struct n2_view *view, const struct n2_probe *probe, uint64_t from,
                         uint32_t level, struct n2_scratch *scratch)
{
    uint64_t best = from;
    do { /* strictly nearer each time: it ends */
        from = best;
        size_t n = links(view, n2_entry_node(from), level, scratch->nodes);
        prefetch(view, scratch->nodes, n);
        for (size_t i = 0; i < n; i++)
            N2_PREFETCH(n2_column_row(&view->graph->towers, scratch->nodes[i]));
        n2_view_keys(view, probe, scratch->nodes, n, scratch->keys);
        for (size_t i = 0; i < n; i++) {
            uint64_t next = n2_entry(scratch->keys[i], scratch->nodes[i]);
            best = next < best ? next : best;
        }
    } while (best != from);
    return best;
}

uint64_t n2_hnsw_descend(const struct n2_view *view, const struct n2_probe *probe, uint64_t entry,
                         uint32_t level, struct n2_scratch *scratch)
{
    uint64_t best = n2_hnsw_enter(view, probe, entry);
    for (uint32_t l = n2_entry_height(entry) - 1; l > level; l--)
        best = n2_hnsw_nearest(view, probe, best, l, scratch);
    return best;
}

/* Inserts what was measured. */
N2_INLINE void keep(const struct n2_view *view, bool picky, uint64_t entry,
                    struct n2_scratch *scratch)
{
    if (picky && n2_view_admits(view, n2_entry_node(entry)))
        n2_queue_insert(&scratch->found, entry);
    n2_queue_insert(&scratch->queue, entry);
}

static void clear(struct n2_scratch *scratch, struct n2_beam beam)
{
    n2_queue_clear(&scratch->queue, beam);
    n2_queue_clear(&scratch->found, beam);
}

void n2_hnsw_start(const struct n2_view *view, struct n2_scratch *scratch, struct n2_beam beam,
                   uint64_t entry)
{
    uint32_t node = n2_entry_node(entry), fresh;
    clear(scratch, beam);
    keep(view, view->picky, entry, scratch);
    n2_visited_filter(&scratch->visited, &node, 1, &fresh);
}

/* The largest key that the queue's beam lets in. */
N2_INLINE uint32_t bound_of(const struct n2_view *view, const struct n2_probe *probe,
                            const struct n2_queue *queue)
{
    const struct n2_beam *beam = &queue->beam;
    if (beam->rank == 0 || queue->size < beam->rank)
        return UINT32_MAX;
    uint32_t key = n2_entry_key(queue->entries[beam->rank - 1]);
    return n2_view_stretch(view, probe, key, beam->stretch);
}

/* The stretch of a beam where the one that sets the bound is at `place` among all candidates,
 * counted from 1. Behind `all` it lies farther than those that the beam was measured with, and what
 * is as far away is found less well: the farther, the more of it is looked at. */
N2_INLINE float picky_stretch(const struct n2_beam *beam, size_t place, bool is_dot)
{
    float stretch = beam->stretch;
    if (beam->all > beam->rank) {
        float at = logf((float)n2_max(place, beam->rank) / (float)beam->rank) /
                   logf((float)beam->all / (float)beam->rank);
        stretch += (at < 1 ? at : 1) * (beam->stretch_all - stretch);
    }
    if (place <= beam->all)
        return stretch;
    float more = beam->growth * logf((float)place / (float)beam->all);
    return is_dot ? stretch + more : stretch * (1 + more);
}

/* Whether a queue has no room for all that the walk may come to. */
N2_INLINE bool is_full(const struct n2_view *view, const struct n2_queue *queue)
{
    return queue->size == queue->beam.width && queue->size < view->n_nodes;
}

/* The same where only some count: their density about the query tells how far to look. Where they
 * are so much rarer there than among all, a walk is given up for a scan of them; but where nearly
 * all count, of which a scan would take far longer, only if the queue ends soon behind them. */
N2_INLINE uint32_t picky_bound(const struct n2_view *view, const struct n2_probe *probe,
                               struct n2_scratch *scratch)
{
    const struct n2_queue *queue = &scratch->queue, *found = &scratch->found;
    const struct n2_beam *beam = &found->beam;
    if (beam->rank == 0 || found->size < beam->rank)
        return UINT32_MAX;
    uint64_t entry = found->entries[beam->rank - 1] & ~UINT64_C(1);
    size_t place = n2_queue_place(queue, entry) + 1;
    float stretch = beam->stretch;
    if (beam->all > 0)
        stretch = picky_stretch(beam, place, view->store->metric == N2_DOT);
    scratch->gave_up = (beam->all > beam->rank && place > APART * beam->all) ||
                       (is_full(view, queue) && place > queue->size / 2);
    return n2_view_stretch(view, probe, n2_entry_key(entry), stretch);
}

/* Asks for what an expansion of a node on level 0 will read. */
N2_INLINE void prefetch_links(const struct n2_view *view, bool sketched, uint32_t node)
{
    n2_column_prefetch(&view->graph->links0, node, PREFETCH_LINES);
    if (N2_UNLIKELY(view->slack))
        n2_column_prefetch(&view->slack->slots, node, PREFETCH_LINES);
    if (sketched)
        n2_column_prefetch(&view->space->sketches, node, 2 * PREFETCH_LINES);
}

/* Inserts what was measured, and asks for the links of what will be expanded soon. */
N2_INLINE void insert(const struct n2_view *view, uint32_t level, bool sketched, bool picky,
                      uint32_t bound, const uint32_t *nodes, size_t n, struct n2_scratch *scratch)
{
    struct n2_queue *queue = &scratch->queue;
    uint64_t *fresh = scratch->fresh, *sorted = fresh + N2_MAX_DEGREE;
    uint32_t limit = n2_queue_limit(queue), *places = scratch->places;
    size_t m = 0;
    limit = limit < bound ? limit : bound;
    for (size_t i = 0; i < n; i++) { /* one in ten */
        places[m] = (uint32_t)i;
        m += scratch->keys[i] <= limit;
    }
    for (size_t i = 0; i < m; i++)
        fresh[i] = n2_entry(scratch->keys[places[i]], nodes[places[i]]);
    n2_queue_sort(fresh, m, sorted);
    for (size_t i = 0; picky && i < m; i++)
        if (n2_view_admits(view, n2_entry_node(sorted[i])))
            n2_queue_insert(&scratch->found, sorted[i]);
    m = n2_queue_merge(queue, sorted, m, places);
    for (size_t i = 0; level == 0 && i < m && places[i] < queue->next + SOON; i++)
        prefetch_links(view, sketched, n2_entry_node(sorted[i]));
}

/* Whether a walk of a picky view is to be given up. */
N2_INLINE bool is_lost(const struct n2_view *view, const struct n2_scratch *scratch)
{
    const struct n2_queue *queue = &scratch->queue, *found = &scratch->found;
    if (found->size < found->beam.rank)
        return scratch->n_measured > scratch->patience || is_full(view, queue);
    return scratch->n_measured > scratch->most_measured || scratch->gave_up;
}

/* Drops those of nodes[n] whose codes in the view's sieve tell that they lie beyond `limit`. */
static size_t sieve(const struct n2_view *view, const struct n2_probe *probe, uint32_t limit,
                    uint32_t *nodes, size_t n, struct n2_scratch *scratch)
{
    uint32_t farthest = n2_space_within(view->sieve, view->store, probe, limit,
                                        view->excess * n2_beam_unseen(&scratch->queue.beam));
    for (size_t i = 0; i < n; i++)
        n2_column_prefetch(&view->sieve->codes, nodes[i], PREFETCH_LINES);
    n2_space_keys(view->sieve, view->kernels, probe, nodes, n, scratch->keys);
    size_t n_near = 0;
    for (size_t i = 0; i < n; i++) {
        nodes[n_near] = nodes[i];
        n_near += scratch->keys[i] <= farthest;
    }
    return n_near;
}

/* The same, where sketches tell which links are worth measuring, or where there are none; and where
 * all nodes are results, or some. */
N2_INLINE void walk(const struct n2_view *view, const struct n2_probe *probe, uint32_t level,
                    bool sketched, bool picky, struct n2_scratch *scratch)
{
    struct n2_queue *queue = &scratch->queue;
    uint32_t *batches[2] = {scratch->nodes, scratch->nodes + N2_MAX_DEGREE / 2};
    size_t sizes[2] = {0, 0};
    uint32_t bound = UINT32_MAX;
    uint64_t entry = 0, next = 0;
    bool expands = false;
    for (int turn = 0;; turn ^= 1) {
        bool goes_on = !(picky && is_lost(view, scratch)) && n2_queue_expand(queue, bound, &next);
        if (!goes_on && !expands && sizes[0] + sizes[1] == 0)
            break;
        if (goes_on && level == 0)
            prefetch_links(view, sketched, n2_entry_node(next));
        size_t n = 0;
        if (expands) {
            uint32_t limit = n2_queue_limit(queue), *nodes = batches[turn];
            limit = limit < bound ? limit : bound;
            n = fresh_links(view, entry, level, sketched, limit, nodes, scratch);
            if (N2_UNLIKELY(view->sieve) && limit != UINT32_MAX)
                n = sieve(view, probe, limit, nodes, n, scratch);
            prefetch(view, nodes, n);
        }
        sizes[turn] = n;
        expands = goes_on;
        entry = next;
        n = sizes[turn ^ 1];
        if (n) {
            n2_view_keys(view, probe, batches[turn ^ 1], n, scratch->keys);
            scratch->n_measured += n;
            insert(view, level, sketched, picky, bound, batches[turn ^ 1], n, scratch);
            bound = picky ? picky_bound(view, probe, scratch) : bound_of(view, probe, queue);
            n2_queue_cut(queue, bound);
        }
        sizes[turn ^ 1] = 0;
    }
    scratch->gave_up = picky && is_lost(view, scratch);
}

void n2_hnsw_search_layer(const struct n2_view *view, const struct n2_probe *probe, uint32_t level,
                          struct n2_scratch *scratch)
{
    bool sketched = level == 0 && view->sketched;
    if (sketched)
        n2_sketch_ask(view->space, probe, scratch->ask);
    if (N2_UNLIKELY(view->picky))
        walk(view, probe, level, sketched, true, scratch);
    else if (sketched)
        walk(view, probe, level, true, false, scratch);
    else
        walk(view, probe, level, false, false, scratch);
}

void n2_hnsw_search_again(const struct n2_view *by_codes, const struct n2_probe *probe,
                          struct n2_scratch *scratch)
{
    struct n2_queue *queue = &scratch->queue;
    struct n2_view by_vectors = n2_view_by_vectors(by_codes);
    by_vectors.sieve = by_codes->space;
    by_vectors.excess = INFINITY;
    uint32_t *nodes = scratch->nodes, of_codes[STARTS];
    size_t n = n2_min(queue->size, STARTS);
    for (size_t i = 0; i < n; i++) {
        nodes[i] = n2_entry_node(queue->entries[i]);
        of_codes[i] = n2_entry_key(queue->entries[i]);
    }
    n2_visited_clear(&scratch->visited);
    clear(scratch, queue->beam);
    n = n2_visited_filter(&scratch->visited, nodes, n, nodes); /* none was seen before */
    prefetch(&by_vectors, nodes, n);
    n2_view_keys(&by_vectors, probe, nodes, n, scratch->keys);
    scratch->n_measured += n;
    for (size_t i = 0; i < n; i++) {
        n2_space_learn(by_vectors.sieve, by_vectors.store, of_codes[i], scratch->keys[i],
                       &by_vectors.excess);
        keep(&by_vectors, by_vectors.picky, n2_entry(scratch->keys[i], nodes[i]), scratch);
    }
    n2_hnsw_search_layer(&by_vectors, probe, 0, scratch);
}

/* Whether one of taken[n] is nearer to the candidate than the centre is. Under dot, whether a query
 * in its direction would find the candidate at least as near as one in the centre's: the products
 * are those of the candidate, their lengths taken out or in. Sets *length to the candidate's; those
 * of taken[n] are in scratch->lengths.
 * One as near is not enough, or a neighbour so near to the centre that all is as near to it would
 * be the only one; but it is for what is as near as that itself. */
static bool is_covered(const struct n2_view *view, uint64_t candidate, const uint64_t *taken,
                       size_t n, struct n2_scratch *scratch, float *length)
{
    enum { GROUP = 4 };
    struct n2_probe probe;
    n2_view_probe_node(view, n2_entry_node(candidate), scratch->centre, &probe);
    *length = probe.length;
    uint32_t nodes[GROUP], keys[GROUP], near = n2_entry_key(candidate);
    if (view->store->metric != N2_DOT && near > n2_view_nothing(view))
        near--;
    for (size_t i = 0; i < n; i += GROUP) {
        size_t m = n2_min(n - i, GROUP);
        for (size_t j = 0; j < m; j++)
            nodes[j] = n2_entry_node(taken[i + j]);
        n2_view_keys(view, &probe, nodes, m, keys);
        for (size_t j = 0; j < m && view->store->metric == N2_DOT; j++)
            keys[j] = n2_key(n2_key_distance(keys[j]) * probe.length *
                             n2_store_reciprocal(scratch->lengths[i + j]));
        for (size_t j = 0; j < m; j++)
            if (keys[j] <= near)
                return true;
    }
    return false;
}

size_t n2_hnsw_select(const struct n2_view *view, int32_t selection, uint64_t *candidates, size_t n,
                      size_t M, struct n2_scratch *scratch)
{
    if (selection == N2_NAIVE)
        return n2_min(n, M);
    if (selection == N2_HEURISTIC_KEEP_PRUNED && n <= M)
        return n;
    size_t n_taken = 0;
    for (size_t i = 0; i < n && n_taken < M; i++) {
        uint64_t candidate = candidates[i];
        if (is_covered(view, candidate, candidates, n_taken, scratch, &scratch->lengths[n_taken]))
            continue;
        /* Those passed over keep their order behind the taken ones. */
        memmove(candidates + n_taken + 1, candidates + n_taken, (i - n_taken) * sizeof(candidate));
        candidates[n_taken++] = candidate;
    }
    if (selection == N2_HEURISTIC_KEEP_PRUNED)
        n_taken = n2_min(n, M);
    return n_taken;
}
