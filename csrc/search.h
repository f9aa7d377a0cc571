/* search.h - k nearest neighbours: by the graph, by a scan, or by both.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_SEARCH_H
#define N2_SEARCH_H

#include "hnsw.h"
#include "scan.h"

/* How a search is to find its results. */
struct n2_plan {
    size_t k;             /* no more than there are */
    struct n2_beam beam;  /* of the walk */
    bool walks;           /* through the graph, or else scans all that is allowed */
    bool sieves;          /* scans go by codes first */
    size_t patience;      /* distances of a walk that finds too little */
    size_t most_measured; /* distances of a walk; then it is given up, and all is scanned */
    const float *radius;  /* results end here; NULL: nowhere */
};

/* Plans a search for k under options (NULL: the defaults), whose filter is the view's. Without a
 * filter it scans where that takes no more distances than the walk. Under one it walks over all
 * nodes, or scans the allowed, where these are so few that this is cheaper; and where a walk turns
 * out to be long, because what is allowed lies elsewhere than what is near, it is given up before
 * it has cost much. Scans of many nodes go by codes first, unless all neighbours are asked for. */
void n2_search_plan(const struct n2_view *view, size_t k, const struct n2_search_options *options,
                    struct n2_plan *plan);

/* K-NN-SEARCH (Algorithm 5) for one probe: writes the nearest, as many as the plan says and there
 * are, to `out` and their number to *n_out. Nodes not yet linked are scanned; so is everything,
 * where the graph leads to fewer than k. The scratch fits the plan. */
void n2_search_probe(const struct n2_view *view, struct n2_probe *probe, const struct n2_plan *plan,
                     struct n2_scratch *scratch, struct n2_neighbor *out, size_t *n_out);

/* Whether options (NULL: the defaults) are within their ranges. */
bool n2_search_options_hold(const struct n2_search_options *options);

/* The part of it that walks: offers what the graph leads to to scratch->heap, ranked by the
 * vectors. The visited set is left to be cleared. */
void n2_search_graph(const struct n2_view *view, struct n2_probe *probe, struct n2_beam beam,
                     struct n2_scratch *scratch);

/* Writes a heap's results, nearest first. The heap is used up. */
void n2_search_results(const struct n2_store *store, struct n2_heap *heap, struct n2_neighbor *out,
                       size_t *n_out);

#endif
