/* keys.h - the names that callers give to ids, and a table that finds an id by its name.
 * SPDX-License-Identifier: Apache-2.0
 *
 *   rows    id -> its key (uint64), or of keys that are bytes, where they end in `bytes`
 *   bytes   of keys that are bytes: one behind the other, in the order of ids
 *   slots   a hash table of ids (uint32, N2_NONE in free slots) with linear probing: a key is
 *           looked for from the slot of its hash on, until it or a free slot is met
 *
 * What is said of an id in rows and bytes never changes, not even when the id is deleted; so it is
 * read without a lock, like a vector. The table is changed and searched under the add lock. The
 * slot of an id that is deleted is not free, or what lies behind it would be lost, but the next key
 * that comes by takes it.
 *
 * At most two thirds of the slots hold an id. When they would be more, the table is made anew, in
 * its place, by one look at each id in order. It is saved as it is, and searched where it lies.
 *
 * Like all payload of a file that was loaded, any of this may be rot: no read leaves the columns
 * and no walk goes round the table twice.
 */
#ifndef N2_KEYS_H
#define N2_KEYS_H

#include "store.h"

#define N2_MAX_KEY_SLOTS ((uint64_t)1 << 32) /* of N2_MAX_VECTORS keys, by half filled */

struct n2_keys {
    int32_t kind; /* enum n2_keys_kind; without keys all else is 0 */
    uint64_t seed;
    struct n2_column rows, bytes, slots;
    uint64_t n_bytes; /* published with release, before the id whose key they end */
    uint64_t n_slots; /* a power of two; 0 before the first key */
    uint64_t n_used;  /* slots that hold an id, be it deleted */
};

/* One key: a number, or bytes, as is the kind. */
struct n2_key {
    uint64_t number;
    const unsigned char *bytes;
    size_t n;
};

int n2_keys_init(struct n2_keys *keys, int32_t kind, uint64_t seed, size_t n_reserved);
void n2_keys_release(struct n2_keys *keys);

/* Addresses that are reserved for an id, beyond those of the store. */
size_t n2_keys_reserved_bytes(int32_t kind);

/* The most slots of a table that may hold an id. */
uint64_t n2_keys_most_used(uint64_t n_slots);

/* The slots there must be for n_more keys that may all be new. */
uint64_t n2_keys_slots(const struct n2_keys *keys, const struct n2_store *store, size_t n_more);

/* Makes that table, where it is not the one there is. Its column has room. */
void n2_keys_fit(struct n2_keys *keys, const struct n2_store *store, size_t n_more);

/* The id of a key, or N2_NONE. *slot, if not NULL, is set to where it is or may be put. */
uint32_t n2_keys_find(const struct n2_keys *keys, const struct n2_store *store,
                      const struct n2_key *key, uint64_t *slot);

/* Makes a key that of an id that is not yet published. The columns have room, and n2_keys_find has
 * just named the slot. */
void n2_keys_put(struct n2_keys *keys, uint32_t id, const struct n2_key *key, uint64_t slot);

/* The key of an id below n_ids. False if that is rot. */
bool n2_keys_key(const struct n2_keys *keys, uint32_t id, struct n2_key *key);

/* What a slot holds. */
N2_INLINE uint32_t n2_keys_slot(const struct n2_keys *keys, uint64_t slot)
{
    return N2_LOAD((const uint32_t *)(const void *)keys->slots.base + slot);
}

#endif
