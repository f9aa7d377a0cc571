/* stats.c - what an index is and holds.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index.h"

#include <math.h>

#define BETWEEN_LOOKS 1024 /* nodes between two looks at the cancel flag */

static void fill_parameters(const struct n2_index *index, struct n2_stats *s)
{
    s->dim = index->store.dim;
    s->metric = index->store.metric;
    s->selection = index->selection;
    s->merging = index->merging;
    s->navigation = index->navigation;
    s->sketch = index->sketch;
    s->store = index->store.rounding;
    s->packing = index->store.storage;
    s->keys = index->keys.kind;
    s->M = (int32_t)index->graph.M;
    s->max_m0 = (int32_t)index->graph.M0;
    s->ef_construction = (int32_t)index->ef_construction;
    s->level_multiplier =
        index->level_multiplier > 0 ? index->level_multiplier : 1 / log(index->graph.M);
    s->seed = index->seed;
    s->kernel = n2_isa();
}

static void fill_counts(const struct n2_index *index, struct n2_stats *s)
{
    const struct n2_graph *graph = &index->graph;
    uint64_t entry = N2_ACQUIRE(&graph->entry);
    const struct n2_store *store = &index->store;
    uint64_t n_linked = N2_LOAD(&graph->n_linked), n_gone = N2_LOAD(&graph->n_gone);
    s->n_dead = N2_LOAD(&graph->n_dead);
    s->n_nodes = N2_ACQUIRE(&store->n_nodes); /* last: never fewer than are linked */
    s->n_vectors = N2_LOAD(&store->n_live);
    s->n_repaired = N2_LOAD(&graph->n_repaired);
    s->given_back_bytes = N2_LOAD(&index->given_back_bytes);
    uint64_t n_ids = N2_ACQUIRE(&store->n_ids), n_known = n_linked + n_gone;
    s->n_deleted = n_ids > s->n_vectors ? n_ids - s->n_vectors : 0;
    s->n_pending = s->n_nodes > n_known ? n2_min(s->n_nodes - n_known, s->n_vectors) : 0;
    uint64_t n_shown = s->n_pending + n_linked; /* of which dead ones have no id */
    s->n_duplicates = s->n_vectors + s->n_dead > n_shown ? s->n_vectors + s->n_dead - n_shown : 0;
    s->max_level = (int32_t)n2_entry_height(entry) - 1;
    s->entry_id = entry ? N2_LOAD(n2_store_label(&index->store, n2_entry_point(entry))) : N2_NONE;
    for (int l = 0; l <= N2_MAX_LEVEL; l++)
        s->n_level[l] = N2_LOAD(&graph->n_level[l]);
    s->threads = N2_LOAD(&index->last_threads);
}

static void fill_bytes(const struct n2_index *index, struct n2_stats *s)
{
    const struct n2_store *store = &index->store;
    const struct n2_graph *graph = &index->graph;
    const struct n2_column *columns[] = {
        &store->vectors,    &store->labels,       &store->ids,         &graph->heights,
        &graph->links0,     &graph->towers,       &graph->upper,       &index->space.means,
        &index->space.axes, &index->space.scales, &index->space.codes, &index->space.sketches,
        &index->keys.rows,  &index->keys.bytes,   &index->keys.slots};
    uint64_t n_rows = N2_LOAD(&graph->n_rows);
    s->vector_bytes = s->n_nodes * store->vectors.stride;
    const struct n2_space *space = &index->space;
    s->code_axes = (uint32_t)space->n_axes;
    s->code_bytes = space->n_axes * (space->axes.stride + space->scales.stride) +
                    (space->n_axes ? space->dim : 0) * space->means.stride +
                    (space->n_axes ? n_rows : 0) * space->codes.stride;
    s->sketch_bytes = space->sketches.base ? n_rows * space->sketches.stride : 0;
    s->id_bytes =
        s->n_nodes * store->labels.stride + (s->n_vectors + s->n_deleted) * store->ids.stride;
    s->key_bytes = (s->n_vectors + s->n_deleted) * index->keys.rows.stride +
                   N2_LOAD(&index->keys.n_bytes) +
                   N2_LOAD(&index->keys.n_slots) * index->keys.slots.stride;
    s->link_bytes = s->n_nodes * graph->heights.stride +
                    n_rows * (graph->links0.stride + graph->towers.stride) +
                    N2_LOAD(&graph->n_upper) * graph->upper.stride;
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
        s->mapped_bytes += columns[i]->n_mapped;
    s->scratch_bytes = N2_LOAD(&index->build_bytes) + N2_LOAD(&index->scratch_bytes);
}

int n2_get_stats(struct n2_index *index, struct n2_stats *stats)
{
    if (!index || !stats || stats->size == 0)
        return N2_ERR_OPTION;
    struct n2_slot *slot = n2_gate_enter(&index->gate); /* columns stay where they are */
    if (!slot)
        return N2_ERR_CLOSED;
    struct n2_stats s = {.size = n2_min(stats->size, sizeof(s))};
    fill_parameters(index, &s);
    fill_counts(index, &s);
    fill_bytes(index, &s);
    n2_gate_leave(&index->gate, slot);
    memcpy(stats, &s, s.size);
    return N2_OK;
}

static int count_degrees(const struct n2_index *index, uint64_t *counts,
                         const volatile int32_t *cancel)
{
    const struct n2_graph *graph = &index->graph;
    size_t width = (size_t)graph->M0 + 1;
    memset(counts, 0, (N2_MAX_LEVEL + 1) * width * sizeof(*counts));
    for (uint32_t node = 0; node < graph->n_rows; node++) {
        if (cancel && node % BETWEEN_LOOKS == 0 && N2_LOAD(cancel))
            return N2_ERR_CANCELLED;
        uint8_t height = N2_LOAD(n2_graph_height(graph, node));
        if (height == N2_GONE)
            continue;
        for (uint32_t level = 0; level < n2_min(height, N2_MAX_LEVEL + 1); level++) {
            uint32_t m;
            const uint32_t *row = n2_graph_links(graph, node, level, &m);
            if (row)
                counts[level * width + n2_graph_degree(row, m, graph->n_rows)]++;
        }
    }
    return N2_OK;
}

int n2_degrees(struct n2_index *index, uint64_t *counts, const volatile int32_t *cancel)
{
    if (!index || !counts)
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    n2_turn_take(&index->turn);
    status = count_degrees(index, counts, cancel);
    n2_turn_give(&index->turn);
    n2_index_leave(index);
    return status;
}
