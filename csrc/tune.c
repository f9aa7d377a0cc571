/* tune.c - measures what searches find, some of it against exact searches.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tune.h"

#include "alloc.h"
#include "pass.h"
#include "search.h"
#include "sort.h"

#include <math.h>

#define LEAST_QUERIES 50
#define NODES_A_QUERY 50 /* at least */
#define NEAREST 100      /* neighbours of a query that are known */
#define AMONG 400        /* nearest codes, among which the true ones are looked for */
#define RETUNE 4         /* tune again when as many as a quarter have come or gone */
#define FOUND_ALL 0.996f /* larger steps would find no more */
#define MOST_TOLD 0.998f /* recalls above are not told apart, nor those below 0.002 */
#define GROUP 8          /* queries that share one reading of the codes */
#define CLOSE 10         /* neighbours whose distances tell the shrink */
#define LOW_SHARE 10     /* one in so many of them is nearer than it says */
#define LOW_SHARE_DOT 1000

/* An exact search takes as long as many walks. So one is made for few queries, EXACT, which tell
 * what share of the neighbours a far walk finds; and for all of them other walks are compared with
 * that. 250 exact searches measure as many distances for each node, in order, where its insertion
 * measured one or two thousand at random.
 *
 * One query finds all, another hardly anything. Each recall is the mean of as many queries as told
 * that of the step before to ERROR, one standard error, or to that share of what was missed: where
 * those of the same step say how many they must be, a lucky few end it. */
#define EXACT 250
#define FAR_RECALL 0.99f
#define NO_MORE 0.0005f /* found by a step from there: the next ones find no more either */
#define FEWEST 150
#define MOST_ALONE 750 /* for one neighbour, of which all is found or nothing */
#define ERROR 0.0033f
#define ERROR_SHARE 30
#define SPREAD 1619 /* a prime above N2_TUNE_QUERIES: query i is number i * SPREAD among them */

static const size_t ks[N2_TUNE_KS] = {1, 10, NEAREST};

/* Step j is the stretch growth^(quarters[j] / 4); under dot it is growth * quarters[j] / 4. */
static const uint8_t quarters[N2_TUNE_STEPS] = {0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24};

/* By roots and products, which are the same to the last bit everywhere; powf is not. */
static float stretch_of(int32_t metric, float growth, size_t step)
{
    if (metric == N2_DOT)
        return growth * (float)quarters[step] / 4;
    float root = sqrtf(sqrtf(growth)), stretch = 1;
    for (uint8_t i = 0; i < quarters[step]; i++)
        stretch *= root;
    return stretch;
}

/* --- using it --- */

/* Within a step the odds of finding a neighbour grow by about the same factor in equal parts of it.
 */
static float log_odds(float recall)
{
    recall = fminf(fmaxf(recall, 1 - MOST_TOLD), MOST_TOLD);
    return logf(recall / (1 - recall));
}

/* The step at which a row of recalls reaches `recall`, or all that the row reaches, as a real
 * number: beyond that, searches would only take longer. */
static float step_of(const float *recalls, float recall)
{
    float before = 0, most = 0;
    for (size_t j = 0; j < N2_TUNE_STEPS; j++)
        most = recalls[j] > most ? recalls[j] : most;
    recall = fminf(recall, most);
    for (size_t j = 0; j < N2_TUNE_STEPS; j++) {
        if (recalls[j] >= recall) {
            if (j == 0)
                return 0;
            float from = log_odds(before), to = log_odds(recalls[j]);
            return (float)(j - 1) + (to > from ? (log_odds(recall) - from) / (to - from) : 0);
        }
        before = recalls[j] > before ? recalls[j] : before;
    }
    return N2_TUNE_STEPS - 1; /* what a rotten file may say */
}

/* What lies between two values as a real step lies between two steps. */
static float between(float at, float next, float step)
{
    return at + (step - floorf(step)) * (next - at);
}

