/* column.c - reserved ranges of addresses, committed as they fill.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Reserving maps pages that nobody may touch, which costs neither memory nor commit charge;
 * committing makes them accessible. Large columns ask for huge pages: a search touches rows at
 * random, and with 4 KiB pages nearly every touch would miss the TLB as well as the cache.
 */
#include "column.h"

#include "fault.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)    /* of x86-64, and of arm64 with 4 KiB pages */
#define HUGE_FROM ((size_t)4 << 20)    /* columns of at least this size use huge pages */
#define COMMIT_UNIT ((size_t)64 << 10) /* a multiple of every page size in use */

#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif
#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif

static void *reserve(size_t bytes)
{
    if (n2_fault())
        return NULL;
    void *range = mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return range == MAP_FAILED ? NULL : range;
}

int n2_column_reserve(struct n2_column *column, size_t stride, size_t rows, size_t least)
{
    memset(column, 0, sizeof(*column));
    if (least > SIZE_MAX / 4 / stride)
        return N2_ERR_NO_MEMORY;
    rows = n2_max(n2_min(rows, SIZE_MAX / 4 / stride), least);
    for (;; rows = n2_max(rows / 2, least)) {
        size_t bytes = n2_round_up(n2_max(rows * stride, 1), COMMIT_UNIT);
        /* The base is aligned to a huge page where the column can grow that large. */
        size_t unit = bytes >= HUGE_FROM ? HUGE_PAGE : COMMIT_UNIT;
        void *range = reserve(bytes + unit);
        if (range) {
            column->range = range;
            column->n_range = bytes + unit;
            column->base = (unsigned char *)range + (-(uintptr_t)range & (unit - 1));
            column->n_reserved = bytes;
            column->stride = stride;
            return N2_OK;
        }
        if (rows == least)
            return N2_ERR_NO_MEMORY;
    }
}

bool n2_column_fits(const struct n2_column *column, size_t rows)
{
    return rows <= column->n_reserved / column->stride;
}

int n2_column_commit(struct n2_column *column, size_t rows)
{
    size_t bytes = rows * column->stride;
    if (bytes <= column->n_committed)
        return N2_OK;
    if (!n2_column_fits(column, rows))
        return N2_ERR_NO_MEMORY;
    /* An eighth ahead, so that adding one by one costs few system calls. */
    size_t unit = bytes >= HUGE_FROM ? HUGE_PAGE : COMMIT_UNIT;
    size_t end = n2_min(n2_round_up(bytes + bytes / 8, unit), column->n_reserved);
    if (n2_fault() || mprotect(column->base + column->n_committed, end - column->n_committed,
                               PROT_READ | PROT_WRITE) != 0)
        return N2_ERR_NO_MEMORY;
#if defined(MADV_HUGEPAGE)
    if (end >= HUGE_FROM) {
        size_t from = n2_round_up(column->n_mapped, HUGE_PAGE);
        if (from < end) /* advice only: that it is not taken is no failure */
            (void)madvise(column->base + from, end - from, MADV_HUGEPAGE);
    }
#endif
    column->n_committed = end;
    return N2_OK;
}

int n2_column_make(struct n2_column *column, size_t stride, size_t rows, size_t reserved)
{
    int status = n2_column_reserve(column, stride, n2_max(rows, reserved), rows);
    if (!status)
        status = n2_column_commit(column, rows);
    if (status)
        n2_column_release(column);
    return status;
}

int n2_column_map(struct n2_column *column, int fd, uint64_t offset, size_t bytes)
{
    if (bytes == 0)
        return N2_OK;
    if (n2_fault())
        return N2_ERR_NO_MEMORY;
    size_t pages = n2_round_up(bytes, (size_t)sysconf(_SC_PAGESIZE));
    void *at = mmap(column->base, pages, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, (off_t)offset);
    if (at == MAP_FAILED)
        return errno == ENOMEM ? N2_ERR_NO_MEMORY : errno;
    memset(column->base + bytes, 0,
           pages - bytes); /* padding: rows to come, unlike any other file */
    column->n_mapped = bytes;
    column->n_committed = pages;
    return N2_OK;
}

int n2_column_move(struct n2_column *column, size_t rows)
{
    struct n2_column next;
    int status = n2_column_reserve(&next, column->stride, rows, rows);
    if (status)
        return status;
    status = n2_column_commit(&next, column->n_committed / column->stride);
    if (status) {
        n2_column_release(&next);
        return status;
    }
    memcpy(next.base, column->base, column->n_committed / column->stride * column->stride);
    n2_column_release(column);
    *column = next;
    return N2_OK;
}

void n2_column_release(struct n2_column *column)
{
    if (column->range)
        (void)munmap(column->range, column->n_range);
    memset(column, 0, sizeof(*column));
}
