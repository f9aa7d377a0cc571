/* insert.c - the search step of a batch: candidates, mates, selection.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "insert.h"

#include "alloc.h"
#include "link.h"
#include "sort.h"

#define MOST 4096                      /* members of a batch */
#define FOUND_BYTES ((size_t)64 << 20) /* at most, of all members' candidates */
#define MEETING_PLACES 3               /* nearest found nodes, at which members meet their mates */
#define MATES_EACH_WAY 16              /* of those that meet at a node, how many are looked at */
#define PLACE_BITS 12                  /* of the number of a node, to sort by: three levels fit */
#define PREFETCHED 64                  /* candidates of a member, before it selects */
#define GRAIN 4                        /* members a thread takes at a time */

_Static_assert(MOST < 1 << N2_MEMBER_BITS, "a member's number fits its bits");

size_t n2_insert_width(const struct n2_graph *graph, size_t ef_construction)
{
    return n2_max(ef_construction, 2 * (size_t)graph->M0); /* or two lists of level 0, sorted */
}

static uint32_t *picked_row(const struct n2_inserter *in, const struct n2_member *member,
                            uint32_t level)
{
    return in->picked + (member->upper + level - 1) * in->graph->M;
}

/* Searches one level and leaves the queue sorted, the visited set clear. */
static void search_level(const struct n2_inserter *in, const struct n2_probe *probe, uint64_t start,
                         uint32_t level, struct n2_scratch *scratch)
{
    struct n2_beam beam = {.width = in->ef_construction,
                           .rank = level ? in->graph->M : in->graph->M0,
                           .stretch = in->stretch};
    if (in->stretch <= 0) /* not known */
        beam.rank = 0;
    n2_hnsw_start(&in->view, scratch, beam, start);
    n2_hnsw_search_layer(&in->view, probe, level, scratch);
    n2_visited_clear(&scratch->visited);
    for (size_t i = 0; i < scratch->queue.size; i++)
        scratch->queue.entries[i] &= ~UINT64_C(1); /* expanded or not no longer matters */
}

/* The linked node among the candidates that equals the member, or N2_NONE. Equal vectors have the
 * same distance to it as it has to itself. */
static uint32_t equal_candidate(const struct n2_inserter *in, const struct n2_member *member,
                                const struct n2_probe *probe, const struct n2_queue *queue)
{
    uint32_t self;
    n2_view_keys(&in->view, probe, &member->node, 1, &self);
    for (size_t i = 0; i < queue->size && n2_entry_key(queue->entries[i]) <= self; i++) {
        uint32_t node = n2_entry_node(queue->entries[i]);
        if (n2_entry_key(queue->entries[i]) == self &&
            n2_store_equal(in->view.store, node, member->node))
            return node;
    }
    return N2_NONE;
}

/* Where members begin..end-1 start on their highest level, and words that tell where that is: the
 * nearest nodes on the levels above, those on the lowest last. */
static void approach(void *context, size_t begin, size_t end, int worker)
{
    struct n2_inserter *in = context;
    struct n2_scratch *scratch = in->scratches[worker];
    uint64_t entry = in->graph->entry;
    for (size_t i = begin; i < end && !N2_LOAD(in->cancel); i++) {
        struct n2_member *member = &in->members[i];
        uint64_t place = 0;
        if (entry) {
            struct n2_probe probe;
            n2_view_probe_node(&in->view, member->node, scratch->query, &probe);
            member->start = n2_hnsw_enter(&in->view, &probe, entry);
            for (uint32_t l = n2_entry_height(entry) - 1; l > 0; l--) {
                if (l > member->level)
                    member->start = n2_hnsw_nearest(&in->view, &probe, member->start, l, scratch);
                place = place << PLACE_BITS | n2_entry_node(member->start) % (1 << PLACE_BITS);
            }
        }
        in->words[i] = place << N2_MEMBER_BITS | i;
    }
}

