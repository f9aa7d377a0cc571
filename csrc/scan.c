/* scan.c - the nearest of many nodes.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scan.h"

/* So often a chain is followed from its beginning: more is rot. */
#define MOST_LEFT 1024

/* Nodes that are measured at once as long as there are too few results to sieve by; and so many
 * codes may be asked in vain before a scan does without. */
#define FIRST_BLOCK 32
#define MOST_LOST 256

static bool holds(const struct n2_heap *heap, uint32_t id)
{
    bool found = false;
    for (size_t i = 0; i < heap->size; i++)
        found |= (uint32_t)heap->words[i] == id;
    return found;
}

/* Offers one id of a node at that key, or of `own`, the node that it has meanwhile, if any. */
static void offer_id(const struct n2_view *view, const struct n2_scan *scan, uint32_t key,
                     uint32_t node, uint32_t id, uint32_t own)
{
    if (own >= N2_ACQUIRE(&view->store->n_nodes) ||
        (view->filter && !n2_filter_allows(view->filter, id)))
        return;
    if (own != node)
        n2_store_keys(view->store, view->kernels, scan->probe, &own, 1, &key);
    uint64_t word = (uint64_t)key << 32 | id;
    if (word >= n2_heap_bound(scan->heap))
        return;
    bool again = node >= scan->again_from || n2_view_moves(view); /* one that moves is met twice */
    if (!(again && holds(scan->heap, id)))
        n2_heap_push(scan->heap, word);
}

/* Offers the ids of a node, which are in ascending order. One that has left the chain does not say
 * how it goes on: then it is followed from its beginning.
 */
void n2_scan_offer(const struct n2_view *view, const struct n2_scan *scan, uint32_t key,
                   uint32_t node)
{
    const struct n2_store *store = view->store;
    uint32_t least = 0; /* those below were offered */
    uint32_t id = N2_ACQUIRE(n2_store_label(store, node));
    for (int n_left = 0; id < view->n_ids &&
                         ((uint64_t)key << 32 | id) < n2_heap_bound(scan->heap) &&
                         n_left < MOST_LEFT;) {
        struct n2_id entry = n2_store_entry(store, id); /* once: it may change at any time */
        if (id >= least) {
            offer_id(view, scan, key, node, id, entry.node);
            least = id + 1;
        }
        if (entry.node != node) {
            n_left++;
            id = N2_ACQUIRE(n2_store_label(store, node));
        } else if (entry.next > id) {
            id = entry.next;
        } else {
            return; /* rotten */
        }
    }
}

/* Nodes to be measured, and what they are measured for. */
struct block {
    size_t n;
    uint32_t nodes[N2_SCAN_BLOCK];
    uint32_t ids[N2_SCAN_BLOCK]; /* in scans of allowed ids */
};

static void put(struct block *block, uint32_t node, uint32_t id, bool counts)
{
    block->nodes[block->n] = node;
    block->ids[block->n] = id;
    block->n += counts;
}

/* The nodes of from..to-1 that are to be scanned. */
static void list_nodes(const struct n2_graph *graph, uint32_t from, uint32_t to, bool pending_only,
                       struct block *block)
{
    block->n = 0;
    for (uint32_t node = from; node < to; node++) {
        uint8_t height = N2_ACQUIRE(n2_graph_height(graph, node));
        put(block, node, N2_NONE, pending_only ? height == 0 : height != N2_GONE);
    }
}

/* Whether codes are worth asking. */
static bool sieves(const struct n2_scan *scan)
{
    return scan->sieves && scan->n_passed <= scan->n_sieved / 2 + MOST_LOST;
}

/* Leaves out those nodes whose codes say that they are too far away. */
static void sieve(const struct n2_view *view, struct n2_scan *scan, struct block *block)
{
    uint64_t bound = n2_heap_bound(scan->heap);
    if (!sieves(scan) || bound == UINT64_MAX)
        return;
    struct block coded;
    size_t n = block->n;
    block->n = coded.n = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t node = block->nodes[i], id = block->ids[i];
        put(&coded, node, id, node < view->n_rows);
        put(block, node, id, node >= view->n_rows);
    }
    uint32_t keys[N2_SCAN_BLOCK], key = (uint32_t)(bound >> 32);
    uint32_t farthest = n2_space_farthest(view->space, view->store, scan->probe, key);
    n2_space_keys(view->space, view->kernels, scan->probe, coded.nodes, coded.n, keys);
    for (size_t i = 0; i < coded.n; i++)
        put(block, coded.nodes[i], coded.ids[i], keys[i] <= farthest);
    scan->n_sieved += coded.n;
    scan->n_passed += block->n - (n - coded.n);
}

