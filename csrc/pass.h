/* pass.h - the passes of a build: its pending nodes, batch by batch, into one graph or two.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_PASS_H
#define N2_PASS_H

#include "compact.h"
#include "index.h"
#include "insert.h"
#include "unlink.h"

/* A build under way; build.c begins and ends it. */
struct n2_build {
    struct n2_index *index;
    int32_t cancel; /* set by any thread: the build is to end */
    struct n2_team *team;
    struct n2_scratch **scratches; /* one a thread */
    int n_threads;
    struct n2_levels levels;

    struct n2_unlink unlink; /* comes first, if there is anything to unlink, and is not undone */
    int wanted_threads;
    size_t most;   /* not 0: nodes that it links, and what looks at all is left out, if it may be */
    bool compacts; /* comes last, if there is anything to give back, */
    struct n2_compaction compaction; /* and what came before stays if it fails */

    uint32_t n_nodes;   /* nodes of the index at the beginning; later ones are left alone */
    uint32_t n_claimed; /* of the graph, before */
    uint32_t n_before;  /* of those, up to and with the last that was linked then */
    uint32_t *order;    /* [n_new] the pending nodes, in the order of inserting */
    size_t n_new;
    struct n2_mover *mover; /* of their vectors: move.h; NULL: they are where they were */
    size_t n_inserted;      /* in this pass */
    int n_passes, pass;
    uint64_t n_total; /* nodes to be unlinked and to be inserted in all passes */

    float *queries; /* [n_queries][dim], some of those given; NULL: none */
    size_t n_queries;

    bool retrains;           /* `trained` replaces the index's space when the build is complete */
    uint32_t n_unfit;        /* the space's then */
    struct n2_space trained; /* may be none: then vectors are compared */
    size_t n_held; /* of the new nodes, those that are queries for tune.h before they are linked */
    float shrink;  /* of its space; 0: not known better */
    struct n2_tuning tuning;     /* replaces the index's, if n_held > 0 */
    struct n2_inserter inserter; /* of this pass */
    struct n2_undo undo;
    struct n2_graph second;  /* of the second pass */
    uint64_t *equals, *temp; /* [n_new] node << 32 | id: duplicates found; room for sorting */
    size_t n_equals;
    int status;  /* the failure that ended the build */
    bool begun;  /* the undo log is in place */
    bool linked; /* what was to be linked is, and stays */
    bool done;
};

/* Sets the owner's fields of the build's inserter, for that graph. */
void n2_pass_aim(struct n2_build *build, struct n2_graph *graph, struct n2_undo *undo);

/* The space in which the build compares nodes; it may be none. */
N2_INLINE struct n2_space *n2_pass_space(struct n2_build *build)
{
    return build->retrains ? &build->trained : &build->index->space;
}

/* Does the next batch, and what follows the last. The caller has the index's turn. Returns
 * 0, N2_ERR_NO_MEMORY or N2_ERR_CANCELLED; the graph is fit to be searched or undone then. */
int n2_pass_step(struct n2_build *build);

#endif
