/* crc32c.h - CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), the checksum of N2 files.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_CRC32C_H
#define N2_CRC32C_H

#include "base.h"

/* The checksum of what `crc` is the checksum of (0: nothing yet), followed by data[n]. */
uint32_t n2_crc32c(uint32_t crc, const void *data, size_t n);

#endif
