/* codes.h - for tests of codes: recall of an index that may navigate by them.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Recall is counted by distance: a result counts that is no farther than the last of the exact
 * ones. The graph is walked only where it holds more than 16 nodes for each place in the beam, so
 * beams are as wide as that allows.
 */
#ifndef N2_TEST_CODES_H
#define N2_TEST_CODES_H

#include "support.h"

#include <math.h>
#include <stdlib.h>

#define K 10

static const int metrics[] = {N2_ANGULAR, N2_L2, N2_DOT};

static inline struct n2_stats stats_of(struct n2_index *index)
{
    struct n2_stats stats = {.size = sizeof stats};
    CHECK_STATUS(0, n2_get_stats(index, &stats));
    CHECKF((stats.code_axes == 0) == (stats.code_bytes == 0) && stats.code_axes <= 512 &&
               stats.code_axes <= stats.dim + (stats.metric == N2_DOT),
           "%u axes, %llu bytes of codes", stats.code_axes, (unsigned long long)stats.code_bytes);
    if (stats.code_axes) /* five bits an axis at least, for each vector that is built */
        CHECK(stats.code_bytes * 8 >= (stats.n_vectors - stats.n_pending) * stats.code_axes * 5);
    return stats;
}

static inline struct n2_options navigating(int metric, int navigation)
{
    struct n2_options options = options_of(metric);
    options.navigation = navigation;
    return options;
}

/* The widest beam, of at most `most`, with which a search still walks. */
static inline uint64_t walking_ef(struct n2_index *index, uint64_t most)
{
    struct n2_stats stats = stats_of(index);
    uint64_t n_linked = stats.n_vectors - stats.n_pending - stats.n_duplicates;
    uint64_t ef = n_linked < 17 * K ? K : n_linked / 17;
    return ef < most ? ef : most;
}

/* Every result has the distance of its vector. */
static inline void check_distances(int metric, const float *vectors, size_t dim, const float *query,
                                   const struct n2_neighbor *results, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double bound,
            right = reference_distance(metric, query, vectors + results[i].id * dim, dim, &bound);
        CHECKF(fabs((double)results[i].distance - right) <= bound,
               "metric %d, id %u: distance %.9g instead of %.9g", metric, results[i].id,
               (double)results[i].distance, right);
    }
}

/* recall@10 of each of the searches for queries[n][dim] by these options. `vectors` are those of
 * the index. */
static inline struct sample recalls(struct n2_index *index, const float *vectors,
                                    const float *queries, size_t n,
                                    const struct n2_search_options *options)
{
    struct n2_stats stats = stats_of(index);
    struct n2_neighbor *exact = must_alloc(n * K, sizeof *exact);
    struct n2_neighbor *found = must_alloc(n * K, sizeof *found);
    size_t *counts = must_alloc(n, sizeof *counts);
    struct sample sample = {0, 0, 0};
    CHECK_STATUS(0, n2_search_exact(index, queries, n, K, exact, counts));
    CHECK_STATUS(0, n2_search_batch(index, queries, n, K, options, found, counts));
    for (size_t i = 0; i < n; i++) {
        struct n2_neighbor last = exact[i * K + K - 1];
        size_t n_found = 0;
        CHECKF(counts[i] == K, "%zu results", counts[i]);
        CHECK_RESULTS(stats.metric, found + i * K, counts[i], stats.n_vectors);
        check_distances(stats.metric, vectors, stats.dim, queries + i * stats.dim, found + i * K,
                        counts[i]);
        for (size_t j = 0; j < counts[i]; j++)
            n_found += stats.metric == N2_DOT ? found[i * K + j].distance >= last.distance
                                              : found[i * K + j].distance <= last.distance;
        sample_add(&sample, (double)n_found / K);
    }
    free(exact);
    free(found);
    free(counts);
    return sample;
}

/* Their mean, with a beam of at most that width. */
static inline double recall(struct n2_index *index, const float *vectors, const float *queries,
                            size_t n, uint64_t most_ef)
{
    struct n2_search_options options;
    n2_search_options_init(&options);
    options.ef = walking_ef(index, most_ef);
    options.threads = 2;
    return sample_mean(recalls(index, vectors, queries, n, &options));
}

#endif
