/* link.h - writes the links of a batch: the second step of insert.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_LINK_H
#define N2_LINK_H

#include "insert.h"

/* Links the members that are not duplicates, with the neighbours they selected. */
void n2_link_members(struct n2_inserter *inserter);

/* Selects a node's links on a level among scratch->nodes[n] and writes its row. */
void n2_link_choose(struct n2_inserter *inserter, uint32_t node, uint32_t level, size_t n,
                    struct n2_scratch *scratch);

#endif
