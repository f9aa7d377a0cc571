/* index.c - making, growing and closing an index.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index.h"

#include "alloc.h"
#include "scratch.h"

#include <time.h>

/* Addresses reserved for an index: eight times what it holds, within these bounds. When they are
 * used up the columns move, which copies them; from then on that is rare. */
#define LEAST_RESERVED ((size_t)1 << 30)
#define MOST_RESERVED ((size_t)32 << 30)
#define GROWTH 8

size_t n2_index_node_bytes(const struct n2_index *index)
{
    const struct n2_store *store = &index->store;
    const struct n2_graph *graph = &index->graph;
    return store->vectors.stride + store->labels.stride + store->ids.stride +
           graph->heights.stride + graph->links0.stride + graph->towers.stride +
           2 * graph->upper.stride / (graph->M - 1) + n2_keys_reserved_bytes(index->keys.kind);
}

/* Nodes to reserve addresses for. */
static size_t reserved_nodes(size_t node_bytes, size_t n_nodes)
{
    size_t bytes = n_nodes * node_bytes * GROWTH;
    bytes = n2_min(n2_max(bytes, LEAST_RESERVED), MOST_RESERVED);
    return n2_min(n2_max(bytes / node_bytes, n_nodes + n_nodes / 2), N2_MAX_VECTORS);
}

static bool within(int64_t x, int64_t low, int64_t high)
{
    return low <= x && x <= high;
}

bool n2_index_options_hold(const struct n2_options *o)
{
    return within(o->metric, N2_ANGULAR, N2_DOT) && within(o->selection, N2_HEURISTIC, N2_NAIVE) &&
           within(o->merging, N2_MERGE_SKIP, N2_MERGE_LEVEL0) &&
           within(o->navigation, N2_NAVIGATE_AUTO, N2_NAVIGATE_VECTORS) &&
           within(o->sketch, N2_SKETCH_AUTO, N2_SKETCH_OFF) &&
           within(o->store, N2_STORE_FLOAT32, N2_STORE_SQ8) &&
           within(o->keys, N2_KEYS_NONE, N2_KEYS_BYTES) && within(o->M, 2, N2_MAX_M) &&
           within(o->max_m0, o->M, 2 * N2_MAX_M) && within(o->ef_construction, 1, N2_MAX_EF) &&
           o->level_multiplier >= 0 && o->level_multiplier <= 16;
}

int n2_index_make(struct n2_index **result, size_t dim, const struct n2_options *options,
                  size_t n_nodes)
{
    struct n2_index *index = n2_alloc(1, sizeof(*index)); /* slots have cache lines */
    if (!index)
        return N2_ERR_NO_MEMORY;
    memset(index, 0, sizeof(*index));
    index->selection = options->selection;
    index->merging = options->merging;
    index->navigation = options->navigation;
    index->sketch = options->sketch;
    index->ef_construction = (size_t)options->ef_construction;
    index->level_multiplier = options->level_multiplier;
    index->seed = options->seed;
    size_t M = (size_t)options->M, M0 = (size_t)options->max_m0;
    size_t node_bytes = (dim + 1) * sizeof(float) + (M0 + 4) * sizeof(uint32_t) + 1 +
                        n2_keys_reserved_bytes(options->keys);
    size_t n_reserved = reserved_nodes(node_bytes, n_nodes);
    int status = n2_store_init(&index->store, dim, options->metric, options->store, n_reserved);
    if (!status)
        status = n2_graph_init(&index->graph, (uint32_t)M, (uint32_t)M0, n_reserved);
    if (!status)
        status = n2_keys_init(&index->keys, options->keys, options->seed, n_reserved);
    if (status) {
        n2_store_release(&index->store);
        n2_graph_release(&index->graph);
        n2_alloc_free(index);
        return status;
    }
    n2_gate_init(&index->gate);
    n2_turn_init(&index->turn);
    pthread_mutex_init(&index->add, NULL);
    pthread_mutex_init(&index->state, NULL);
    pthread_cond_init(&index->state_change, NULL);
    *result = index;
    return N2_OK;
}

int n2_index_enter(struct n2_index *index)
{
    pthread_mutex_lock(&index->state);
    bool closed = index->closed;
    index->n_calls += !closed;
    pthread_mutex_unlock(&index->state);
    return closed ? N2_ERR_CLOSED : N2_OK;
}

void n2_index_leave(struct n2_index *index)
{
    pthread_mutex_lock(&index->state);
    index->n_calls--;
    if (index->closed)
        pthread_cond_broadcast(&index->state_change);
    pthread_mutex_unlock(&index->state);
}

int n2_index_resume(struct n2_index *index)
{
    pthread_mutex_lock(&index->state);
    bool closed = index->closed;
    index->n_calls += !closed;
    index->turn_rests = false;
    pthread_mutex_unlock(&index->state);
    return closed ? N2_ERR_CLOSED : N2_OK;
}

/* Gives the turn of a writer back if the index is closed. Under the state lock. */
static void release_turn(struct n2_index *index)
{
    if (index->closed && index->turn_rests) {
        index->turn_rests = false;
        n2_turn_give(&index->turn);
    }
}

void n2_index_rest(struct n2_index *index)
{
    pthread_mutex_lock(&index->state);
    index->n_calls--;
    index->turn_rests = true;
    release_turn(index);
    if (index->closed)
        pthread_cond_broadcast(&index->state_change);
    pthread_mutex_unlock(&index->state);
}

