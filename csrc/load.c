/* load.c - opens a saved index, from a file or as bytes: its sections become the columns.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "alloc.h"
#include "crc32c.h"
#include "file.h"
#include "index.h"
#include "sketch.h"
#include "stream.h"

struct n2_reader {
    struct n2_stream stream;
    bool verify;
    int status; /* of what has come */
};

/* Of a file that ends within its header: one that begins as ours, and any other. */
static int short_header(const struct n2_header *header, uint64_t file_bytes)
{
    return file_bytes >= sizeof(header->magic) &&
                   !memcmp(header->magic, N2_MAGIC, sizeof(header->magic))
               ? N2_ERR_TRUNCATED
               : N2_ERR_FORMAT;
}

static bool trailer_holds(const struct n2_trailer *trailer)
{
    return trailer->crc_of_these == n2_crc32c(0, trailer->crc, sizeof(trailer->crc));
}

/* Lets a column have addresses for the rows of its section. */
static int fit_column(struct n2_column *column, const struct n2_section *section)
{
    size_t rows = section->bytes ? section->bytes / section->stride : 0;
    return rows == 0 || n2_column_fits(column, rows) ? N2_OK : n2_column_move(column, rows);
}

/* What the header says of codes. */
static int make_space(struct n2_space *space, const struct n2_header *h, size_t n_reserved)
{
    if (h->n_axes) {
        size_t sketch_bytes = h->sketched ? n2_sketch_bytes(h->n_axes, h->M0) : 0;
        int status = n2_space_init(space, h->dim, h->n_axes, h->short_codes, sketch_bytes,
                                   h->n_nodes, n_reserved);
        if (status)
            return status;
        space->of_products = h->metric == N2_DOT;
        space->unit = h->unit;
        space->shrink = h->shrink;
        space->scale = h->scale;
    }
    space->n_trained = h->n_trained;
    space->growth = h->growth;
    return N2_OK;
}

/* The index without its payload, for which there is room. */
static int make_index(struct n2_index **result, const struct n2_header *h)
{
    struct n2_options options;
    struct n2_index *index;
    n2_format_options(h, &options);
    int status = n2_index_make(&index, h->dim, &options, h->n_nodes);
    if (status)
        return status;
    status = n2_index_widen(index, h->packing); /* while there is nothing in it */
    struct n2_graph *graph = &index->graph;
    graph->first_pending = h->first_pending;
    graph->n_linked = h->n_linked;
    graph->n_gone = h->n_gone;
    graph->n_changed = h->n_changed;
    graph->n_dead = h->n_dead;
    graph->n_claimed = h->n_claimed;
    graph->n_rows = h->n_rows;
    graph->n_upper = h->n_upper;
    graph->entry = h->entry_height ? (uint64_t)h->entry_height << 32 | h->entry_node : 0;
    graph->settled = h->settled != 0;
    graph->n_loose = graph->settled ? 0 : graph->n_linked; /* how many is not known */
    memcpy(graph->n_level, h->n_level, sizeof(h->n_level));
    index->tuning = h->tuning;
    index->store.n_nodes = h->n_nodes;
    index->store.n_ids = h->n_ids;
    index->store.n_live = h->n_live;
    index->keys.n_bytes = h->n_key_bytes;
    index->keys.n_slots = h->n_key_slots;
    index->keys.n_used = h->n_key_used;
    if (!status)
        status = make_space(&index->space, h, n2_index_reserved(index, h->n_nodes));
    for (int i = 0; i < N2_N_SECTIONS && !status; i++)
        status = fit_column(n2_format_column(index, i), &h->sections[i]);
    if (status)
        n2_free(index);
    else
        *result = index;
    return status;
}

/* --- from a file --- */

static int read_header(int fd, uint64_t file_bytes, struct n2_header *header,
                       struct n2_trailer *trailer)
{
    int status = n2_file_read(fd, header, n2_min(sizeof(*header), file_bytes), 0);
    if (status)
        return status;
    if (file_bytes < sizeof(*header))
        return short_header(header, file_bytes);
    status = n2_format_check(header, file_bytes);
    if (status)
        return status;
    status = n2_file_read(fd, trailer, sizeof(*trailer), header->trailer_offset);
    if (status)
        return status;
    return trailer_holds(trailer) ? N2_OK : N2_ERR_CORRUPT;
}

