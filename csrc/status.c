/* status.c - texts of the statuses, and the library's version.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "base.h"

#include <string.h>

static const char *const texts[] = {
    [-N2_OK] = "success",
    [-N2_ERR_CLOSED] = "index is closed",
    [-N2_ERR_DIMENSION] = "wrong dimension",
    [-N2_ERR_NOT_FINITE] = "vector holds a NaN or an infinity",
    [-N2_ERR_ZERO_VECTOR] = "zero vector has no direction under the angular metric",
    [-N2_ERR_MAGNITUDE] = "vector too long or too short for float32 distances",
    [-N2_ERR_NOT_FOUND] = "no vector has this id or key",
    [-N2_ERR_OPTION] = "option or argument out of range",
    [-N2_ERR_NO_MEMORY] = "out of memory",
    [-N2_ERR_FULL] = "index is full",
    [-N2_ERR_FORMAT] = "not an N2 file",
    [-N2_ERR_TRUNCATED] = "file is truncated",
    [-N2_ERR_VERSION] = "file is of another version of the format",
    [-N2_ERR_CORRUPT] = "file or index is corrupt",
    [-N2_ERR_CANCELLED] = "cancelled",
};

const char *n2_status_text(int status)
{
    if (status > 0)
        return "operating system error"; /* strerror is not safe among threads */
    if (status < N2_ERR_CANCELLED)
        return "unknown status";
    return texts[-status];
}

uint32_t n2_version(void)
{
    return N2_VERSION_MAJOR * 1000000 + N2_VERSION_MINOR * 1000 + N2_VERSION_PATCH;
}