void n2_close(struct n2_index *index)
{
    if (!index)
        return;
    pthread_mutex_lock(&index->state);
    bool first = !index->closed;
    index->closed = true;
    if (index->build_cancel)
        N2_STORE(index->build_cancel, 1);
    release_turn(index);
    pthread_cond_broadcast(&index->state_change);
    while (index->n_calls > 0)
        pthread_cond_wait(&index->state_change, &index->state);
    pthread_mutex_unlock(&index->state);
    n2_gate_close(&index->gate);
    if (!first)
        return;
    n2_store_release(&index->store);
    n2_graph_release(&index->graph);
    n2_keys_release(&index->keys);
    n2_space_release(&index->space);
    for (size_t i = 0; i < N2_SLOTS; i++) {
        n2_scratch_free(index->gate.slots[i].scratch);
        index->gate.slots[i].scratch = NULL;
    }
}

void n2_free(struct n2_index *index)
{
    if (!index)
        return;
    n2_close(index);
    pthread_cond_destroy(&index->state_change);
    pthread_mutex_destroy(&index->state);
    pthread_mutex_destroy(&index->add);
    n2_turn_destroy(&index->turn);
    n2_gate_destroy(&index->gate);
    n2_alloc_free(index);
}

void n2_index_rest_add(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL); /* to wake a thread takes as long */
}

void n2_index_view(const struct n2_index *index, struct n2_view *view)
{
    /* In this order: a build publishes its rows before slack and an entry point that lead to them,
     * nodes are added before they are built, and shown before their ids. */
    const struct n2_slack *slack = N2_ACQUIRE(&index->slack);
    uint32_t n_moves = N2_ACQUIRE(&index->store.n_moves);
    uint64_t entry = N2_ACQUIRE(&index->graph.entry);
    uint32_t n_rows = N2_ACQUIRE(&index->graph.n_rows);
    uint32_t n_ids = N2_ACQUIRE(&index->store.n_ids);
    uint32_t n_nodes = N2_ACQUIRE(&index->store.n_nodes);
    *view = (struct n2_view){
        .store = &index->store,
        .space = index->space.n_axes ? &index->space : NULL,
        .graph = &index->graph,
        .slack = slack,
        .tuning = index->tuning.n_linked ? &index->tuning : NULL,
        .kernels = n2_kernels(),
        .sketched = index->space.sketches.base != NULL,
        .picky = N2_LOAD(&index->graph.n_dead) > 0,
        .n_ids = n_ids,
        .n_nodes = n_nodes,
        .n_rows = n_rows,
        .n_moves = n_moves,
        .entry = entry,
    };
}

bool n2_index_wants_codes(const struct n2_index *index)
{
    return index->navigation == N2_NAVIGATE_CODES ||
           (index->navigation == N2_NAVIGATE_AUTO && index->store.vectors.stride > N2_CODE_UNIT);
}

void n2_index_hide_slack(struct n2_index *index)
{
    if (!index->slack)
        return;
    n2_gate_shut(&index->gate);
    N2_STORE(&index->slack, NULL);
    n2_gate_open(&index->gate);
}

size_t n2_index_reserved(const struct n2_index *index, size_t n_nodes)
{
    return reserved_nodes(n2_index_node_bytes(index), n_nodes);
}

/* Moves a column to where `rows` fit. The caller has the turn. */
static int move_column(struct n2_index *index, struct n2_column *column, size_t rows)
{
    size_t reserved = n2_index_reserved(index, rows);
    if (column == &index->graph.upper || column == &index->keys.bytes ||
        column == &index->keys.slots) /* whose rows are not those of nodes */
        reserved = rows * 2;
    pthread_mutex_lock(&index->add);
    n2_gate_shut(&index->gate);
    int status = n2_column_move(column, reserved);
    if (status && reserved > rows) /* then without room to spare */
        status = n2_column_move(column, rows);
    n2_gate_open(&index->gate);
    pthread_mutex_unlock(&index->add);
    return status;
}

int n2_index_fit(struct n2_index *index, struct n2_column *column, size_t rows)
{
    return n2_column_fits(column, rows) ? N2_OK : move_column(index, column, rows);
}

int n2_index_widen(struct n2_index *index, int32_t storage)
{
    struct n2_store *store = &index->store;
    struct n2_column wider;
    bool wanted = n2_index_wants_codes(index);
    int status = n2_origin_check(index, NULL); /* which knows the vectors as they were saved */
    pthread_mutex_lock(&index->add);
    bool is_wider = storage < store->storage;
    if (!status && is_wider)
        status = n2_store_widen(store, storage, &wider);
    if (!status && is_wider) {
        n2_gate_shut(&index->gate);
        n2_column_release(&store->vectors);
        store->vectors = wider;
        N2_STORE(&store->storage, storage);
        n2_gate_open(&index->gate);
        if (!wanted && n2_index_wants_codes(index))
            index->space.n_trained = 0; /* now, and not when there are four times as many */
    }
    pthread_mutex_unlock(&index->add);
    return status;
}

int n2_index_grow(struct n2_index *index, struct n2_column *column, size_t rows)
{
    int status = n2_index_fit(index, column, rows);
    return status ? status : n2_column_commit(column, rows);
}
