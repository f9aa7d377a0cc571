/* visited.h - the set of nodes that a search has seen: one bit a node.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A search sees some thousand of perhaps many million nodes. The set remembers which, so that
 * clearing it costs what was used and not what there is; all of it is cleared where that is less.
 */
#ifndef N2_VISITED_H
#define N2_VISITED_H

#include "base.h"

#define N2_VISITED_REMEMBERED 16384 /* nodes; beyond, the whole set is cleared */

struct n2_visited {
    uint64_t *bits; /* all zero between searches; one bit for each of n_words * 64 nodes */
    size_t n_words;
    uint32_t *seen; /* room for N2_VISITED_REMEMBERED */
    size_t n_seen;  /* may be larger: then those beyond are not in seen */
};

/* Adds a node to the bits of a set, which is one of them. Returns n + 1 if it was not in it, else
 * n: who counts so has no branch that nobody could predict. Nodes that were not in the set are then
 * to be given to n2_visited_remember. */
N2_INLINE size_t n2_visited_add(uint64_t *bits, uint32_t node, size_t n)
{
    uint64_t *word = &bits[node >> 6], after = *word;
#if defined(__x86_64__) && defined(__LP64__)
    /* Compilers shift by a variable here, which takes several steps: 0.95 of a search's time. */
    __asm__("btsq %2, %0\n\tsbbq $-1, %1" : "+r"(after), "+r"(n) : "r"((uint64_t)node) : "cc");
#else
    n += !(after >> (node & 63) & 1);
    after |= UINT64_C(1) << (node & 63);
#endif
    *word = after;
    return n;
}

N2_INLINE void n2_visited_remember(struct n2_visited *visited, const uint32_t *fresh,
                                   size_t n_fresh)
{
    if (visited->n_seen + n_fresh <= N2_VISITED_REMEMBERED)
        memcpy(visited->seen + visited->n_seen, fresh, n_fresh * sizeof(*fresh));
    else
        visited->n_seen = N2_VISITED_REMEMBERED + 1 - n_fresh; /* too many, from now on */
    visited->n_seen += n_fresh;
}

/* Copies those of nodes[n] to fresh[n] that are not in the set, and adds them; returns their
 * number. `fresh` may be `nodes`. */
N2_INLINE size_t n2_visited_filter(struct n2_visited *visited, const uint32_t *nodes, size_t n,
                                   uint32_t *fresh)
{
    uint64_t *bits = visited->bits;
    size_t n_fresh = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t node = nodes[i];
        fresh[n_fresh] = node;
        n_fresh = n2_visited_add(bits, node, n_fresh);
    }
    n2_visited_remember(visited, fresh, n_fresh);
    return n_fresh;
}

static inline void n2_visited_clear(struct n2_visited *visited)
{
    if (visited->n_seen > N2_VISITED_REMEMBERED || visited->n_words < 2 * visited->n_seen)
        memset(visited->bits, 0, visited->n_words * sizeof(*visited->bits));
    else
        for (size_t i = 0; i < visited->n_seen; i++)
            visited->bits[visited->seen[i] >> 6] = 0;
    visited->n_seen = 0;
}

#endif
