/* place.c - an order by pivots, and the rows that change places.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The nodes are split into cells, each of those nearest to one of a few nodes, the pivots, and so
 * on within each cell. Pivots follow each other by nearness, the first of a cell near the last of
 * the cell before, so that the end of one cell is near the beginning of the next.
 */
#include "place.h"

#include "alloc.h"
#include "hash.h"
#include "sort.h"

#include <time.h>

#define PIVOT_SALT UINT64_C(0x7069766f74) /* makes the pivots' hash another than the levels' */
#define LEAST_PLACED 4096     /* of fewer, all that is read stays in the caches anyway */
#define PIVOTS 32             /* of a cell */
#define DEPTH 4               /* of cells in cells */
#define FEW 64                /* nodes of a cell that is not split */
#define GRAIN 256             /* nodes a thread takes at a time, */
#define SHIFT_GRAIN 64        /* or shifts */
#define MOVED_BYTES (1 << 20) /* moved while searches wait, */
#define NODE_BYTES 256        /* of which a node costs as much, beside its rows */

struct placing {
    const struct n2_build *build;
    uint64_t *words, *temp;    /* [n_new] cell << 32 | node; room for sorting */
    uint32_t pivots[PIVOTS];   /* of the outermost cells, */
    size_t starts[PIVOTS + 1]; /* and where each begins */
};

/* What lies at one node is to lie at another. */
struct shift {
    uint32_t from, to;
};

struct n2_mover {
    struct n2_store *store;
    const struct n2_column *columns[4]; /* what is known of pending nodes, */
    size_t n_columns, row_bytes;        /* and of one of them */
    uint32_t first, n, next;            /* pending node, their number; those below first + next
                                           hold what they are to hold */
    size_t n_shifts;
    struct shift shifts[MOVED_BYTES / NODE_BYTES]; /* those that come next, */
    unsigned char rows[MOVED_BYTES];               /* and what they move */
    uint32_t moved_from[]; /* [n] where what lies at a node lay before; both less `first` */
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

/* Tells the ids of a node that what they name is at another now. */
static void lead_ids(const struct n2_store *store, struct shift shift)
{
    uint32_t id = *n2_store_label(store, shift.to);
    while (id < store->n_ids && n2_store_entry(store, id).node == shift.from) {
        uint32_t next = n2_store_entry(store, id).next;
        n2_store_set_entry(store, id, (struct n2_id){shift.to, next});
        id = next > id ? next : N2_NONE; /* else rotten */
    }
}

static void take_rows(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    struct n2_mover *m = context;
    for (size_t i = begin; i < end; i++) {
        unsigned char *kept = m->rows + i * m->row_bytes;
        for (size_t c = 0; c < m->n_columns; kept += m->columns[c++]->stride)
            memcpy(kept, n2_column_row(m->columns[c], m->shifts[i].from), m->columns[c]->stride);
    }
}

static void put_rows(void *context, size_t begin, size_t end, int worker)
{
    (void)worker;
    const struct n2_mover *m = context;
    for (size_t i = begin; i < end; i++) {
        const unsigned char *kept = m->rows + i * m->row_bytes;
        for (size_t c = 0; c < m->n_columns; kept += m->columns[c++]->stride)
            memcpy(n2_column_row(m->columns[c], m->shifts[i].to), kept, m->columns[c]->stride);
        lead_ids(m->store, m->shifts[i]);
    }
}

_Static_assert(MOVED_BYTES > 3 * N2_MAX_DIM * sizeof(float), "there is room for two shifts");

/* Lists the next shifts that there is room for, and says whether there are any. What lies at node i
 * is to lie at to[i]. Follows each cycle of them; where there is no room for the rest of one, its
 * last node takes the place of the first. */
static bool list_shifts(struct n2_mover *m, uint32_t *to)
{
    size_t n = 0, room = MOVED_BYTES / (m->row_bytes + NODE_BYTES);
    while (m->next < m->n && n + 1 < room) {
        uint32_t begin = m->next, from = begin;
        while (to[begin] != begin && n + 1 < room) {
            uint32_t there = to[begin];
            m->shifts[n++] = (struct shift){m->first + from, m->first + there};
            n2_swap(&to[begin], &to[there]);
            if (to != m->moved_from)
                n2_swap(&m->moved_from[begin], &m->moved_from[there]);
            from = there;
        }
        if (from != begin)
            m->shifts[n++] = (struct shift){m->first + from, m->first + begin};
        m->next += to[begin] == begin;
    }
    m->n_shifts = n;
    return n > 0;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Lists what is to be moved as it is now: an added vector may have made those before it wider, but
 * not while a build has the turn. */
static void list_columns(struct n2_mover *m, const struct n2_build *build)
{
    const struct n2_index *index = build->index;
    const struct n2_column *columns[] = {&index->store.vectors, &index->store.labels,
                                         &index->space.codes, &build->trained.codes};
    m->n_columns = m->row_bytes = 0;
    for (int i = 0; i < 4; i++) {
        if (!columns[i]->base)
            continue;
        m->columns[m->n_columns++] = columns[i];
        m->row_bytes += columns[i]->stride;
    }
}

/* Moves what lies at each pending node to that which to[] names, and keeps in moved_from where it
 * lay: a millisecond's work at a time, or as much as takes as long as it had to wait for searches
 * to let it in, as where each of them scans a million vectors. Then they, and changes, have their
 * turn. Ends early if told to. */
static void move(struct n2_build *build, uint32_t *to, const int32_t *cancel)
{
    struct n2_index *index = build->index;
    struct n2_mover *m = build->mover;
    list_columns(m, build);
    m->next = 0;
    while (!(cancel && N2_LOAD(cancel)) && list_shifts(m, to)) {
        double since = seconds();
        pthread_mutex_lock(&index->add);
        n2_gate_shut(&index->gate);
        double waited = seconds() - since;
        do {
            n2_team_for(build->team, m->n_shifts, SHIFT_GRAIN, take_rows, m);
            n2_team_for(build->team, m->n_shifts, SHIFT_GRAIN, put_rows, m);
        } while (seconds() - since < 2 * waited && list_shifts(m, to));
        N2_STORE(&index->graph.n_renumbered, index->graph.n_renumbered + 1);
        n2_gate_open(&index->gate);
        pthread_mutex_unlock(&index->add);
        n2_index_rest_add();
    }
}

bool n2_place_pays(const struct n2_build *build)
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
    move(build, to, &build->cancel);
    return N2_LOAD(&build->cancel) ? N2_ERR_CANCELLED : N2_OK;
}

static int place_back(void *argument)
{
    struct n2_build *build = argument;
    move(build, build->mover->moved_from, NULL);
    return N2_OK;
}

int n2_place(struct n2_build *build)
{
    struct n2_index *index = build->index;
    uint32_t first = index->graph.first_pending, n = build->n_nodes - first;
    struct n2_mover *m = n2_alloc(1, sizeof(*m) + n * sizeof(uint32_t));
    if (!m)
        return N2_ERR_NO_MEMORY;
    m->store = &index->store;
    m->first = first;
    m->n = n;
    for (uint32_t i = 0; i < n; i++)
        m->moved_from[i] = i;
    build->mover = m;
    return n2_team_run(build->team, place, build);
}

void n2_place_undo(struct n2_build *build)
{
    if (build->mover)
        n2_team_run(build->team, place_back, build);
}
