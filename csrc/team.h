/* team.h - a team of threads for one long computation. The only room with OpenMP.
 * SPDX-License-Identifier: Apache-2.0
 *
 * libgomp keeps a worker team for every thread that ever entered a parallel region, and ends the
 * process when it cannot create a thread. So a team has a leader, a thread of its own that enters
 * the regions and ends with the team, which frees libgomp's workers; and before the first region as
 * many plain threads are started, to learn how many the system grants.
 *
 * Without OpenMP (no -fopenmp) the same interface runs on plain threads.
 */
#ifndef N2_TEAM_H
#define N2_TEAM_H

#include "base.h"

struct n2_team; /* opaque */

/* Starts a team of at most `threads` >= 1, fewer where the system refuses.
 * Returns 0 or N2_ERR_NO_MEMORY. */
int n2_team_open(struct n2_team **team, int threads);

/* Threads of the team, at least 1. */
int n2_team_threads(const struct n2_team *team);

/* Runs work(argument) on the leader and returns what it returns. One call at a time. */
int n2_team_run(struct n2_team *team, int (*work)(void *argument), void *argument);

/* Within n2_team_run: calls body(context, begin, end, worker) for consecutive ranges of at most
 * `grain` indices that cover 0..n-1, on all threads at once, each taking the next range when it is
 * free. `worker` is below n2_team_threads, and no two calls run at once with the same. */
void n2_team_for(struct n2_team *team, size_t n, size_t grain,
                 void (*body)(void *context, size_t begin, size_t end, int worker), void *context);

/* Ends the team's threads and frees it. NULL is allowed. */
void n2_team_close(struct n2_team *team);

#endif
