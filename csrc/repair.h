/* repair.h - gives every linked node a way in.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Selection drops links, and may drop the last that leads to a node: no search would find it. After
 * a build such orphans are looked for and given a link from a near node that can be reached, in a
 * free place or in place of a link that reaching did not need: so no other node is cut off by it.
 */
#ifndef N2_REPAIR_H
#define N2_REPAIR_H

#include "insert.h"

/* Makes all linked nodes reachable on level 0; the slack is trimmed. Returns 0, N2_ERR_NO_MEMORY or
 * N2_ERR_CANCELLED. */
int n2_repair(struct n2_inserter *inserter);

#endif
