/* batch.c - many searches in one call: on a team of threads, or as one blocked scan.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "alloc.h"
#include "cpu.h"
#include "index.h"
#include "search.h"
#include "team.h"

#define GRAIN 8       /* searches a thread takes at a time */
#define SCAN_GROUP 32 /* queries that share one reading of the vectors */

struct batch {
    struct n2_index *index;
    struct n2_team *team;
    const float *queries; /* NULL: the ids */
    const uint32_t *ids;
    size_t n, k;
    const struct n2_search_options *options;
    struct n2_neighbor *out;
    size_t *n_out;
    int status; /* a failure of any search */
};

static void search_range(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    struct batch *b = context;
    size_t dim = b->index->store.dim;
    for (size_t i = begin; i < end; i++) {
        struct n2_neighbor *out = b->out + i * b->k;
        int status =
            b->queries
                ? n2_search(b->index, b->queries + i * dim, b->k, b->options, out, &b->n_out[i])
                : n2_search_id(b->index, b->ids[i], b->k, b->options, out, &b->n_out[i]);
        if (status)
            N2_STORE(&b->status, status);
    }
}

static int search_all(void *argument)
{
    struct batch *b = argument;
    n2_team_for(b->team, b->n, GRAIN, search_range, b);
    return b->status;
}

static int check_ids(const struct batch *b)
{
    struct n2_slot *slot = n2_gate_enter(&b->index->gate); /* not closed during a call */
    int status = N2_OK;
    uint32_t node;
    for (size_t i = 0; i < b->n && !status; i++)
        if (n2_store_find(&b->index->store, b->ids[i], &node) == N2_ERR_NOT_FOUND)
            status = N2_ERR_NOT_FOUND; /* of rot the search tells */
    n2_gate_leave(&b->index->gate, slot);
    return status;
}

/* All that can be wrong with a batch, before any search. */
static int check(const struct batch *b)
{
    if (b->k == 0 || !n2_search_options_hold(b->options) ||
        (b->n > 0 && (!b->out || !b->n_out || (!b->queries && !b->ids))))
        return N2_ERR_OPTION;
    if (b->queries)
        return n2_store_check_all(&b->index->store, b->queries, b->n);
    return check_ids(b);
}

static int run(struct batch *b)
{
    int status = check(b);
    if (status)
        return status;
    int32_t threads = b->options && b->options->threads ? b->options->threads : n2_cpu_count();
    threads = (int32_t)n2_min((size_t)threads, n2_max(b->n / GRAIN, 1));
    status = n2_team_open(&b->team, threads);
    if (status)
        return status;
    status = n2_team_run(b->team, search_all, b);
    n2_team_close(b->team);
    return status;
}

static int enter_and_run(struct batch *b)
{
    if (!b->index)
        return N2_ERR_OPTION;
    int status = n2_index_enter(b->index);
    if (status)
        return status;
    status = run(b);
    n2_index_leave(b->index);
    return status;
}

int n2_search_batch(struct n2_index *index, const float *queries, size_t n, size_t k,
                    const struct n2_search_options *options, struct n2_neighbor *out, size_t *n_out)
{
    if (!queries && n > 0)
        return N2_ERR_OPTION;
    struct batch b = {index, NULL, queries, NULL, n, k, options, out, n_out, N2_OK};
    return enter_and_run(&b);
}

int n2_search_batch_id(struct n2_index *index, const uint32_t *ids, size_t n, size_t k,
                       const struct n2_search_options *options, struct n2_neighbor *out,
                       size_t *n_out)
{
    struct batch b = {index, NULL, NULL, ids, n, k, options, out, n_out, N2_OK};
    return enter_and_run(&b);
}

/* A scan for a group of queries: their prepared vectors, their results. */
struct group {
    size_t n, k;
    uint32_t n_ids;  /* of which k counts those that are there */
    float *vectors;  /* [SCAN_GROUP][dim] */
    uint8_t *wholes; /* [SCAN_GROUP][dim] */
    uint64_t *words; /* [SCAN_GROUP][k] */
    struct n2_probe probes[SCAN_GROUP];
    struct n2_heap heaps[SCAN_GROUP];
    struct n2_scan scans[SCAN_GROUP];
};

