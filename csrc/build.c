/* build.c - the life of a build: begin, steps, the end or the undoing.
 * SPDX-License-Identifier: Apache-2.0
 *
 * While a build runs, searches see what it has linked so far. To undo it, its nodes first become
 * pending again; then, with no search inside, the links of older nodes are put back; and last what
 * was moved in memory.
 */
#include "prepare.h"

#include "alloc.h"
#include "move.h"

#include <errno.h>

/* Whether that was all. */
static void look_ahead(struct n2_build *build)
{
    if (build->linked && !build->compaction.new_of &&
        !n2_compact_pays(build->index, build->compacts))
        build->done = true;
}

static int unlink_next(void *argument)
{
    struct n2_build *build = argument;
    struct n2_index *index = build->index;
    bool all = n2_unlink_step(&build->unlink);
    if (N2_LOAD(&build->cancel))
        return N2_ERR_CANCELLED;
    if (!all)
        return N2_OK;
    pthread_mutex_lock(&index->add);
    n2_unlink_finish(&build->unlink, &index->graph);
    pthread_mutex_unlock(&index->add);
    n2_unlink_close(&build->unlink);
    return N2_OK;
}

/* Does the next of the steps that lead to a build's end. */
static int advance(struct n2_build *build)
{
    struct n2_compaction *compaction = &build->compaction;
    if (compaction->new_of)
        return n2_compact_step(compaction, &build->done);
    if (build->begun && !build->linked)
        return n2_pass_step(build);
    if (build->begun)
        return n2_compact_open(compaction, build->index);
    int status = N2_OK;
    if (build->unlink.doomed)
        status = n2_team_run(build->team, unlink_next, build);
    if (status || build->unlink.doomed)
        return status;
    status = n2_prepare(build);
    return status || build->n_new > 0 || build->linked ? status : n2_pass_step(build);
}

static bool is_closed(struct n2_index *index)
{
    pthread_mutex_lock(&index->state);
    bool closed = index->closed;
    pthread_mutex_unlock(&index->state);
    return closed;
}

/* Makes the index as it was before the build. */
static void restore(struct n2_build *build)
{
    struct n2_index *index = build->index;
    if (build->begun) {
        for (size_t i = 0; i < build->n_new; i++)
            N2_RELEASE(n2_graph_height(&index->graph, build->order[i]), 0);
        n2_gate_shut(&index->gate);
        N2_STORE(&index->slack, NULL);
        n2_undo_restore(&build->undo);
        for (uint32_t node = 0; node < build->undo.n_nodes && index->space.sketches.base; node++)
            if (n2_undo_changed(&build->undo, node))
                n2_prepare_sketch(&index->graph, &index->space, node);
        n2_gate_open(&index->gate);
    }
    n2_move_back(build);
    pthread_mutex_lock(&index->add);
    n2_prepare_claim(index, build->n_claimed);
    pthread_mutex_unlock(&index->add);
}

/* The same, but for an index that is about to go, or is going while n2_close waits for the last
 * searches: there they do without what goes first. */
static void undo(struct n2_build *build)
{
    struct n2_index *index = build->index;
    n2_turn_take(&index->turn);
    if (is_closed(index))
        n2_index_hide_slack(index);
    else
        restore(build);
    n2_turn_give(&index->turn);
}

/* Makes `build` the one under way; waits for another to end if told to. */
static int begin_alone(struct n2_index *index, struct n2_build *build, bool wait)
{
    int status = N2_OK;
    pthread_mutex_lock(&index->state);
    while (index->build_cancel && wait && !index->closed)
        pthread_cond_wait(&index->state_change, &index->state);
    if (index->closed)
        status = N2_ERR_CLOSED;
    else if (index->build_cancel)
        status = EBUSY;
    else
        index->build_cancel = &build->cancel;
    pthread_mutex_unlock(&index->state);
    return status;
}

/* Lets another begin and frees the build. */
static void release(struct n2_build *build)
{
    struct n2_index *index = build->index;
    pthread_mutex_lock(&index->state);
    index->build_cancel = NULL;
    N2_STORE(&index->build_bytes, 0);
    pthread_cond_broadcast(&index->state_change);
    pthread_mutex_unlock(&index->state);
    n2_insert_close(&build->inserter);
    n2_undo_release(&build->undo);
    n2_unlink_close(&build->unlink);
    n2_compact_close(&build->compaction);
    n2_graph_release(&build->second);
    n2_space_release(&build->trained);
    for (int i = 0; i < build->n_threads && build->scratches; i++)
        n2_scratch_free(build->scratches[i]);
    n2_alloc_free(build->scratches);
    n2_team_close(build->team);
    n2_alloc_free(build->queries);
    n2_alloc_free(build->order);
    n2_alloc_free(build->mover);
    n2_alloc_free(build->equals);
    n2_alloc_free(build->temp);
    n2_alloc_free(build);
}

