/* save.c - writes an index to a file.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "crc32c.h"
#include "file.h"
#include "index.h"

#define CHUNK ((size_t)1 << 20) /* checksummed and written while it is in the cache */

static int write_zeros(int fd, uint64_t n)
{
    static const unsigned char zeros[4096];
    int status = N2_OK;
    for (uint64_t m; n > 0 && !status; n -= m) {
        m = n2_min(n, sizeof(zeros));
        status = n2_file_write(fd, zeros, m);
    }
    return status;
}

static int write_section(int fd, const unsigned char *data, uint64_t n, uint32_t *crc)
{
    int status = N2_OK;
    *crc = 0;
    for (size_t m; n > 0 && !status; n -= m, data += m) {
        m = n2_min(n, CHUNK);
        *crc = n2_crc32c(*crc, data, m);
        status = n2_file_write(fd, data, m);
    }
    return status;
}

/* Header, sections, trailer; the gaps between them are zero bytes. */
static int write_all(struct n2_index *index, const struct n2_header *header, int fd)
{
    struct n2_trailer trailer;
    uint64_t at = sizeof(*header);
    int status = n2_file_write(fd, header, sizeof(*header));
    for (int i = 0; i < N2_N_SECTIONS && !status; i++) {
        const struct n2_section *section = &header->sections[i];
        status = write_zeros(fd, section->offset - at);
        if (!status)
            status = write_section(fd, n2_format_column(index, i)->base, section->bytes,
                                   &trailer.crc[i]);
        at = section->offset + section->bytes;
    }
    if (!status)
        status = write_zeros(fd, header->trailer_offset - at);
    trailer.crc_of_these = n2_crc32c(0, trailer.crc, sizeof(trailer.crc));
    return status ? status : n2_file_write(fd, &trailer, sizeof(trailer));
}

static int save(struct n2_index *index, const char *path)
{
    int status = n2_origin_check(index, NULL);
    if (status)
        return status;
    struct n2_header header;
    n2_format_header(index, &header);
    struct n2_file_new file;
    status = n2_file_create(&file, path);
    if (status)
        return status;
    status = write_all(index, &header, file.fd);
    if (status) {
        n2_file_abandon(&file);
        return status;
    }
    return n2_file_commit(&file);
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
