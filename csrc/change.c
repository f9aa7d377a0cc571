/* change.c - vectors that come, go and are replaced: n2_add, n2_update, n2_delete.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A vector that comes is a new node at the end, which searches scan until a build links it. One
 * that goes loses its id: at once no search returns it, and its node, without ids, stays a step on
 * the way to others until a build takes it out of the graph (unlink.h). One that is replaced does
 * both, and a single store moves its id from the old node to the new one.
 */
#include "change.h"

#define MOST_NEEDS 7

/* Rows that a column must have. */
struct need {
    struct n2_column *column;
    size_t rows;
};

/* Under the add lock: what the columns must have for what may come. Returns how many there are. */
static size_t needs_of(struct n2_index *index, struct n2_room more, struct need needs[MOST_NEEDS])
{
    struct n2_store *store = &index->store;
    struct n2_keys *keys = &index->keys;
    size_t n_nodes = store->n_nodes + more.n_nodes, n_ids = store->n_ids + more.n_ids, n = 0;
    needs[n++] = (struct need){&store->vectors, n_nodes};
    needs[n++] = (struct need){&store->labels, n_nodes};
    needs[n++] = (struct need){&index->graph.heights, n_nodes};
    needs[n++] = (struct need){&store->ids, n_ids};
    if (keys->kind != N2_KEYS_NONE) {
        needs[n++] = (struct need){&keys->rows, n_ids};
        needs[n++] = (struct need){&keys->slots, n2_keys_slots(keys, store, more.n_ids)};
    }
    if (keys->kind == N2_KEYS_BYTES)
        needs[n++] = (struct need){&keys->bytes, keys->n_bytes + more.n_key_bytes};
    return n;
}

/* Makes the columns fit. */
static int make_room(struct n2_index *index, int32_t storage, const struct need *needs, size_t n)
{
    n2_turn_take(&index->turn);
    int status = N2_LOAD(&index->store.storage) > storage ? n2_index_widen(index, storage) : N2_OK;
    for (size_t i = 0; i < n && !status; i++)
        status = n2_index_fit(index, needs[i].column, needs[i].rows);
    n2_turn_give(&index->turn);
    return status;
}

/* Under the add lock: makes the columns usable where they all have room, or sets *fits to false. */
static int commit(const struct need *needs, size_t n, bool *fits)
{
    for (size_t i = 0; i < n; i++)
        *fits = *fits && n2_column_fits(needs[i].column, needs[i].rows);
    int status = N2_OK;
    for (size_t i = 0; i < n && *fits && !status; i++)
        status = n2_column_commit(needs[i].column, needs[i].rows);
    return status;
}

int n2_change_lock(struct n2_index *index, struct n2_room more)
{
    for (;;) {
        struct need needs[MOST_NEEDS];
        pthread_mutex_lock(&index->add);
        const struct n2_store *store = &index->store;
        bool fits = store->storage <= more.storage;
        bool full = store->n_nodes + more.n_nodes > N2_MAX_VECTORS ||
                    store->n_ids + more.n_ids > N2_MAX_VECTORS;
        size_t n = needs_of(index, more, needs);
        int status = full ? N2_ERR_FULL : commit(needs, n, &fits);
        if (fits && !status)
            return N2_OK;
        pthread_mutex_unlock(&index->add);
        if (!status) /* others may add meanwhile: try again */
            status = make_room(index, more.storage, needs, n);
        if (status)
            return status;
    }
}

int n2_change_begin(struct n2_index *index, const float *vectors, struct n2_room more)
{
    const struct n2_store *store = &index->store;
    if (more.n_ids > N2_MAX_VECTORS - N2_ACQUIRE(&store->n_ids))
        return N2_ERR_FULL;
    int status = n2_store_check_new(store, vectors, more.n_nodes);
    if (status)
        return status;
    more.storage = n2_store_holding(store, vectors, more.n_nodes);
    return n2_change_lock(index, more);
}

uint32_t n2_change_publish(struct n2_index *index, uint32_t n)
{
    struct n2_store *store = &index->store;
    uint32_t first = store->n_ids;
    N2_STORE(&store->n_live, store->n_live + n);
    N2_RELEASE(&store->n_nodes, store->n_nodes + n);
    N2_RELEASE(&store->n_ids, first + n);
    return first;
}

uint32_t n2_change_add(struct n2_index *index, const float *vectors, size_t n)
{
    struct n2_store *store = &index->store;
    uint32_t node = store->n_nodes, id = store->n_ids;
    for (uint32_t i = 0; i < n; i++) {
        n2_store_put(store, node + i, id + i, vectors + i * store->dim);
        n2_store_set_entry(store, id + i, (struct n2_id){node + i, N2_NONE});
    }
    return n2_change_publish(index, (uint32_t)n);
}

/* Finds the node of an id that is to be changed. */
static int find(struct n2_index *index, uint32_t id, uint32_t *node)
{
    if (id >= index->store.n_ids)
        return N2_ERR_NOT_FOUND;
    int status = n2_origin_check_ids(index);
    return status ? status : n2_store_find(&index->store, id, node);
}

/* Takes an id from its node, which may be left without any. */
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
    N2_RELEASE(n2_graph_height(graph, node), N2_GONE); /* it was pending */
    N2_STORE(&graph->n_gone, graph->n_gone + 1);
}

int n2_change_update(struct n2_index *index, uint32_t id, const float *vector)
{
    struct n2_store *store = &index->store;
    uint32_t old, node = store->n_nodes;
    int status = find(index, id, &old);
    if (status)
        return status;
    n2_store_put(store, node, id, vector);
    N2_RELEASE(&store->n_moves, store->n_moves + 1);
    N2_RELEASE(&store->n_nodes, node + 1);
    take_id(index, id, old);
    n2_store_set_entry(store, id, (struct n2_id){node, N2_NONE});
    N2_RELEASE(&store->n_moves, store->n_moves + 1);
    return N2_OK;
}

int n2_change_delete(struct n2_index *index, uint32_t id)
{
    uint32_t node;
    int status = find(index, id, &node);
    if (status)
        return status;
    take_id(index, id, node);
    n2_store_set_entry(&index->store, id, (struct n2_id){N2_NONE, N2_NONE});
    N2_STORE(&index->store.n_live, index->store.n_live - 1);
    return N2_OK;
}

int n2_add(struct n2_index *index, const float *vectors, size_t n, uint32_t *first)
{
    if (!index || (!vectors && n > 0) || index->keys.kind != N2_KEYS_NONE)
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    status = n2_change_begin(index, vectors, (struct n2_room){.n_nodes = n, .n_ids = n});
    if (!status) {
        uint32_t id = n2_change_add(index, vectors, n);
        pthread_mutex_unlock(&index->add);
        if (first)
            *first = id;
    }
    n2_index_leave(index);
    return status;
}

int n2_update(struct n2_index *index, uint32_t id, const float *vector)
{
    if (!index || !vector)
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    uint32_t node; /* looked for before room is made for what may not come */
    pthread_mutex_lock(&index->add);
    status = find(index, id, &node);
    pthread_mutex_unlock(&index->add);
    if (!status)
        status = n2_change_begin(index, vector, (struct n2_room){.n_nodes = 1});
    if (!status) {
        status = n2_change_update(index, id, vector);
        pthread_mutex_unlock(&index->add);
    }
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
    pthread_mutex_lock(&index->add);
    status = n2_change_delete(index, id);
    pthread_mutex_unlock(&index->add);
    n2_index_leave(index);
    return status;
}
