/* verify.c - checks every invariant of an index.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Nothing read is trusted, so that the walk ends and stays inside the columns whatever they hold.
 * Adds go on meanwhile: what is checked is the index as it was at the beginning.
 */
#include "alloc.h"
#include "index.h"
#include "reach.h"
#include "sketch.h"

#define BETWEEN_LOOKS 1024 /* nodes between two looks at the cancel flag */

struct verifier {
    const struct n2_graph *graph;
    const struct n2_store *store;
    const struct n2_space *space;
    const struct n2_keys *keys;
    uint32_t n_nodes; /* as at the beginning */
    uint32_t *marks;  /* [n_nodes] number of the list that last held this node */
    uint32_t n_lists; /* checked so far, the current one included */
    void *buffer;     /* n2_space_buffer_bytes */
    float *vector;    /* [dim] */
    void *sketch;     /* room for one */
    uint8_t *taken;   /* [rows of upper] they hold a list */
    const volatile int32_t *cancel;
    const char *wrong; /* the first thing found wrong */
};

static bool is_linked(const struct verifier *v, uint32_t node)
{
    uint8_t height = N2_ACQUIRE(n2_graph_height(v->graph, node));
    return n2_is_linked(height);
}

static bool stopped(const struct verifier *v)
{
    return v->wrong || (v->cancel && N2_LOAD(v->cancel));
}

/* Stops at the end, at the first thing wrong, or when cancelled. */
static bool goes_on_to(const struct verifier *v, uint64_t i, uint64_t end)
{
    return i < end && !v->wrong && !(v->cancel && i % BETWEEN_LOOKS == 0 && N2_LOAD(v->cancel));
}

static bool goes_on(const struct verifier *v, uint32_t node)
{
    return goes_on_to(v, node, v->n_nodes);
}

static void check_row(struct verifier *v, uint32_t node, uint32_t level)
{
    uint32_t m;
    const uint32_t *row = n2_graph_links(v->graph, node, level, &m);
    if (!row) {
        v->wrong = "a tower lies outside the upper levels";
        return;
    }
    if (level > 0) {
        size_t at =
            (size_t)((const unsigned char *)row - v->graph->upper.base) / v->graph->upper.stride;
        if (v->taken[at])
            v->wrong = "towers overlap";
        v->taken[at] = 1;
    }
    v->n_lists++;
    bool ended = false;
    for (uint32_t i = 0; i < m && !v->wrong; i++) {
        uint32_t link = N2_LOAD(&row[i]);
        if (link == N2_NONE) {
            ended = true;
            continue;
        }
        if (ended)
            v->wrong = "a link stands behind the end of its list";
        else if (link >= v->n_nodes || link >= v->graph->n_rows)
            v->wrong = "a link leads to no node";
        else if (link == node)
            v->wrong = "a node is linked to itself";
        else if (!is_linked(v, link))
            v->wrong = "a link leads to a node that is not linked";
        else if (*n2_graph_height(v->graph, link) <= level)
            v->wrong = "a link leads to a node that is not on its level";
        else if (v->marks[link] == v->n_lists)
            v->wrong = "a list holds a link twice";
        else
            v->marks[link] = v->n_lists;
    }
}

static void check_links(struct verifier *v)
{
    uint32_t n_linked = 0, n_level[N2_MAX_LEVEL + 1] = {0}, highest = 0;
    for (uint32_t node = 0; goes_on(v, node); node++) {
        uint8_t height = N2_LOAD(n2_graph_height(v->graph, node));
        if (height == 0 && node < v->graph->first_pending)
            v->wrong = "a node below the pending ones is not linked";
        if (!is_linked(v, node))
            continue;
        if (height > N2_MAX_LEVEL + 1 || node >= v->graph->n_rows) {
            v->wrong = "a node is on a level that does not exist";
            return;
        }
        n_linked++;
        n_level[height - 1]++;
        highest = (uint32_t)n2_max(highest, height);
        for (uint32_t level = 0; level < height && !v->wrong; level++)
            check_row(v, node, level);
    }
    if (stopped(v))
        return;
    if (n_linked != v->graph->n_linked || memcmp(n_level, v->graph->n_level, sizeof(n_level)) != 0)
        v->wrong = "a count does not match the nodes";
    else if (n2_entry_height(v->graph->entry) != highest ||
             (highest && *n2_graph_height(v->graph, n2_entry_point(v->graph->entry)) != highest))
        v->wrong = "the entry point is not on the highest level";
}

