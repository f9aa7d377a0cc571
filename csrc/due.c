/* due.c - small builds, and when it is time for one: a policy of counts.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "due.h"

#include "tune.h"

/* The first vectors are scanned; later a scan of the pending ones takes so small a share of the
 * distances of a common search, one in order costing less than half of one at random. */
#define LEAST_GRAPH 1024
#define LEAST_DUE 128
#define DUE_SHARE 4
#define DUE_K 10
#define DUE_RECALL 0.95f
#define DEAD_SHARE 16 /* the dead are taken out when they are more than 1 / 16 of the graph */

size_t n2_due_dead(size_t n_linked)
{
    return n2_max(LEAST_DUE, n_linked / DEAD_SHARE);
}

static size_t due(const struct n2_index *index)
{
    const struct n2_graph *graph = &index->graph;
    size_t n_linked = N2_LOAD(&graph->n_linked), n_gone = N2_LOAD(&graph->n_gone);
    size_t n_nodes = N2_ACQUIRE(&index->store.n_nodes), most = LEAST_GRAPH;
    size_t n_pending = n_nodes > n_linked + n_gone ? n_nodes - n_linked - n_gone : 0;
    if (index->tuning.n_linked) {
        float measured;
        (void)n2_tune_beam(&index->tuning, index->store.metric, DUE_K, DUE_RECALL, &measured);
        most = n2_max(LEAST_DUE, (size_t)(measured / DUE_SHARE));
        if (n2_tune_is_due(index, n_pending)) /* by a quarter of them at most */
            most = n2_max(most, 4 * N2_TUNE_ENOUGH);
    }
    if (N2_LOAD(&graph->n_dead) > n2_due_dead(n_linked))
        return n2_max(n_pending, 1);
    return n_pending < most ? 0 : n_pending;
}

size_t n2_link_due(struct n2_index *index)
{
    struct n2_slot *slot = index ? n2_gate_enter(&index->gate) : NULL;
    if (!slot)
        return 0;
    size_t n = due(index);
    n2_gate_leave(&index->gate, slot);
    return n;
}

int n2_link(struct n2_index *index, size_t most)
{
    struct n2_build_options options;
    n2_build_options_init(&options);
    options.threads = 1;
    options.most = most;
    return most ? n2_build(index, &options) : N2_ERR_OPTION;
}
