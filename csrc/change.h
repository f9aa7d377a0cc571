/* change.h - the steps of a change, for those who find an id by its key first.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_CHANGE_H
#define N2_CHANGE_H

#include "index.h"

/* What may come, at most. */
struct n2_room {
    size_t n_nodes, n_ids, n_key_bytes;
    int32_t storage; /* that holds it (n2_store_holding) */
};

/* Takes the add lock when there is room for what may come. Returns 0, N2_ERR_FULL,
 * N2_ERR_NO_MEMORY or N2_ERR_CORRUPT; then the lock is not taken. */
int n2_change_lock(struct n2_index *index, struct n2_room more);

/* The same for vectors[more.n_nodes][dim], which it checks; more.storage need not be set. Returns
 * as n2_add. */
int n2_change_begin(struct n2_index *index, const float *vectors, struct n2_room more);

/* The rest is done under the add lock. */

/* Shows the n nodes, with as many ids, that were put behind the others; returns the first id. */
uint32_t n2_change_publish(struct n2_index *index, uint32_t n);

/* Adds checked vectors, for which there is room; returns the id of the first. */
uint32_t n2_change_add(struct n2_index *index, const float *vectors, size_t n);

/* Makes a checked vector, for which there is room, or no vector any more, that of an id. Return 0,
 * N2_ERR_NOT_FOUND or N2_ERR_CORRUPT. */
int n2_change_update(struct n2_index *index, uint32_t id, const float *vector);
int n2_change_delete(struct n2_index *index, uint32_t id);

#endif