void n2_scan_nodes(const struct n2_view *view, const struct n2_scan *scan, const uint32_t *nodes,
                   size_t n)
{
    uint32_t keys[N2_SCAN_BLOCK];
    if (n == 0)
        return;
    n2_store_keys(view->store, view->kernels, scan->probe, nodes, n, keys);
    for (size_t i = 0; i < n; i++)
        if ((uint64_t)keys[i] << 32 < n2_heap_bound(scan->heap))
            n2_scan_offer(view, scan, keys[i], nodes[i]);
}

uint32_t n2_scan_block(const struct n2_view *view, uint32_t from, const struct n2_scan *scans,
                       size_t n)
{
    struct block block;
    uint32_t to = (uint32_t)n2_min((size_t)from + N2_SCAN_BLOCK, view->n_nodes);
    list_nodes(view->graph, from, to, false, &block);
    for (size_t i = 0; i < n; i++)
        n2_scan_nodes(view, &scans[i], block.nodes, block.n);
    return to;
}

/* How many nodes to measure next. */
static size_t block_of(const struct n2_scan *scan)
{
    return scan->sieves && scan->heap->size < scan->heap->width ? FIRST_BLOCK : N2_SCAN_BLOCK;
}

static void scan_range(const struct n2_view *view, struct n2_scan *scan, uint32_t from,
                       bool pending_only)
{
    struct block block;
    while (from < view->n_nodes) {
        uint32_t to = (uint32_t)n2_min((size_t)from + block_of(scan), view->n_nodes);
        list_nodes(view->graph, from, to, pending_only, &block);
        sieve(view, scan, &block);
        n2_scan_nodes(view, scan, block.nodes, block.n);
        from = to;
    }
}

void n2_scan_pending(const struct n2_view *view, struct n2_scan *scan)
{
    uint32_t from = N2_ACQUIRE(&view->graph->first_pending);
    scan_range(view, scan, from, true);
    if (scan->heap->size > 0)
        scan->again_from = from;
}

/* Lists allowed ids below view->n_ids from *from on, and asks for what will be read of their nodes.
 */
static void list_allowed(const struct n2_view *view, const struct n2_scan *scan, uint32_t *from,
                         struct block *block)
{
    const struct n2_column *column = sieves(scan) ? &view->space->codes : &view->store->vectors;
    uint32_t end = sieves(scan) ? view->n_rows : N2_NONE, ids[N2_SCAN_BLOCK];
    size_t n = n2_filter_list(view->filter, *from, view->n_ids, block_of(scan), ids, from);
    block->n = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t node = n2_store_node(view->store, ids[i]);
        if (node < end)
            N2_PREFETCH(n2_column_row(column, node));
        put(block, node, ids[i], node != N2_NONE);
    }
}

static void measure(const struct n2_view *view, struct n2_scan *scan, struct block *block)
{
    uint32_t keys[N2_SCAN_BLOCK];
    sieve(view, scan, block);
    n2_store_keys(view->store, view->kernels, scan->probe, block->nodes, block->n, keys);
    for (size_t i = 0; i < block->n; i++)
        n2_heap_push(scan->heap, (uint64_t)keys[i] << 32 | block->ids[i]);
}

/* Measures the allowed ids below view->n_ids: a block while the next one is being fetched. */
static void scan_allowed(const struct n2_view *view, struct n2_scan *scan)
{
    struct block blocks[2];
    uint32_t from = 0;
    list_allowed(view, scan, &from, &blocks[0]);
    for (int turn = 0; blocks[turn].n > 0 || from < view->n_ids; turn ^= 1) {
        list_allowed(view, scan, &from, &blocks[turn ^ 1]);
        measure(view, scan, &blocks[turn]);
    }
}

void n2_scan_all(const struct n2_view *view, struct n2_scan *scan)
{
    scan->heap->size = 0;
    scan->again_from = N2_NONE;
    if (view->filter)
        scan_allowed(view, scan);
    else
        scan_range(view, scan, 0, false);
}

void n2_scan_moved(const struct n2_view *view, const struct n2_scan *scan)
{
    struct n2_view later = *view;
    uint32_t from = view->n_nodes;
    while (from < (later.n_nodes = n2_view_end(view)))
        from = n2_scan_block(&later, from, scan, 1);
}
