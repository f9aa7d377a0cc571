/* save.c - writes an index, as bytes for whoever asks for them, or to a file.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "alloc.h"
#include "crc32c.h"
#include "file.h"
#include "index.h"
#include "stream.h"

struct n2_writer {
    struct n2_stream stream;
};

static void release(struct n2_writer *writer)
{
    for (int i = 0; i < N2_N_SECTIONS; i++)
        n2_alloc_free(writer->stream.copies[i]);
}

/* Copies the sections that change when ids are put, deleted or moved: a few bytes a vector. */
static int copy_ids(struct n2_stream *s)
{
    for (int i = 0; i < N2_N_SECTIONS; i++) {
        size_t bytes = s->header.sections[i].bytes;
        if (!n2_format_is_of_ids(i) || bytes == 0)
            continue;
        s->copies[i] = n2_alloc(1, bytes);
        if (!s->copies[i])
            return N2_ERR_NO_MEMORY;
        memcpy(s->copies[i], n2_format_column(s->index, i)->base, bytes);
    }
    return N2_OK;
}

/* Sets out to write the index as it stands. The caller has the turn. */
static int prepare(struct n2_writer *writer, struct n2_index *index)
{
    int status = n2_origin_check(index, NULL);
    if (status)
        return status;
    memset(writer, 0, sizeof(*writer));
    writer->stream.index = index;
    pthread_mutex_lock(&index->add);
    n2_format_header(index, &writer->stream.header);
    status = copy_ids(&writer->stream);
    pthread_mutex_unlock(&index->add);
    if (status)
        release(writer);
    return status;
}

static uint64_t left(const struct n2_writer *writer)
{
    return writer->stream.header.file_bytes - writer->stream.at;
}

/* The next *n bytes of the file, at most `most`, and where they lie. *n is 0 at the end. */
static const void *next_bytes(struct n2_writer *writer, size_t most, size_t *n)
{
    static const unsigned char zeros[4096];
    struct n2_stream *s = &writer->stream;
    if (s->at == s->header.trailer_offset) {
        memcpy(s->trailer.crc, s->crc, sizeof(s->crc));
        s->trailer.crc_of_these = n2_crc32c(0, s->crc, sizeof(s->crc));
    }
    struct n2_piece piece = n2_stream_next(s, most);
    if (!piece.data)
        piece.n = n2_min(piece.n, sizeof(zeros));
    n2_stream_pass(s, piece);
    *n = piece.n;
    return piece.data ? piece.data : zeros;
}

int n2_save_begin(struct n2_writer **result, struct n2_index *index)
{
    if (!result || !index)
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    struct n2_writer *writer = n2_alloc(1, sizeof(*writer));
    if (!writer) {
        n2_index_leave(index);
        return N2_ERR_NO_MEMORY;
    }
    n2_turn_take(&index->turn);
    status = prepare(writer, index);
    if (status) {
        n2_turn_give(&index->turn);
        n2_index_leave(index);
        n2_alloc_free(writer);
        return status;
    }
    n2_index_rest(index);
    *result = writer;
    return N2_OK;
}

uint64_t n2_save_left(const struct n2_writer *writer)
{
    return writer ? left(writer) : 0;
}

int n2_save_next(struct n2_writer *writer, void *buffer, size_t room, size_t *n)
{
    if (!writer || (!buffer && room > 0) || !n)
        return N2_ERR_OPTION;
    struct n2_index *index = writer->stream.index;
    int status = n2_index_resume(index);
    if (status)
        return status;
    unsigned char *to = buffer;
    room = n2_min(room, left(writer));
    for (size_t at = 0, m; at < room; at += m) {
        const void *bytes = next_bytes(writer, room - at, &m);
        memcpy(to + at, bytes, m);
    }
    *n = room;
    n2_index_rest(index);
    return N2_OK;
}

void n2_save_end(struct n2_writer *writer)
{
    if (!writer)
        return;
    struct n2_index *index = writer->stream.index;
    if (n2_index_resume(index) == N2_OK) {
        n2_turn_give(&index->turn);
        n2_index_leave(index);
    }
    release(writer);
    n2_alloc_free(writer);
}

static int write_file(struct n2_writer *writer, const char *path)
{
    struct n2_file_new file;
    int status = n2_file_create(&file, path);
    if (status)
        return status;
    while (!status && left(writer) > 0) {
        size_t n;
        const void *bytes = next_bytes(writer, SIZE_MAX, &n);
        status = n2_file_write(file.fd, bytes, n);
    }
    if (status) {
        n2_file_abandon(&file);
        return status;
    }
    return n2_file_commit(&file);
}

static int save(struct n2_index *index, const char *path)
{
    struct n2_writer writer;
    int status = prepare(&writer, index);
    if (status)
        return status;
    status = write_file(&writer, path);
    release(&writer);
    return status;
}

int n2_save(struct n2_index *index, const char *path)
{
    if (!index || !path)
        return N2_ERR_OPTION;
    int status = n2_index_enter(index);
    if (status)
        return status;
    n2_turn_take(&index->turn);
    status = save(index, path);
    n2_turn_give(&index->turn);
    n2_index_leave(index);
    return status;
}