/* The stretch, and the distances measured, at a real step of a row. */
static float stretch_at(const struct n2_tuning *tuning, int32_t metric, size_t row, float step,
                        float *measured)
{
    size_t j = (size_t)step, next = n2_min(j + 1, N2_TUNE_STEPS - 1);
    *measured = between(tuning->measured[row][j], tuning->measured[row][next], step);
    return between(stretch_of(metric, tuning->growth, j), stretch_of(metric, tuning->growth, next),
                   step);
}

struct n2_beam n2_tune_beam(const struct n2_tuning *tuning, int32_t metric, size_t k, float recall,
                            float *measured)
{
    size_t row = k < 10 ? 0 : 1;
    float at =
        k >= 100 ? 1 : log10f((float)k) - (float)row; /* 0: at the row's k, 1: at the next's */
    float m[2], s[2];
    for (size_t i = 0; i < 2; i++)
        s[i] = stretch_at(tuning, metric, row + i, step_of(tuning->recall[row + i], recall), &m[i]);
    *measured = m[0] + at * (m[1] - m[0]);
    return (struct n2_beam){
        .width = n2_tune_width(k), .rank = k, .stretch = s[0] + at * (s[1] - s[0])};
}

/* --- measuring --- */

struct tuner {
    struct n2_build *build;
    struct n2_space space; /* the build's, and the shrink that is found */
    struct n2_view view;
    const float *given;    /* [n] the build's queries, or NULL: */
    const uint32_t *nodes; /* [n], where they are */
    size_t n, n_exact;     /* for the first n_exact there is an exact search */
    uint64_t *candidates;  /* [n_exact][AMONG] nearest by codes, or vectors: heap words of nodes */
    size_t *n_candidates;
    uint32_t *near; /* [n][NEAREST] keys of the neighbours known, ascending: the true ones, and */
    size_t *n_near; /* later those of a far walk */
    float (*known)[N2_TUNE_KS]; /* [n_exact] what share of the true neighbours these are */
    float *deviations;          /* [n_exact][CLOSE] of codes, see n2_space_deviation */
    size_t *n_deviations;
    size_t k;
    struct n2_beam beam;
    float *found, *measured; /* [n] of one walk each */
};

/* Prepares a query as searches do. */
static void probe_of(const struct tuner *t, size_t i, struct n2_scratch *scratch, uint8_t *code,
                     struct n2_probe *probe)
{
    const struct n2_store *store = t->view.store;
    size_t number = i * SPREAD % t->n;
    const float *vector = t->given ? t->given + number * store->dim
                                   : n2_store_vector(store, t->nodes[number], scratch->query);
    double norm;
    (void)n2_store_check(store, vector, &norm); /* was checked when it was added */
    n2_store_probe_query(store, vector, norm, scratch->query, probe);
    n2_store_probe_whole(store, scratch->whole, probe);
    if (t->view.space)
        (void)n2_space_encode_query(t->view.space, store, t->view.kernels, probe, scratch->encoding,
                                    code);
}

/* Finds the true neighbours of queries begin..end-1, at most GROUP. */
static void find_true(void *context, size_t begin, size_t end, int worker)
{
    struct tuner *t = context;
    const struct n2_view *view = &t->view;
    struct n2_scratch *scratch = t->build->scratches[worker];
    uint8_t codes[GROUP][N2_MAX_LANES];
    struct n2_heap heaps[GROUP];
    struct n2_probe probes[GROUP];
    uint32_t nodes[N2_SCAN_BLOCK], keys[N2_SCAN_BLOCK];
    for (size_t i = begin; i < end; i++) {
        probe_of(t, i, scratch, codes[i - begin], &probes[i - begin]);
        heaps[i - begin] = (struct n2_heap){t->candidates + i * AMONG, 0, AMONG};
    }
    for (uint32_t from = 0; from < view->n_nodes; from += N2_SCAN_BLOCK) {
        if (N2_LOAD(&t->build->cancel))
            return;
        size_t n = 0;
        for (uint32_t node = from; node < n2_min((size_t)from + N2_SCAN_BLOCK, view->n_nodes);
             node++) {
            uint8_t height = *n2_graph_height(view->graph, node);
            nodes[n] = node;
            n += n2_is_linked(height) && !n2_store_is_dead(view->store, node);
        }
        for (size_t i = begin; i < end; i++) {
            struct n2_heap *heap = &heaps[i - begin];
            if (!view->space) /* they share the room for a vector */
                probe_of(t, i, scratch, NULL, &probes[i - begin]);
            n2_view_keys(view, &probes[i - begin], nodes, n, keys);
            for (size_t j = 0; j < n; j++)
                n2_heap_push(heap, (uint64_t)keys[j] << 32 | nodes[j]);
        }
    }
    for (size_t i = begin; i < end; i++) {
        struct n2_heap *heap = &heaps[i - begin];
        n2_heap_sort(heap);
        t->n_candidates[i] = heap->size;
    }
}

