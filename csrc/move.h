/* move.h - what is known of pending nodes goes to others, and back.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The nodes themselves, and what a build's order says of them, stay. Searches and changes wait for
 * a millisecond at a time, or for as long as searches made this wait. The caller has the turn.
 */
#ifndef N2_MOVE_H
#define N2_MOVE_H

#include "pass.h"

/* Makes build->mover, which may be freed as a whole. Returns 0 or N2_ERR_NO_MEMORY. */
int n2_move_open(struct n2_build *build);

/* Moves the vector, ids and codes of pending node i to node to[i], both less the first pending one;
 * to[] has no meaning then. Ends early when the build is cancelled. On the team's leader. */
void n2_move(struct n2_build *build, uint32_t *to);

/* Moves all that n2_move has moved back to where it was. */
void n2_move_back(struct n2_build *build);

#endif