/* Every float is finite, and what is stored of a norm is that of the vector. */
static void check_vectors(struct verifier *v)
{
    for (uint32_t node = 0; goes_on(v, node); node++) {
        const float *vector = n2_store_vector(v->store, node, v->vector);
        double norm;
        if (n2_store_check(v->store, vector, &norm) != N2_OK)
            v->wrong = "a vector is not fit for the metric";
        else if (v->store->storage > v->store->rounding &&
                 !n2_pack_holds(v->store->storage, vector, v->store->dim))
            v->wrong = "a vector is packed as none like it";
        else if (v->store->metric != N2_L2 &&
                 n2_store_behind(v->store, node) != n2_store_extra(v->store, norm))
            v->wrong = "a norm is not that of its vector";
    }
}

/* Every code is that of its vector. */
static void check_codes(struct verifier *v)
{
    uint8_t code[N2_MAX_AXES];
    for (uint32_t node = 0; v->space->n_axes && goes_on(v, node) && node < v->graph->n_rows;
         node++) {
        if (!is_linked(v, node))
            continue;
        (void)n2_space_encode_node(v->space, v->store, n2_kernels(), node, v->buffer, code);
        if (memcmp(code, n2_space_code(v->space, node), v->space->codes.stride) != 0)
            v->wrong = "a code is not that of its vector";
    }
}

/* Each sketch is that of its row and the codes. */
static void check_sketches(struct verifier *v)
{
    const struct n2_graph *graph = v->graph;
    for (uint32_t node = 0; v->space->sketches.base && goes_on(v, node) && node < graph->n_rows;
         node++) {
        const uint32_t *row = n2_graph_links0(graph, node);
        if (!is_linked(v, node))
            continue;
        n2_sketch_row(v->space, n2_kernels(), node, row,
                      n2_graph_degree(row, graph->M0, graph->n_rows), v->sketch);
        if (memcmp(v->sketch, n2_sketch_of(v->space, node), v->space->sketches.stride) != 0)
            v->wrong = "a sketch is not that of its links";
    }
}

/* Counts the ids in a node's chain, each of which is the node's and comes once, in ascending order.
 */
static void check_chain(struct verifier *v, uint32_t node, uint32_t n_ids, uint64_t *n_found)
{
    uint32_t id = N2_LOAD(n2_store_label(v->store, node));
    while (id != N2_NONE && !v->wrong) {
        if (id >= n_ids || n2_store_entry(v->store, id).node != node) {
            v->wrong = "an id is not that of its node";
            return;
        }
        uint32_t next = n2_store_entry(v->store, id).next;
        if (next <= id)
            v->wrong = "a chain of ids does not ascend";
        ++*n_found;
        id = next;
    }
}

/* Each id that was not deleted is in the chain of its node, and counters are what they count. As
 * each is in one chain at most, it is enough that chains hold as many as there are. The caller has
 * the add lock. */
static void check_ids(struct verifier *v)
{
    const struct n2_store *store = v->store;
    const struct n2_graph *graph = v->graph;
    uint64_t n_live = 0, n_found = 0, n_dead = 0, n_gone = 0;
    for (uint32_t id = 0; goes_on_to(v, id, store->n_ids); id++)
        n_live += n2_store_entry(store, id).node != N2_NONE;
    for (uint32_t node = 0; goes_on_to(v, node, store->n_nodes); node++) {
        bool gone = *n2_graph_height(graph, node) == N2_GONE, dead = n2_store_is_dead(store, node);
        n_gone += gone;
        n_dead += dead && !gone;
        if (gone && !dead)
            v->wrong = "a node that is gone has an id";
        else if (dead && !gone && node >= graph->n_claimed)
            v->wrong = "a pending node has no id";
        else
            check_chain(v, node, store->n_ids, &n_found);
    }
    if (stopped(v))
        return;
    if (n_found != n_live || n_live != store->n_live)
        v->wrong = "an id has no node";
    else if (n_dead != graph->n_dead || n_gone != graph->n_gone)
        v->wrong = "a count does not match the nodes";
}

