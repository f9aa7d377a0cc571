/* place.c - an order by pivots.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The nodes are split into cells, each of those nearest to one of a few nodes, the pivots, and so
 * on within each cell. Pivots follow each other by nearness, the first of a cell near the last of
 * the cell before, so that the end of one cell is near the beginning of the next.
 */
#include "place.h"

#include "hash.h"
#include "move.h"
#include "sort.h"

#define PIVOT_SALT UINT64_C(0x7069766f74) /* makes the pivots' hash another than the levels' */
#define LEAST_PLACED 4096 /* of fewer, all that is read stays in the caches anyway */
#define PIVOTS 32         /* of a cell */
#define DEPTH 4           /* of cells in cells */
#define FEW 64            /* nodes of a cell that is not split */
#define GRAIN 256         /* nodes a thread takes at a time */

struct placing {
    const struct n2_build *build;
    uint64_t *words, *temp;    /* [n_new] cell << 32 | node; room for sorting */
    uint32_t pivots[PIVOTS];   /* of the outermost cells, */
    size_t starts[PIVOTS + 1]; /* and where each begins */
};

/* The number of that among pivots[n] which is nearest to a node. */
static size_t nearest(const struct n2_view *view, uint32_t node, const uint32_t *pivots, size_t n,
                      struct n2_scratch *scratch)
{
    struct n2_probe probe;
    uint32_t keys[PIVOTS];
    n2_view_probe_node(view, node, scratch->query, &probe);
    n2_view_keys(view, &probe, pivots, n, keys);
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        best = keys[i] < keys[best] ? i : best;
    return best;
}

/* Chooses pivots from all over words[n], and puts them in an order that begins near `before`. */
static void choose_pivots(const struct n2_build *build, const uint64_t *words, size_t n,
                          uint32_t before, struct n2_scratch *scratch, uint32_t *pivots)
{
    for (size_t i = 0; i < PIVOTS; i++) {
        size_t from = i * n / PIVOTS, to = (i + 1) * n / PIVOTS;
        uint64_t bits = n2_hash(build->index->seed ^ PIVOT_SALT, from);
        pivots[i] = (uint32_t)words[from + n2_hash_below(bits, to - from)];
    }
    for (size_t i = 0; i < PIVOTS; before = pivots[i++]) {
        size_t next = i;
        if (before != N2_NONE)
            next += nearest(&build->inserter.view, before, pivots + i, PIVOTS - i, scratch);
        n2_swap(&pivots[i], &pivots[next]);
    }
}

static void find_cells(const struct n2_build *build, uint64_t *words, size_t n,
                       const uint32_t *pivots, struct n2_scratch *scratch)
{
    for (size_t i = 0; i < n && !N2_LOAD(&build->cancel); i++) {
        uint32_t node = (uint32_t)words[i];
        words[i] =
            (uint64_t)nearest(&build->inserter.view, node, pivots, PIVOTS, scratch) << 32 | node;
    }
}

/* Sorts the nodes of words[n] by cells in cells. */
static void split(const struct n2_build *build, uint64_t *words, uint64_t *temp, size_t n,
                  int depth, uint32_t before, struct n2_scratch *scratch)
{
    uint32_t pivots[PIVOTS];
    if (n < FEW || depth == 0 || N2_LOAD(&build->cancel))
        return;
    choose_pivots(build, words, n, before, scratch, pivots);
    find_cells(build, words, n, pivots, scratch);
    n2_sort_from(words, temp, n, 32);
    for (size_t begin = 0, end = 0; begin < n; begin = end) {
        uint64_t cell = words[begin] >> 32;
        while (end < n && words[end] >> 32 == cell)
            end++;
        split(build, words + begin, temp + begin, end - begin, depth - 1, before, scratch);
        before = pivots[cell];
    }
}

static void find_outer_cells(void *context, size_t begin, size_t end, int worker)
{
    const struct placing *p = context;
    find_cells(p->build, p->words + begin, end - begin, p->pivots, p->build->scratches[worker]);
}

static void split_outer_cells(void *context, size_t begin, size_t end, int worker)
{
    const struct placing *p = context;
    for (size_t cell = begin; cell < end; cell++) {
        size_t from = p->starts[cell], n = p->starts[cell + 1] - from;
        split(p->build, p->words + from, p->temp + from, n, DEPTH - 1,
              cell > 0 ? p->pivots[cell - 1] : N2_NONE, p->build->scratches[worker]);
    }
}

/* Puts the pending nodes into words[n_new] in the order in which they are to lie. */
static void sort_nodes(struct placing *p)
{
    const struct n2_build *build = p->build;
    size_t n = build->n_new;
    for (size_t i = 0; i < n; i++)
        p->words[i] = build->order[i];
    choose_pivots(build, p->words, n, N2_NONE, build->scratches[0], p->pivots);
    n2_team_for(build->team, n, GRAIN, find_outer_cells, p);
    n2_sort_from(p->words, p->temp, n, 32);
    for (size_t i = 0, cell = 0; cell <= PIVOTS; cell++) {
        while (i < n && p->words[i] >> 32 < cell)
            i++;
        p->starts[cell] = i;
    }
    n2_team_for(build->team, PIVOTS, 1, split_outer_cells, p);
}

/* Whether the pending nodes are many, and most of all. Not in small change: see n2_link. */
static bool pays(const struct n2_build *build)
{
    return !build->most && build->n_new >= LEAST_PLACED &&
           build->n_new >= build->index->graph.n_linked &&
           build->index->store.metric != N2_DOT; /* where products do not say who is near */
}

static int place(void *argument)
{
    struct n2_build *build = argument;
    const struct n2_graph *graph = &build->index->graph;
    uint32_t first = graph->first_pending, n = build->n_nodes - first;
    struct placing placing = {.build = build, .words = build->equals, .temp = build->temp};
    sort_nodes(&placing);
    if (N2_LOAD(&build->cancel)) /* which leaves them unsorted */
        return N2_ERR_CANCELLED;
    uint32_t *to = (uint32_t *)(void *)build->temp;
    for (uint32_t i = 0; i < n; i++)
        to[i] = i;
    for (uint32_t i = 0, node = first; node < build->n_nodes; node++)
        if (*n2_graph_height(graph, node) == 0)
            to[(uint32_t)build->equals[i++] - first] = node - first;
    n2_move(build, to);
    return N2_LOAD(&build->cancel) ? N2_ERR_CANCELLED : N2_OK;
}

int n2_place(struct n2_build *build)
{
    if (!pays(build))
        return N2_OK;
    int status = n2_move_open(build);
    return status ? status : n2_team_run(build->team, place, build);
}
