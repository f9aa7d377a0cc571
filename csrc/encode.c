/* encode.c - the codes of nodes, and whether a map fits them.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "train.h"

#include "alloc.h"
#include "heap.h"
#include "sort.h"

#define CLIPPED 100 /* one coordinate in so many may lie outside its byte */
#define SHARED 100  /* and one vector in so many share its code with MATES others */
#define MATES 10    /* which vectors tell apart, in the end; but under dot not within walks */
#define SLACK 10    /* of so many vectors more than there are */
#define AMONG 512   /* nodes, in which some are looked at: */
#define QUERIES 128 /* so many, */
#define NEAREST 10  /* and how near so many others are */
#define SEEN 256    /* nodes, and as many new ones, of which is seen what codes leave out: */
#define RARE 20     /* of one node in so many it is more than a limit; */
#define TIMES 2     /* one new node in BLIND may be beyond so many times that */
#define BLIND 4
#define GRAIN 64

struct encoding {
    const struct n2_training *training;
    struct n2_space *space;
    const uint32_t *nodes;
    uint64_t *words; /* [n] of each, the hash of its code and that of its vector */
    size_t n_outside;
};

static void encode(void *context, size_t begin, size_t end, int worker)
{
    struct encoding *e = context;
    const struct n2_training *t = e->training;
    size_t n_outside = 0;
    for (size_t i = begin; i < end && !N2_LOAD(t->cancel); i++) {
        uint32_t node = e->nodes ? e->nodes[i] : (uint32_t)i;
        uint8_t *code = n2_space_code(e->space, node);
        n_outside +=
            n2_space_encode_node(e->space, t->store, t->kernels, node, t->buffers[worker], code);
        uint64_t of_code = n2_hash_words(code, e->space->codes.stride / sizeof(uint32_t));
        uint64_t of_vector = n2_store_hash(t->store, node);
        e->words[i] = of_code << 32 | (uint32_t)of_vector;
    }
    N2_FETCH_ADD(&e->n_outside, n_outside);
}

/* How many different ones of the sorted words[n] have a code that `mates` others before them have.
 */
static size_t count_shared(const uint64_t *words, size_t n, size_t mates)
{
    size_t n_shared = 0, n_alike = 0;
    for (size_t i = 1; i < n; i++) {
        n_alike = words[i] >> 32 == words[i - 1] >> 32 ? n_alike + (words[i] != words[i - 1]) : 0;
        n_shared += n_alike >= mates && words[i] != words[i - 1];
    }
    return n_shared;
}

/* Whether the codes of too many of a sample of nodes hardly differ from those of ten others. */
static bool is_coarse(const struct n2_training *t, const struct n2_space *space,
                      const uint32_t *nodes, size_t n)
{
    uint32_t sample[AMONG], squares[AMONG];
    size_t m = n2_min(n, AMONG), n_queries = n2_min(m, QUERIES), n_coarse = 0;
    float least = N2_TRAIN_FINE * N2_TRAIN_FINE;
    if (space->short_codes)
        least += n2_space_noise(space);
    for (size_t i = 0; i < m; i++)
        sample[i] = nodes ? nodes[i * n / m] : (uint32_t)(i * n / m);
    for (size_t q = 0; q < n_queries && m > NEAREST; q++) {
        uint32_t self = sample[q * m / n_queries];
        uint64_t words[NEAREST + 1];
        struct n2_heap heap = {words, 0, NEAREST + 1};
        struct n2_probe probe;
        n2_space_probe_node(space, self, t->buffers[0], &probe);
        n2_space_keys(space, t->kernels, &probe, sample, m, squares);
        for (size_t i = 0; i < m; i++)
            n2_heap_push(&heap, (uint64_t)squares[i] << 32 | sample[i]);
        uint32_t tenth = (uint32_t)heap.words[0];
        n_coarse += (float)(heap.words[0] >> 32) < least && !n2_store_equal(t->store, self, tenth);
    }
    return n_coarse > n_queries / N2_TRAIN_COARSE;
}

/* How much of a node's vector its code leaves out: of its squared length, in units. */
static float left_out(const struct n2_training *t, const struct n2_space *space, uint32_t node)
{
    const struct n2_store *store = t->store;
    const float *means = (const float *)(const void *)space->means.base;
    const float *vector =
        n2_store_vector(store, node, n2_space_floats_of(t->buffers[0], store->dim));
    const float factor = store->metric == N2_ANGULAR ? n2_store_behind(store, node) : 1;
    float square = 0;
    for (size_t i = 0; i < store->dim; i++) {
        float x = vector[i] * factor - means[i];
        square += x * x;
    }
    uint8_t numbers[N2_MAX_AXES];
    int32_t held = 0; /* four times that */
    n2_code_unpack(n2_space_code(space, node), space->n_axes, space->short_codes, numbers);
    for (size_t i = 0; i < space->n_axes; i++) {
        int32_t twice = 2 * numbers[i] - N2_CODE_MAX; /* what it is away from the middle */
        held += twice * twice;
    }
    float left = square * (1 / (space->unit * space->unit)) - (float)held / 4;
    return left > 0 ? left : 0;
}

/* Whether codes of fewer directions than there are leave out much more of many of these new nodes
 * than of those that are linked: they vary where those did not. */
static bool is_blind(const struct n2_training *t, const struct n2_space *space,
                     const uint32_t *nodes, size_t n)
{
    uint64_t words[SEEN], temp[SEEN];
    size_t m = n2_min(n, SEEN), n_linked = 0, n_beyond = 0;
    if (space->n_axes >= space->dim || n < SLACK)
        return false;
    for (size_t i = 0; i < SEEN; i++) {
        uint32_t node = (uint32_t)((uint64_t)i * t->n_nodes / SEEN);
        if (n2_is_linked(N2_LOAD(n2_graph_height(t->graph, node))))
            words[n_linked++] = n2_key(left_out(t, space, node));
    }
    if (n_linked < RARE)
        return false;
    n2_sort(words, temp, n_linked);
    float limit = n2_key_distance((uint32_t)words[n_linked - 1 - n_linked / RARE]);
    limit = TIMES * limit + n2_space_noise(space);
    for (size_t i = 0; i < m; i++)
        n_beyond += left_out(t, space, nodes[i * n / m]) > limit;
    return n_beyond > (m + SLACK) / BLIND;
}

int n2_train_encode(const struct n2_training *t, struct n2_space *space, const uint32_t *nodes,
                    size_t n, bool *unfit)
{
    *unfit = false;
    if (n == 0)
        return N2_OK;
    uint64_t *words = n2_alloc(2 * n, sizeof(*words));
    if (!words)
        return N2_ERR_NO_MEMORY;
    struct encoding e = {t, space, nodes, words, 0};
    n2_team_for(t->team, n, GRAIN, encode, &e);
    bool dot = t->store->metric == N2_DOT;
    if (!N2_LOAD(t->cancel)) {
        n2_sort(words, words + n, n);
        *unfit = e.n_outside > (n + SLACK) * space->n_axes / CLIPPED ||
                 count_shared(words, n, dot ? 1 : MATES) > t->n_nodes / SHARED ||
                 (!dot && is_coarse(t, space, nodes, n)) || (nodes && is_blind(t, space, nodes, n));
    }
    n2_alloc_free(words);
    return N2_OK;
}