/* Sorts the members by place: what one reads of the graph, the next one finds in the cache. */
static void sort_members(struct n2_inserter *in)
{
    struct n2_member *members = in->members;
    n2_sort_from(in->words, in->temp, in->n_members, N2_MEMBER_BITS);
    for (size_t i = 0; i < in->n_members; i++)
        in->sorted[i] = members[in->words[i] % (1 << N2_MEMBER_BITS)];
    in->members = in->sorted;
    in->sorted = members;
}

/* Finds the candidates of members begin..end-1 on level 0, their neighbours above it. */
static void find(void *context, size_t begin, size_t end, int worker)
{
    struct n2_inserter *in = context;
    struct n2_scratch *scratch = in->scratches[worker];
    const struct n2_graph *graph = in->graph;
    uint64_t entry = graph->entry;
    for (size_t i = begin; i < end && !N2_LOAD(in->cancel); i++) {
        struct n2_member *member = &in->members[i];
        member->fingerprint = n2_store_hash(in->view.store, member->node);
        for (uint32_t l = 1; l <= member->level; l++)
            n2_graph_write(picked_row(in, member, l), graph->M, NULL, 0);
        if (!entry)
            continue;
        struct n2_probe probe;
        n2_view_probe_node(&in->view, member->node, scratch->query, &probe);
        uint64_t start = member->start;
        uint32_t level = (uint32_t)n2_min(member->level, n2_entry_height(entry) - 1);
        for (uint32_t l = level; l > 0; l--) {
            search_level(in, &probe, start, l, scratch);
            uint64_t *entries = scratch->queue.entries;
            start = entries[0];
            size_t n = n2_hnsw_select(&in->view, in->selection, entries, scratch->queue.size,
                                      graph->M, scratch);
            for (size_t j = 0; j < n; j++)
                picked_row(in, member, l)[j] = n2_entry_node(entries[j]);
        }
        search_level(in, &probe, start, 0, scratch);
        member->n_found = (uint32_t)scratch->queue.size;
        member->equal = equal_candidate(in, member, &probe, &scratch->queue);
        memcpy(in->found + i * in->ef_construction, scratch->queue.entries,
               scratch->queue.size * sizeof(uint64_t));
    }
}

/* Makes members equal to an earlier one of the batch its duplicates, or those of its original. */
static void find_equal_members(struct n2_inserter *in)
{
    uint64_t *words = in->words;
    const uint64_t number = (UINT64_C(1) << N2_MEMBER_BITS) - 1;
    for (size_t i = 0; i < in->n_members; i++)
        words[i] = (in->members[i].fingerprint & ~number) | i;
    n2_sort_from(words, in->temp, in->n_members, N2_MEMBER_BITS);
    for (size_t i = 1, first = 0; i < in->n_members; i++) {
        if ((words[i] ^ words[first]) & ~number)
            first = i;
        /* The first of equal members stands first, unless fingerprints agree by chance. */
        struct n2_member *member = &in->members[words[i] & number];
        const struct n2_member *earlier = &in->members[words[first] & number];
        if (i > first && member->equal == N2_NONE &&
            n2_store_equal(in->view.store, member->node, earlier->node))
            member->equal = earlier->equal == N2_NONE ? earlier->node : earlier->equal;
    }
}

/* Lists (found node, member) for the nearest found nodes of each member, in order. */
static void list_meetings(struct n2_inserter *in)
{
    in->n_words = 0;
    for (size_t i = 0; i < in->n_members; i++) {
        const struct n2_member *member = &in->members[i];
        const uint64_t *found = in->found + i * in->ef_construction;
        for (size_t j = 0; j < MEETING_PLACES && j < member->n_found; j++)
            if (member->equal == N2_NONE)
                in->words[in->n_words++] = (uint64_t)n2_entry_node(found[j]) << 32 | i;
    }
    n2_sort_from(in->words, in->temp, in->n_words, 32);
}

/* Position of `word` in the sorted words, which hold it. */
static size_t position(const struct n2_inserter *in, uint64_t word)
{
    size_t low = 0;
    for (size_t n = in->n_words; n > 1;) {
        size_t half = n / 2;
        low += in->words[low + half] <= word ? half : 0;
        n -= half;
    }
    return low;
}

