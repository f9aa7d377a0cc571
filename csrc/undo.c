/* undo.c - copies of rows before they change.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "undo.h"

int n2_undo_init(struct n2_undo *undo, struct n2_graph *graph, uint32_t n_nodes)
{
    memset(undo, 0, sizeof(*undo));
    undo->graph = graph;
    undo->before = (struct n2_graph){
        .entry = graph->entry,
        .n_rows = graph->n_rows,
        .n_upper = graph->n_upper,
        .n_linked = graph->n_linked,
        .n_changed = graph->n_changed,
        .settled = graph->settled,
    };
    memcpy(undo->before.n_level, graph->n_level, sizeof(graph->n_level));
    undo->n_nodes = n_nodes;
    if (n_nodes == 0)
        return N2_OK;
    int status = n2_column_make(&undo->links0, graph->links0.stride, n_nodes, 0);
    if (!status)
        status = n2_column_make(&undo->upper, graph->upper.stride, graph->n_upper, 0);
    if (!status)
        status = n2_column_make(&undo->saved0, sizeof(uint64_t), n_nodes / 64 + 1, 0);
    if (!status)
        status = n2_column_make(&undo->saved1, sizeof(uint64_t), graph->n_upper / 64 + 1, 0);
    if (status)
        n2_undo_release(undo);
    return status;
}

void n2_undo_release(struct n2_undo *undo)
{
    n2_column_release(&undo->links0);
    n2_column_release(&undo->upper);
    n2_column_release(&undo->saved0);
    n2_column_release(&undo->saved1);
}

static uint64_t *word_of(const struct n2_column *saved, uint32_t row)
{
    return (uint64_t *)(void *)saved->base + row / 64;
}

static bool is_saved(const struct n2_column *saved, uint32_t row)
{
    return N2_LOAD(word_of(saved, row)) >> (row % 64) & 1;
}

static void save_row(struct n2_column *saved, struct n2_column *copies,
                     const struct n2_column *rows, uint32_t row)
{
    if (is_saved(saved, row))
        return;
    memcpy(n2_column_row(copies, row), n2_column_row(rows, row), rows->stride);
    __atomic_fetch_or(word_of(saved, row), UINT64_C(1) << (row % 64), __ATOMIC_RELAXED);
}

void n2_undo_save(struct n2_undo *undo, uint32_t node, uint32_t level)
{
    if (node >= undo->n_nodes)
        return;
    const struct n2_graph *graph = undo->graph;
    if (level == 0) {
        save_row(&undo->saved0, &undo->links0, &graph->links0, node);
        return;
    }
    const uint32_t *row = n2_graph_upper(graph, node, level);
    if (!row)
        return;
    size_t at = (size_t)(row - (const uint32_t *)(void *)graph->upper.base) / graph->M;
    if (at < undo->before.n_upper)
        save_row(&undo->saved1, &undo->upper, &graph->upper, (uint32_t)at);
}

const uint32_t *n2_undo_links0(const struct n2_undo *undo, uint32_t node)
{
    bool copied = is_saved(&undo->saved0, node);
    return n2_column_row(copied ? &undo->links0 : &undo->graph->links0, node);
}

const uint32_t *n2_undo_upper(const struct n2_undo *undo, uint32_t row)
{
    bool copied = is_saved(&undo->saved1, row);
    return n2_column_row(copied ? &undo->upper : &undo->graph->upper, row);
}

bool n2_undo_changed(const struct n2_undo *undo, uint32_t node)
{
    return is_saved(&undo->saved0, node);
}

void n2_undo_restore(struct n2_undo *undo)
{
    struct n2_graph *graph = undo->graph;
    const struct n2_graph *before = &undo->before;
    for (uint32_t node = 0; node < undo->n_nodes; node++)
        if (is_saved(&undo->saved0, node))
            memcpy(n2_graph_links0(graph, node), n2_undo_links0(undo, node), graph->links0.stride);
    for (uint32_t row = 0; undo->n_nodes > 0 && row < before->n_upper; row++)
        if (is_saved(&undo->saved1, row))
            memcpy(n2_column_row(&graph->upper, row), n2_undo_upper(undo, row),
                   graph->upper.stride);
    N2_STORE(&graph->n_rows, before->n_rows);
    N2_STORE(&graph->n_upper, before->n_upper);
    N2_STORE(&graph->n_linked, before->n_linked);
    for (int l = 0; l <= N2_MAX_LEVEL; l++)
        N2_STORE(&graph->n_level[l], before->n_level[l]);
    N2_STORE(&graph->n_changed, before->n_changed);
    graph->settled = before->settled;
    N2_RELEASE(&graph->entry, before->entry);
}