static void end(struct n2_build *build)
{
    if (build->n_nodes > 0 && !build->linked)
        undo(build);
    release(build);
}

/* Copies some of the queries, from all over them. */
static int copy_queries(struct n2_build *build, const struct n2_build_options *options)
{
    size_t dim = build->index->store.dim, given = options ? options->n_queries : 0;
    build->n_queries = n2_min(given, N2_TUNE_QUERIES);
    if (build->n_queries == 0)
        return N2_OK;
    build->queries = n2_alloc(build->n_queries * dim, sizeof(float));
    for (size_t i = 0; i < build->n_queries && build->queries; i++)
        memcpy(build->queries + i * dim, options->queries + i * given / build->n_queries * dim,
               dim * sizeof(float));
    return build->queries ? N2_OK : N2_ERR_NO_MEMORY;
}

static int check_options(const struct n2_index *index, const struct n2_build_options *options)
{
    if (!options)
        return N2_OK;
    if (options->size < sizeof(*options) || options->threads < 0 ||
        options->threads > N2_MAX_THREADS || (options->n_queries > 0 && !options->queries))
        return N2_ERR_OPTION;
    return n2_store_check_all(&index->store, options->queries, options->n_queries);
}

static int begin(struct n2_build **result, struct n2_index *index,
                 const struct n2_build_options *options, bool wait)
{
    int status = check_options(index, options);
    if (status)
        return status;
    struct n2_build *build = n2_alloc_zero(1, sizeof(*build));
    if (!build)
        return N2_ERR_NO_MEMORY;
    build->index = index;
    status = copy_queries(build, options);
    if (!status)
        status = begin_alone(index, build, wait);
    if (status) {
        n2_alloc_free(build->queries);
        n2_alloc_free(build);
        return status;
    }
    build->wanted_threads = options ? options->threads : 0;
    build->compacts = options && options->compact;
    build->most = options ? options->most : 0;
    n2_turn_take(&index->turn);
    status = n2_prepare_survey(build);
    n2_turn_give(&index->turn);
    look_ahead(build);
    if (status)
        end(build);
    else
        *result = build;
    return status;
}

static int step(struct n2_build *build, uint64_t *done, uint64_t *total)
{
    struct n2_index *index = build->index;
    if (!build->done && !build->status) {
        n2_turn_take(&index->turn);
        build->status = N2_LOAD(&build->cancel) ? N2_ERR_CANCELLED : advance(build);
        n2_turn_give(&index->turn);
    }
    look_ahead(build);
    const struct n2_unlink *unlink = &build->unlink;
    uint64_t n_inserts = build->n_total - unlink->n_doomed, n_done;
    if (build->linked)
        n_done = build->n_total;
    else if (build->begun)
        n_done = unlink->n_doomed + (build->pass ? n_inserts / 2 : 0) + build->n_inserted;
    else
        n_done = (uint64_t)unlink->n_doomed * unlink->next / n2_max(unlink->n_nodes, 1);
    *total = n2_max(build->n_total, 1);
    *done = build->done ? *total : n2_min(n_done, *total - 1);
    return build->status;
}

int n2_build_begin(struct n2_build **build, struct n2_index *index,
                   const struct n2_build_options *options)
{
    if (!build || !index)
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    status = begin(build, index, options, false);
    n2_index_leave(index);
    return status;
}

int n2_build_step(struct n2_build *build, uint64_t *done, uint64_t *total)
{
    if (!build)
        return N2_ERR_OPTION;
    struct n2_index *index = build->index;
    int status = n2_index_enter(index);
    if (status)
        return status;
    uint64_t n_done, n_total;
    status = step(build, &n_done, &n_total);
    if (!status && done)
        *done = n_done;
    if (!status && total)
        *total = n_total;
    n2_index_leave(index);
    return status;
}

void n2_build_cancel(struct n2_build *build)
{
    if (build)
        N2_STORE(&build->cancel, 1);
}

void n2_build_end(struct n2_build *build)
{
    if (!build)
        return;
    struct n2_index *index = build->index;
    bool entered = n2_index_enter(index) == N2_OK;
    end(build);
    if (entered)
        n2_index_leave(index);
}

int n2_compact(struct n2_index *index, const struct n2_build_options *options)
{
    struct n2_build_options compacting;
    n2_build_options_init(&compacting);
    if (options) {
        if (options->size < sizeof(compacting))
            return N2_ERR_OPTION;
        compacting = *options;
    }
    compacting.compact = 1;
    return n2_build(index, &compacting);
}

int n2_build(struct n2_index *index, const struct n2_build_options *options)
{
    if (!index)
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    struct n2_build *build;
    status = begin(&build, index, options, true);
    if (!status) {
        uint64_t done = 0, total = 1;
        while (!status && done < total) {
            status = step(build, &done, &total);
            if (!status && options && options->progress &&
                options->progress(options->user, done, total) && done < total)
                status = N2_ERR_CANCELLED;
        }
        end(build);
    }
    n2_index_leave(index);
    return status;
}
