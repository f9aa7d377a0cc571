/* stream.c - a walk over the bytes of a file.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "stream.h"

#include "column.h"
#include "crc32c.h"

#define CHUNK ((size_t)1 << 20) /* checksummed and copied while it is in the cache */

enum { HEADER, TRAILER = N2_N_SECTIONS + 1, N_PARTS };

/* Where the part begins in the file, and its bytes. */
static unsigned char *part_of(struct n2_stream *s, uint64_t *offset, uint64_t *bytes)
{
    if (s->part == HEADER) {
        *offset = 0;
        *bytes = sizeof(s->header);
        return (unsigned char *)&s->header;
    }
    if (s->part == TRAILER) {
        *offset = s->header.trailer_offset;
        *bytes = sizeof(s->trailer);
        return (unsigned char *)&s->trailer;
    }
    *offset = s->header.sections[s->part - 1].offset;
    *bytes = s->header.sections[s->part - 1].bytes;
    unsigned char *copy = s->copies[s->part - 1];
    return copy ? copy : n2_format_column(s->index, s->part - 1)->base;
}

struct n2_piece n2_stream_next(struct n2_stream *s, size_t most)
{
    most = n2_min(most, CHUNK);
    for (; s->part < N_PARTS; s->part++) {
        uint64_t offset, bytes;
        unsigned char *data = part_of(s, &offset, &bytes);
        if (s->at < offset)
            return (struct n2_piece){NULL, n2_min(most, offset - s->at), -1};
        uint64_t from = s->at - offset;
        if (from < bytes)
            return (struct n2_piece){data + from, n2_min(most, bytes - from),
                                     s->part == TRAILER ? -1 : s->part - 1};
    }
    return (struct n2_piece){NULL, 0, -1};
}

void n2_stream_pass(struct n2_stream *s, struct n2_piece piece)
{
    if (piece.section >= 0)
        s->crc[piece.section] = n2_crc32c(s->crc[piece.section], piece.data, piece.n);
    s->at += piece.n;
}
