/* link.h - writes the links of a batch: the second step of insert.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_LINK_H
#define N2_LINK_H

#include "insert.h"

/* Links the members that are not duplicates, with the neighbours they selected. */
void n2_link_members(struct n2_inserter *inserter);

/* Selects anew at most m neighbours of `node` among its links on `level`, those in slack included,
 * and `more` (N2_NONE: no more), and writes them. */
void n2_link_select(struct n2_inserter *inserter, uint32_t node, uint32_t level, uint32_t more,
                    struct n2_scratch *scratch);

#endif
