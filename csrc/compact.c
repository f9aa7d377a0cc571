/* compact.c - copies what is left of an index to new columns, and puts them in place.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "compact.h"

#include "alloc.h"

#define ROWS_A_STEP 16384

static int make_columns(struct n2_compaction *c, size_t n_upper)
{
    const struct n2_store *store = &c->index->store;
    const struct n2_graph *graph = &c->index->graph;
    const struct n2_space *space = &c->index->space;
    size_t n = c->n_new, most = n2_index_reserved(c->index, n);
    int status = n2_column_make(&c->store.vectors, store->vectors.stride, n, most);
    if (!status)
        status = n2_column_make(&c->store.labels, store->labels.stride, n, most);
    if (!status)
        status = n2_column_make(&c->graph.heights, graph->heights.stride, n, most);
    if (!status)
        status = n2_column_make(&c->graph.links0, graph->links0.stride, n, most);
    if (!status)
        status = n2_column_make(&c->graph.towers, graph->towers.stride, n, most);
    if (!status)
        status = n2_column_make(&c->graph.upper, graph->upper.stride, n_upper,
                                n2_graph_upper_rows(graph->M, most));
    if (!status && space->n_axes)
        status = n2_column_make(&c->codes, space->codes.stride, n, most);
    if (!status && space->sketches.base)
        status = n2_column_make(&c->sketches, space->sketches.stride, n, most);
    return status;
}

/* Numbers the nodes that are left, and counts their rows above level 0. */
static size_t number(struct n2_compaction *c)
{
    size_t n_upper = 0;
    for (uint32_t node = 0; node < c->n_old; node++) {
        bool is_left = n2_is_linked(*n2_graph_height(&c->index->graph, node));
        c->new_of[node] = is_left ? c->n_new++ : N2_NONE;
        n_upper += is_left ? n2_graph_levels(&c->index->graph, node) - 1 : 0;
    }
    return n_upper;
}

int n2_compact_open(struct n2_compaction *c, struct n2_index *index)
{
    *c = (struct n2_compaction){.index = index, .n_old = index->graph.n_rows};
    c->store.storage = index->store.storage;
    c->graph.M = index->graph.M;
    c->graph.M0 = index->graph.M0;
    c->new_of = n2_alloc(n2_max(c->n_old, 1), sizeof(*c->new_of));
    if (!c->new_of)
        return N2_ERR_NO_MEMORY;
    size_t n_upper = number(c);
    return make_columns(c, n_upper);
}

void n2_compact_close(struct n2_compaction *c)
{
    n2_store_release(&c->store);
    n2_graph_release(&c->graph);
    n2_column_release(&c->codes);
    n2_column_release(&c->sketches);
    n2_alloc_free(c->new_of);
    c->new_of = NULL;
}

/* Copies a row of links, to their new numbers; none of a row that rot has lost. */
static void copy_links(const struct n2_compaction *c, const uint32_t *from, uint32_t *to,
                       uint32_t m)
{
    uint32_t n = from ? n2_graph_degree(from, m, c->n_old) : 0;
    for (uint32_t i = 0; i < m; i++)
        to[i] = i < n ? c->new_of[from[i]] : N2_NONE;
}

static void copy_row(const struct n2_column *from, uint32_t old, struct n2_column *to, uint32_t new)
{
    memcpy(n2_column_row(to, new), n2_column_row(from, old), to->stride);
}

/* Copies a linked node but for its ids. */
static void copy_node(struct n2_compaction *c, uint32_t old)
{
    const struct n2_index *index = c->index;
    const struct n2_graph *graph = &index->graph;
    uint32_t new = c->new_of[old], height = n2_graph_levels(graph, old);
    copy_row(&index->store.vectors, old, &c->store.vectors, new);
    copy_row(&graph->heights, old, &c->graph.heights, new);
    copy_links(c, n2_graph_links0(graph, old), n2_graph_links0(&c->graph, new), graph->M0);
    uint32_t tower = height > 1 ? c->graph.n_upper : N2_NONE;
    memcpy(n2_column_row(&c->graph.towers, new), &tower, sizeof(tower));
    for (uint32_t level = 1; level < height; level++) {
        uint32_t *to = n2_column_row(&c->graph.upper, c->graph.n_upper++);
        copy_links(c, n2_graph_upper(graph, old, level), to, graph->M);
    }
    if (c->codes.base)
        copy_row(&index->space.codes, old, &c->codes, new);
    if (c->sketches.base)
        copy_row(&index->space.sketches, old, &c->sketches, new);
}

/* The new number of any node. Those that came meanwhile follow in their order. */
static uint32_t renumber(const struct n2_compaction *c, uint32_t old)
{
    return old < c->n_old ? c->new_of[old] : old - c->n_old + c->n_new;
}

/* Copies the nodes that came meanwhile, and all that leads from ids to nodes and back. Under the
 * add lock. */
