/* scan.h - the nearest of many nodes, measured one after the other.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Scans may go by the codes first: of a node that has one, the vector is measured only where the
 * code does not say that it is hardly ever near enough. So a scan reads a quarter of the memory, or
 * less; unless the nearest lie so far away that codes tell too little of who they are, which it
 * finds out.
 */
#ifndef N2_SCAN_H
#define N2_SCAN_H

#include "heap.h"
#include "view.h"

/* A query of a scan, and its results so far: words of heap.h whose low half is an id. */
struct n2_scan {
    const struct n2_probe *probe; /* encoded, if the codes are to be asked */
    struct n2_heap *heap;
    uint32_t again_from;       /* ids of nodes from here on may have been offered before */
    bool sieves;               /* by the codes of the view's space, which has some */
    size_t n_sieved, n_passed; /* nodes whose codes were asked, and those of them not left out */
};

#define N2_SCAN_BLOCK 256 /* nodes measured at once by a scan */

/* Measures the nodes from..from + N2_SCAN_BLOCK - 1, those that there are, for each of scans[n]: so
 * that a block is read from memory once. Returns where it ended. */
uint32_t n2_scan_block(const struct n2_view *view, uint32_t from, const struct n2_scan *scans,
                       size_t n);

/* Measures the nodes that are not linked yet; later, when some may be, they may be met again. */
void n2_scan_pending(const struct n2_view *view, struct n2_scan *scan);

/* Measures all that may be a result, from the beginning: what the heap holds is dropped. */
void n2_scan_all(const struct n2_view *view, struct n2_scan *scan);

/* Measures what has moved to nodes that are not the view's: from nodes that a search came to too
 * late. */
void n2_scan_moved(const struct n2_view *view, const struct n2_scan *scan);

/* Measures nodes[n] by their vectors, and offers the ids of each that may be results. */
void n2_scan_nodes(const struct n2_view *view, const struct n2_scan *scan, const uint32_t *nodes,
                   size_t n);

/* Offers the ids of a node at that key that may be results. */
void n2_scan_offer(const struct n2_view *view, const struct n2_scan *scan, uint32_t key,
                   uint32_t node);

#endif
