/* merge.c - merges the level-0 lists of two graphs over the same vectors.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A node inserted early in one pass comes late in the other, when its true neighbours are there to
 * be found; of both lists the better links stay.
 */
#include "merge.h"

#include "link.h"

#define GRAIN 64

struct merging {
    struct n2_inserter *inserter;
    const struct n2_graph *second;
    const uint32_t *nodes;
};

static void merge_node(struct n2_inserter *in, const struct n2_graph *second, uint32_t node,
                       struct n2_scratch *scratch)
{
    const struct n2_view *view = &in->view;
    struct n2_view other = *view;
    other.graph = second;
    other.slack = NULL;
    uint32_t *nodes = scratch->nodes;
    size_t n = n2_hnsw_links(view, node, 0, nodes);
    if (*n2_graph_height(second, node) !=
        0) /* a pass may take for a duplicate what the other did not */
        n += n2_hnsw_links(&other, node, 0, nodes + n);
    n = n2_visited_filter(&scratch->visited, nodes, n, nodes); /* each once */
    n2_visited_clear(&scratch->visited);
    n2_link_choose(in, node, 0, in->selection0, n, in->graph->M0, scratch);
}

static void merge(void *context, size_t begin, size_t end, int worker)
{
    struct merging *merging = context;
    for (size_t i = begin; i < end; i++)
        merge_node(merging->inserter, merging->second, merging->nodes[i],
                   merging->inserter->scratches[worker]);
}

void n2_merge_level0(struct n2_inserter *in, const struct n2_graph *second, const uint32_t *nodes,
                     size_t n)
{
    struct merging merging = {in, second, nodes};
    n2_team_for(in->team, n, GRAIN, merge, &merging);
}
