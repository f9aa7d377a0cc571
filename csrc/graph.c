/* graph.c - the columns of a graph.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "graph.h"

size_t n2_graph_upper_rows(uint32_t M, size_t n_nodes)
{
    /* A node is on 1 / (M - 1) levels above 0 on average; twice that and some cover the spread. */
    return 2 * (n_nodes / (M - 1)) + 1024;
}

int n2_graph_init(struct n2_graph *graph, uint32_t M, uint32_t M0, size_t n_reserved)
{
    memset(graph, 0, sizeof(*graph));
    graph->M = M;
    graph->M0 = M0;
    int status = n2_column_reserve(&graph->heights, sizeof(uint8_t), n_reserved, 0);
    if (!status)
        status = n2_column_reserve(&graph->links0, M0 * sizeof(uint32_t), n_reserved, 0);
    if (!status)
        status = n2_column_reserve(&graph->towers, sizeof(uint32_t), n_reserved, 0);
    if (!status)
        status = n2_column_reserve(&graph->upper, M * sizeof(uint32_t),
                                   n2_graph_upper_rows(M, n_reserved), 0);
    if (status)
        n2_graph_release(graph);
    return status;
}

int n2_graph_make(struct n2_graph *graph, uint32_t M, uint32_t M0, size_t n_nodes, size_t n_upper)
{
    memset(graph, 0, sizeof(*graph));
    graph->M = M;
    graph->M0 = M0;
    int status = n2_column_make(&graph->heights, sizeof(uint8_t), n_nodes, 0);
    if (!status)
        status = n2_column_make(&graph->links0, M0 * sizeof(uint32_t), n_nodes, 0);
    if (!status)
        status = n2_column_make(&graph->towers, sizeof(uint32_t), n_nodes, 0);
    if (!status)
        status = n2_column_make(&graph->upper, M * sizeof(uint32_t), n_upper, 0);
    if (status)
        n2_graph_release(graph);
    return status;
}

void n2_graph_release(struct n2_graph *graph)
{
    n2_column_release(&graph->heights);
    n2_column_release(&graph->links0);
    n2_column_release(&graph->towers);
    n2_column_release(&graph->upper);
}

uint64_t n2_graph_highest(const struct n2_graph *graph)
{
    uint64_t entry = 0;
    for (uint32_t node = 0; node < graph->n_rows; node++)
        if (n2_is_linked(*n2_graph_height(graph, node)) &&
            n2_graph_levels(graph, node) > n2_entry_height(entry))
            entry = (uint64_t)n2_graph_levels(graph, node) << 32 | node;
    return entry;
}
