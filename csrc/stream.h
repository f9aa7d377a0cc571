/* stream.h - the bytes of a file in their order, and where each lies in memory.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A file is header, sections and trailer, with padding between them. Who writes a stream and who
 * reads one take the same walk: each piece is copied out of its place or into it.
 */
#ifndef N2_STREAM_H
#define N2_STREAM_H

#include "format.h"

struct n2_stream {
    struct n2_index *index;               /* whose columns the sections are, */
    unsigned char *copies[N2_N_SECTIONS]; /* but for those of which there is a copy here */
    struct n2_header header;
    struct n2_trailer trailer;
    uint32_t crc[N2_N_SECTIONS]; /* of what has passed */
    uint64_t at;                 /* bytes that have passed */
    int part;                    /* those before it have: 0 the header, then the sections, ... */
};

struct n2_piece {
    unsigned char *data; /* NULL: padding, which has no place */
    size_t n;            /* 0: the file has ended */
    int section;         /* enum n2_section_kind, or -1 */
};

/* The piece that comes next, of at most `most` bytes. Until the header has passed it need not be
 * known; from then on it must hold, and the index be there. */
struct n2_piece n2_stream_next(struct n2_stream *stream, size_t most);

/* Lets it pass: its bytes lie in their place. */
void n2_stream_pass(struct n2_stream *stream, struct n2_piece piece);

#endif
