/* pass.c - the passes of a build: batch after batch, the second graph, the finish.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Batches double from one node, so that each finds at least as many of the new nodes in the graph
 * as it adds, up to a share of the graph.
 */
#include "pass.h"

#include "link.h"
#include "merge.h"
#include "repair.h"
#include "sort.h"

#include <math.h>

#define LEAST_BATCH 32     /* a share of the graph below this would be too small for many threads */
#define BATCH_SHARE 50     /* batches of at most 1 / 50 of the graph: 2 % */
#define ATTACH_AT_ONCE 256 /* duplicates attached while searches wait */
#define LOOSE_SHARE 8      /* nodes are linked in small change, up to 1 / 8 of all */

void n2_pass_aim(struct n2_build *build, struct n2_graph *graph, struct n2_undo *undo)
{
    const struct n2_index *index = build->index;
    const struct n2_space *space = n2_pass_space(build);
    bool sketched = graph == &index->graph; /* whose links sketches follow */
    /* A full row costs little where sketches choose from it, or where a code is one line of the
     * cache: searches of 340,000 GloVe and of 300,000 SIFT vectors found as much in 0.77 and 0.92
     * of the time at recall 0.99, of 400,000 in 40 dimensions in 0.33. With codes of three lines
     * they took 1.06 of it. Under dot, searches of 100,000 GloVe vectors that were not normalised
     * found as much in 0.53 of the time. */
    bool one_line = space->n_axes > 0 && space->codes.stride <= N2_CODE_UNIT;
    bool fills = space->sketches.base || one_line || index->store.metric == N2_DOT;
    build->inserter = (struct n2_inserter){
        .view = {.store = &index->store,
                 .space = space->n_axes ? space : NULL,
                 .graph = graph,
                 .kernels = n2_kernels(),
                 .sketched = sketched && space->sketches.base,
                 .n_ids = N2_ACQUIRE(&index->store.n_ids),
                 .n_nodes = build->n_nodes,
                 .n_rows = build->n_nodes},
        .graph = graph,
        .undo = undo,
        .levels = &build->levels,
        .leveled = sketched ? NULL : &index->graph,
        .team = build->team,
        .scratches = build->scratches,
        .sketched = {sketched && space->sketches.base ? space : NULL,
                     sketched && build->retrains && index->space.sketches.base ? &index->space
                                                                               : NULL},
        .selection = index->selection,
        .selection0 =
            index->selection == N2_HEURISTIC && fills ? N2_HEURISTIC_KEEP_PRUNED : index->selection,
        .ef_construction = index->ef_construction,
        .stretch = space->growth,
        .cancel = &build->cancel,
    };
}

/* Members of the next batch. */
static size_t batch_size(const struct n2_build *build)
{
    size_t share = build->inserter.graph->n_linked / BATCH_SHARE;
    size_t size = n2_min(n2_max(build->n_inserted, 1), n2_max(share, LEAST_BATCH));
    size_t left = build->n_new - build->n_inserted, held = build->pass == 0 ? build->n_held : 0;
    return n2_min(n2_min(size, build->inserter.most), left > held ? left - held : left);
}

/* Makes room above level 0 for the members of the batch. The second graph has as much as the first.
 */
static int upper_room(struct n2_build *build)
{
    struct n2_graph *graph = &build->index->graph;
    uint64_t rows = (uint64_t)graph->n_upper + build->inserter.n_picked;
    if (build->pass > 0)
        return N2_OK;
    return rows >= N2_NONE ? N2_ERR_FULL : n2_index_grow(build->index, &graph->upper, rows);
}

static void collect_equals(struct n2_build *build)
{
    const struct n2_store *store = &build->index->store;
    for (size_t i = 0; i < build->inserter.n_members && build->pass == 0; i++) {
        const struct n2_member *member = &build->inserter.members[i];
        uint32_t id = N2_LOAD(n2_store_label(store, member->node));
        if (member->equal != N2_NONE && n2_store_node(store, id) == member->node)
            build->equals[build->n_equals++] = (uint64_t)member->equal << 32 | id;
    }
}

