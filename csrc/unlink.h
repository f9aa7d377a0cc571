/* unlink.h - takes nodes whose ids were deleted out of the graph.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A node without ids is a step for searches that they take in vain. It leaves in two moves, as in
 * FreshDiskANN (Singh et al., arXiv 2105.09613): first each row that leads to such nodes gives up
 * these links and gets as many others, chosen among those that the lost ones lead to; when no row
 * is left, the nodes are gone. Every row is written once, from rows that are not: so many threads
 * do it, the result does not depend on them, and whoever searches meanwhile sees a whole graph. It
 * may stop between two rows and be taken up again, or begun anew, at any time.
 */
#ifndef N2_UNLINK_H
#define N2_UNLINK_H

#include "index.h"
#include "insert.h"

struct n2_unlink {
    struct n2_inserter *in; /* aimed at the index's graph, and not open */
    uint64_t *doomed;       /* a bit for each of n_nodes nodes */
    uint32_t n_nodes, n_doomed;
    uint32_t next; /* row */
};

/* Lists the linked nodes without ids. Returns 0 or N2_ERR_NO_MEMORY. */
int n2_unlink_open(struct n2_unlink *unlink, struct n2_inserter *in);
void n2_unlink_close(struct n2_unlink *unlink);

/* Mends the next rows, on the team's leader; true after the last. */
bool n2_unlink_step(struct n2_unlink *unlink);

/* Makes the doomed nodes gone, when all rows are mended. The caller has the turn and the add lock.
 */
void n2_unlink_finish(struct n2_unlink *unlink, struct n2_graph *graph);

#endif