static int fill_column(struct n2_column *column, int fd, const struct n2_section *section, bool map)
{
    if (section->bytes == 0)
        return N2_OK;
    if (map)
        return n2_column_map(column, fd, section->offset, section->bytes);
    int status = n2_column_commit(column, section->bytes / section->stride);
    if (!status)
        status = n2_file_read(fd, column->base, section->bytes, section->offset);
    return status;
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

/* --- from bytes as they come --- */

/* What is still to come: of the header, until it is there, and then of the file. */
static uint64_t left(const struct n2_reader *reader)
{
    const struct n2_stream *s = &reader->stream;
    return (s->at < sizeof(s->header) ? sizeof(s->header) : s->header.file_bytes) - s->at;
}

/* Makes a place usable. Memory is taken for what has come, whatever the header says is to come. */
static int commit_place(struct n2_stream *s, struct n2_piece piece)
{
    if (piece.section < 0)
        return N2_OK;
    struct n2_column *column = n2_format_column(s->index, piece.section);
    size_t end = (size_t)(piece.data - column->base) + piece.n;
    return n2_column_commit(column, (end + column->stride - 1) / column->stride);
}

/* What is to be done behind the last byte of the header, and of the file. */
static int pass_mark(struct n2_reader *reader)
{
    struct n2_stream *s = &reader->stream;
    if (s->at == sizeof(s->header)) {
        int status = n2_format_check(&s->header, s->header.file_bytes);
        return status ? status : make_index(&s->index, &s->header);
    }
    if (left(reader) > 0)
        return N2_OK;
    return trailer_holds(&s->trailer) && !memcmp(s->trailer.crc, s->crc, sizeof(s->crc))
               ? N2_OK
               : N2_ERR_CORRUPT;
}

int n2_load_begin(struct n2_reader **result, const struct n2_load_options *options)
{
    if (!result || (options && options->size < sizeof(*options)))
        return N2_ERR_OPTION;
    struct n2_reader *reader = n2_alloc_zero(1, sizeof(*reader));
    if (!reader)
        return N2_ERR_NO_MEMORY;
    reader->verify = options && options->verify;
    *result = reader;
    return N2_OK;
}

uint64_t n2_load_left(const struct n2_reader *reader)
{
    return reader && !reader->status ? left(reader) : 0;
}

int n2_load_next(struct n2_reader *reader, const void *data, size_t n, size_t *used)
{
    if (!reader || (!data && n > 0))
        return N2_ERR_OPTION;
    struct n2_stream *s = &reader->stream;
    const unsigned char *bytes = data;
    size_t at = 0;
    while (!reader->status && at < n && left(reader) > 0) {
        struct n2_piece piece = n2_stream_next(s, n - at);
        reader->status = commit_place(s, piece);
        if (reader->status)
            break;
        if (piece.data)
            memcpy(piece.data, bytes + at, piece.n);
        n2_stream_pass(s, piece);
        at += piece.n;
        reader->status = pass_mark(reader);
    }
    if (!reader->status && used)
        *used = at;
    return reader->status;
}

/* The index, if all of it has come and holds. */
static int finish(struct n2_reader *reader)
{
    struct n2_stream *s = &reader->stream;
    if (reader->status)
        return reader->status;
    if (s->at < sizeof(s->header))
        return short_header(&s->header, s->at);
    if (left(reader) > 0)
        return N2_ERR_TRUNCATED;
    return reader->verify ? n2_verify(s->index, NULL, NULL) : N2_OK;
}

int n2_load_end(struct n2_reader *reader, struct n2_index **index)
{
    if (!reader)
        return N2_ERR_OPTION;
    int status = index ? finish(reader) : N2_OK;
    if (index && !status)
        *index = reader->stream.index;
    else
        n2_free(reader->stream.index);
    n2_alloc_free(reader);
    return status;
}