/* Keeps a query's neighbours, which are sorted. */
static void keep_near(const struct tuner *t, size_t i, const struct n2_heap *heap)
{
    t->n_near[i] = heap->size;
    for (size_t j = 0; j < heap->size; j++)
        t->near[i * NEAREST + j] = (uint32_t)(heap->words[j] >> 32);
}

/* Ranks the candidates of queries begin..end-1 by the vectors. */
static void rank_true(void *context, size_t begin, size_t end, int worker)
{
    struct tuner *t = context;
    const struct n2_view *view = &t->view;
    struct n2_scratch *scratch = t->build->scratches[worker];
    for (size_t i = begin; i < end; i++) {
        struct n2_probe probe;
        probe_of(t, i, scratch, scratch->code, &probe);
        uint32_t nodes[AMONG], keys[AMONG];
        uint64_t words[NEAREST];
        struct n2_heap heap = {words, 0, NEAREST};
        size_t n = t->n_candidates[i];
        for (size_t j = 0; j < n; j++)
            nodes[j] = (uint32_t)t->candidates[i * AMONG + j];
        n2_store_keys(view->store, view->kernels, &probe, nodes, n, keys);
        for (size_t j = 0; j < n; j++)
            n2_heap_push(&heap, (uint64_t)keys[j] << 32 | j);
        n2_heap_sort(&heap);
        keep_near(t, i, &heap);
        for (size_t j = 0; view->space && j < n2_min(heap.size, CLOSE); j++) {
            uint64_t candidate = t->candidates[i * AMONG + (uint32_t)words[j]];
            t->n_deviations[i] += n2_space_deviation(
                view->space, view->store, &probe, (uint32_t)(candidate >> 32),
                (uint32_t)(words[j] >> 32), &t->deviations[i * CLOSE + t->n_deviations[i]]);
        }
    }
}

/* Walks for query i, to NEAREST results at most. */
static void walk(const struct tuner *t, size_t i, struct n2_scratch *scratch)
{
    struct n2_probe probe;
    probe_of(t, i, scratch, scratch->code, &probe);
    scratch->heap.size = 0;
    scratch->heap.width = t->k;
    scratch->n_measured = 0;
    n2_search_graph(&t->view, &probe, t->beam, scratch);
    n2_visited_clear(&scratch->visited);
}

/* The share of query i's k nearest, of those known, that a walk found. */
static float share_found(const struct tuner *t, size_t i, size_t k, const struct n2_heap *heap)
{
    size_t n_near = n2_min(k, t->n_near[i]), n = 0;
    if (n_near == 0) /* all is found of nothing: all nodes may be dead */
        return 1;
    for (size_t j = 0; j < heap->size; j++)
        n += heap->words[j] >> 32 <= t->near[i * NEAREST + n_near - 1];
    return (float)n2_min(n, n_near) / (float)n_near;
}

/* Walks for queries begin..end-1. */
static void ask(void *context, size_t begin, size_t end, int worker)
{
    struct tuner *t = context;
    struct n2_scratch *scratch = t->build->scratches[worker];
    for (size_t i = begin; i < end && !N2_LOAD(&t->build->cancel); i++) {
        walk(t, i, scratch);
        t->found[i] = share_found(t, i, t->k, &scratch->heap);
        t->measured[i] = (float)scratch->n_measured;
    }
}

