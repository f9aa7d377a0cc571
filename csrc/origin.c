/* origin.c - payload checksums of a loaded index.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "origin.h"

#include "crc32c.h"
#include "index.h"

#define CHUNK ((size_t)1 << 20) /* bytes between two looks at the cancel flag */

int n2_origin_check(struct n2_index *index, const volatile int32_t *cancel)
{
    struct n2_origin *origin = &index->origin;
    for (int i = 0; i < N2_N_SECTIONS && origin->unchecked; i++) {
        const unsigned char *data = n2_format_column(index, i)->base;
        size_t n = origin->sections[i].bytes;
        uint32_t crc = 0;
        for (size_t at = 0; at < n; at += CHUNK) {
            if (cancel && N2_LOAD(cancel))
                return N2_ERR_CANCELLED;
            crc = n2_crc32c(crc, data + at, n2_min(CHUNK, n - at));
        }
        if (crc != origin->crc[i])
            return N2_ERR_CORRUPT;
    }
    origin->unchecked = false;
    return N2_OK;
}
