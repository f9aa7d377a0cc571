/* link.h - writes the links of a batch: the second step of insert.h.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_LINK_H
#define N2_LINK_H

#include "insert.h"

/* Gives the members that are not duplicates their rows above level 0. */
void n2_link_give_towers(struct n2_inserter *inserter);

/* Writes the rows of member i, with the neighbours it selected. */
void n2_link_own_rows(const struct n2_inserter *inserter, size_t i);

/* Links the neighbours of all members back to them and makes them nodes of the graph. */
void n2_link_members(struct n2_inserter *inserter);

/* Replaces a node's links on a level. */
void n2_link_write(const struct n2_inserter *inserter, uint32_t node, uint32_t level,
                   const uint32_t *links, size_t n);

/* Puts one link into a node's row on level 0. */
void n2_link_put(const struct n2_inserter *inserter, uint32_t node, uint32_t place, uint32_t link);

/* Selects at most m of a node's links on a level among scratch->nodes[n], and writes its row. */
void n2_link_choose(const struct n2_inserter *inserter, uint32_t node, uint32_t level,
                    int32_t selection, size_t n, size_t m, struct n2_scratch *scratch);

#endif