/* Reverses the order and drops the duplicates, which have no links. */
static void reverse_order(struct n2_build *build)
{
    size_t n = 0;
    for (size_t i = 0; i < build->n_new; i++)
        if (*n2_graph_height(&build->index->graph, build->order[i]) != 0)
            build->order[n++] = build->order[i];
    build->n_new = n;
    for (size_t i = 0; i < n / 2; i++)
        n2_swap(&build->order[i], &build->order[n - 1 - i]);
}

/* Copies the graph as it was before the build to `second`, whose columns have room. */
static void copy_before(struct n2_build *build, struct n2_graph *second)
{
    const struct n2_graph *graph = &build->index->graph, *before = &build->undo.before;
    for (uint32_t node = 0; node < build->undo.n_nodes; node++)
        memcpy(n2_graph_links0(second, node), n2_undo_links0(&build->undo, node),
               second->links0.stride);
    for (uint32_t row = 0; row < before->n_upper && build->undo.n_nodes > 0; row++)
        memcpy(n2_column_row(&second->upper, row), n2_undo_upper(&build->undo, row),
               second->upper.stride);
    memcpy(second->heights.base, graph->heights.base, build->undo.n_nodes);
    memcpy(second->towers.base, graph->towers.base, build->undo.n_nodes * sizeof(uint32_t));
    for (size_t i = 0; i < build->n_new; i++)
        *n2_graph_height(second, build->order[i]) = 0;
    second->entry = before->entry;
    second->n_upper = before->n_upper;
    second->n_linked = before->n_linked;
    second->n_rows = build->n_nodes;
}

static int begin_second_pass(struct n2_build *build)
{
    const struct n2_graph *graph = &build->index->graph;
    struct n2_graph *second = &build->second;
    n2_index_hide_slack(build->index);
    n2_insert_close(&build->inserter);
    reverse_order(build);
    int status = n2_graph_make(second, graph->M, graph->M0, build->n_nodes, graph->n_upper);
    if (status)
        return status;
    copy_before(build, second);
    n2_pass_aim(build, second, NULL);
    status = n2_insert_open(&build->inserter);
    build->n_inserted = 0;
    build->pass = 1;
    return status;
}

/* Makes a node gone that is not linked. The caller has the add lock. */
static void let_go(struct n2_build *build, uint32_t node)
{
    struct n2_graph *graph = &build->index->graph;
    n2_link_write(&build->inserter, node, 0, NULL, 0);
    N2_STORE((uint32_t *)(void *)graph->towers.base + node, N2_NONE);
    N2_STORE(n2_graph_height(graph, node), N2_GONE);
    N2_STORE(&graph->n_gone, graph->n_gone + 1);
}

/* Inserts an id into the chain of a node, behind `before`, which is in it, or N2_NONE. */
static void insert_id(struct n2_store *store, uint32_t node, uint32_t before, uint32_t id)
{
    uint32_t next =
        before == N2_NONE ? *n2_store_label(store, node) : n2_store_entry(store, before).next;
    while (next < id) {
        before = next;
        next = n2_store_entry(store, before).next;
        if (next <= before)
            break; /* a chain that does not ascend is rotten, and may have no end */
    }
    n2_store_set_entry(store, id, (struct n2_id){node, next});
    if (before == N2_NONE)
        N2_STORE(n2_store_label(store, node), id);
    else
        n2_store_set_entry(store, before, (struct n2_id){node, id});
}

/* Makes the ids of duplicates from..to-1 ids of their originals, unless they were deleted or moved.
 * `equals` is sorted by node, then id. The caller has shut the gate and has the add lock. */
static void attach_equals(struct n2_build *build, size_t from, size_t to)
{
    struct n2_store *store = &build->index->store;
    struct n2_graph *graph = &build->index->graph;
    uint32_t before = N2_NONE;
    for (size_t i = from; i < to; i++) {
        uint32_t node = (uint32_t)(build->equals[i] >> 32), id = (uint32_t)build->equals[i];
        uint32_t own = n2_store_entry(store, id).node;
        if (i == from || node != build->equals[i - 1] >> 32)
            before = N2_NONE;
        if (own >= build->n_nodes || *n2_graph_height(graph, own) != 0)
            continue;
        if (n2_store_is_dead(store, node)) /* no longer */
            N2_STORE(&graph->n_dead, graph->n_dead - 1);
        N2_STORE(n2_store_label(store, own), N2_NONE);
        insert_id(store, node, before, id);
        before = id;
        let_go(build, own);
        N2_STORE(&graph->n_renumbered, graph->n_renumbered + 1);
    }
}

