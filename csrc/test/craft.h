/* craft.h - puts right checksums on a damaged file, so that damage gets past them.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_TEST_CRAFT_H
#define N2_TEST_CRAFT_H

#include "../crc32c.h"
#include "../format.h"

static inline bool craft_header_of(const unsigned char *file, size_t n, struct n2_header *header)
{
    if (n < sizeof *header)
        return false;
    memcpy(header, file, sizeof *header);
    return true;
}

/* Of the header. */
static inline void craft_header(unsigned char *file, size_t n)
{
    struct n2_header header;
    if (!craft_header_of(file, n, &header))
        return;
    header.crc = n2_crc32c(0, file, offsetof(struct n2_header, crc));
    memcpy(file, &header, sizeof header);
}

/* Of the trailer, and with `sections` of every section that lies within the file. */
static inline void craft_trailer(unsigned char *file, size_t n, bool sections)
{
    struct n2_header header;
    struct n2_trailer trailer;
    if (!craft_header_of(file, n, &header) || n < sizeof trailer ||
        header.trailer_offset > n - sizeof trailer)
        return;
    memcpy(&trailer, file + header.trailer_offset, sizeof trailer);
    for (size_t i = 0; sections && i < N2_N_SECTIONS; i++) {
        const struct n2_section *s = &header.sections[i];
        if (s->offset <= n && s->bytes <= n - s->offset)
            trailer.crc[i] = n2_crc32c(0, file + s->offset, s->bytes);
    }
    trailer.crc_of_these = n2_crc32c(0, &trailer, offsetof(struct n2_trailer, crc_of_these));
    memcpy(file + header.trailer_offset, &trailer, sizeof trailer);
}

#endif
