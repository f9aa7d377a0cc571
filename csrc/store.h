/* store.h - the vectors of an index, their ids, and distances in one geometry for all metrics.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An id is what callers know a vector by, a node is where it lies; the two are linked both ways.
 *
 *   vectors   node -> its vector, packed as pack.h says, then under angular and dot one float more:
 *             angular 1 / |x|, dot |x|. All are packed alike: in the narrowest way that holds each
 *             of them as it is, rounded to what the index is asked to keep. They begin as bytes,
 *             which hold pixels, SIFT and much that was quantised; when the first vector comes that
 *             needs more, all become wider (n2_store_widen), and stay so
 *   labels    node -> its first id, or N2_NONE when its ids were deleted (uint32)
 *   ids       id   -> its node, and the next id of the same node: ids of one node, whose vectors
 *             are equal bit for bit, form a chain in ascending order that starts at the label. What
 *             an entry says is what holds: an id met in a chain of a node that is not its own has
 *             just gone elsewhere, or was deleted
 *
 * Navigation compares keys: unsigned numbers, smaller is nearer (queue.h). For angular and L2 the
 * key is that of the metric's distance. For dot it is that of -(p.q), where p is the query: a node
 * that takes its place gets length 1, so that its products with others compare with those that a
 * query in its direction would have, however long it is. The graph so links a node to those that
 * queries in its direction look for (as ip-NSW does: Morozov and Babenko, "Non-metric similarity
 * graphs for maximum inner product search", NeurIPS 2018).
 */
#ifndef N2_STORE_H
#define N2_STORE_H

#include "column.h"
#include "hash.h"
#include "kernels.h"
#include "queue.h"

struct n2_id {
    uint32_t node; /* N2_NONE: it was deleted, and `next` has no meaning */
    uint32_t next; /* N2_NONE at the end */
};

struct n2_store {
    size_t dim;
    int32_t metric;
    int32_t rounding; /* enum n2_storage: what vectors are rounded to */
    int32_t storage;  /* the same or narrower: how they are packed. Changes as columns move */
    struct n2_column vectors, labels, ids;
    /* Published with release, nodes first: who sees an id sees its node. */
    uint32_t n_nodes, n_ids;
    uint32_t n_live; /* ids that were not deleted */
    /* Twice how often an id got another node: counted before that node is there, and when it has
     * it. So it is odd while an id moves. */
    uint32_t n_moves;
};

/* A vector prepared for distances to nodes. */
struct n2_probe {
    const float *vector;  /* [dim]; under angular of length 1 */
    float norm;           /* of a query's vector, as given; of a node under dot 1 */
    float factor;         /* under dot: of products */
    float length;         /* of a node under dot: its norm */
    const uint8_t *whole; /* under L2: the vector's numbers, less `low`, where bytes hold them */
    float low;
    /* For those who navigate by codes (space.h). */
    const uint8_t *code;   /* under angular and L2 */
    const int8_t *weights; /* under dot: of the bytes of codes */
    int32_t centre;        /* twice the weighted sum of bytes, less this, times `unit` */
    float unit;            /* is the product */
};

int n2_store_init(struct n2_store *store, size_t dim, int32_t metric, int32_t rounding,
                  size_t n_reserved);
void n2_store_release(struct n2_store *store);

/* How vectors[n][dim] and those of the store must be packed for each to be what it is. */
int32_t n2_store_holding(const struct n2_store *store, const float *vectors, size_t n);

/* Makes *column one of all vectors, packed in that wider way, with addresses for as many rows as
 * before. Returns 0 or N2_ERR_NO_MEMORY. */
int n2_store_widen(const struct n2_store *store, int32_t storage, struct n2_column *column);

/* Checks a vector against the limits of n2_add and sets *norm to its Euclidean norm,
 * or 0. Returns 0, N2_ERR_NOT_FINITE, N2_ERR_ZERO_VECTOR or N2_ERR_MAGNITUDE. */
int n2_store_check(const struct n2_store *store, const float *vector, double *norm);

/* The first failure of n2_store_check among vectors[n][dim], or 0. */
int n2_store_check_all(const struct n2_store *store, const float *vectors, size_t n);

/* The same for vectors to be added, and for what they are rounded to. */
int n2_store_check_new(const struct n2_store *store, const float *vectors, size_t n);

/* What stands behind a vector of that norm, under angular and dot. */
float n2_store_extra(const struct n2_store *store, double norm);

/* Makes a checked vector that of a new node, whose id that is; the columns have room and hold it.
 * Neither the node nor the id's new entry is published. */
void n2_store_put(struct n2_store *store, uint32_t node, uint32_t id, const float *vector);

