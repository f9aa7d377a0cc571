/* change.c - vectors that come, go and are replaced: n2_add, n2_add_index, n2_update, n2_delete.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A vector that comes is a new node at the end, which searches scan until a build links it. One
 * that goes loses its id: at once no search returns it, and its node, without ids, stays a step on
 * the way to others until a build takes it out of the graph (unlink.h). One that is replaced does
 * both, and a single store moves its id from the old node to the new one.
 */
#include "alloc.h"
#include "index.h"

#define COPIED 256 /* ids of an index that are looked at from one slot, while they are copied */

/* The columns that a new node needs. */
static void columns_of(struct n2_index *index, struct n2_column *columns[4])
{
    columns[0] = &index->store.vectors;
    columns[1] = &index->store.labels;
    columns[2] = &index->graph.heights;
    columns[3] = &index->store.ids;
}

/* Makes the columns fit for that many nodes and ids. */
static int make_room(struct n2_index *index, size_t n_nodes, size_t n_ids)
{
    struct n2_column *columns[4];
    columns_of(index, columns);
    n2_turn_take(&index->turn);
    int status = N2_OK;
    for (int i = 0; i < 4 && !status; i++)
        status = n2_index_fit(index, columns[i], i < 3 ? n_nodes : n_ids);
    n2_turn_give(&index->turn);
    return status;
}

/* Under the add lock: makes the columns usable for that many nodes and ids, where they have room,
 * or sets *fits to false. */
static int commit(struct n2_index *index, size_t n_nodes, size_t n_ids, bool *fits)
{
    struct n2_column *columns[4];
    columns_of(index, columns);
    if (n_nodes > N2_MAX_VECTORS || n_ids > N2_MAX_VECTORS)
        return N2_ERR_FULL;
    *fits = true;
    for (int i = 0; i < 4; i++)
        *fits = *fits && n2_column_fits(columns[i], i < 3 ? n_nodes : n_ids);
    int status = N2_OK;
    for (int i = 0; i < 4 && *fits && !status; i++)
        status = n2_column_commit(columns[i], i < 3 ? n_nodes : n_ids);
    return status;
}

/* Takes the add lock when there is room for n_nodes more nodes and n_ids more ids. */
static int lock_with_room(struct n2_index *index, size_t n_nodes, size_t n_ids)
{
    for (;;) {
        bool fits = false;
        pthread_mutex_lock(&index->add);
        size_t nodes = index->store.n_nodes + n_nodes, ids = index->store.n_ids + n_ids;
        int status = commit(index, nodes, ids, &fits);
        if (fits && !status)
            return N2_OK;
        pthread_mutex_unlock(&index->add);
        if (!status)
            status = make_room(index, nodes, ids); /* others may add meanwhile: try again */
        if (status)
            return status;
    }
}

/* Under the add lock: shows the n nodes, with as many ids, that were put behind the others, and
 * gives the lock back. Returns the first id. */
static uint32_t publish(struct n2_index *index, uint32_t n)
{
    struct n2_store *store = &index->store;
    uint32_t first = store->n_ids;
    N2_STORE(&store->n_live, store->n_live + n);
    N2_RELEASE(&store->n_nodes, store->n_nodes + n);
    N2_RELEASE(&store->n_ids, first + n);
    pthread_mutex_unlock(&index->add);
    return first;
}

static int add(struct n2_index *index, const float *vectors, size_t n, uint32_t *first)
{
    int status = lock_with_room(index, n, n);
    if (status)
        return status;
    struct n2_store *store = &index->store;
    uint32_t node = store->n_nodes, id = store->n_ids;
    for (uint32_t i = 0; i < n; i++) {
        n2_store_put(store, node + i, id + i, vectors + i * store->dim);
        n2_store_set_entry(store, id + i, (struct n2_id){node + i, N2_NONE});
    }
    *first = publish(index, (uint32_t)n);
    return N2_OK;
}

int n2_add(struct n2_index *index, const float *vectors, size_t n, uint32_t *first)
{
    if (!index || (!vectors && n > 0))
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    uint32_t id = 0;
    size_t room = N2_MAX_VECTORS - N2_ACQUIRE(&index->store.n_ids);
    status = n > room ? N2_ERR_FULL : n2_store_check_new(&index->store, vectors, n);
    if (!status)
        status = add(index, vectors, n, &id);
    if (!status && first)
        *first = id;
    n2_index_leave(index);
    return status;
}

/* An index that is being added to another. */
struct merge {
    struct n2_index *index; /* which gets them; its add lock is held */
    struct n2_index *other;
    float *buffer;    /* [dim] */
    uint32_t n, room; /* vectors copied so far, and at most */
};

static int copy_vector(struct merge *m, uint32_t from)
{
    struct n2_store *store = &m->index->store;
    const struct n2_store *other = &m->other->store;
    const float *vector = n2_store_vector(other, from, m->buffer);
    uint32_t node = store->n_nodes + m->n, id = store->n_ids + m->n;
    double norm;
    if (m->n == m->room || n2_store_check(other, vector, &norm))
        return N2_ERR_CORRUPT; /* the file that it was loaded from was never right */
    if (store->storage == other->storage) {
        n2_store_put_packed(store, node, id, n2_store_row(other, from), norm);
    } else {
        int status = n2_store_check_new(store, vector, 1);
        if (status)
            return status;
        n2_store_put(store, node, id, vector);
    }
    n2_store_set_entry(store, id, (struct n2_id){node, N2_NONE});
    m->n++;
    return N2_OK;
}

