/* add_index.c - n2_add_index: the vectors of one index are added to another.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "alloc.h"
#include "change.h"

#define COPIED 256 /* ids of the other index that are looked at from one slot */

/* An index that is being added to another. */
struct merge {
    struct n2_index *index; /* which gets them; its add lock is held */
    struct n2_index *other;
    float *buffer;    /* [dim] */
    uint32_t n, room; /* vectors met so far, and at most */
    int32_t storage;  /* that holds them */
};

/* Whether the store holds what was met so far. */
static bool holds(const struct merge *m)
{
    return m->index->store.storage <= m->storage;
}

static int copy_vector(struct merge *m, uint32_t from)
{
    struct n2_store *store = &m->index->store;
    const struct n2_store *other = &m->other->store;
    const float *vector = n2_store_vector(other, from, m->buffer);
    uint32_t node = store->n_nodes + m->n, id = store->n_ids + m->n;
    double norm;
    if (m->n == m->room || n2_store_check(other, vector, &norm))
        return N2_ERR_CORRUPT; /* the file that it was loaded from was never right */
    m->n++;
    bool alike = store->storage == other->storage && store->rounding == other->rounding;
    int status = alike ? N2_OK : n2_store_check_new(store, vector, 1);
    int32_t storage = alike ? store->storage : n2_store_holding(store, vector, 1);
    m->storage = storage < m->storage ? storage : m->storage;
    if (status || !holds(m))
        return status;
    if (alike)
        n2_store_put_packed(store, node, id, n2_store_row(other, from), norm);
    else
        n2_store_put(store, node, id, vector);
    n2_store_set_entry(store, id, (struct n2_id){node, N2_NONE});
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

/* Copies all and sets *done; or, where the store does not hold all, finds out what does. */
static int copy_all(struct merge *m, uint32_t n_ids, uint32_t *first, bool *done)
{
    m->n = 0;
    int status = n2_change_lock(m->index, (struct n2_room){m->room, m->room, 0, m->storage});
    if (status)
        return status;
    for (uint32_t from = 0; from < n_ids && !status; from += COPIED)
        status = copy_ids(m, from, (uint32_t)n2_min((size_t)from + COPIED, n_ids));
    *done = !status && holds(m);
    if (*done) /* else what was put is not there */
        *first = n2_change_publish(m->index, m->n);
    pthread_mutex_unlock(&m->index->add);
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
    struct merge m = {index, other, n2_alloc(index->store.dim, sizeof(float)), .room = n_live,
                      .storage = N2_STORE_SQ8};
    status = m.buffer ? N2_OK : N2_ERR_NO_MEMORY;
    for (bool done = false; !status && !done;)
        status = copy_all(&m, n_ids, first, &done);
    n2_alloc_free(m.buffer);
    return status;
}

int n2_add_index(struct n2_index *index, struct n2_index *other, uint32_t *first)
{
    if (!index || !other || index == other || index->store.metric != other->store.metric ||
        index->keys.kind != N2_KEYS_NONE)
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
