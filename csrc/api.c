/* api.c - options, create, look and the searches: arguments are checked, then one call goes down.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "index.h"
#include "scratch.h"
#include "search.h"

#define DEFAULT_M 16
#define DEFAULT_EF_CONSTRUCTION 150

#define LISTED 32768 /* ids that are looked at from one slot */

/* --- options --- */

#define INIT(options)                                                                              \
    (memset((options), 0, sizeof(*(options))), (options)->size = sizeof(*(options)))

void n2_options_init(struct n2_options *options)
{
    INIT(options);
}

void n2_build_options_init(struct n2_build_options *options)
{
    INIT(options);
}

void n2_search_options_init(struct n2_search_options *options)
{
    INIT(options);
}

void n2_load_options_init(struct n2_load_options *options)
{
    INIT(options);
}

/* Replaces zeros by the defaults. Returns 0 or N2_ERR_OPTION. */
static int complete_options(struct n2_options *o)
{
    if (o->metric == 0)
        o->metric = N2_ANGULAR;
    if (o->selection == 0)
        o->selection = N2_HEURISTIC;
    if (o->merging == 0)
        o->merging = N2_MERGE_SKIP;
    if (o->navigation == 0)
        o->navigation = N2_NAVIGATE_AUTO;
    if (o->sketch == 0)
        o->sketch = N2_SKETCH_AUTO;
    if (o->store == 0)
        o->store = N2_STORE_FLOAT32;
    if (o->M == 0)
        o->M = DEFAULT_M;
    if (o->max_m0 == 0)
        o->max_m0 = (int32_t)n2_min(2 * (size_t)(uint32_t)o->M, 2 * N2_MAX_M);
    if (o->ef_construction == 0)
        o->ef_construction = DEFAULT_EF_CONSTRUCTION;
    return n2_index_options_hold(o) ? N2_OK : N2_ERR_OPTION;
}

int n2_create(struct n2_index **index, size_t dim, const struct n2_options *options)
{
    if (!index)
        return N2_ERR_OPTION;
    if (dim < 1 || dim > N2_MAX_DIM)
        return N2_ERR_DIMENSION;
    struct n2_options o = {0};
    if (options) {
        if (options->size < sizeof(o))
            return N2_ERR_OPTION;
        o = *options;
    }
    int status = complete_options(&o);
    return status ? status : n2_index_make(index, dim, &o, 0);
}

/* --- vectors --- */

int n2_vector(struct n2_index *index, uint32_t id, float *out)
{
    if (!index || !out)
        return N2_ERR_OPTION;
    struct n2_slot *slot = n2_gate_enter(&index->gate);
    if (!slot)
        return N2_ERR_CLOSED;
    uint32_t node;
    int status = n2_store_find(&index->store, id, &node);
    if (!status)
        memmove(out, n2_store_vector(&index->store, node, out), index->store.dim * sizeof(float));
    n2_gate_leave(&index->gate, slot);
    return status;
}

/* Lists ids that are there, from *from on, and sets *from to where to go on. False at the end. */
static bool list_some(const struct n2_store *store, size_t *from, uint32_t *ids, size_t room,
                      size_t *n)
{
    size_t n_ids = N2_ACQUIRE(&store->n_ids), to = n2_min(*from + LISTED, n_ids);
    for (; *from < to && *n < room; ++*from)
        if (n2_store_node(store, (uint32_t)*from) != N2_NONE)
            ids[(*n)++] = (uint32_t)*from;
    return *from < n_ids;
}

int n2_list(struct n2_index *index, uint32_t from, uint32_t *ids, size_t room, size_t *n)
{
    if (!index || !ids || room == 0 || !n)
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    size_t next = from, n_listed = 0;
    bool more = true;
    while (more && n_listed < room) {
        struct n2_slot *slot = n2_gate_enter(&index->gate); /* not closed during a call */
        more = list_some(&index->store, &next, ids, room, &n_listed);
        n2_gate_leave(&index->gate, slot);
    }
    *n = n_listed;
    n2_index_leave(index);
    return N2_OK;
}

/* --- searches --- */

/* What to search for: a query, or the vector of an id. */
struct target {
    const float *query; /* NULL: the id */
    uint32_t id;
};

/* Makes the slot's scratch fit for the search, and counts its bytes. */
static int fit_scratch(struct n2_index *index, struct n2_slot *slot, const struct n2_view *view,
                       size_t k, size_t width)
{
    size_t before = slot->scratch ? slot->scratch->n_bytes : 0;
    int status = n2_scratch_fit(&slot->scratch, index->store.dim, view->n_nodes, width, k);
    size_t after = slot->scratch ? slot->scratch->n_bytes : 0;
    if (after != before)
        N2_FETCH_ADD(&index->scratch_bytes, after - before);
    return status;
}

static int search_in_slot(struct n2_index *index, struct n2_slot *slot, const struct target *target,
                          size_t k, const struct n2_search_options *options,
                          struct n2_neighbor *out, size_t *n_out)
{
    struct n2_view view;
    struct n2_filter filter;
    struct n2_plan plan;
    n2_index_view(index, &view);
    if (options && options->allow) {
        filter = (struct n2_filter){options->allow, options->n_allow};
        view.filter = &filter;
        view.picky = true;
    }
    n2_search_plan(&view, k, options, &plan);
    int status = fit_scratch(index, slot, &view, plan.k, plan.beam.width);
    if (status)
        return status;
    const float *query = target->query;
    if (!query) {
        uint32_t node;
        status = n2_store_find(&index->store, target->id, &node);
        if (status)
            return status;
        query = n2_store_vector(&index->store, node, slot->scratch->query);
    }
    double norm;
    status = n2_store_check(&index->store, query, &norm);
    if (status) /* an index's own vector fails only if its file is rotten */
        return target->query ? status : N2_ERR_CORRUPT;
    struct n2_probe probe;
    n2_store_probe_query(&index->store, query, norm, slot->scratch->query, &probe);
    n2_search_probe(&view, &probe, &plan, slot->scratch, out, n_out);
    return N2_OK;
}

static int search_one(struct n2_index *index, const struct target *target, size_t k,
                      const struct n2_search_options *options, struct n2_neighbor *out,
                      size_t *n_out)
{
    if (!index || k == 0 || !out || !n_out || !n2_search_options_hold(options))
        return N2_ERR_OPTION;
    struct n2_slot *slot = n2_gate_enter(&index->gate);
    if (!slot)
        return N2_ERR_CLOSED;
    int status = search_in_slot(index, slot, target, k, options, out, n_out);
    n2_gate_leave(&index->gate, slot);
    return status;
}

int n2_search(struct n2_index *index, const float *query, size_t k,
              const struct n2_search_options *options, struct n2_neighbor *out, size_t *n_out)
{
    if (!query)
        return N2_ERR_OPTION;
    struct target target = {query, 0};
    return search_one(index, &target, k, options, out, n_out);
}

int n2_search_id(struct n2_index *index, uint32_t id, size_t k,
                 const struct n2_search_options *options, struct n2_neighbor *out, size_t *n_out)
{
    struct target target = {NULL, id};
    return search_one(index, &target, k, options, out, n_out);
}
