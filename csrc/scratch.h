/* scratch.h - the working memory of one search or one worker of a build.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_SCRATCH_H
#define N2_SCRATCH_H

#include "heap.h"
#include "queue.h"
#include "sketch.h"
#include "visited.h"

/* Nodes that one step looks at: the links of a node on level 0 (2 M, while building half as many
 * again and one more), or those of two such lists. */
#define N2_MAX_DEGREE (6 * N2_MAX_M + 2)

struct n2_scratch {
    struct n2_visited visited;
    struct n2_queue queue;       /* candidates */
    struct n2_queue found;       /* of a picky view: those of them that are admitted */
    struct n2_heap heap;         /* results */
    float *query, *centre;       /* [n2_space_floats] each, for two probes */
    uint8_t *whole;              /* [dim] the query's numbers, if they are whole */
    void *encoding;              /* n2_space_buffer_bytes */
    uint8_t *code;               /* [N2_MAX_LANES] of the query, or its weights */
    float *lengths;              /* [N2_MAX_DEGREE] of nodes selected */
    uint32_t *nodes, *keys;      /* [N2_MAX_DEGREE] each, what one step measures */
    uint32_t *places;            /* [N2_MAX_DEGREE] of what may enter the queue */
    uint64_t *fresh;             /* [2][N2_MAX_DEGREE] what of it enters the queue, and sorted */
    struct n2_sketch_query *ask; /* of the query */
    size_t n_measured;           /* distances, counted up by walks on level 0 */
    size_t most_measured;        /* after which a walk of a picky view gives up, */
    size_t patience;             /* and one that has not found as many as its rank */
    bool gave_up;                /* it did, or too much lies in the way, for its queue or at all */
    size_t dim;
    size_t queue_room, found_room, heap_room;
    size_t n_bytes; /* of all of these */
};

/* Makes *scratch (NULL: not yet made) fit for n_nodes nodes of dim floats, a beam of `width` and
 * `k` results; it keeps what it has where that is enough. Returns 0 or N2_ERR_NO_MEMORY. */
int n2_scratch_fit(struct n2_scratch **scratch, size_t dim, size_t n_nodes, size_t width, size_t k);

/* NULL is allowed. */
void n2_scratch_free(struct n2_scratch *scratch);

#endif