/* The same for one that is packed as those of the store are, whose norm is known: packed again, it
 * could be rounded again. */
void n2_store_put_packed(struct n2_store *store, uint32_t node, uint32_t id,
                         const unsigned char *packed, double norm);

/* Prepares a checked query. `buffer` has room for dim floats; the probe may point there or to
 * `query`, which must outlive it. */
void n2_store_probe_query(const struct n2_store *store, const float *query, double norm,
                          float *buffer, struct n2_probe *probe);

/* Lets distances between whole numbers be computed as what they are, which is faster and gives the
 * same. `bytes` has room for dim and lasts as long as the probe of a query. */
void n2_store_probe_whole(const struct n2_store *store, uint8_t *bytes, struct n2_probe *probe);

/* Prepares a node's vector, for distances to other nodes. `buffer` as above. */
void n2_store_probe_node(const struct n2_store *store, uint32_t node, float *buffer,
                         struct n2_probe *probe);

/* keys[i] = key of the distance from the probe to nodes[i], for i < n. */
void n2_store_keys(const struct n2_store *store, const struct n2_kernels *kernels,
                   const struct n2_probe *probe, const uint32_t *nodes, size_t n, uint32_t *keys);

/* The metric's distance that a search's key stands for. */
float n2_store_distance(const struct n2_store *store, uint32_t key);

/* What makes a vector of that norm one of length 1; 0 for one of length 0 or nearly so. */
N2_INLINE float n2_store_reciprocal(float norm)
{
    return norm >= 0x1p-100f ? 1 / norm : 0;
}

N2_INLINE const unsigned char *n2_store_row(const struct n2_store *store, uint32_t node)
{
    return n2_column_row(&store->vectors, node);
}

/* The vector of a node: where it lies, or unpacked to buffer[dim]. */
N2_INLINE const float *n2_store_vector(const struct n2_store *store, uint32_t node, float *buffer)
{
    return n2_unpack(store->storage, n2_store_row(store, node), store->dim, buffer);
}

/* What stands behind it, under angular and dot. */
N2_INLINE float n2_store_behind(const struct n2_store *store, uint32_t node)
{
    float extra;
    memcpy(&extra, n2_store_row(store, node) + store->vectors.stride - sizeof(extra),
           sizeof(extra));
    return extra;
}

N2_INLINE uint64_t n2_store_hash(const struct n2_store *store, uint32_t node)
{
    return n2_hash_words(n2_store_row(store, node), store->vectors.stride / sizeof(uint32_t));
}

/* Whether the vectors of two nodes are equal, bit for bit. */
N2_INLINE bool n2_store_equal(const struct n2_store *store, uint32_t a, uint32_t b)
{
    return !memcmp(n2_store_row(store, a), n2_store_row(store, b), store->vectors.stride);
}

N2_INLINE uint32_t *n2_store_label(const struct n2_store *store, uint32_t node)
{
    return (uint32_t *)(void *)store->labels.base + node;
}

/* Both of its numbers at once: ids are moved from node to node while others follow the chains. */
N2_INLINE struct n2_id n2_store_entry(const struct n2_store *store, uint32_t id)
{
    uint64_t bits = N2_ACQUIRE((const uint64_t *)(const void *)store->ids.base + id);
    struct n2_id entry;
    memcpy(&entry, &bits, sizeof(entry));
    return entry;
}

N2_INLINE void n2_store_set_entry(const struct n2_store *store, uint32_t id, struct n2_id entry)
{
    uint64_t bits;
    memcpy(&bits, &entry, sizeof(bits));
    N2_RELEASE((uint64_t *)(void *)store->ids.base + id, bits);
}

/* Finds the node of an id. Returns 0, N2_ERR_NOT_FOUND (there is none, or it was deleted) or
 * N2_ERR_CORRUPT, which is rot. */
int n2_store_find(const struct n2_store *store, uint32_t id, uint32_t *node);

/* The node of an id, or N2_NONE. */
N2_INLINE uint32_t n2_store_node(const struct n2_store *store, uint32_t id)
{
    if (id >= N2_ACQUIRE(&store->n_ids))
        return N2_NONE;
    uint32_t node = n2_store_entry(store, id).node;
    return node < N2_ACQUIRE(&store->n_nodes) ? node : N2_NONE;
}

/* Whether a node has no id: its label is that of no chain. */
N2_INLINE bool n2_store_is_dead(const struct n2_store *store, uint32_t node)
{
    return N2_LOAD(n2_store_label(store, node)) == N2_NONE;
}

/* Takes an id that has a node out of that node's chain. Its own entry is left as it is, for those
 * who stand there. */
void n2_store_detach(struct n2_store *store, uint32_t id);

#endif
