/* origin.h - where a loaded index came from, and whether its payload is still to be believed.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Loading checks the header only. The payload's checksums are kept here, until they are compared:
 * by a verify, or before the payload is changed (a build) or copied (a save), so that rot in a file
 * is not laundered into a fresh checksum.
 */
#ifndef N2_ORIGIN_H
#define N2_ORIGIN_H

#include "format.h"

struct n2_origin {
    bool unchecked[N2_N_SECTIONS];
    struct n2_section sections[N2_N_SECTIONS]; /* lengths of the payload in the columns */
    uint32_t crc[N2_N_SECTIONS];
};

struct n2_index;

/* Compares the checksums of what was loaded, unless that was done. The caller has the index's turn.
 * *cancel (NULL: none) stops it. Returns 0, N2_ERR_CORRUPT or N2_ERR_CANCELLED. */
int n2_origin_check(struct n2_index *index, const volatile int32_t *cancel);

/* The same for the sections that change when ids are put, deleted or moved: a few bytes a vector.
 * The caller has the add lock. Returns 0 or N2_ERR_CORRUPT. */
int n2_origin_check_ids(struct n2_index *index);

#endif
