/* map.c - vectors by their keys: put, found, named and deleted.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A put looks for the key, and adds a vector under a new id or replaces that of the id there is,
 * all under the add lock. What it may need is made room for before, for keys that are all new: so
 * once it has begun it cannot fail.
 */
#include "change.h"

/* Keys as they are given: numbers, or the bytes of all, one behind the other. */
struct given {
    const uint64_t *numbers;
    const unsigned char *bytes;
    const uint32_t *lengths;
};

static struct n2_key number(uint64_t key)
{
    return (struct n2_key){.number = key};
}

static struct n2_key text(const void *key, size_t n)
{
    return (struct n2_key){.bytes = key, .n = n};
}

static bool is_of_kind(const struct n2_index *index, int32_t kind)
{
    return index && index->keys.kind == kind;
}

/* --- key to vector --- */

/* Under the add lock. */
static uint32_t put_one(struct n2_index *index, const struct n2_key *key, const float *vector)
{
    uint64_t slot;
    uint32_t id = n2_keys_find(&index->keys, &index->store, key, &slot);
    if (id != N2_NONE) {
        (void)n2_change_update(index, id, vector); /* it was found just now */
        return id;
    }
    n2_keys_put(&index->keys, index->store.n_ids, key, slot);
    return n2_change_add(index, vector, 1);
}

/* Under the add lock, with room for all. */
static int put_all(struct n2_index *index, struct given keys, const float *vectors, size_t n,
                   uint32_t *ids)
{
    int status = n2_origin_check_ids(index);
    if (status)
        return status;
    n2_keys_fit(&index->keys, &index->store, n);
    for (size_t i = 0, at = 0; i < n; i++) {
        struct n2_key key = keys.numbers
                                ? number(keys.numbers[i])
                                : text(keys.bytes ? keys.bytes + at : NULL, keys.lengths[i]);
        uint32_t id = put_one(index, &key, vectors + i * index->store.dim);
        at += key.n;
        if (ids)
            ids[i] = id;
    }
    return N2_OK;
}

static int put(struct n2_index *index, struct given keys, size_t n_key_bytes, const float *vectors,
               size_t n, uint32_t *ids)
{
    int status = n2_index_enter(index);
    if (status)
        return status;
    struct n2_room more = {.n_nodes = n, .n_ids = n, .n_key_bytes = n_key_bytes};
    status = n2_change_begin(index, vectors, more);
    if (!status) {
        status = put_all(index, keys, vectors, n, ids);
        pthread_mutex_unlock(&index->add);
    }
    n2_index_leave(index);
    return status;
}

int n2_put_u64(struct n2_index *index, const uint64_t *keys, const float *vectors, size_t n,
               uint32_t *ids)
{
    if (!is_of_kind(index, N2_KEYS_U64) || ((!keys || !vectors) && n > 0))
        return N2_ERR_OPTION;
    return put(index, (struct given){.numbers = keys}, 0, vectors, n, ids);
}

int n2_put_bytes(struct n2_index *index, const void *keys, const uint32_t *lengths,
                 const float *vectors, size_t n, uint32_t *ids)
{
    if (!is_of_kind(index, N2_KEYS_BYTES) || ((!lengths || !vectors) && n > 0))
        return N2_ERR_OPTION;
    if (n > N2_MAX_VECTORS)
        return N2_ERR_FULL;
    size_t n_bytes = 0;
    for (size_t i = 0; i < n; i++) {
        if (lengths[i] > N2_MAX_KEY)
            return N2_ERR_OPTION;
        n_bytes += lengths[i];
    }
    if (!keys && n_bytes > 0)
        return N2_ERR_OPTION;
    return put(index, (struct given){.bytes = keys, .lengths = lengths}, n_bytes, vectors, n, ids);
}

/* --- key to id --- */

static int find(struct n2_index *index, struct n2_key key, uint32_t *id)
{
    int status = n2_index_enter(index);
    if (status)
        return status;
    pthread_mutex_lock(&index->add);
    uint32_t found = n2_keys_find(&index->keys, &index->store, &key, NULL);
    pthread_mutex_unlock(&index->add);
    n2_index_leave(index);
    if (found == N2_NONE)
        return N2_ERR_NOT_FOUND;
    *id = found;
    return N2_OK;
}

int n2_find_u64(struct n2_index *index, uint64_t key, uint32_t *id)
{
    return is_of_kind(index, N2_KEYS_U64) && id ? find(index, number(key), id) : N2_ERR_OPTION;
}

int n2_find_bytes(struct n2_index *index, const void *key, size_t n_key, uint32_t *id)
{
    if (!is_of_kind(index, N2_KEYS_BYTES) || !id || (!key && n_key > 0))
        return N2_ERR_OPTION;
    return find(index, text(key, n_key), id);
}

static int delete_key(struct n2_index *index, struct n2_key key)
{
    int status = n2_index_enter(index);
    if (status)
        return status;
    pthread_mutex_lock(&index->add);
    uint32_t id = n2_keys_find(&index->keys, &index->store, &key, NULL);
    status = id == N2_NONE ? N2_ERR_NOT_FOUND : n2_change_delete(index, id);
    pthread_mutex_unlock(&index->add);
    n2_index_leave(index);
    return status;
}

int n2_delete_u64(struct n2_index *index, uint64_t key)
{
    return is_of_kind(index, N2_KEYS_U64) ? delete_key(index, number(key)) : N2_ERR_OPTION;
}

int n2_delete_bytes(struct n2_index *index, const void *key, size_t n_key)
{
    if (!is_of_kind(index, N2_KEYS_BYTES) || (!key && n_key > 0))
        return N2_ERR_OPTION;
    return delete_key(index, text(key, n_key));
}

/* --- id to key --- */

/* The key of an id, which stays where it is while the slot is held. */
static int key_in_slot(const struct n2_index *index, uint32_t id, struct n2_key *key)
{
    if (id >= N2_ACQUIRE(&index->store.n_ids))
        return N2_ERR_NOT_FOUND;
    return n2_keys_key(&index->keys, id, key) ? N2_OK : N2_ERR_CORRUPT;
}

int n2_key_u64(struct n2_index *index, uint32_t id, uint64_t *key)
{
    if (!is_of_kind(index, N2_KEYS_U64) || !key)
        return N2_ERR_OPTION;
    struct n2_slot *slot = n2_gate_enter(&index->gate);
    if (!slot)
        return N2_ERR_CLOSED;
    struct n2_key found;
    int status = key_in_slot(index, id, &found);
    if (!status)
        *key = found.number;
    n2_gate_leave(&index->gate, slot);
    return status;
}

int n2_key_bytes(struct n2_index *index, uint32_t id, void *buffer, size_t room, size_t *n)
{
    if (!is_of_kind(index, N2_KEYS_BYTES) || (!buffer && room > 0) || !n)
        return N2_ERR_OPTION;
    struct n2_slot *slot = n2_gate_enter(&index->gate);
    if (!slot)
        return N2_ERR_CLOSED;
    struct n2_key found;
    int status = key_in_slot(index, id, &found);
    if (!status) {
        *n = found.n;
        if (n2_min(found.n, room) > 0)
            memcpy(buffer, found.bytes, n2_min(found.n, room));
    }
    n2_gate_leave(&index->gate, slot);
    return status;
}
