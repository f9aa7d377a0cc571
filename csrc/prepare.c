/* prepare.c - the nodes of a build, its threads, codes and order.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The pending nodes are inserted in a random order, so that data that comes sorted or in clusters
 * makes no worse a graph; the order is a function of the seed.
 */
#include "prepare.h"

#include "alloc.h"
#include "cpu.h"
#include "due.h"
#include "hash.h"
#include "place.h"
#include "train.h"

#define ORDER_SALT UINT64_C(0x6f72646572) /* makes the order's hash another than the levels' */
#define RETRAIN 4        /* a space is trained anew when there are so many times its vectors, */
#define UNFIT_SHARE 16   /* or when small builds have brought one in so many that it does not fit */
#define LEAST_SHOWN 1000 /* builds of fewer are over before searches need the links in slack */
#define GRAIN 16         /* new nodes for each thread at least, */
#define ROWS_A_NODE 64   /* or so many rows that may lead to deleted nodes for each of them */

void n2_prepare_claim(struct n2_index *index, uint32_t n_claimed)
{
    struct n2_graph *graph = &index->graph;
    for (uint32_t node = graph->first_pending; node < graph->n_claimed; node++) {
        if (*n2_graph_height(graph, node) != 0 || !n2_store_is_dead(&index->store, node))
            continue;
        N2_STORE(n2_graph_height(graph, node), N2_GONE);
        N2_STORE(&graph->n_gone, graph->n_gone + 1);
        N2_STORE(&graph->n_dead, graph->n_dead - 1);
    }
    N2_STORE(&graph->n_claimed, n_claimed);
}

/* Where the `most` oldest pending nodes end, behind all that an earlier build has claimed or given
 * a row: those it may have linked, in any order. Under the add lock. */
static uint32_t oldest_end(const struct n2_index *index, size_t most)
{
    const struct n2_graph *graph = &index->graph;
    size_t n = 0, least = n2_max(graph->n_claimed, graph->n_rows);
    uint32_t node = graph->first_pending;
    for (; node < index->store.n_nodes; node++) {
        n += *n2_graph_height(graph, node) == 0;
        if (n > most && node >= least)
            break;
    }
    return node;
}

/* Lists the pending nodes and sets *n_before to where the nodes linked before end. */
static int list_pending(struct n2_build *build, uint32_t *n_before)
{
    const struct n2_index *index = build->index;
    uint32_t from = index->graph.first_pending;
    size_t room = build->n_nodes - from;
    build->order = n2_alloc(room, sizeof(*build->order));
    build->equals = n2_alloc(room, sizeof(*build->equals));
    build->temp = n2_alloc(room, sizeof(*build->temp));
    if (!build->order || !build->equals || !build->temp)
        return N2_ERR_NO_MEMORY;
    *n_before = from;
    for (uint32_t node = from; node < build->n_nodes; node++) {
        if (*n2_graph_height(&index->graph, node) != 0)
            *n_before = node + 1;
        else
            build->order[build->n_new++] = node;
    }
    for (size_t i = build->n_new; i > 1; i--) { /* Fisher and Yates */
        size_t j = n2_hash_below(n2_hash(index->seed ^ ORDER_SALT, from + i), i);
        n2_swap(&build->order[i - 1], &build->order[j]);
    }
    return N2_OK;
}

static int make_team(struct n2_build *build)
{
    int threads = build->wanted_threads;
    const struct n2_graph *graph = &build->index->graph;
    size_t n_rows = N2_LOAD(&graph->n_dead) > 0 ? graph->n_rows / ROWS_A_NODE : 0; /* to look at */
    size_t useful = n2_max(1, (build->n_new + n_rows) / GRAIN);
    threads = (int)n2_min((size_t)(threads ? threads : n2_cpu_count()), useful);
    int status = n2_team_open(&build->team, threads);
    if (status)
        return status;
    build->n_threads = n2_team_threads(build->team);
    build->scratches = n2_alloc_zero((size_t)build->n_threads, sizeof(*build->scratches));
    if (!build->scratches)
        return N2_ERR_NO_MEMORY;
    const struct n2_index *index = build->index;
    size_t width = n2_insert_width(&index->graph, index->ef_construction);
    for (int i = 0; i < build->n_threads && !status; i++)
        status = n2_scratch_fit(&build->scratches[i], index->store.dim, build->n_nodes, width, 1);
    return status;
}

struct sketching {
    const struct n2_graph *graph;
    const struct n2_space *space;
};

void n2_prepare_sketch(const struct n2_graph *graph, const struct n2_space *space, uint32_t node)
{
    const uint32_t *row = n2_graph_links0(graph, node);
    if (n2_is_linked(*n2_graph_height(graph, node)))
        n2_sketch_row(space, n2_kernels(), node, row,
                      n2_graph_degree(row, graph->M0, graph->n_rows), n2_sketch_of(space, node));
}

static void sketch_rows(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    const struct sketching *s = context;
    for (size_t node = begin; node < end; node++)
        n2_prepare_sketch(s->graph, s->space, (uint32_t)node);
}

/* Makes codes for the new nodes, and a new space with codes for all nodes where there is none yet
 * or it no longer fits. Searches use the index's own until the build is complete. On the leader. */
