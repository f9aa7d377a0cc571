/* load.c - opens a saved index: its sections become the columns.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crc32c.h"
#include "file.h"
#include "index.h"
#include "sketch.h"

static int read_header(int fd, uint64_t file_bytes, struct n2_header *header,
                       struct n2_trailer *trailer)
{
    memset(header, 0, sizeof(*header));
    int status = n2_file_read(fd, header, n2_min(sizeof(*header), file_bytes), 0);
    if (status)
        return status;
    /* Told apart: a file that begins as one of ours, and any other. */
    if (file_bytes < sizeof(*header))
        return file_bytes >= sizeof(header->magic) &&
                       !memcmp(header->magic, N2_MAGIC, sizeof(header->magic))
                   ? N2_ERR_TRUNCATED
                   : N2_ERR_FORMAT;
    status = n2_format_check(header, file_bytes);
    if (status)
        return status;
    status = n2_file_read(fd, trailer, sizeof(*trailer), header->trailer_offset);
    if (status)
        return status;
    return trailer->crc_of_these == n2_crc32c(0, trailer->crc, sizeof(trailer->crc))
               ? N2_OK
               : N2_ERR_CORRUPT;
}

static int fill_column(struct n2_column *column, int fd, const struct n2_section *section, bool map)
{
    if (section->bytes == 0)
        return N2_OK;
    size_t rows = section->bytes / section->stride;
    if (!n2_column_fits(column, rows)) {
        int status = n2_column_move(column, rows);
        if (status)
            return status;
    }
    if (map)
        return n2_column_map(column, fd, section->offset, section->bytes);
    int status = n2_column_commit(column, rows);
    if (!status)
        status = n2_file_read(fd, column->base, section->bytes, section->offset);
    return status;
}

static int make_index(struct n2_index **index, const struct n2_header *h)
{
    struct n2_options options;
    n2_format_options(h, &options);
    int status = n2_index_make(index, h->dim, &options, h->n_nodes);
    if (status)
        return status;
    struct n2_graph *graph = &(*index)->graph;
    graph->first_pending = h->first_pending;
    graph->n_linked = h->n_linked;
    graph->n_gone = h->n_gone;
    graph->n_dead = h->n_dead;
    graph->n_claimed = h->n_claimed;
    graph->n_rows = h->n_rows;
    graph->n_upper = h->n_upper;
    graph->entry = h->entry_height ? (uint64_t)h->entry_height << 32 | h->entry_node : 0;
    graph->settled = h->settled != 0;
    memcpy(graph->n_level, h->n_level, sizeof(h->n_level));
    if (h->n_axes) {
        struct n2_space *space = &(*index)->space;
        status = n2_space_init(space, h->dim, h->n_axes,
                               h->sketched ? n2_sketch_bytes(h->n_axes, h->M0) : 0, h->n_nodes);
        if (status) {
            n2_free(*index);
            return status;
        }
        space->of_products = h->metric == N2_DOT;
        space->unit = h->unit;
        space->shrink = h->shrink;
        space->scale = h->scale;
    }
    (*index)->space.n_trained = h->n_trained;
    (*index)->space.growth = h->growth;
    (*index)->tuning = h->tuning;
    (*index)->store.n_nodes = h->n_nodes;
    (*index)->store.n_ids = h->n_ids;
    (*index)->store.n_live = h->n_live;
    return N2_OK;
}

static int load(struct n2_index **result, int fd, uint64_t file_bytes,
                const struct n2_load_options *options)
{
    struct n2_header header;
    struct n2_trailer trailer;
    int status = read_header(fd, file_bytes, &header, &trailer);
    if (status)
        return status;
    struct n2_index *index;
    status = make_index(&index, &header);
    if (status)
        return status;
    for (int i = 0; i < N2_N_SECTIONS && !status; i++)
        status = fill_column(n2_format_column(index, i), fd, &header.sections[i],
                             !(options && options->no_map));
    memcpy(index->origin.sections, header.sections, sizeof(header.sections));
    memcpy(index->origin.crc, trailer.crc, sizeof(trailer.crc));
    memset(index->origin.unchecked, true, sizeof(index->origin.unchecked));
    if (!status && options && options->verify)
        status = n2_verify(index, NULL, NULL);
    if (status)
        n2_free(index);
    else
        *result = index;
    return status;
}

int n2_load(struct n2_index **index, const char *path, const struct n2_load_options *options)
{
    if (!index || !path || (options && options->size < sizeof(*options)))
        return N2_ERR_OPTION;
    int fd;
    uint64_t file_bytes;
    int status = n2_file_open(path, &fd, &file_bytes);
    if (status)
        return status;
    status = load(index, fd, file_bytes, options);
    (void)n2_file_close(fd); /* the mappings stay */
    return status;
}
