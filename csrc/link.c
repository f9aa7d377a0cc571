/* link.c - the link step of a batch.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Who reads the graph meanwhile sees, at every moment, lists of nodes whose own lists are in place:
 * own rows first, then the links back, then the heights (they take a node out of the pending ones),
 * the entry point last. Each is released after what it leads to.
 */
#include "link.h"

#include "sort.h"

#define GRAIN 16 /* words of dirty bits a thread takes at a time */
#define AHEAD 8  /* words that what is written to is asked for in advance */
#define LINES 8  /* of each row, which are asked for */

/* A link back: level, the node it leads from, the number of the member it leads to. In this order,
 * so that sorting brings together what is written to one row, by members in order. Nodes of a range
 * share a bucket, and each bucket is sorted by the thread that takes it. */
#define NODE_BITS 32
_Static_assert(N2_MAX_LEVEL < 1 << (64 - N2_MEMBER_BITS - NODE_BITS), "a level fits its bits");

static uint64_t back(uint32_t level, uint32_t from, size_t member)
{
    return (uint64_t)level << (N2_MEMBER_BITS + NODE_BITS) | (uint64_t)from << N2_MEMBER_BITS |
           member;
}

static uint64_t back_row(uint64_t word) /* level and node */
{
    return word >> N2_MEMBER_BITS;
}

static uint64_t *dirty_word(const struct n2_inserter *in, uint32_t node)
{
    return (uint64_t *)(void *)in->dirty.base + node / 64;
}

void n2_link_write(const struct n2_inserter *in, uint32_t node, uint32_t level,
                   const uint32_t *links, size_t n)
{
    uint32_t m;
    uint32_t *row = n2_graph_links(in->graph, node, level, &m);
    for (size_t i = 0; i < 2 && level == 0; i++)
        if (in->sketched[i])
            n2_sketch_row(in->sketched[i], in->view.kernels, node, links, n,
                          n2_sketch_of(in->sketched[i], node));
    n2_graph_write(row, m, links, n);
}

void n2_link_put(const struct n2_inserter *in, uint32_t node, uint32_t place, uint32_t link)
{
    for (size_t i = 0; i < 2; i++)
        if (in->sketched[i])
            n2_sketch_link(in->sketched[i], in->view.kernels, node, place, link,
                           n2_sketch_of(in->sketched[i], node));
    N2_RELEASE(n2_graph_links0(in->graph, node) + place, link);
}

void n2_link_choose(const struct n2_inserter *in, uint32_t node, uint32_t level, int32_t selection,
                    size_t n, size_t m, struct n2_scratch *scratch)
{
    uint32_t *nodes = scratch->nodes;
    struct n2_probe probe;
    n2_hnsw_prefetch(&in->view, nodes, n);
    n2_view_probe_node(&in->view, node, scratch->query, &probe);
    n2_view_keys(&in->view, &probe, nodes, n, scratch->keys);
    struct n2_queue *queue = &scratch->queue;
    n2_queue_clear(queue, (struct n2_beam){.width = n2_max(n, 1)});
    for (size_t i = 0; i < n; i++)
        n2_queue_insert(queue, n2_entry(scratch->keys[i], nodes[i]));
    n = n2_hnsw_select(&in->view, selection, queue->entries, n, m, scratch);
    for (size_t i = 0; i < n; i++)
        nodes[i] = n2_entry_node(queue->entries[i]);
    n2_link_write(in, node, level, nodes, n);
}

/* Selects anew among a node's links on a level, those in slack included, and `more` (N2_NONE: no
 * more). */
static void select_anew(struct n2_inserter *in, uint32_t node, uint32_t level, uint32_t more,
                        struct n2_scratch *scratch)
{
    size_t n = n2_hnsw_links(&in->view, node, level, scratch->nodes);
    if (more != N2_NONE)
        scratch->nodes[n++] = more;
    n2_link_choose(in, node, level, level ? in->selection : in->selection0, n,
                   level ? in->graph->M : in->graph->M0, scratch);
    for (uint32_t i = 0; i < in->slack.room && level == 0; i++)
        N2_STORE(&n2_slack_slots(&in->slack, node)[i], 0);
}