/* Walks for queries begin..end-1, whose results are what is known of their neighbours from then on,
 * and tells what share they are of the true ones. */
static void ask_far(void *context, size_t begin, size_t end, int worker)
{
    struct tuner *t = context;
    struct n2_scratch *scratch = t->build->scratches[worker];
    for (size_t i = begin; i < end && !N2_LOAD(&t->build->cancel); i++) {
        walk(t, i, scratch);
        for (size_t row = 0; row < N2_TUNE_KS && i < t->n_exact; row++)
            t->known[i][row] = share_found(t, i, ks[row], &scratch->heap);
        n2_heap_sort(&scratch->heap);
        keep_near(t, i, &scratch->heap);
    }
}

static float mean(const float *values, size_t n)
{
    float sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += values[i];
    return sum / (float)n;
}

/* How many queries tell the mean of what there is in values[n] to the error allowed. */
static size_t enough(const float *values, size_t n)
{
    float middle = mean(values, n), error = fmaxf(ERROR, (1 - middle) / ERROR_SHARE), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (values[i] - middle) * (values[i] - middle);
    return n2_max((size_t)(sum / (float)n / (error * error)), FEWEST);
}

/* Fills a row of the tuning by at most n queries, of whose neighbours the share `known` is known.
 */
static void measure(struct tuner *t, struct n2_tuning *tuning, size_t row, size_t n, float known)
{
    float before = 0;
    size_t j = 0, n_asked = n;
    t->k = ks[row];
    t->beam = (struct n2_beam){.width = n2_tune_width(t->k), .rank = t->k};
    for (bool all = false; j < N2_TUNE_STEPS && !all; j++) {
        t->beam.stretch = stretch_of(t->view.store->metric, tuning->growth, j);
        n2_team_for(t->build->team, n_asked, 1, ask, t);
        float recall = mean(t->found, n_asked);
        tuning->recall[row][j] = recall * known;
        tuning->measured[row][j] = mean(t->measured, n_asked);
        all = recall >= FOUND_ALL || (recall >= FAR_RECALL && recall - before < NO_MORE) ||
              N2_LOAD(&t->build->cancel);
        before = recall;
        n_asked = n2_min(enough(t->found, n_asked), n);
    }
    for (; j < N2_TUNE_STEPS; j++) {
        tuning->recall[row][j] = 1;
        tuning->measured[row][j] = tuning->measured[row][j - 1];
    }
}

/* The largest k first, whose walks are compared with exact searches: they go the farthest. */
static void measure_all(struct tuner *t, struct n2_tuning *tuning)
{
    size_t row = N2_TUNE_KS - 1, far = 0;
    measure(t, tuning, row, t->n_exact, 1);
    while (far < N2_TUNE_STEPS - 1 && tuning->recall[row][far] < FAR_RECALL)
        far++;
    t->beam.stretch = stretch_of(t->view.store->metric, tuning->growth, far);
    n2_team_for(t->build->team, t->n, 1, ask_far, t);
    while (row-- > 0) {
        float known = 0;
        for (size_t i = 0; i < t->n_exact; i++)
            known += t->known[i][row];
        measure(t, tuning, row, row ? t->n : n2_min(t->n, MOST_ALONE), known / (float)t->n_exact);
    }
}

/* What all but one in LOW_SHARE of the deviations are above. Under dot no search learns how far its
 * own codes deviate (n2_space_learn), and what lies below is lost however far it looks: where
 * lengths differ much, or queries lie in a knot, one in 10 was too many. Of vectors of an even kind
 * one in 1,000 costs nothing. */
static float choose_shrink(const struct tuner *t)
{
    const size_t share = t->view.store->metric == N2_DOT ? LOW_SHARE_DOT : LOW_SHARE;
    uint64_t *words = t->candidates; /* no longer needed */
    size_t n = 0;
    for (size_t i = 0; i < t->n_exact; i++)
        for (size_t j = 0; j < t->n_deviations[i]; j++)
            words[n++] = n2_key(t->deviations[i * CLOSE + j]);
    n2_sort(words, words + n, n);
    return n ? n2_key_distance((uint32_t)words[n / share]) : 0;
}