static int make_codes(void *argument)
{
    struct n2_build *build = argument;
    struct n2_index *index = build->index;
    struct n2_space *space = &index->space;
    void *buffers[N2_MAX_THREADS];
    for (int i = 0; i < build->n_threads; i++)
        buffers[i] = build->scratches[i]->encoding;
    struct n2_training training = {
        .store = &index->store,
        .graph = &index->graph,
        .kernels = n2_kernels(),
        .team = build->team,
        .buffers = buffers,
        .n_nodes = build->n_nodes,
        .n_reserved = n2_index_reserved(index, build->n_nodes),
        .queries = build->queries,
        .n_queries = build->n_queries,
        .seed = index->seed,
        .cancel = &build->cancel,
        .wanted = n2_index_wants_codes(index),
        .forced = index->navigation == N2_NAVIGATE_CODES,
        .sketch = index->sketch,
    };
    bool unfit = false;
    int status = N2_OK;
    if (space->n_axes)
        status = n2_index_grow(index, &space->codes, build->n_nodes);
    if (!status && space->sketches.base)
        status = n2_index_grow(index, &space->sketches, build->n_nodes);
    if (!status && space->n_axes)
        status = n2_train_encode(&training, space, build->order, build->n_new, &unfit);
    build->n_unfit = space->n_unfit + (unfit ? (uint32_t)build->n_new : 0);
    size_t most_unfit = build->most ? build->n_nodes / UNFIT_SHARE : 0;
    build->retrains = build->n_new > 0 && (build->n_nodes / RETRAIN >= space->n_trained ||
                                           (space->n_axes && unfit && build->n_unfit > most_unfit));
    if (status || !build->retrains)
        return status;
    build->n_unfit = 0;
    struct n2_space *trained = &build->trained;
    status = n2_train(&training, trained);
    if (status || !trained->n_axes)
        return status;
    status = n2_column_commit(&trained->codes, build->n_nodes);
    if (!status)
        status = n2_train_encode(&training, trained, NULL, build->n_nodes, &unfit);
    if (!status && trained->sketches.base)
        status = n2_column_commit(&trained->sketches, build->n_nodes);
    if (!status && trained->sketches.base && build->n_nodes > build->n_new) {
        struct sketching sketching = {&index->graph, trained};
        n2_team_for(build->team, index->graph.n_rows, GRAIN, sketch_rows, &sketching);
    }
    if (unfit && !training.forced) {
        float growth = trained->growth;
        n2_space_release(trained);
        trained->n_trained = build->n_nodes; /* not to be tried again soon */
        trained->growth = growth;
    }
    return status;
}

int n2_prepare_survey(struct n2_build *build)
{
    struct n2_index *index = build->index;
    struct n2_graph *graph = &index->graph;
    int status = n2_origin_check(index, &build->cancel);
    if (status)
        return status;
    pthread_mutex_lock(&index->add);
    build->n_claimed = index->graph.n_claimed;
    build->n_nodes = index->store.n_nodes;
    if (build->most)
        build->n_nodes = oldest_end(index, build->most);
    n2_prepare_claim(index, build->n_nodes);
    pthread_mutex_unlock(&index->add);
    n2_levels_init(&build->levels, graph->M, index->level_multiplier, index->seed);
    status = list_pending(build, &build->n_before);
    if (!status)
        status = make_team(build);
    if (status)
        return status;
    N2_STORE(&index->last_threads, build->n_threads);
    n2_pass_aim(build, graph, NULL);
    uint32_t n_dead = N2_LOAD(&graph->n_dead);
    if (n_dead > (build->most ? n2_due_dead(graph->n_linked) : 0))
        status = n2_unlink_open(&build->unlink, &build->inserter);
    build->n_total = build->unlink.n_doomed + (uint64_t)build->n_new;
    graph->settled = graph->settled && build->unlink.n_doomed == 0;
    return status;
}

int n2_prepare(struct n2_build *build)
{
    struct n2_index *index = build->index;
    struct n2_graph *graph = &index->graph;
    int status = n2_index_grow(index, &graph->links0, build->n_nodes);
    if (!status)
        status = n2_index_grow(index, &graph->towers, build->n_nodes);
    if (!status)
        status = n2_team_run(build->team, make_codes, build);
    if (!status && N2_LOAD(&build->cancel)) /* which leaves codes unmade */
        status = N2_ERR_CANCELLED;
    n2_pass_aim(build, graph, &build->undo);
    if (!status)
        status = n2_place(build);
    if (!status)
        status = n2_insert_open(&build->inserter);
    if (!status)
        status = n2_undo_init(&build->undo, graph, build->n_before);
    if (status)
        return status;
    N2_RELEASE(&graph->n_rows, build->n_nodes);
    if (build->n_new >= LEAST_SHOWN)
        N2_RELEASE(&index->slack, &build->inserter.slack);
    build->n_held = n2_tune_queries(build);
    build->n_passes = index->merging == N2_MERGE_LEVEL0 && build->n_new > 0 ? 2 : 1;
    build->n_total = build->unlink.n_doomed + (uint64_t)build->n_passes * build->n_new;
    size_t lists = build->n_new * (sizeof(*build->order) + 2 * sizeof(*build->equals));
    size_t scratches = (size_t)build->n_threads * build->scratches[0]->n_bytes;
    N2_STORE(&index->build_bytes, lists + scratches + n2_insert_bytes(&build->inserter));
    build->begun = true;
    build->linked = build->n_new == 0 && (graph->settled || !graph->entry || build->most);
    graph->settled = build->linked && (graph->settled || !graph->entry);
    if (build->linked)
        N2_RELEASE(&graph->first_pending, build->n_nodes);
    return N2_OK;
}
