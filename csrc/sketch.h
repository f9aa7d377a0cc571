/* sketch.h - a bit a direction of each neighbour, beside the links of a node on level 0.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A walk that expands a node would have to fetch the codes of all its neighbours, each from
 * somewhere else in memory, only to find most of them too far away. A sketch, which lies in one
 * piece, tells which ones may be near; only their codes are fetched and measured. So sketches never
 * decide what is near, they save reading what is not.
 *
 * Of a neighbour u of a node p it keeps, of r = code(u) - code(p), the signs s: a bit for each
 * direction, set where r rises. For a query q, whose distance to p is known,
 *
 *     |q - u|^2 = |q - p|^2 + |r|^2 - 2 <q - p, r>,   <q - p, r> ~ (|r|^2 / |r|_1) <q - p, s>
 *
 * which is right on average over directions of q (RaBitQ with one bit: Gao and Long, SIGMOD 2024,
 * arXiv 2405.12497; rows of neighbours as in SymphonyQG, arXiv 2411.12229). <q, s> is a sum of
 * entries of a table that depends on the query alone, looked up four directions at a time, and
 * exact but where four codes are at the end of their range, since codes are small whole numbers.
 * The rest are two numbers of each neighbour:
 *
 *     factor = 2 |r|^2 / |r|_1,   add = |r|^2 + factor <p, s>
 *     |q - u|^2 ~ |q - p|^2 + add - factor <q, s>
 *
 * Codes are taken from the middle of their range here, so that entries of the table fit a byte. The
 * error's standard deviation is about factor * 0.6 |q - p| for any number of directions: the signs
 * of r hold 2 / pi of its square. Under dot, with w half the weights of the query, which fit too,
 *
 *     <w, u> ~ <w, p> + factor / 2 <w, s>,   add = 0
 *
 * and |w| is in the place of |q - p|.
 *
 * A sketch is n_groups groups (kernels.h), link i of the row being link i mod 32 of group i / 32;
 * what belongs to no link is zero.
 */
#ifndef N2_SKETCH_H
#define N2_SKETCH_H

#include "graph.h"
#include "space.h"

/* Books of a group for codes of n_axes directions: zero bits stand for those beyond. */
N2_INLINE size_t n2_sketch_books(size_t n_axes)
{
    return n2_round_up((n_axes + 3) / 4, N2_BOOKS);
}

N2_INLINE size_t n2_sketch_group_bytes(size_t n_axes)
{
    return sizeof(struct n2_group) + n2_sketch_books(n_axes) * N2_BOOK;
}

/* Bytes of the sketch of a row of M0 links. */
N2_INLINE size_t n2_sketch_bytes(size_t n_axes, size_t M0)
{
    return (M0 + N2_GROUP - 1) / N2_GROUP * n2_sketch_group_bytes(n_axes);
}

/* The sketch of a node's row, of n2_sketch_bytes. */
N2_INLINE void *n2_sketch_of(const struct n2_space *space, uint32_t node)
{
    return n2_column_row(&space->sketches, node);
}

/* Writes one link of a node to its sketch: that which stands or will stand at `place` of the row.
 */
void n2_sketch_link(const struct n2_space *space, const struct n2_kernels *kernels, uint32_t node,
                    size_t place, uint32_t link, void *sketch);

/* Makes the sketch of a node's row: links[n]. */
void n2_sketch_row(const struct n2_space *space, const struct n2_kernels *kernels, uint32_t node,
                   const uint32_t *links, size_t n, void *sketch);

/* What a query asks sketches with. */
struct n2_sketch_query {
    size_t n_books, group_bytes;
    float middle;      /* <q, s> is twice the sum of entries, and this */
    float length;      /* of what the table is made of; under dot |w| */
    float per_product; /* under dot: what estimates are of a difference of 1 between distances; 0:
                          there are none */
    uint8_t table[N2_MAX_AXES / 4 * N2_BOOK]; /* in use: n_books books */
};

void n2_sketch_ask(const struct n2_space *space, const struct n2_probe *probe,
                   struct n2_sketch_query *query);

#endif
