/* keys.c - the columns of keys, and the table.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "keys.h"

#define LEAST_SLOTS 16
/* Addresses for an id: of slots, and of bytes, of which there may be many more. */
#define RESERVED_SLOTS 4
#define RESERVED_BYTES 32

int n2_keys_init(struct n2_keys *keys, int32_t kind, uint64_t seed, size_t n_reserved)
{
    memset(keys, 0, sizeof(*keys));
    if (kind == N2_KEYS_NONE)
        return N2_OK;
    keys->kind = kind;
    keys->seed = seed;
    int status = n2_column_reserve(&keys->rows, sizeof(uint64_t), n_reserved, 0);
    if (!status)
        status = n2_column_reserve(&keys->slots, sizeof(uint32_t), n_reserved * RESERVED_SLOTS, 0);
    if (!status && kind == N2_KEYS_BYTES)
        status = n2_column_reserve(&keys->bytes, 1, n_reserved * RESERVED_BYTES, 0);
    if (status)
        n2_keys_release(keys);
    return status;
}

void n2_keys_release(struct n2_keys *keys)
{
    n2_column_release(&keys->rows);
    n2_column_release(&keys->bytes);
    n2_column_release(&keys->slots);
}

size_t n2_keys_reserved_bytes(int32_t kind)
{
    return kind == N2_KEYS_NONE ? 0
                                : sizeof(uint64_t) + RESERVED_SLOTS * sizeof(uint32_t) +
                                      (kind == N2_KEYS_BYTES ? RESERVED_BYTES : 0);
}

/* --- id to key --- */

static uint64_t *row_of(const struct n2_keys *keys, uint32_t id)
{
    return (uint64_t *)(void *)keys->rows.base + id;
}

bool n2_keys_key(const struct n2_keys *keys, uint32_t id, struct n2_key *key)
{
    uint64_t row = N2_LOAD(row_of(keys, id));
    if (keys->kind == N2_KEYS_U64) {
        *key = (struct n2_key){.number = row};
        return true;
    }
    uint64_t begin = id ? N2_LOAD(row_of(keys, id - 1)) : 0;
    if (begin > row || row - begin > N2_MAX_KEY || row > N2_ACQUIRE(&keys->n_bytes))
        return false;
    *key = (struct n2_key){.bytes = keys->bytes.base + begin, .n = row - begin};
    return true;
}

static bool equal(const struct n2_key *a, const struct n2_key *b)
{
    return a->number == b->number && a->n == b->n &&
           (a->n == 0 || !memcmp(a->bytes, b->bytes, a->n));
}

/* --- the table --- */

static uint64_t home_of(const struct n2_keys *keys, const struct n2_key *key)
{
    uint64_t hash = keys->kind == N2_KEYS_U64 ? n2_hash(keys->seed, key->number)
                                              : n2_hash_bytes(keys->seed, key->bytes, key->n);
    return hash & (keys->n_slots - 1);
}

static void set_slot(struct n2_keys *keys, uint64_t slot, uint32_t id)
{
    N2_STORE((uint32_t *)(void *)keys->slots.base + slot, id);
}

uint64_t n2_keys_most_used(uint64_t n_slots)
{
    return n_slots * 2 / 3;
}

static bool fits(const struct n2_keys *keys, size_t n_more)
{
    return keys->n_used + n_more <= n2_keys_most_used(keys->n_slots);
}

uint64_t n2_keys_slots(const struct n2_keys *keys, const struct n2_store *store, size_t n_more)
{
    if (fits(keys, n_more))
        return keys->n_slots;
    uint64_t n_slots = LEAST_SLOTS; /* filled by half at most, so that the next time is far off */
    while (n_slots / 2 < (uint64_t)store->n_live + n_more)
        n_slots *= 2;
    return n_slots;
}

void n2_keys_fit(struct n2_keys *keys, const struct n2_store *store, size_t n_more)
{
    if (fits(keys, n_more))
        return;
    N2_STORE(&keys->n_slots, n2_keys_slots(keys, store, n_more));
    keys->n_used = 0;
    for (uint64_t slot = 0; slot < keys->n_slots; slot++)
        set_slot(keys, slot, N2_NONE);
    uint64_t most = n2_keys_most_used(keys->n_slots); /* which rot may exceed */
    for (uint32_t id = 0; id < store->n_ids && keys->n_used < most; id++) {
        struct n2_key key;
        if (n2_store_node(store, id) == N2_NONE || !n2_keys_key(keys, id, &key))
            continue;
        uint64_t slot = home_of(keys, &key);
        while (n2_keys_slot(keys, slot) != N2_NONE)
            slot = (slot + 1) & (keys->n_slots - 1);
        set_slot(keys, slot, id);
        keys->n_used++;
    }
}

uint32_t n2_keys_find(const struct n2_keys *keys, const struct n2_store *store,
                      const struct n2_key *key, uint64_t *slot)
{
    uint64_t at = keys->n_slots ? home_of(keys, key) : 0, place = at;
    uint32_t found = N2_NONE;
    bool placed = false;
    for (uint64_t step = 0; step < keys->n_slots; step++, at = (at + 1) & (keys->n_slots - 1)) {
        uint32_t id = n2_keys_slot(keys, at);
        bool live = id != N2_NONE && n2_store_node(store, id) != N2_NONE;
        struct n2_key other;
        if (!live && !placed) {
            place = at;
            placed = true;
        }
        if (id == N2_NONE)
            break;
        if (live && n2_keys_key(keys, id, &other) && equal(&other, key)) {
            found = id;
            place = at;
            break;
        }
    }
    if (slot)
        *slot = place;
    return found;
}

void n2_keys_put(struct n2_keys *keys, uint32_t id, const struct n2_key *key, uint64_t slot)
{
    uint64_t row = key->number;
    if (keys->kind == N2_KEYS_BYTES) {
        row = keys->n_bytes + key->n;
        if (key->n > 0)
            memcpy(keys->bytes.base + keys->n_bytes, key->bytes, key->n);
        N2_RELEASE(&keys->n_bytes, row);
    }
    N2_STORE(row_of(keys, id), row);
    keys->n_used += n2_keys_slot(keys, slot) == N2_NONE;
    set_slot(keys, slot, id);
}
