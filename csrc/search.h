/* search.h - k nearest neighbours: by the graph, by a scan, or by both.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_SEARCH_H
#define N2_SEARCH_H

#include "hnsw.h"

/* A query of a scan, and its results so far: words of heap.h whose low half is an id. */
struct n2_scan {
    const struct n2_probe *probe;
    struct n2_heap *heap;
};

#define N2_SCAN_BLOCK 256 /* nodes measured at once by a scan */

/* Measures the nodes from..from + N2_SCAN_BLOCK - 1, those that there are, for each of scans[n]: so
 * that a block is read from memory once. */
void n2_scan_block(const struct n2_view *view, uint32_t from, const struct n2_scan *scans,
                   size_t n);

/* The beam of a search for k: `ef` wide, or, if that is 0, what the recall asks for (0: the
 * default), and about how many distances it takes. */
struct n2_beam n2_search_beam(const struct n2_view *view, size_t k, uint64_t ef, float recall,
                              float *measured);

/* K-NN-SEARCH (Algorithm 5) for one probe: writes the min(k, ids) nearest to `out` and their number
 * to *n_out. Nodes not yet linked are scanned; so is everything, where that takes no more distances
 * than the graph or the graph leads to fewer than k. k > 0. The scratch fits the beam and k. */
void n2_search_probe(const struct n2_view *view, struct n2_probe *probe, size_t k,
                     struct n2_beam beam, float measured, struct n2_scratch *scratch,
                     struct n2_neighbor *out, size_t *n_out);

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
