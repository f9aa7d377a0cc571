/* column.h - an array of fixed-size rows in a reserved range of addresses: it grows in place.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A column reserves more addresses than it needs and commits pages from the front as it grows, so
 * rows never move and readers need no lock while one thread appends. A column of a loaded index
 * starts with pages of the file, mapped privately; it grows behind them in the same range. To all
 * other rooms both are the same: base + row * stride.
 *
 * Only where the reserved range is used up does a column move (n2_column_move): then no reader may
 * be in it. New rows are zero bytes.
 */
#ifndef N2_COLUMN_H
#define N2_COLUMN_H

#include "base.h"

struct n2_column {
    unsigned char *base; /* first row; NULL while nothing is reserved */
    size_t stride;       /* bytes of a row, > 0 */
    size_t n_committed;  /* bytes that can be read and written, a multiple of the page */
    size_t n_reserved;   /* bytes of addresses from base on */
    size_t n_mapped;     /* bytes at the front that are mapped from a file */
    void *range;         /* what to unmap: the reservation with its alignment slack */
    size_t n_range;
};

/* Reserves addresses for `rows` rows of `stride` bytes (fewer where the system refuses, `least`
 * rows at least). Returns 0 or N2_ERR_NO_MEMORY; *column is all zero then. */
int n2_column_reserve(struct n2_column *column, size_t stride, size_t rows, size_t least);

/* Whether row `rows - 1` lies in the reserved range. */
bool n2_column_fits(const struct n2_column *column, size_t rows);

/* Makes rows 0..rows-1 usable. Returns 0, or N2_ERR_NO_MEMORY, as where they do not fit. */
int n2_column_commit(struct n2_column *column, size_t rows);

/* Both: a column of `rows` usable rows, with room for `reserved` if that can be had. Returns 0, or
 * N2_ERR_NO_MEMORY and *column is all zero. */
int n2_column_make(struct n2_column *column, size_t stride, size_t rows, size_t reserved);

/* Replaces the first bytes of an empty column by `bytes` of the file from `offset` on, a multiple
 * of the page. They are the column's own: writes do not reach the file. Returns 0, N2_ERR_NO_MEMORY
 * or an errno. */
int n2_column_map(struct n2_column *column, int fd, uint64_t offset, size_t bytes);

/* Moves the committed rows to a new range that has room for `rows`. Returns 0 or N2_ERR_NO_MEMORY.
 */
int n2_column_move(struct n2_column *column, size_t rows);

/* Gives everything back. A column of zero bytes is allowed. */
void n2_column_release(struct n2_column *column);

N2_INLINE void *n2_column_row(const struct n2_column *column, size_t row)
{
    return column->base + row * column->stride;
}

/* Asks the cache for the first lines of a row. */
N2_INLINE void n2_column_prefetch(const struct n2_column *column, size_t row, size_t lines)
{
    const unsigned char *bytes = n2_column_row(column, row);
    for (size_t at = 0; at < n2_min(column->stride, lines * N2_CACHE_LINE); at += N2_CACHE_LINE)
        N2_PREFETCH(bytes + at);
}

#endif