bool n2_tune_is_due(const struct n2_index *index, size_t n_new)
{
    const struct n2_graph *graph = &index->graph;
    return N2_LOAD(&graph->n_changed) + n_new >= (N2_LOAD(&graph->n_linked) + n_new) / RETUNE;
}

size_t n2_tune_enough(size_t n_nodes, size_t n_new)
{
    size_t spared = n_nodes / NODES_A_QUERY;
    size_t least = n2_max(n2_min(spared, N2_TUNE_ENOUGH), LEAST_QUERIES);
    size_t most = n2_min(n2_max(spared, least), N2_TUNE_QUERIES);
    return n_new / 4 < least ? 0 : n2_min(most, n_new / 4);
}

size_t n2_tune_queries(struct n2_build *build)
{
    const struct n2_index *index = build->index;
    if (n2_pass_space(build)->growth <= 0 ||
        (!build->retrains && !n2_tune_is_due(index, build->n_new)))
        return 0;
    return n2_tune_enough(index->graph.n_linked + build->n_new, build->n_new);
}

int n2_tune(struct n2_build *build, const uint32_t *nodes, size_t n, struct n2_tuning *tuning)
{
    const float *given = build->n_queries >= LEAST_QUERIES ? build->queries : NULL;
    n = given ? build->n_queries : n;
    struct tuner t = {.build = build,
                      .view = build->inserter.view,
                      .given = given,
                      .nodes = nodes,
                      .n = n,
                      .n_exact = n2_min(n, EXACT)};
    int status = N2_OK;
    t.space = *n2_pass_space(build);
    t.view.space = t.space.n_axes ? &t.space : NULL;
    t.view.slack = NULL;
    t.view.entry = build->inserter.graph->entry;
    for (int i = 0; i < build->n_threads && !status; i++)
        status = n2_scratch_fit(&build->scratches[i], t.view.store->dim, t.view.n_nodes,
                                n2_tune_width(NEAREST), NEAREST);
    if (status)
        return status;
    t.candidates = n2_alloc(t.n_exact * AMONG, sizeof(uint64_t));
    t.n_candidates = n2_alloc_zero(t.n_exact, sizeof(size_t));
    t.near = n2_alloc(n * NEAREST, sizeof(uint32_t));
    t.n_near = n2_alloc_zero(n, sizeof(size_t));
    t.known = n2_alloc_zero(t.n_exact, sizeof(*t.known));
    t.deviations = n2_alloc(t.n_exact * CLOSE, sizeof(float));
    t.n_deviations = n2_alloc_zero(t.n_exact, sizeof(size_t));
    t.found = n2_alloc_zero(n, sizeof(float));
    t.measured = n2_alloc_zero(n, sizeof(float));
    status = N2_ERR_NO_MEMORY;
    if (t.candidates && t.n_candidates && t.near && t.n_near && t.known && t.deviations &&
        t.n_deviations && t.found && t.measured) {
        memset(tuning, 0, sizeof(*tuning));
        n2_team_for(build->team, t.n_exact, GROUP, find_true, &t);
        n2_team_for(build->team, t.n_exact, 1, rank_true, &t);
        if (t.view.space && !N2_LOAD(&build->cancel))
            build->shrink = t.space.shrink = choose_shrink(&t);
        tuning->growth = n2_pass_space(build)->growth;
        measure_all(&t, tuning);
        tuning->n_linked = build->inserter.graph->n_linked;
        status = N2_LOAD(&build->cancel) ? N2_ERR_CANCELLED : N2_OK;
    }
    n2_alloc_free(t.candidates);
    n2_alloc_free(t.n_candidates);
    n2_alloc_free(t.near);
    n2_alloc_free(t.n_near);
    n2_alloc_free(t.known);
    n2_alloc_free(t.deviations);
    n2_alloc_free(t.n_deviations);
    n2_alloc_free(t.found);
    n2_alloc_free(t.measured);
    return status;
}
