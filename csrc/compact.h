/* compact.h - gives back the memory of nodes that are gone.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The nodes that are left get numbers without gaps: their rows are copied to new columns, with
 * links to the new numbers, while searches go on in the old ones; then the new columns take their
 * place at once. Ids stay as they are: only the column that leads from them to nodes changes.
 */
#ifndef N2_COMPACT_H
#define N2_COMPACT_H

#include "index.h"

/* Unasked, when one node in so many is gone, and so many are. While 100,000 GloVe vectors were
 * replaced, 5 % at a time, compactions took 5 % of the time of the builds. */
#define N2_COMPACT_SHARE 8
#define N2_COMPACT_LEAST 1024

struct n2_compaction {
    struct n2_index *index;
    uint32_t *new_of;      /* [n_old] the new number of a node, N2_NONE for those that are gone */
    uint32_t n_old, n_new; /* nodes that no build has to link: before, and those that are left */
    uint32_t next;         /* node to be copied */
    struct n2_store store; /* the new columns, and what of their counters changes */
    struct n2_graph graph;
    struct n2_column codes, sketches;
};

/* Whether there is anything to give back, if it is `wanted`; else, whether it is much. */
N2_INLINE bool n2_compact_pays(const struct n2_index *index, bool wanted)
{
    uint32_t n_gone = N2_LOAD(&index->graph.n_gone);
    return wanted ? n_gone > 0
                  : n_gone > N2_COMPACT_LEAST && n_gone > index->graph.n_rows / N2_COMPACT_SHARE;
}

/* Between the first of these and the last no build may begin; the caller has the turn in each.
 * n2_compact_open and _step return 0 or N2_ERR_NO_MEMORY; *done is set after the last step, when
 * the new columns are in place. n2_compact_close gives back what is not in use. */
int n2_compact_open(struct n2_compaction *compaction, struct n2_index *index);
int n2_compact_step(struct n2_compaction *compaction, bool *done);
void n2_compact_close(struct n2_compaction *compaction);

#endif
