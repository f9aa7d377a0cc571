/* origin.c - payload checksums of a loaded index.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "origin.h"

#include "crc32c.h"
#include "index.h"

#define CHUNK ((size_t)1 << 20) /* bytes between two looks at the cancel flag */

static int check_section(struct n2_index *index, int section, const volatile int32_t *cancel)
{
    struct n2_origin *origin = &index->origin;
    const unsigned char *data = n2_format_column(index, section)->base;
    size_t n = origin->sections[section].bytes;
    uint32_t crc = 0;
    if (!origin->unchecked[section])
        return N2_OK;
    for (size_t at = 0; at < n; at += CHUNK) {
        if (cancel && N2_LOAD(cancel))
            return N2_ERR_CANCELLED;
        crc = n2_crc32c(crc, data + at, n2_min(CHUNK, n - at));
    }
    if (crc != origin->crc[section])
        return N2_ERR_CORRUPT;
    origin->unchecked[section] = false;
    return N2_OK;
}

int n2_origin_check_ids(struct n2_index *index)
{
    int status = N2_OK;
    for (int i = 0; i < N2_N_SECTIONS && !status; i++)
        if (n2_format_is_of_ids(i))
            status = check_section(index, i, NULL);
    return status;
}

int n2_origin_check(struct n2_index *index, const volatile int32_t *cancel)
{
    pthread_mutex_lock(&index->add);
    int status = n2_origin_check_ids(index);
    pthread_mutex_unlock(&index->add);
    for (int i = 0; i < N2_N_SECTIONS && !status; i++)
        if (!n2_format_is_of_ids(i))
            status = check_section(index, i, cancel);
    return status;
}
