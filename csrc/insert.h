/* insert.h - links nodes into a graph, a batch at a time, on many threads and without locks.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A batch is inserted in two steps (bulk-synchronous, as the deterministic builders of ParlayANN do
 * it; Dobson et al., arXiv 2305.04359):
 *
 *   search   each member searches the graph as it stood before the batch and selects its
 *            neighbours, which its own rows take. Nothing else is written, so every thread may take
 *            any member.
 *   link     the links back are written, grouped by the node they lead from, each group by one
 *            thread. Where a row overflows, its neighbours are selected anew.
 *
 * So the outcome depends on the batches alone, not on the threads. Members of one batch do not see
 * each other in their searches; those that found the same node nearby are shown to each other
 * before they select ("mates"), which keeps a cluster together that arrives within one batch.
 * Members equal bit for bit to a node or to an earlier member are not linked: they become
 * duplicates of it.
 *
 * Members are sorted by where in the graph they come to, so that one finds in the cache what the
 * one before it read.
 *
 * While nodes are inserted, rows of level 0 have slack: half as many places again, so that a full
 * row is selected anew once in so many additions. n2_insert_trim selects the M0 that stay.
 */
#ifndef N2_INSERT_H
#define N2_INSERT_H

#include "hnsw.h"
#include "levels.h"
#include "team.h"
#include "undo.h"

#define N2_MEMBER_BITS 26 /* of a word that is sorted, for the number of a member */
#define N2_LINK_BUCKETS 256

struct n2_inserter {
    /* What is inserted into what; set by the owner. */
    struct n2_view view; /* of the graph; its slack is the inserter's */
    struct n2_graph *graph;
    struct n2_undo *undo; /* NULL: changes need not be undone */
    const struct n2_levels *levels;
    const struct n2_graph *leveled; /* not NULL: new nodes are on the levels that they have there */
    struct n2_team *team;
    struct n2_scratch **scratches; /* one a thread, fit for `width` and the view */
    /* Whose sketches follow the graph's links; NULL: none. While a space is trained anew, those of
     * the space that searches use as well. */
    const struct n2_space *sketched[2];
    int32_t selection, selection0; /* above level 0, and on it */
    size_t ef_construction;
    float stretch;         /* of the beams of insertions, see n2_beam */
    const int32_t *cancel; /* not 0: batches end early, unlinked */

    /* Its own. */
    struct n2_slack slack;
    struct n2_column dirty;             /* a bit for each node: has slack in use */
    size_t most;                        /* members of a batch */
    struct n2_member *members, *sorted; /* and room to sort them */
    size_t n_members;
    uint64_t *found;              /* [most][ef_construction], candidates on level 0 */
    uint32_t *picked0;            /* [most][M], neighbours on level 0 */
    uint32_t *picked;             /* [rows above level 0 of all members][M] */
    size_t n_picked, picked_room; /* rows of `picked` */
    uint64_t *words, *temp;       /* for sorting: places, fingerprints, mates, links back */
    size_t words_room, n_words;
    size_t buckets[N2_LINK_BUCKETS + 1]; /* where those of the links back start */
};

/* A node being inserted. */
struct n2_member {
    uint32_t node, level;
    uint32_t equal; /* node it is a duplicate of, or N2_NONE */
    uint32_t n_found, n_picked0;
    uint64_t start; /* entry of the node that it comes to from the levels above its own */
    size_t upper;   /* its first row in `picked` */
    uint64_t fingerprint;
};

/* The width of the beam that the scratches must be fit for. */
size_t n2_insert_width(const struct n2_graph *graph, size_t ef_construction);

/* Prepares an inserter whose owner's fields are set. Returns 0 or N2_ERR_NO_MEMORY. */
int n2_insert_open(struct n2_inserter *inserter);
void n2_insert_close(struct n2_inserter *inserter);

/* Bytes of working memory that an open inserter may use at most. */
size_t n2_insert_bytes(const struct n2_inserter *inserter);

/* Lists nodes[n], n <= most, which are not linked, as the members of the next batch. Their rows
 * above level 0 will be n_picked. Returns 0 or N2_ERR_NO_MEMORY. */
int n2_insert_list(struct n2_inserter *inserter, const uint32_t *nodes, size_t n);

/* Inserts the listed members. Those found to be duplicates have members[i].equal set and are not
 * linked. Runs on the team's leader. The graph's columns have room. Returns 0, or N2_ERR_CANCELLED
 * and nothing is linked. */
int n2_insert_batch(struct n2_inserter *inserter);

/* Selects the links that stay for every node with slack in use; none is in use afterwards. */
void n2_insert_trim(struct n2_inserter *inserter);

#endif
