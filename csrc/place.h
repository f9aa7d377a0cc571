/* place.h - new nodes change places before they are linked, so that near ones lie near in memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What one search or insertion has read, the next one in its neighbourhood then finds in the
 * caches, and a page holds more of what is wanted. Of 1,000,000 SIFT vectors, builds took 0.9 of
 * the time, searches 0.93 of it; of 5,000,000 in 40 dimensions both 0.89; of 340,000 GloVe vectors
 * both as long as before.
 */
#ifndef N2_PLACE_H
#define N2_PLACE_H

#include "pass.h"

/* Whether the pending nodes are many, and most of all. Not in small change: see n2_link. */
bool n2_place_pays(const struct n2_build *build);

/* Puts the vectors of the pending nodes, with their ids and codes, in an order in which near ones
 * follow each other; the nodes are the same ones, and what build->order says of them holds.
 * Searches wait for a millisecond at a time. Returns 0, or N2_ERR_NO_MEMORY or N2_ERR_CANCELLED,
 * and n2_place_undo is due. */
int n2_place(struct n2_build *build);

/* Puts them where they were. */
void n2_place_undo(struct n2_build *build);

#endif
