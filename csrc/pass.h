/* pass.h - the passes of a build: its pending nodes, batch by batch, into one graph or two.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_PASS_H
#define N2_PASS_H

#include "index.h"
#include "insert.h"

/* A build under way; build.c begins and ends it. */
struct n2_build {
    struct n2_index *index;
    int32_t cancel; /* set by any thread: the build is to end */
    struct n2_team *team;
    struct n2_scratch **scratches; /* one a thread */
    int n_threads;
    struct n2_levels levels;

    uint32_t n_nodes; /* nodes of the index at the beginning; later ones are left alone */
    uint32_t *order;  /* [n_new] the pending nodes, in the order of inserting */
    size_t n_new;
    size_t n_inserted; /* in this pass */
    int n_passes, pass;
    uint64_t n_total; /* nodes to be inserted in all passes */

    struct n2_inserter inserter; /* of this pass */
    struct n2_undo undo;
    struct n2_graph second;  /* of the second pass */
    uint64_t *equals, *temp; /* [n_new] node << 32 | id: duplicates found; room for sorting */
    size_t n_equals;
    int status; /* the failure that ended the build */
    bool begun; /* the undo log is in place */
    bool done;
};

/* Sets the owner's fields of the build's inserter, for that graph. */
void n2_pass_aim(struct n2_build *build, struct n2_graph *graph, struct n2_undo *undo);

/* Does the next batch, and what follows the last. The caller has the index's turn. Returns
 * 0, N2_ERR_NO_MEMORY or N2_ERR_CANCELLED; the graph is fit to be searched or undone then. */
int n2_pass_step(struct n2_build *build);

#endif
