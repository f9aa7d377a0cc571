/* view.h - what a search or a build looks at: vectors or codes, and the graph over them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_VIEW_H
#define N2_VIEW_H

#include "filter.h"
#include "graph.h"
#include "space.h"
#include "tune.h"

/* Room for links on level 0 beyond M0, which nodes have while a build runs: `room` slots a node,
 * each a node plus 1, ended by the first 0. In use only where the node's row proper is full. Read
 * while it is written, as rows are. */
struct n2_slack {
    struct n2_column slots;
    uint32_t room;
};

N2_INLINE uint32_t *n2_slack_slots(const struct n2_slack *slack, uint32_t node)
{
    return (uint32_t *)(void *)slack->slots.base + (size_t)node * slack->room;
}

/* What a search looks at: ids from n_ids on, and nodes from n_nodes on, do not exist for it; links
 * end where one leads to a node from n_rows on. An id has its node below n_nodes, unless it moved
 * since. */
struct n2_view {
    const struct n2_store *store;
    const struct n2_space *space; /* distances are those between its codes; NULL: between vectors */
    const struct n2_graph *graph;
    const struct n2_slack *slack;   /* NULL but while a build runs */
    const struct n2_tuning *tuning; /* NULL: none */
    const struct n2_kernels *kernels;
    const struct n2_space *sieve; /* where there is no space: walks measure what codes in this one
                                     tell to be near enough, of vectors at that excess; or NULL */
    float excess;
    bool sketched; /* the space's sketches are those of the graph's links on level 0 */
    bool picky;    /* not all nodes are results: see n2_view_admits */
    const struct n2_filter *filter;  /* NULL: all ids may be results */
    uint32_t n_ids, n_nodes, n_rows; /* n_rows <= n_nodes */
    uint32_t n_moves;                /* of the store, then */
    uint64_t entry; /* of the graph; its node is below n_rows. Insertions do not use it */
};

/* Whether an id moves from node to node, or did since the view was made. */
N2_INLINE bool n2_view_moves(const struct n2_view *view)
{
    return view->n_moves % 2 || N2_ACQUIRE(&view->store->n_moves) != view->n_moves;
}

/* Where the nodes end to which ids may have moved: who has been to all up to there, and to the
 * later ones last, has met every id. */
N2_INLINE uint32_t n2_view_end(const struct n2_view *view)
{
    return n2_view_moves(view) ? N2_ACQUIRE(&view->store->n_nodes) : view->n_nodes;
}

/* Whether an id of the node may be a result. */
N2_INLINE bool n2_view_admits(const struct n2_view *view, uint32_t node)
{
    uint32_t id = N2_LOAD(n2_store_label(view->store, node));
    if (!view->filter)
        return id != N2_NONE;
    while (id < view->n_ids && !n2_filter_allows(view->filter, id)) {
        uint32_t next = n2_store_entry(view->store, id).next;
        if (next <= id)
            return false; /* rotten */
        id = next;
    }
    return id < view->n_ids;
}

/* Prepares a node for distances to other nodes. `buffer` has room for n2_space_floats and lasts as
 * long as the probe. */
N2_INLINE void n2_view_probe_node(const struct n2_view *view, uint32_t node, float *buffer,
                                  struct n2_probe *probe)
{
    if (!view->space)
        n2_store_probe_node(view->store, node, buffer, probe);
    else if (view->store->metric == N2_DOT)
        n2_space_weigh(view->space, n2_space_code(view->space, node), (int8_t *)(void *)buffer,
                       probe);
    else
        n2_space_probe_node(view->space, node, buffer, probe);
}

/* keys[i] = key of the distance from the probe to nodes[i], for i < n. Keys of codes and of vectors
 * do not compare. */
N2_INLINE void n2_view_keys(const struct n2_view *view, const struct n2_probe *probe,
                            const uint32_t *nodes, size_t n, uint32_t *keys)
{
    if (view->space)
        n2_space_keys(view->space, view->kernels, probe, nodes, n, keys);
    else
        n2_store_keys(view->store, view->kernels, probe, nodes, n, keys);
}

/* The key of no distance. */
N2_INLINE uint32_t n2_view_nothing(const struct n2_view *view)
{
    return view->space ? 0 : n2_key(0);
}

/* Whether codes hardly tell the nearer from the farther among nodes at the distance of that key,
 * and vectors would. */
N2_INLINE bool n2_view_is_coarse(const struct n2_view *view, uint32_t key)
{
    return view->space && view->store->metric != N2_DOT &&
           (float)key < n2_space_coarse(view->space);
}

/* The same, but comparing vectors. */
N2_INLINE struct n2_view n2_view_by_vectors(const struct n2_view *view)
{
    struct n2_view by_vectors = *view;
    by_vectors.space = NULL;
    by_vectors.sketched = false;
    return by_vectors;
}

/* The key of `stretch` times the squared distance of a key. Products tell no distance: under dot,
 * that of a product which is less by `stretch` for a query of length 1. */
N2_INLINE uint32_t n2_view_stretch(const struct n2_view *view, const struct n2_probe *probe,
                                   uint32_t key, float stretch)
{
    if (view->store->metric == N2_DOT)
        return n2_key(n2_key_distance(key) + stretch * probe->norm);
    if (!view->space)
        return n2_key(n2_key_distance(key) * stretch);
    float stretched = (float)key * stretch;
    if (!n2_view_is_coarse(view, key))
        stretched += n2_space_noise(view->space);
    return stretched < 0x1p32f ? (uint32_t)stretched : UINT32_MAX;
}

#endif