/* Adds to the queue those members that found the same nodes as member i. */
static void add_mates(const struct n2_inserter *in, size_t i, const struct n2_probe *probe,
                      struct n2_scratch *scratch)
{
    const uint64_t *found = in->found + i * in->ef_construction;
    size_t n_found = in->members[i].n_found, n = 0;
    uint32_t mates[MEETING_PLACES * 2 * MATES_EACH_WAY], keys[MEETING_PLACES * 2 * MATES_EACH_WAY];
    for (size_t j = 0; j < MEETING_PLACES && j < n_found; j++) {
        uint64_t place = n2_entry_node(found[j]);
        size_t at = position(in, place << 32 | i);
        size_t from = at - n2_min(at, MATES_EACH_WAY);
        size_t to = n2_min(at + MATES_EACH_WAY + 1, in->n_words);
        for (size_t w = from; w < to; w++)
            if (w != at && in->words[w] >> 32 == place)
                mates[n++] = in->members[(uint32_t)in->words[w]].node;
    }
    n = n2_visited_filter(&scratch->visited, mates, n, mates); /* each once */
    n2_visited_clear(&scratch->visited);
    n2_view_keys(&in->view, probe, mates, n, keys);
    for (size_t m = 0; m < n; m++)
        n2_queue_insert(&scratch->queue, n2_entry(keys[m], mates[m]));
}

/* Asks the cache for the nearest candidates, which a batch has driven out of it since they were
 * found. */
static void prefetch_found(const struct n2_inserter *in, size_t i)
{
    uint32_t nodes[PREFETCHED];
    size_t n = n2_min(in->members[i].n_found, PREFETCHED);
    for (size_t j = 0; j < n; j++)
        nodes[j] = n2_entry_node(in->found[i * in->ef_construction + j]);
    n2_hnsw_prefetch(&in->view, nodes, n);
}

/* Selects the neighbours of members begin..end-1 on level 0 and writes their rows, which nothing
 * leads to yet. */
static void select_neighbours(void *context, size_t begin, size_t end, int worker)
{
    struct n2_inserter *in = context;
    struct n2_scratch *scratch = in->scratches[worker];
    struct n2_queue *queue = &scratch->queue;
    uint32_t M = in->graph->M;
    for (size_t i = begin; i < end && !N2_LOAD(in->cancel); i++) {
        struct n2_member *member = &in->members[i];
        if (member->equal != N2_NONE)
            continue;
        struct n2_probe probe;
        prefetch_found(in, i);
        n2_view_probe_node(&in->view, member->node, scratch->query, &probe);
        n2_queue_clear(queue, (struct n2_beam){.width = in->ef_construction});
        queue->size = member->n_found;
        memcpy(queue->entries, in->found + i * in->ef_construction,
               member->n_found * sizeof(uint64_t));
        add_mates(in, i, &probe, scratch);
        size_t n =
            n2_hnsw_select(&in->view, in->selection0, queue->entries, queue->size, M, scratch);
        for (size_t j = 0; j < n; j++)
            in->picked0[i * M + j] = n2_entry_node(queue->entries[j]);
        member->n_picked0 = (uint32_t)n;
        n2_link_own_rows(in, i);
    }
}

/* Memory with room for `need` > 0 objects: `memory`, which has room for *room, or other memory. */
static void *fit(void *memory, size_t *room, size_t need, size_t size)
{
    if (need <= *room)
        return memory;
    n2_alloc_free(memory);
    memory = n2_alloc(need, size);
    *room = memory ? need : 0;
    return memory;
}

/* The highest level of a new node. An id gives it, or, where that may be gone, an earlier pass. */
static uint32_t level_of(const struct n2_inserter *in, uint32_t node)
{
    if (in->leveled)
        return *n2_graph_height(in->leveled, node) - 1u;
    uint32_t id = N2_LOAD(n2_store_label(in->view.store, node));
    return id == N2_NONE ? 0 : n2_levels_of(in->levels, id);
}

