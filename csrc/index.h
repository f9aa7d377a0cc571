/* index.h - the index behind the opaque handle, and who may touch what.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Locks, in the order of taking; each guards what stands behind it:
 *
 *   state   closed, n_calls, build_cancel, turn_rests. Held for a few instructions.
 *   turn    the graph, and where columns lie: a build's batch, a save, a check. Held for long, by
 *           a writer from call to call.
 *   add     what an added, replaced or deleted vector changes: the store's columns and counters,
 *           the keys, graph.heights of nodes that no build has claimed, graph.n_claimed, n_dead
 *           and n_gone
 *   gate    searches hold a slot of it; shut, it keeps them out while rows or columns move
 *
 * What searches read without a lock (counters, links, heights, ids), and the key of an id, is
 * published as base.h says. Who looks for the id of a key takes the add lock.
 */
#ifndef N2_INDEX_H
#define N2_INDEX_H

#include "gate.h"
#include "graph.h"
#include "hnsw.h"
#include "keys.h"
#include "origin.h"
#include "store.h"
#include "tune.h"

struct n2_index {
    /* Fixed when the index is made. */
    int32_t selection, merging, navigation, sketch;
    size_t ef_construction;
    double level_multiplier; /* 0: the default */
    uint64_t seed;

    struct n2_store store;
    struct n2_keys keys;
    struct n2_graph graph;
    struct n2_space space;   /* with the codes of all linked nodes; replaced with the gate shut */
    struct n2_tuning tuning; /* replaced with the gate shut */
    struct n2_origin origin; /* the file it was loaded from, until checked */
    const struct n2_slack *slack; /* of a build under way; becomes NULL with the gate shut */

    struct n2_gate gate;
    struct n2_turn turn;
    pthread_mutex_t add;

    pthread_mutex_t state;
    pthread_cond_t state_change;
    bool closed;
    size_t n_calls;            /* calls in progress that hold no slot */
    bool turn_rests;           /* a writer has the turn and is between two calls */
    int32_t *build_cancel;     /* of the build under way; NULL: none */
    int32_t last_threads;      /* of the last build */
    uint64_t build_bytes;      /* working memory of the build under way */
    uint64_t given_back_bytes; /* by compactions */
    uint64_t scratch_bytes;    /* of all searches */
};

/* Whether complete options, none of them 0 but level_multiplier, seed and keys, are within their
 * ranges. */
bool n2_index_options_hold(const struct n2_options *options);

/* Makes an index with room reserved for n_nodes nodes at least. Options are checked and complete.
 * Returns 0 or N2_ERR_NO_MEMORY. */
int n2_index_make(struct n2_index **index, size_t dim, const struct n2_options *options,
                  size_t n_nodes);

/* Begins and ends a call that holds no slot. Returns 0, or N2_ERR_CLOSED and nothing is begun. */
int n2_index_enter(struct n2_index *index);
void n2_index_leave(struct n2_index *index);

/* The same for the calls of a writer, which has the turn from one to the next: a call ends with the
 * turn at rest, and the next one resumes it. At rest, n2_close gives it to others: N2_ERR_CLOSED.
 */
int n2_index_resume(struct n2_index *index);
void n2_index_rest(struct n2_index *index);

/* For whoever gave up the add lock and is about to take it again: lets those in who wait for it,
 * which the lock does not see to. */
void n2_index_rest_add(void);

/* What a search sees now. The caller is in the gate. */
void n2_index_view(const struct n2_index *index, struct n2_view *view);

/* Whether vectors take more memory than codes do at least, so that these may save some. */
bool n2_index_wants_codes(const struct n2_index *index);

/* Ends that searches see the links that a build has in slack. They wait if they do. */
void n2_index_hide_slack(struct n2_index *index);

/* Moves a column where it has no room for `rows`. The caller has the turn. Returns 0 or
 * N2_ERR_NO_MEMORY. */
int n2_index_fit(struct n2_index *index, struct n2_column *column, size_t rows);

/* The same, and makes a column that only those who have the turn let grow usable up to `rows`. */
int n2_index_grow(struct n2_index *index, struct n2_column *column, size_t rows);

/* Lets the store hold vectors that are packed in that way, if it is wider than its own. The caller
 * has the turn. Returns 0, N2_ERR_NO_MEMORY or N2_ERR_CORRUPT. */
int n2_index_widen(struct n2_index *index, int32_t storage);

/* Nodes to reserve addresses for, where an index holds or is about to hold n_nodes. */
size_t n2_index_reserved(const struct n2_index *index, size_t n_nodes);

/* Bytes of a node in all columns, rows of upper levels included on average. */
size_t n2_index_node_bytes(const struct n2_index *index);

#endif