/* Appends to the slack of a node whose row is full. False if the slack is full too. */
static bool append_to_slack(struct n2_inserter *in, uint32_t node, uint32_t link)
{
    uint32_t *slots = n2_slack_slots(&in->slack, node), i = 0;
    while (i < in->slack.room && slots[i])
        i++;
    if (i == in->slack.room)
        return false;
    N2_RELEASE(&slots[i], link + 1);
    __atomic_fetch_or(dirty_word(in, node), UINT64_C(1) << (node % 64), __ATOMIC_RELAXED);
    return true;
}

static bool holds(const uint32_t *nodes, size_t n, uint32_t node)
{
    bool found = false;
    for (size_t i = 0; i < n; i++)
        found |= nodes[i] == node;
    return found;
}

/* Adds a link to a row, unless it is there; selects anew where there is no place. */
static void add_link(struct n2_inserter *in, uint32_t node, uint32_t level, uint32_t link,
                     struct n2_scratch *scratch)
{
    uint32_t m;
    uint32_t *row = n2_graph_links(in->graph, node, level, &m);
    size_t n = n2_hnsw_links(&in->view, node, level, scratch->nodes);
    if (!row || holds(scratch->nodes, n, link))
        return;
    if (n < m && level == 0)
        n2_link_put(in, node, (uint32_t)n, link);
    else if (n < m)
        N2_RELEASE(&row[n], link);
    else if (level > 0 || !append_to_slack(in, node, link))
        select_anew(in, node, level, link, scratch);
}

void n2_link_own_rows(const struct n2_inserter *in, size_t i)
{
    uint32_t M = in->graph->M;
    const struct n2_member *member = &in->members[i];
    n2_link_write(in, member->node, 0, in->picked0 + i * M, member->n_picked0);
    for (uint32_t l = 1; l <= member->level; l++)
        n2_graph_write(n2_graph_upper(in->graph, member->node, l), M,
                       in->picked + (member->upper + l - 1) * M, M);
}

/* Asks the cache for what linking a word back will read and write on level 0. */
static void prefetch_back(const struct n2_inserter *in, uint64_t word)
{
    if (back_row(word) >> NODE_BITS > 0)
        return;
    uint32_t node = (uint32_t)back_row(word);
    n2_column_prefetch(&in->graph->links0, node, LINES);
    n2_column_prefetch(&in->slack.slots, node, LINES);
    n2_hnsw_prefetch(&in->view, &node, 1);
}

/* Links the words of a bucket. */
static void link_bucket(struct n2_inserter *in, const uint64_t *words, size_t n,
                        struct n2_scratch *scratch)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t node = (uint32_t)back_row(words[i]);
        uint32_t level = (uint32_t)(back_row(words[i]) >> NODE_BITS);
        size_t member = words[i] & ((UINT64_C(1) << N2_MEMBER_BITS) - 1);
        if (i + AHEAD < n)
            prefetch_back(in, words[i + AHEAD]);
        if (in->undo && (i == 0 || back_row(words[i]) != back_row(words[i - 1])))
            n2_undo_save(in->undo, node, level);
        add_link(in, node, level, in->members[member].node, scratch);
    }
}

static void link_back(void *context, size_t begin, size_t end, int worker)
{
    struct n2_inserter *in = context;
    for (size_t b = begin; b < end; b++) {
        size_t at = in->buckets[b], n = in->buckets[b + 1] - at;
        n2_sort_from(in->temp + at, in->words + at, n, N2_MEMBER_BITS);
        link_bucket(in, in->temp + at, n, in->scratches[worker]);
    }
}