static void prepare(struct group *g, const struct n2_store *store, const float *queries)
{
    size_t dim = store->dim;
    for (size_t i = 0; i < g->n; i++) {
        double norm;
        (void)n2_store_check(store, queries + i * dim, &norm); /* known to be good */
        n2_store_probe_query(store, queries + i * dim, norm, g->vectors + i * dim, &g->probes[i]);
        n2_store_probe_whole(store, g->wholes + i * dim, &g->probes[i]);
        g->heaps[i] = (struct n2_heap){g->words + i * g->k, 0, g->k};
        g->scans[i] = (struct n2_scan){&g->probes[i], &g->heaps[i], N2_NONE, .sieves = false};
    }
}

/* Scans the nodes that there are at its beginning, a block at a time: between two blocks the gate
 * may be shut, so that nobody waits for a whole scan. Where ids got other nodes meanwhile it ends,
 * and sets *again: then it is to be made in one go. */
static int scan_group(struct n2_index *index, struct group *g, bool *again)
{
    struct n2_view view = {.n_nodes = 1};
    struct n2_slot *slot = NULL;
    uint32_t n_renumbered = 0;
    bool at_once = *again;
    *again = false;
    for (uint32_t from = 0; from < view.n_nodes && !*again;) {
        slot = slot ? slot : n2_gate_enter(&index->gate);
        if (!slot)
            return N2_ERR_CLOSED;
        if (from == 0) {
            n2_index_view(index, &view);
            view.n_ids = g->n_ids;
            n_renumbered = N2_LOAD(&index->graph.n_renumbered);
        }
        *again = n_renumbered != N2_LOAD(&index->graph.n_renumbered);
        if (!*again)
            from = n2_scan_block(&view, from, g->scans, g->n);
        if (from == view.n_nodes)
            view.n_nodes = n2_view_end(&view);
        if (at_once && from < view.n_nodes)
            continue;
        n2_gate_leave(&index->gate, slot);
        slot = NULL;
    }
    return N2_OK;
}

static int scan(struct n2_index *index, const float *queries, size_t n, size_t k,
                struct n2_neighbor *out, size_t *n_out)
{
    size_t dim = index->store.dim, room = n2_min(n, SCAN_GROUP);
    struct group g = {.n_ids = N2_ACQUIRE(&index->store.n_ids)};
    g.k = n2_max(1, n2_min(k, N2_LOAD(&index->store.n_live)));
    g.vectors = n2_alloc(room, dim * sizeof(float));
    g.wholes = n2_alloc(room, dim);
    g.words = n2_alloc(room, g.k * sizeof(uint64_t));
    int status = g.vectors && g.wholes && g.words ? N2_OK : N2_ERR_NO_MEMORY;
    for (size_t i = 0; i < n && !status; i += g.n) {
        g.n = n2_min(room, n - i);
        bool again = false;
        do {
            prepare(&g, &index->store, queries + i * dim);
            status = scan_group(index, &g, &again);
        } while (again && !status);
        for (size_t j = 0; j < g.n && !status; j++)
            n2_search_results(&index->store, &g.heaps[j], out + (i + j) * k, &n_out[i + j]);
    }
    n2_alloc_free(g.vectors);
    n2_alloc_free(g.wholes);
    n2_alloc_free(g.words);
    return status;
}

int n2_search_exact(struct n2_index *index, const float *queries, size_t n, size_t k,
                    struct n2_neighbor *out, size_t *n_out)
{
    if (!index || k == 0 || (n > 0 && (!queries || !out || !n_out)))
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    status = n2_store_check_all(&index->store, queries, n);
    if (!status)
        status = scan(index, queries, n, k, out, n_out);
    n2_index_leave(index);
    return status;
}
