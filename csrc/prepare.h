/* prepare.h - what comes before the first batch of a build.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The caller has the turn.
 */
#ifndef N2_PREPARE_H
#define N2_PREPARE_H

#include "pass.h"

/* Finds out what there is to do: claims the pending nodes, lists them in the order of inserting,
 * and starts the team. Returns 0, N2_ERR_NO_MEMORY, N2_ERR_CORRUPT or N2_ERR_CANCELLED. */
int n2_prepare_survey(struct n2_build *build);

/* Makes room for these nodes, codes of them, and an order in memory. Returns 0, N2_ERR_NO_MEMORY or
 * N2_ERR_CANCELLED. */
int n2_prepare(struct n2_build *build);

/* Makes n_claimed the nodes that a build has claimed. Those that an earlier one had, and did not
 * link, may have lost their ids meanwhile. The caller has the add lock. */
void n2_prepare_claim(struct n2_index *index, uint32_t n_claimed);

/* Sketches the row of a node on level 0 as it stands. */
void n2_prepare_sketch(const struct n2_graph *graph, const struct n2_space *space, uint32_t node);

#endif
