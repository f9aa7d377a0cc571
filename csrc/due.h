/* due.h - when it is time for a small build.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_DUE_H
#define N2_DUE_H

#include "index.h"

/* How many dead nodes a small build leaves in a graph of so many. */
size_t n2_due_dead(size_t n_linked);

#endif