/* Puts words[n_words] into buckets, in `temp`, each in the order they have. */
static void fill_buckets(struct n2_inserter *in)
{
    size_t *starts = in->buckets, next[N2_LINK_BUCKETS];
    int shift = 0; /* of a node, to its bucket */
    while ((in->view.n_nodes - 1) >> shift >= N2_LINK_BUCKETS)
        shift++;
    memset(starts, 0, sizeof(in->buckets));
    for (size_t i = 0; i < in->n_words; i++)
        starts[((uint32_t)back_row(in->words[i]) >> shift) + 1]++;
    for (size_t b = 0; b < N2_LINK_BUCKETS; b++) {
        starts[b + 1] += starts[b];
        next[b] = starts[b];
    }
    for (size_t i = 0; i < in->n_words; i++)
        in->temp[next[(uint32_t)back_row(in->words[i]) >> shift]++] = in->words[i];
}

static void list_links_back(struct n2_inserter *in)
{
    uint32_t M = in->graph->M;
    in->n_words = 0;
    for (size_t i = 0; i < in->n_members; i++) {
        const struct n2_member *member = &in->members[i];
        if (member->equal != N2_NONE)
            continue;
        for (uint32_t j = 0; j < member->n_picked0; j++)
            in->words[in->n_words++] = back(0, in->picked0[i * M + j], i);
        for (uint32_t l = 1; l <= member->level; l++) {
            const uint32_t *row = in->picked + (member->upper + l - 1) * M;
            for (uint32_t j = 0; j < M && row[j] != N2_NONE; j++)
                in->words[in->n_words++] = back(l, row[j], i);
        }
    }
    fill_buckets(in);
}

void n2_link_give_towers(struct n2_inserter *in)
{
    struct n2_graph *graph = in->graph;
    for (size_t i = 0; i < in->n_members; i++) {
        const struct n2_member *member = &in->members[i];
        if (member->equal != N2_NONE)
            continue;
        uint32_t *tower = (uint32_t *)(void *)graph->towers.base + member->node;
        N2_STORE(tower, member->level ? graph->n_upper : N2_NONE);
        N2_STORE(&graph->n_upper, graph->n_upper + member->level);
    }
}

/* Makes the members nodes of the graph for everyone. */
static void raise_heights(struct n2_inserter *in)
{
    struct n2_graph *graph = in->graph;
    uint64_t entry = graph->entry;
    for (size_t i = 0; i < in->n_members; i++) {
        const struct n2_member *member = &in->members[i];
        if (member->equal != N2_NONE)
            continue;
        uint32_t height = member->level + 1;
        N2_RELEASE(n2_graph_height(graph, member->node), (uint8_t)height);
        N2_STORE(&graph->n_level[member->level], graph->n_level[member->level] + 1);
        N2_STORE(&graph->n_linked, graph->n_linked + 1);
        N2_STORE(&graph->n_changed, graph->n_changed + 1);
        if (height > n2_entry_height(entry))
            entry = (uint64_t)height << 32 | member->node;
    }
    N2_RELEASE(&graph->entry, entry);
}

void n2_link_members(struct n2_inserter *in)
{
    list_links_back(in);
    n2_team_for(in->team, N2_LINK_BUCKETS, 1, link_back, in);
    raise_heights(in);
}

static void trim(void *context, size_t begin, size_t end, int worker)
{
    struct n2_inserter *in = context;
    uint64_t *words = (uint64_t *)(void *)in->dirty.base;
    for (size_t w = begin; w < end; w++) {
        for (uint64_t bits = words[w]; bits; bits &= bits - 1) {
            uint32_t node = (uint32_t)(w * 64 + (size_t)__builtin_ctzll(bits));
            if (n2_slack_slots(&in->slack, node)[0])
                select_anew(in, node, 0, N2_NONE, in->scratches[worker]);
        }
        words[w] = 0;
    }
}

void n2_insert_trim(struct n2_inserter *in)
{
    n2_team_for(in->team, in->view.n_nodes / 64 + 1, GRAIN, trim, in);
}
