/* format.h - the layout of N2 files, version 6. FORMAT.md is the specification.
 * SPDX-License-Identifier: Apache-2.0
 *
 * header | section 0 | section 1 | ... | trailer. Sections are the columns of an index, each at a
 * multiple of N2_SECTION_ALIGN so that it can be mapped. The checksums of the sections stand in
 * the trailer: so a file can be written in one pass.
 */
#ifndef N2_FORMAT_H
#define N2_FORMAT_H

#include "tune.h"

#define N2_MAGIC "\x89N2\r\n\x1a\n\0" /* 8 bytes; catches 7-bit and text-mode transfers */
#define N2_FORMAT_VERSION 6
#define N2_SECTION_ALIGN 65536 /* the largest page in use */

enum n2_section_kind {
    N2_SECTION_VECTORS,
    N2_SECTION_LABELS,
    N2_SECTION_IDS,
    N2_SECTION_HEIGHTS,
    N2_SECTION_LINKS0,
    N2_SECTION_TOWERS,
    N2_SECTION_UPPER,
    N2_SECTION_MEANS,
    N2_SECTION_AXES,
    N2_SECTION_SCALES,
    N2_SECTION_CODES,
    N2_SECTION_SKETCHES,
    N2_SECTION_KEYS,
    N2_SECTION_KEY_BYTES,
    N2_SECTION_KEY_SLOTS,
    N2_N_SECTIONS
};

struct n2_section {
    uint32_t kind;   /* enum n2_section_kind + 1 */
    uint32_t stride; /* bytes of a row */
    uint64_t offset; /* in the file */
    uint64_t bytes;  /* rows * stride */
};

/* All fields little-endian, no padding. */
struct n2_header {
    unsigned char magic[8];
    uint32_t version;
    uint32_t header_bytes;    /* of this structure; its checksum is its last field */
    uint64_t must_understand; /* features without which the file cannot be read: none yet */
    uint64_t may_ignore;      /* features that a reader may pass over: none yet */
    uint64_t file_bytes;      /* of the whole file */
    uint64_t trailer_offset;
    int32_t store; /* enum n2_storage: what vectors are rounded to */
    uint32_t dim;
    int32_t metric, selection, merging;
    uint32_t M, M0, ef_construction;
    double level_multiplier; /* 0: default */
    uint64_t seed;
    uint32_t n_nodes, n_ids;
    uint32_t first_pending, n_linked, n_gone, n_rows, n_upper;
    uint32_t entry_height, entry_node; /* height 0: no graph */
    uint32_t settled;                  /* 1: every linked node can be reached on level 0 */
    uint32_t n_axes, n_trained;        /* of struct n2_space; n_axes 0: no codes */
    float unit, shrink, scale, growth;
    uint32_t n_sections;
    uint32_t n_level[N2_MAX_LEVEL + 1];
    int32_t navigation, sketch;
    uint32_t sketched; /* 1: the codes come with sketches */
    uint32_t n_live, n_dead, n_claimed;
    int32_t keys; /* enum n2_keys_kind */
    struct n2_tuning tuning;
    uint64_t n_key_bytes, n_key_slots, n_key_used; /* of struct n2_keys */
    struct n2_section sections[N2_N_SECTIONS];
    uint32_t n_changed;   /* of struct n2_graph */
    int32_t packing;      /* enum n2_storage: how vectors are packed */
    uint32_t short_codes; /* 1: codes are short */
    uint32_t crc;         /* CRC-32C of all bytes before */
};

struct n2_trailer {
    uint32_t crc[N2_N_SECTIONS]; /* of the sections, without the padding behind them */
    uint32_t crc_of_these;       /* of the bytes before */
};

_Static_assert(sizeof(struct n2_section) == 24, "no padding");
_Static_assert(sizeof(struct n2_header) == 1016, "no padding");
_Static_assert(sizeof(struct n2_trailer) == 4 * N2_N_SECTIONS + 4, "no padding");

struct n2_index;
struct n2_column;

/* The column of a section. */
struct n2_column *n2_format_column(struct n2_index *index, int section);

/* Whether a section changes when ids are put, deleted or moved. */
N2_INLINE bool n2_format_is_of_ids(int section)
{
    return section == N2_SECTION_LABELS || section == N2_SECTION_IDS ||
           section == N2_SECTION_HEIGHTS || section == N2_SECTION_KEY_SLOTS;
}

/* Fills the header for the index as it stands: sections laid out, checksum set. The caller has the
 * turn and the add lock; what is added afterwards is left out. */
void n2_format_header(struct n2_index *index, struct n2_header *header);

/* The options of the index in a file. */
void n2_format_options(const struct n2_header *header, struct n2_options *options);

/* Checks a header that was read from a file of file_bytes bytes: everything that can be checked
 * without the payload. Returns 0, N2_ERR_FORMAT, N2_ERR_VERSION, N2_ERR_TRUNCATED, N2_ERR_CORRUPT.
 */
int n2_format_check(const struct n2_header *header, uint64_t file_bytes);

#endif