/* Copies the vectors of the ids from..to-1 that are there. */
static int copy_ids(struct merge *m, uint32_t from, uint32_t to)
{
    struct n2_slot *slot = n2_gate_enter(&m->other->gate); /* which is not closed during a call */
    int status = N2_OK;
    for (uint32_t id = from; id < to && !status; id++) {
        uint32_t node = n2_store_node(&m->other->store, id);
        if (node != N2_NONE)
            status = copy_vector(m, node);
    }
    n2_gate_leave(&m->other->gate, slot);
    return status;
}

static int copy_all(struct merge *m, uint32_t n_ids, uint32_t *first)
{
    int status = lock_with_room(m->index, m->room, m->room);
    if (status)
        return status;
    for (uint32_t from = 0; from < n_ids && !status; from += COPIED)
        status = copy_ids(m, from, (uint32_t)n2_min((size_t)from + COPIED, n_ids));
    if (status)
        pthread_mutex_unlock(&m->index->add); /* what was put is not there */
    else
        *first = publish(m->index, m->n);
    return status;
}

/* Of the other index nothing is held but, for a moment, a slot, in which nobody waits. So whoever
 * shuts its gate gets what he waits for, and two indexes may be added to each other at once: each
 * side waits, under its own add lock, for nothing but the other's gate, which is shut by those only
 * who need no add lock any more. */
static int merge(struct n2_index *index, struct n2_index *other, uint32_t *first)
{
    n2_turn_take(&other->turn);
    int status = n2_origin_check(other, NULL); /* as before a save */
    n2_turn_give(&other->turn);
    if (status)
        return status;
    pthread_mutex_lock(&other->add);
    uint32_t n_ids = other->store.n_ids, n_live = other->store.n_live;
    pthread_mutex_unlock(&other->add);
    struct merge m = {index, other, n2_alloc(index->store.dim, sizeof(float)), 0, n_live};
    status = m.buffer ? copy_all(&m, n_ids, first) : N2_ERR_NO_MEMORY;
    n2_alloc_free(m.buffer);
    return status;
}

int n2_add_index(struct n2_index *index, struct n2_index *other, uint32_t *first)
{
    if (!index || !other || index == other || index->store.metric != other->store.metric)
        return N2_ERR_OPTION;
    if (index->store.dim != other->store.dim)
        return N2_ERR_DIMENSION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    uint32_t id = 0;
    status = n2_index_enter(other);
    if (!status) {
        status = merge(index, other, &id);
        n2_index_leave(other);
    }
    if (!status && first)
        *first = id;
    n2_index_leave(index);
    return status;
}

/* Under the add lock: finds the node of an id that is to be changed. */
static int find(struct n2_index *index, uint32_t id, uint32_t *node)
{
    if (id >= index->store.n_ids)
        return N2_ERR_NOT_FOUND;
    int status = n2_origin_check_ids(index);
    if (status)
        return status;
    *node = n2_store_entry(&index->store, id).node;
    if (*node == N2_NONE)
        return N2_ERR_NOT_FOUND;
    return *node < index->store.n_nodes ? N2_OK : N2_ERR_CORRUPT;
}

/* Under the add lock: takes an id from its node, which may be left without any. */
static void take_id(struct n2_index *index, uint32_t id, uint32_t node)
{
    struct n2_graph *graph = &index->graph;
    n2_store_detach(&index->store, id);
    if (!n2_store_is_dead(&index->store, node))
        return;
    if (node < graph->n_claimed) {
        N2_STORE(&graph->n_dead, graph->n_dead + 1);
        return;
    }
    N2_STORE(n2_graph_height(graph, node), N2_GONE); /* it was pending */
    N2_STORE(&graph->n_gone, graph->n_gone + 1);
}

static int replace(struct n2_index *index, uint32_t id, const float *vector)
{
    int status = lock_with_room(index, 1, 0);
    if (status)
        return status;
    struct n2_store *store = &index->store;
    uint32_t old;
    status = find(index, id, &old);
    if (!status) {
        uint32_t node = store->n_nodes;
        n2_store_put(store, node, id, vector);
        N2_RELEASE(&store->n_nodes, node + 1);
        N2_RELEASE(&store->n_moves, store->n_moves + 1);
        take_id(index, id, old);
        n2_store_set_entry(store, id, (struct n2_id){node, N2_NONE});
    }
    pthread_mutex_unlock(&index->add);
    return status;
}

int n2_update(struct n2_index *index, uint32_t id, const float *vector)
{
    if (!index || !vector)
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    status = n2_store_check_new(&index->store, vector, 1);
    if (!status)
        status = replace(index, id, vector);
    n2_index_leave(index);
    return status;
}

int n2_delete(struct n2_index *index, uint32_t id)
{
    if (!index)
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    uint32_t node;
    pthread_mutex_lock(&index->add);
    status = find(index, id, &node);
    if (!status) {
        take_id(index, id, node);
        n2_store_set_entry(&index->store, id, (struct n2_id){N2_NONE, N2_NONE});
        N2_STORE(&index->store.n_live, index->store.n_live - 1);
    }
    pthread_mutex_unlock(&index->add);
    n2_index_leave(index);
    return status;
}