/* Each key begins where the one before ends, none reaches beyond the bytes there are. */
static void check_key_rows(struct verifier *v)
{
    struct n2_key key;
    uint64_t n_bytes = 0;
    for (uint32_t id = 0; goes_on_to(v, id, v->store->n_ids); id++) {
        if (n2_keys_key(v->keys, id, &key))
            n_bytes += key.n;
        else
            v->wrong = "a key lies outside the keys";
    }
    if (!stopped(v) && n_bytes != v->keys->n_bytes)
        v->wrong = "a count does not match the keys";
}

/* Each id that was not deleted is found by its key, which so is no other's, and the slots in use
 * are as many as they are counted. The caller has the add lock. */
static void check_keys(struct verifier *v)
{
    const struct n2_store *store = v->store;
    uint64_t n_used = 0;
    if (v->keys->kind == N2_KEYS_NONE)
        return;
    check_key_rows(v);
    for (uint32_t id = 0; goes_on_to(v, id, store->n_ids); id++) {
        struct n2_key key;
        if (n2_store_node(store, id) != N2_NONE && n2_keys_key(v->keys, id, &key) &&
            n2_keys_find(v->keys, store, &key, NULL) != id)
            v->wrong = "an id is not found by its key";
    }
    for (uint64_t slot = 0; goes_on_to(v, slot, v->keys->n_slots); slot++) {
        uint32_t id = n2_keys_slot(v->keys, slot);
        n_used += id != N2_NONE;
        if (id != N2_NONE && id >= store->n_ids)
            v->wrong = "a slot of the keys holds no id";
    }
    if (!stopped(v) && n_used != v->keys->n_used)
        v->wrong = "a count does not match the keys";
}

static void check_reach(struct verifier *v, struct n2_reach *reach)
{
    uint32_t entry = n2_entry_point(v->graph->entry);
    if (v->wrong || !v->graph->entry || !v->graph->settled)
        return;
    n2_reach_add(reach, entry, entry);
    n2_reach_follow(reach, v->graph, v->cancel);
    if (!stopped(v) && reach->n_reached != v->graph->n_linked)
        v->wrong = "a linked node cannot be reached";
}

static int verify(struct n2_index *index, const volatile int32_t *cancel, const char **what)
{
    struct verifier v = {
        .graph = &index->graph,
        .store = &index->store,
        .space = &index->space,
        .keys = &index->keys,
        .n_nodes = N2_ACQUIRE(&index->store.n_nodes),
        .cancel = cancel,
    };
    struct n2_reach reach;
    int status = n2_reach_open(&reach, index->graph.n_rows);
    if (status)
        return status;
    v.marks = n2_alloc_zero(v.n_nodes, sizeof(*v.marks));
    v.taken = n2_alloc_zero(index->graph.n_upper, sizeof(*v.taken));
    v.buffer = n2_alloc(1, n2_space_buffer_bytes(index->store.dim));
    v.vector = n2_alloc(index->store.dim, sizeof(float));
    v.sketch = n2_alloc(1, index->space.sketches.stride);
    if (v.marks && v.taken && v.buffer && v.vector && v.sketch) {
        status = n2_origin_check(index, cancel);
        if (status == N2_ERR_CORRUPT)
            v.wrong = "a checksum of the file does not match";
        check_vectors(&v);
        check_codes(&v);
        check_sketches(&v);
        pthread_mutex_lock(&index->add);
        check_ids(&v);
        check_keys(&v);
        pthread_mutex_unlock(&index->add);
        check_links(&v);
        check_reach(&v, &reach);
        if (v.wrong)
            status = N2_ERR_CORRUPT;
        else if (!status && cancel && N2_LOAD(cancel))
            status = N2_ERR_CANCELLED;
        if (v.wrong && what)
            *what = v.wrong;
    } else {
        status = N2_ERR_NO_MEMORY;
    }
    n2_alloc_free(v.marks);
    n2_alloc_free(v.taken);
    n2_alloc_free(v.buffer);
    n2_alloc_free(v.vector);
    n2_alloc_free(v.sketch);
    n2_reach_close(&reach);
    return status;
}

int n2_verify(struct n2_index *index, const volatile int32_t *cancel, const char **what)
{
    if (!index)
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    n2_turn_take(&index->turn);
    status = verify(index, cancel, what);
    n2_turn_give(&index->turn);
    n2_index_leave(index);
    return status;
}