static int copy_rest(struct n2_compaction *c)
{
    const struct n2_store *store = &c->index->store;
    const struct n2_graph *graph = &c->index->graph;
    uint32_t n_nodes = renumber(c, store->n_nodes);
    size_t n_reserved = n2_index_reserved(c->index, store->n_ids);
    int status = n2_column_make(&c->store.ids, store->ids.stride, store->n_ids, n_reserved);
    struct n2_column *columns[3] = {&c->store.vectors, &c->store.labels, &c->graph.heights};
    for (int i = 0; i < 3 && !status; i++) {
        if (!n2_column_fits(columns[i], n_nodes))
            status = n2_column_move(columns[i], n_nodes);
        if (!status)
            status = n2_column_commit(columns[i], n_nodes);
    }
    if (status)
        return status;
    for (uint32_t old = c->n_old; old < store->n_nodes; old++) {
        copy_row(&store->vectors, old, &c->store.vectors, renumber(c, old));
        copy_row(&graph->heights, old, &c->graph.heights, renumber(c, old));
    }
    for (uint32_t old = 0; old < store->n_nodes; old++)
        if (renumber(c, old) != N2_NONE)
            copy_row(&store->labels, old, &c->store.labels, renumber(c, old));
    for (uint32_t id = 0; id < store->n_ids; id++) {
        struct n2_id entry = n2_store_entry(store, id);
        if (entry.node != N2_NONE)
            entry.node = renumber(c, entry.node);
        n2_store_set_entry(&c->store, id, entry);
    }
    return N2_OK;
}

static void swap(struct n2_column *a, struct n2_column *b)
{
    struct n2_column column = *a;
    *a = *b;
    *b = column;
}

/* How many bytes of the old columns the new ones lack. */
static uint64_t given_back(const struct n2_compaction *c)
{
    const struct n2_store *store = &c->store;
    const struct n2_graph *graph = &c->graph;
    uint64_t node_bytes = store->vectors.stride + store->labels.stride + graph->heights.stride +
                          graph->links0.stride + graph->towers.stride + c->codes.stride +
                          c->sketches.stride;
    return (c->n_old - c->n_new) * node_bytes +
           (uint64_t)(c->index->graph.n_upper - graph->n_upper) * graph->upper.stride;
}

/* Puts the new columns in place of the old ones. Under the add lock, with the gate shut. */
static void put_in_place(struct n2_compaction *c)
{
    struct n2_store *store = &c->index->store;
    struct n2_graph *graph = &c->index->graph;
    struct n2_space *space = &c->index->space;
    uint64_t entry = graph->entry;
    uint64_t n_given = given_back(c);
    swap(&store->vectors, &c->store.vectors);
    swap(&store->labels, &c->store.labels);
    swap(&store->ids, &c->store.ids);
    swap(&graph->heights, &c->graph.heights);
    swap(&graph->links0, &c->graph.links0);
    swap(&graph->towers, &c->graph.towers);
    swap(&graph->upper, &c->graph.upper);
    if (c->codes.base)
        swap(&space->codes, &c->codes);
    if (c->sketches.base)
        swap(&space->sketches, &c->sketches);
    N2_STORE(&store->n_nodes, renumber(c, store->n_nodes));
    N2_STORE(&graph->n_rows, c->n_new);
    N2_STORE(&graph->n_upper, c->graph.n_upper);
    uint32_t node = entry ? c->new_of[n2_entry_point(entry)] : N2_NONE;
    N2_STORE(&graph->entry, node != N2_NONE ? (entry & ~(uint64_t)N2_NONE) | node
                                            : n2_graph_highest(graph)); /* none, or rot */
    N2_STORE(&graph->first_pending, c->n_new);
    N2_STORE(&graph->n_claimed, c->n_new);
    N2_STORE(&graph->n_gone, graph->n_gone - (c->n_old - c->n_new));
    N2_STORE(&c->index->given_back_bytes, c->index->given_back_bytes + n_given);
    N2_STORE(&graph->n_renumbered, graph->n_renumbered + 1); /* for those who scan block by block */
}

static int finish(struct n2_compaction *c)
{
    struct n2_index *index = c->index;
    pthread_mutex_lock(&index->add);
    int status = copy_rest(c);
    if (!status) {
        n2_gate_shut(&index->gate);
        put_in_place(c);
        n2_gate_open(&index->gate);
    }
    pthread_mutex_unlock(&index->add);
    return status;
}

int n2_compact_step(struct n2_compaction *c, bool *done)
{
    if (c->store.storage != c->index->store.storage) { /* rows are wider now: begin again */
        n2_compact_close(c);
        return n2_compact_open(c, c->index);
    }
    uint32_t end = (uint32_t)n2_min((size_t)c->next + ROWS_A_STEP, c->n_old);
    for (; c->next < end; c->next++)
        if (c->new_of[c->next] != N2_NONE)
            copy_node(c, c->next);
    if (c->next < c->n_old)
        return N2_OK;
    int status = finish(c);
    *done = !status;
    return status;
}
