/* move.c - rows in cycles, a millisecond at a time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "move.h"

#include "alloc.h"

#include <time.h>

#define GRAIN 64              /* shifts a thread takes at a time */
#define MOVED_BYTES (1 << 20) /* moved while searches wait, */
#define NODE_BYTES 256        /* of which a node costs as much, beside its rows */

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
            n2_team_for(build->team, m->n_shifts, GRAIN, take_rows, m);
            n2_team_for(build->team, m->n_shifts, GRAIN, put_rows, m);
        } while (seconds() - since < 2 * waited && list_shifts(m, to));
        N2_STORE(&index->graph.n_renumbered, index->graph.n_renumbered + 1);
        n2_gate_open(&index->gate);
        pthread_mutex_unlock(&index->add);
        n2_index_rest_add();
    }
}

void n2_move(struct n2_build *build, uint32_t *to)
{
    move(build, to, &build->cancel);
}

static int move_back(void *argument)
{
    struct n2_build *build = argument;
    move(build, build->mover->moved_from, NULL);
    return N2_OK;
}

void n2_move_back(struct n2_build *build)
{
    if (build->mover)
        n2_team_run(build->team, move_back, build);
}

int n2_move_open(struct n2_build *build)
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
    return N2_OK;
}
