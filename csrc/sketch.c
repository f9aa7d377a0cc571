/* sketch.c - writes sketches, and the tables that queries look them up in.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "sketch.h"

#include <math.h>

#define MIDDLE 64 /* of a code's range */

static void put_bits(struct n2_group *group, size_t n_books, size_t place, const uint8_t *signs)
{
    size_t at = place % 8 * 2 + place / 8 % 2, shift = place / 16 * 4;
    for (size_t m = 0; m < n_books; m++) {
        uint8_t *byte = &group->books[m * N2_BOOK + at];
        uint8_t bits = signs[m / 2] >> m % 2 * 4 & 15;
        *byte = (uint8_t)((*byte & ~(15 << shift)) | bits << shift);
    }
}

static void numbers_of(const struct n2_space *space, uint32_t node, uint8_t numbers[N2_MAX_AXES])
{
    n2_code_unpack(n2_space_code(space, node), space->n_axes, space->short_codes, numbers);
}

/* Writes the link at `place` of a node whose code has the numbers `from`. */
static void sketch_link(const struct n2_space *space, const struct n2_kernels *kernels,
                        const uint8_t *from, size_t place, uint32_t link, void *sketch)
{
    uint8_t to[N2_MAX_AXES];
    size_t at = place / N2_GROUP * n2_sketch_group_bytes(space->n_axes);
    struct n2_group *group = (void *)((unsigned char *)sketch + at);
    struct n2_residual r;
    numbers_of(space, link, to);
    kernels->residual(from, to, n2_round_up(space->n_axes, N2_CODE_UNIT), &r);
    int32_t sum = 0;
    for (size_t i = 0; i < space->n_axes; i++)
        sum += from[i];
    /* The sum of s_i (from_i - MIDDLE), with s_i = 1 where the bit is set, else -1. */
    int32_t along =
        2 * (int32_t)r.rising - sum - MIDDLE * (2 * (int32_t)r.n_rising - (int32_t)space->n_axes);
    float square = (float)r.squares;
    float factor = r.lengths ? 2 * square / (float)r.lengths : 0; /* equal codes: no way at all */
    place %= N2_GROUP;
    group->add[place] = space->of_products ? 0 : n2_float_half(square + factor * (float)along);
    group->factor[place] = n2_float_half(factor);
    put_bits(group, n2_sketch_books(space->n_axes), place, r.signs);
}

void n2_sketch_link(const struct n2_space *space, const struct n2_kernels *kernels, uint32_t node,
                    size_t place, uint32_t link, void *sketch)
{
    uint8_t from[N2_MAX_AXES];
    numbers_of(space, node, from);
    sketch_link(space, kernels, from, place, link, sketch);
}

void n2_sketch_row(const struct n2_space *space, const struct n2_kernels *kernels, uint32_t node,
                   const uint32_t *links, size_t n, void *sketch)
{
    uint8_t from[N2_MAX_AXES];
    numbers_of(space, node, from);
    memset(sketch, 0, space->sketches.stride);
    for (size_t i = 0; i < n; i++)
        sketch_link(space, kernels, from, i, links[i], sketch);
}

/* The entries of a book for four coordinates: the sum of those whose bits are set, less the least
 * such sum, which is returned. */
static int32_t fill_book(const int32_t x[4], uint8_t *book)
{
    int32_t least = 0, sums[N2_BOOK] = {0};
    for (size_t i = 0; i < 4; i++) {
        least += x[i] < 0 ? x[i] : 0;
        for (size_t b = 0; b < (size_t)1 << i; b++)
            sums[b + ((size_t)1 << i)] = sums[b] + x[i];
    }
    for (size_t b = 0; b < N2_BOOK; b++) {
        int32_t entry = sums[b] - least;
        book[b] = (uint8_t)(entry < UINT8_MAX ? entry : UINT8_MAX); /* 256 is the largest */
    }
    return least;
}

/* One number of a query. */
static int32_t number_of(const struct n2_space *space, const struct n2_probe *probe, size_t axis)
{
    return space->short_codes ? (int8_t)probe->code[n2_code_lane(axis)] + 2 : probe->code[axis];
}

void n2_sketch_ask(const struct n2_space *space, const struct n2_probe *probe,
                   struct n2_sketch_query *query)
{
    int32_t least = 0, sum = 0, squares = 0;
    query->n_books = n2_sketch_books(space->n_axes);
    query->group_bytes = n2_sketch_group_bytes(space->n_axes);
    for (size_t m = 0; m < query->n_books; m++) {
        int32_t x[4];
        for (size_t i = 0; i < 4; i++) {
            size_t axis = 4 * m + i;
            x[i] = axis >= space->n_axes ? 0
                   : space->of_products  ? probe->weights[axis] / 2
                                         : number_of(space, probe, axis) - MIDDLE;
            sum += x[i];
            squares += x[i] * x[i];
        }
        least += fill_book(x, query->table + m * N2_BOOK);
    }
    query->middle = (float)(2 * least - sum);
    query->length = sqrtf((float)squares);
    query->per_product = probe->unit > 0 ? 0.5f / probe->unit : 0;
}
