/* queue.h - the candidate list of a search: a sorted array of 64-bit entries.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An entry is  key << 32 | node << 1 | expanded,  where the key is a distance as an unsigned number
 * of the same order. Entries thus sort by distance, ties by node, and one comparison of integers
 * decides both. The array is the paper's C and W in one: W is all of it, C is what is not yet
 * expanded. With up to some thousand entries an insertion by memmove is cheaper than a heap's.
 */
#ifndef N2_QUEUE_H
#define N2_QUEUE_H

#include "sort.h"

/* The bits of a float, changed so that unsigned order is the order of the numbers: those of a
 * positive number get the top bit, those of a negative one are inverted. -0 must not occur. */
N2_INLINE uint32_t n2_key(float distance)
{
    uint32_t bits;
    memcpy(&bits, &distance, 4);
    return bits ^ ((uint32_t)((int32_t)bits >> 31) | UINT32_C(0x80000000));
}

N2_INLINE float n2_key_distance(uint32_t key)
{
    uint32_t bits = key & UINT32_C(0x80000000) ? key ^ UINT32_C(0x80000000) : ~key;
    float distance;
    memcpy(&distance, &bits, 4);
    return distance;
}

N2_INLINE uint64_t n2_entry(uint32_t key, uint32_t node)
{
    return (uint64_t)key << 32 | (uint64_t)node << 1;
}

N2_INLINE uint32_t n2_entry_key(uint64_t entry)
{
    return (uint32_t)(entry >> 32);
}

N2_INLINE uint32_t n2_entry_node(uint64_t entry)
{
    return (uint32_t)entry >> 1;
}

/* How far a search looks. The paper's beam alone has a fixed width; a search that stops by distance
 * looks at what is nearer than a multiple of the distance of the best so far: few nodes where the
 * nearest stand out, many where they do not (distance-adaptive beam search, arXiv 2505.15636). */
struct n2_beam {
    size_t width;  /* ef: candidates kept */
    size_t rank;   /* the candidate, counted from 1, that sets the bound; 0: there is none */
    float stretch; /* how far behind it the bound lies (n2_view_stretch) */
    /* Of a picky view, where the candidate of that rank is one of those that count: how far behind
     * it the bound lies if it is the one of rank `all` among all candidates. */
    size_t all; /* 0: it is a beam of fixed width */
    float stretch_all;
    float growth; /* by how much more of itself, dot: by how much more, for each e times that its
                     place is behind `all` */
};

/* The least excess (n2_space_learn) of vectors not measured yet, in parts of the least that was
 * seen: the farther a search looks, the less of what it finds is it to lose by it. With 0.96 for
 * all, searches of SIFT vectors for recall 0.9 took 1.08 of the time; with 0.99, 1.7 for 0.995. */
N2_INLINE float n2_beam_unseen(const struct n2_beam *beam)
{
    float unseen = 1 - (beam->stretch - 1) / 8;
    return beam->rank == 0 ? 0.96f : unseen > 0.5f ? unseen : 0.5f;
}

struct n2_queue {
    uint64_t *entries; /* ascending; room for beam.width */
    size_t size;
    size_t next; /* all before it are expanded */
    struct n2_beam beam;
};

N2_INLINE void n2_queue_clear(struct n2_queue *queue, struct n2_beam beam)
{
    queue->size = 0;
    queue->next = 0;
    queue->beam = beam;
}

/* How many entries come before that one. */
N2_INLINE size_t n2_queue_place(const struct n2_queue *queue, uint64_t entry)
{
    size_t at = 0;
    for (size_t n = queue->size; n > 0;) { /* branch-free lower bound */
        size_t half = (n + 1) / 2;
        at += queue->entries[at + half - 1] < entry ? half : 0;
        n -= half;
    }
    return at;
}

/* Inserts an entry, unless as many nearer ones as the beam is wide are there. */
N2_INLINE void n2_queue_insert(struct n2_queue *queue, uint64_t entry)
{
    uint64_t *e = queue->entries;
    if (queue->size == queue->beam.width) {
        if (entry >= e[queue->size - 1])
            return;
        queue->size--;
    }
    size_t at = n2_queue_place(queue, entry);
    memmove(e + at + 1, e + at, (queue->size - at) * sizeof(*e));
    e[at] = entry;
    queue->size++;
    if (at < queue->next)
        queue->next = at;
}

#define N2_QUEUE_FEW 64 /* entries, up to which comparing each with each is fastest */

/* Sorts fresh[n], which is room then, to sorted[n]: without branches that nobody could predict. */
N2_INLINE void n2_queue_sort(uint64_t *fresh, size_t n, uint64_t *sorted)
{
    if (N2_UNLIKELY(n > N2_QUEUE_FEW)) {
        memcpy(sorted, fresh, n * sizeof(*sorted));
        n2_sort(sorted, fresh, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        size_t rank = 0;
        for (size_t j = 0; j < n; j++)
            rank += fresh[j] < fresh[i];
        sorted[rank] = fresh[i];
    }
}

/* Inserts sorted[n], none of which is there, as n calls of n2_queue_insert would: but they are
 * looked for side by side, and what lies behind them moves once. Returns how many were inserted,
 * the first ones, and sets places[] to where they are. */
N2_INLINE size_t n2_queue_merge(struct n2_queue *queue, const uint64_t *sorted, size_t n,
                                uint32_t *places)
{
    uint64_t *e = queue->entries;
    while (queue->size + n > queue->beam.width) /* without the farthest of all */
        if (queue->size > 0 && (n == 0 || e[queue->size - 1] > sorted[n - 1]))
            queue->size--;
        else
            n--;
    for (size_t i = 0; i < n; i++)
        places[i] = (uint32_t)(n2_queue_place(queue, sorted[i]) + i);
    for (size_t i = n, end = queue->size; i-- > 0;) {
        size_t from = places[i] - i;
        memmove(e + places[i] + 1, e + from, (end - from) * sizeof(*e));
        e[places[i]] = sorted[i];
        end = from;
    }
    queue->size += n;
    if (n > 0 && places[0] < queue->next)
        queue->next = places[0];
    return n;
}

/* Drops the entries whose keys are above `bound`, but not the first beam.rank. */
N2_INLINE void n2_queue_cut(struct n2_queue *queue, uint32_t bound)
{
    while (queue->size > queue->beam.rank && n2_entry_key(queue->entries[queue->size - 1]) > bound)
        queue->size--;
}

/* The largest key that may still enter. */
N2_INLINE uint32_t n2_queue_limit(const struct n2_queue *queue)
{
    return queue->size < queue->beam.width ? UINT32_MAX
                                           : n2_entry_key(queue->entries[queue->size - 1]);
}

/* Marks the nearest entry not yet expanded, and sets *entry to it. False if there is none whose key
 * is `bound` at most. */
N2_INLINE bool n2_queue_expand(struct n2_queue *queue, uint32_t bound, uint64_t *entry)
{
    size_t i = queue->next;
    while (i < queue->size && (queue->entries[i] & 1))
        i++;
    queue->next = i;
    if (i >= queue->size || n2_entry_key(queue->entries[i]) > bound) /* cut behind `next` */
        return false;
    *entry = queue->entries[i];
    queue->entries[i] |= 1;
    queue->next = i + 1;
    return true;
}

#endif
