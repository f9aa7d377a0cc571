/* merge.h - one graph's level 0 from two.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_MERGE_H
#define N2_MERGE_H

#include "insert.h"

/* For each of nodes[n]: selects its links on level 0 among those it has there in the inserter's
 * graph and in `second`. No slack is in use in either. */
void n2_merge_level0(struct n2_inserter *inserter, const struct n2_graph *second,
                     const uint32_t *nodes, size_t n);

#endif
