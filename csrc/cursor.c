/* cursor.c - neighbours one after the other: searches for more and more, without what was given.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Each search asks for twice as many as the last one, so that all of them together take about twice
 * as long as the last. Where it asks for more than there are, it finds all; that is the end.
 */
#include "alloc.h"
#include "index.h"
#include "search.h"

#define LEAST 32       /* neighbours that the first search asks for, at least */
#define LEAST_SLOTS 64 /* of the table; a power of two */

struct n2_cursor {
    struct n2_index *index;
    struct n2_search_options options;
    float radius;             /* what options.radius points to, if to anything */
    size_t wanted;            /* how many the next search asks for, at least */
    bool ended;               /* it found all that there is */
    struct n2_neighbor *page; /* what it found and was not given by then, nearest first; */
    size_t at, n_page;        /* of that, what was not given yet */
    uint32_t *given;          /* a hash table of the ids that were; N2_NONE in a free slot */
    size_t n_given, n_slots;
    float query[]; /* [dim] */
};

/* The slot where an id is, or is to be put. */
static uint32_t *slot_of(uint32_t *given, size_t n_slots, uint32_t id)
{
    size_t at = n2_hash(0, id) & (n_slots - 1);
    while (given[at] != N2_NONE && given[at] != id)
        at = (at + 1) & (n_slots - 1);
    return &given[at];
}

/* Makes the table have room for n ids: three quarters full at most. */
static int fit_given(struct n2_cursor *c, size_t n)
{
    size_t n_slots = n2_max(c->n_slots, LEAST_SLOTS);
    while (n_slots / 4 * 3 < n)
        n_slots *= 2;
    if (n_slots == c->n_slots)
        return N2_OK;
    uint32_t *given = n2_alloc(n_slots, sizeof(*given));
    if (!given)
        return N2_ERR_NO_MEMORY;
    memset(given, 0xff, n_slots * sizeof(*given));
    for (size_t i = 0; i < c->n_slots; i++)
        if (c->given[i] != N2_NONE)
            *slot_of(given, n_slots, c->given[i]) = c->given[i];
    n2_alloc_free(c->given);
    c->given = given;
    c->n_slots = n_slots;
    return N2_OK;
}

/* Leaves out of page[n] what was given; returns how many are left. */
static size_t drop_given(const struct n2_cursor *c, struct n2_neighbor *page, size_t n)
{
    size_t n_left = 0;
    for (size_t i = 0; i < n; i++) {
        page[n_left] = page[i];
        n_left += c->n_slots == 0 || *slot_of(c->given, c->n_slots, page[i].id) == N2_NONE;
    }
    return n_left;
}

/* Searches for the page that comes next: `room` that were not given, if there are so many. What was
 * left of the page before is found again, or by a later search. */
static int search(struct n2_cursor *c, size_t room)
{
    size_t n_live = N2_LOAD(&c->index->store.n_live), n = 0;
    size_t wanted = n2_max(c->wanted, c->n_given + n2_min(room, N2_MAX_VECTORS));
    size_t k = n2_min(wanted, n_live + 1); /* one more than there are, to know the end */
    struct n2_neighbor *page = n2_alloc(k, sizeof(*page));
    if (!page)
        return N2_ERR_NO_MEMORY;
    int status = n2_search(c->index, c->query, k, &c->options, page, &n);
    size_t n_page = status ? 0 : drop_given(c, page, n);
    if (!status)
        status = fit_given(c, c->n_given + n_page);
    if (status) {
        n2_alloc_free(page);
        return status;
    }
    /* Where results end at a radius a search may have missed one within: only one for all tells. */
    c->ended = n < k && (!c->options.radius || k > n_live);
    c->wanted = n < k ? N2_MAX_VECTORS : 2 * k;
    n2_alloc_free(c->page);
    c->page = page;
    c->at = 0;
    c->n_page = n_page;
    return N2_OK;
}

/* Gives from the page what was not deleted meanwhile. Nothing is written if this fails. */
static int give(struct n2_cursor *c, struct n2_neighbor *out, size_t room, size_t *n)
{
    struct n2_slot *slot = n2_gate_enter(&c->index->gate);
    if (!slot)
        return N2_ERR_CLOSED;
    for (; c->at < c->n_page && *n < room; c->at++) {
        uint32_t id = c->page[c->at].id, *place = slot_of(c->given, c->n_slots, id);
        if (*place == id || n2_store_node(&c->index->store, id) == N2_NONE)
            continue; /* a rotten file may give one twice */
        *place = id;
        c->n_given++;
        out[(*n)++] = c->page[c->at];
    }
    n2_gate_leave(&c->index->gate, slot);
    return N2_OK;
}

int n2_cursor_next(struct n2_cursor *cursor, struct n2_neighbor *out, size_t room, size_t *n)
{
    if (!cursor || !out || room == 0 || !n)
        return N2_ERR_OPTION;
    size_t n_out = 0;
    bool more = true;
    while (more && n_out == 0) { /* again where all of a page was deleted */
        int status = N2_OK;
        if (!cursor->ended && cursor->n_page - cursor->at < room)
            status = search(cursor, room);
        if (!status)
            status = give(cursor, out, room, &n_out);
        if (status)
            return status;
        more = !cursor->ended || cursor->at < cursor->n_page;
    }
    *n = n_out;
    return N2_OK;
}

static int open(struct n2_cursor **result, struct n2_index *index, const float *query,
                const struct n2_search_options *options)
{
    size_t dim = index->store.dim;
    double norm;
    int status = n2_store_check(&index->store, query, &norm);
    if (status)
        return status;
    struct n2_cursor *cursor = n2_alloc_zero(1, sizeof(*cursor) + dim * sizeof(float));
    if (!cursor)
        return N2_ERR_NO_MEMORY;
    cursor->index = index;
    cursor->wanted = LEAST;
    n2_search_options_init(&cursor->options);
    if (options)
        cursor->options = *options;
    if (cursor->options.radius) {
        cursor->radius = *cursor->options.radius;
        cursor->options.radius = &cursor->radius;
    }
    memcpy(cursor->query, query, dim * sizeof(float));
    *result = cursor;
    return N2_OK;
}

int n2_cursor_open(struct n2_cursor **cursor, struct n2_index *index, const float *query,
                   const struct n2_search_options *options)
{
    if (!cursor || !index || !query || !n2_search_options_hold(options))
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    status = open(cursor, index, query, options);
    n2_index_leave(index);
    return status;
}

void n2_cursor_close(struct n2_cursor *cursor)
{
    if (!cursor)
        return;
    n2_alloc_free(cursor->page);
    n2_alloc_free(cursor->given);
    n2_alloc_free(cursor);
}
