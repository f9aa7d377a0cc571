/* space.h - what searches and builds compare while they walk: a code for each node.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A code is the image of a vector under an affine map to few dimensions, one byte of 0..127 for
 * each: the squared distance between two codes, a whole number, approximates that between the
 * vectors. The map takes a vector (of length 1 under angular; under dot with the coordinate more of
 * store.h), less the mean of all, to its products with n_axes directions, which are about
 * orthogonal to each other, and rounds them; in whole numbers, so that a code is the same on all
 * processors. train.h chooses the map. The nearest few that are found so are ranked by the vectors
 * themselves (search.h): so results and their distances are exact.
 *
 *   means    coordinate -> mean (float)
 *   axes     direction -> its coordinates times a factor (int8), zeros behind them
 *   scales   direction -> what makes a product with it a number of units (float)
 *   codes    node -> code
 *   sketches node -> what sketch.h keeps of its links on level 0; may be left out
 */
#ifndef N2_SPACE_H
#define N2_SPACE_H

#include "store.h"

struct n2_space {
    size_t dim;         /* coordinates of a direction: those of a vector, under dot one more */
    size_t n_axes;      /* 0: there is no space */
    uint32_t n_trained; /* nodes there were when the map was chosen, or none; 0: not yet */
    float unit;         /* the length that a difference of 1 in one byte stands for */
    float shrink; /* vectors that are near are hardly ever nearer than this times their codes */
    float reach;  /* R of store.h under dot, else 0 */
    float scale;  /* of coordinates, before they are rounded to numbers of 16 bits */
    float growth; /* of distances: that of the tenth neighbour over that of the first, typically;
                     known after training, even without a space */
    struct n2_column means, axes, scales, codes;
    struct n2_column sketches; /* all zero: there are none */
};

/* Numbers in a row of `axes`. */
N2_INLINE size_t n2_space_width(size_t dim)
{
    return n2_round_up(dim, N2_ROW_UNIT);
}

/* What coordinates of 16 bits are bounded by, so that no product leaves 32 bits. */
N2_INLINE float n2_space_limit(size_t dim)
{
    return (float)n2_min(INT16_MAX, ((size_t)1 << 31) / 128 / n2_space_width(dim) - 1);
}

/* Makes a space with zeros for axes and room reserved for the codes of n_nodes nodes, and for
 * sketches of that many bytes each (0: there are none). Returns 0 or N2_ERR_NO_MEMORY, and *space
 * is all zero: no space. */
int n2_space_init(struct n2_space *space, size_t dim, size_t n_axes, size_t sketch_bytes,
                  size_t n_nodes);
void n2_space_release(struct n2_space *space);

/* Bytes of a code. */
N2_INLINE size_t n2_space_code_bytes(size_t n_axes)
{
    return n2_round_up(n_axes, N2_CODE_UNIT);
}

/* Squared distances between codes that differ by less tell nothing: rounding alone makes a sixth
 * for each direction. */
N2_INLINE float n2_space_noise(const struct n2_space *space)
{
    return (float)space->n_axes / 2;
}

/* Up to that squared distance, codes tell little of who is nearer. Of 200,000 GIST descriptors,
 * some of which lie in knots, searches that compare vectors below it took 0.94 of the time that
 * they took with half as much here, and 0.8 of that with a quarter, at the same recall. */
N2_INLINE float n2_space_coarse(const struct n2_space *space)
{
    return 4 * n2_space_noise(space);
}

N2_INLINE uint8_t *n2_space_code(const struct n2_space *space, uint32_t node)
{
    return space->codes.base + (size_t)node * space->codes.stride;
}

/* Encodes a node's vector; returns how many numbers lay outside the range of a byte. `buffer` has
 * room for n2_space_width numbers. */
size_t n2_space_encode_node(const struct n2_space *space, const struct n2_store *store,
                            const struct n2_kernels *kernels, uint32_t node, int16_t *buffer,
                            uint8_t *code);

/* Encodes the vector of a search's probe; returns the same. */
size_t n2_space_encode_query(const struct n2_space *space, const struct n2_store *store,
                             const struct n2_kernels *kernels, const struct n2_probe *probe,
                             int16_t *buffer, uint8_t *code);

/* The squared distance between vectors, in units of codes, that a key of store.h stands for. */
float n2_space_square(const struct n2_space *space, const struct n2_store *store,
                      const struct n2_probe *probe, uint32_t key);

#endif