int n2_insert_list(struct n2_inserter *in, const uint32_t *nodes, size_t n)
{
    in->n_members = n;
    in->n_picked = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t level = level_of(in, nodes[i]);
        in->members[i] = (struct n2_member){
            .node = nodes[i], .level = level, .equal = N2_NONE, .upper = in->n_picked};
        in->n_picked += level;
    }
    size_t M = in->graph->M, n_words = n2_max(n * MEETING_PLACES, (n + in->n_picked) * M);
    in->picked = fit(in->picked, &in->picked_room, n2_max(in->n_picked, 1), M * sizeof(uint32_t));
    in->words = fit(in->words, &in->words_room, n2_max(2 * n_words, 1), sizeof(uint64_t));
    in->temp = in->words ? in->words + n_words : NULL;
    return in->picked && in->words ? N2_OK : N2_ERR_NO_MEMORY;
}

int n2_insert_batch(struct n2_inserter *in)
{
    size_t n = in->n_members;
    uint32_t n_upper = in->graph->n_upper;
    n2_team_for(in->team, n, GRAIN, approach, in);
    if (N2_LOAD(in->cancel))
        return N2_ERR_CANCELLED;
    sort_members(in);
    n2_team_for(in->team, n, GRAIN, find, in);
    if (N2_LOAD(in->cancel))
        return N2_ERR_CANCELLED;
    find_equal_members(in);
    list_meetings(in);
    n2_link_give_towers(in);
    n2_team_for(in->team, n, GRAIN, select_neighbours, in);
    if (N2_LOAD(in->cancel)) {
        N2_STORE(&in->graph->n_upper, n_upper); /* nothing leads to the new towers */
        return N2_ERR_CANCELLED;
    }
    n2_link_members(in);
    return N2_OK;
}

int n2_insert_open(struct n2_inserter *in)
{
    const struct n2_graph *graph = in->graph;
    size_t n_nodes = in->view.n_nodes, beam = in->ef_construction;
    in->most = n2_max(1, n2_min(MOST, FOUND_BYTES / sizeof(uint64_t) / beam));
    in->slack.room = graph->M0 / 2;
    in->members = n2_alloc(in->most, sizeof(*in->members));
    in->sorted = n2_alloc(in->most, sizeof(*in->sorted));
    in->found = n2_alloc(in->most, beam * sizeof(uint64_t));
    in->picked0 = n2_alloc(in->most, graph->M * sizeof(uint32_t));
    if (!in->members || !in->sorted || !in->found || !in->picked0)
        goto fail;
    size_t slots = in->slack.room * sizeof(uint32_t);
    if (n2_column_make(&in->slack.slots, slots, n_nodes, 0) ||
        n2_column_make(&in->dirty, sizeof(uint64_t), n_nodes / 64 + 1, 0))
        goto fail;
    in->view.slack = &in->slack;
    return N2_OK;
fail:
    n2_insert_close(in);
    return N2_ERR_NO_MEMORY;
}

void n2_insert_close(struct n2_inserter *in)
{
    n2_column_release(&in->slack.slots);
    n2_column_release(&in->dirty);
    n2_alloc_free(in->members);
    n2_alloc_free(in->sorted);
    n2_alloc_free(in->found);
    n2_alloc_free(in->picked0);
    n2_alloc_free(in->picked);
    n2_alloc_free(in->words);
    in->members = in->sorted = NULL;
    in->found = in->words = in->temp = NULL;
    in->picked0 = in->picked = NULL;
}

size_t n2_insert_bytes(const struct n2_inserter *in)
{
    size_t beam = in->ef_construction * sizeof(uint64_t), M = in->graph->M * sizeof(uint32_t);
    return in->most * (2 * sizeof(*in->members) + beam + M) +
           in->view.n_nodes * in->slack.slots.stride + in->view.n_nodes / 8 +
           in->words_room * sizeof(uint64_t);
}
