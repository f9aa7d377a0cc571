/* scratch.c - working memory that grows and is kept.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "scratch.h"

#include "alloc.h"
#include "space.h"

static struct n2_scratch *make(size_t dim)
{
    struct n2_scratch *s = n2_alloc_zero(1, sizeof(*s));
    if (!s)
        return NULL;
    s->dim = dim;
    s->query = n2_alloc(n2_space_floats(dim), sizeof(float));
    s->centre = n2_alloc(n2_space_floats(dim), sizeof(float));
    s->whole = n2_alloc(1, dim);
    s->encoding = n2_alloc(1, n2_space_buffer_bytes(dim));
    s->code = n2_alloc(1, N2_MAX_LANES);
    s->ask = n2_alloc(1, sizeof(*s->ask));
    s->lengths = n2_alloc(N2_MAX_DEGREE, sizeof(float));
    s->nodes = n2_alloc(N2_MAX_DEGREE, sizeof(uint32_t));
    s->keys = n2_alloc(N2_MAX_DEGREE, sizeof(uint32_t));
    s->places = n2_alloc(N2_MAX_DEGREE, sizeof(uint32_t));
    s->fresh = n2_alloc(2 * N2_MAX_DEGREE, sizeof(uint64_t));
    s->visited.seen = n2_alloc(N2_VISITED_REMEMBERED, sizeof(uint32_t));
    if (!s->query || !s->centre || !s->whole || !s->encoding || !s->code || !s->ask ||
        !s->lengths || !s->nodes || !s->keys || !s->places || !s->fresh || !s->visited.seen) {
        n2_scratch_free(s);
        return NULL;
    }
    s->n_bytes = sizeof(*s) + 2 * n2_space_floats(dim) * sizeof(float) + dim +
                 n2_space_buffer_bytes(dim) + N2_MAX_LANES + sizeof(*s->ask) +
                 (4 * N2_MAX_DEGREE + N2_VISITED_REMEMBERED) * sizeof(uint32_t) +
                 2 * N2_MAX_DEGREE * sizeof(uint64_t);
    return s;
}

/* Makes *words, which has room for *room, have room for `need`; its content is lost. */
static int fit_words(uint64_t **words, size_t *room, size_t need, size_t *n_bytes)
{
    if (need <= *room)
        return N2_OK;
    uint64_t *larger = n2_alloc(need, sizeof(*larger));
    if (!larger)
        return N2_ERR_NO_MEMORY;
    n2_alloc_free(*words);
    *words = larger;
    *n_bytes += (need - *room) * sizeof(*larger);
    *room = need;
    return N2_OK;
}

static int fit_visited(struct n2_scratch *s, size_t n_nodes)
{
    size_t need = n_nodes / 64 + 1;
    if (need <= s->visited.n_words)
        return N2_OK;
    need += need / 8; /* a growing index does not pay for each add */
    int status = fit_words(&s->visited.bits, &s->visited.n_words, need, &s->n_bytes);
    if (!status)
        memset(s->visited.bits, 0, need * sizeof(uint64_t));
    return status;
}

int n2_scratch_fit(struct n2_scratch **scratch, size_t dim, size_t n_nodes, size_t width, size_t k)
{
    if (!*scratch && !(*scratch = make(dim)))
        return N2_ERR_NO_MEMORY;
    struct n2_scratch *s = *scratch;
    int status = fit_visited(s, n_nodes);
    if (!status)
        status = fit_words(&s->queue.entries, &s->queue_room, width, &s->n_bytes);
    if (!status)
        status = fit_words(&s->found.entries, &s->found_room, width, &s->n_bytes);
    if (!status)
        status = fit_words(&s->heap.words, &s->heap_room, k, &s->n_bytes);
    return status;
}

void n2_scratch_free(struct n2_scratch *s)
{
    if (!s)
        return;
    n2_alloc_free(s->visited.bits);
    n2_alloc_free(s->visited.seen);
    n2_alloc_free(s->queue.entries);
    n2_alloc_free(s->found.entries);
    n2_alloc_free(s->heap.words);
    n2_alloc_free(s->query);
    n2_alloc_free(s->centre);
    n2_alloc_free(s->whole);
    n2_alloc_free(s->encoding);
    n2_alloc_free(s->code);
    n2_alloc_free(s->ask);
    n2_alloc_free(s->lengths);
    n2_alloc_free(s->nodes);
    n2_alloc_free(s->keys);
    n2_alloc_free(s->places);
    n2_alloc_free(s->fresh);
    n2_alloc_free(s);
}