/* Lets nodes go that were not linked, being duplicates, and whose ids were deleted meanwhile. */
static void drop_dead(struct n2_build *build)
{
    struct n2_graph *graph = &build->index->graph;
    for (uint32_t node = graph->first_pending; node < build->n_nodes; node++) {
        if (*n2_graph_height(graph, node) != 0)
            continue;
        let_go(build, node);
        N2_STORE(&graph->n_dead, graph->n_dead - 1);
    }
}

/* The last step; it cannot fail half-way. */
static int finish(struct n2_build *build)
{
    struct n2_index *index = build->index;
    n2_index_hide_slack(index);
    n2_insert_close(&build->inserter);
    n2_pass_aim(build, &index->graph, &build->undo);
    if (build->pass == 1)
        n2_merge_level0(&build->inserter, &build->second, build->order, build->n_new);
    uint32_t n_loose = index->graph.n_loose + (uint32_t)build->n_new;
    bool repairs = !build->most || n_loose > index->graph.n_linked / LOOSE_SHARE;
    int status = repairs ? n2_repair(&build->inserter) : N2_OK;
    if (status)
        return status;
    index->graph.n_loose = repairs ? 0 : n_loose;
    n2_sort(build->equals, build->temp, build->n_equals);
    for (size_t i = 0; i < build->n_equals; i += ATTACH_AT_ONCE) {
        pthread_mutex_lock(&index->add);
        n2_gate_shut(&index->gate);
        attach_equals(build, i, n2_min(i + ATTACH_AT_ONCE, build->n_equals));
        n2_gate_open(&index->gate);
        pthread_mutex_unlock(&index->add);
        n2_index_rest_add();
    }
    pthread_mutex_lock(&index->add);
    drop_dead(build);
    pthread_mutex_unlock(&index->add);
    struct n2_space *space = &index->space;
    if (build->retrains && !space->n_axes && !build->trained.n_axes) {
        space->n_trained = build->trained.n_trained; /* which searches do not read */
        space->growth = build->trained.growth;
        build->retrains = false;
    }
    if (build->retrains || build->n_held > 0) {
        n2_gate_shut(&index->gate);
        if (build->retrains) {
            struct n2_space old = *space;
            *space = build->trained;
            build->trained = old; /* to be released with the build */
        }
        if (build->n_held > 0) {
            index->tuning = build->tuning;
            N2_STORE(&index->graph.n_changed, 0);
        } else if (index->store.metric == N2_DOT) { /* in units of products, which have grown */
            index->tuning.growth = fmaxf(index->tuning.growth, space->growth);
        }
        if (build->shrink != 0)
            space->shrink = build->shrink;
        n2_gate_open(&index->gate);
    }
    space->n_unfit = build->n_unfit; /* which searches do not read */
    index->graph.settled = repairs;
    N2_RELEASE(&index->graph.first_pending, build->n_nodes);
    build->linked = true;
    return N2_OK;
}

/* Inserts the next batch, on the team's leader. */
static int insert_next(void *argument)
{
    struct n2_build *build = argument;
    int status = N2_OK;
    if (build->pass == 0 && build->n_held > 0 &&
        build->n_new - build->n_inserted == build->n_held) {
        n2_insert_trim(&build->inserter);
        status = n2_tune(build, build->order + build->n_inserted, build->n_held, &build->tuning);
    }
    if (!status)
        status = n2_insert_batch(&build->inserter);
    if (status)
        return status;
    collect_equals(build);
    build->n_inserted += build->inserter.n_members;
    if (build->n_inserted < build->n_new)
        return N2_OK;
    n2_insert_trim(&build->inserter);
    if (build->pass + 1 < build->n_passes)
        return begin_second_pass(build);
    return finish(build);
}

int n2_pass_step(struct n2_build *build)
{
    const uint32_t *nodes = build->order + build->n_inserted;
    int status = n2_insert_list(&build->inserter, nodes, batch_size(build));
    if (!status)
        status = upper_room(build);
    return status ? status : n2_team_run(build->team, insert_next, build);
}
