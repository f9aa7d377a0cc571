/* space.h - what searches and builds compare while they walk: a code for each node.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A code is the image of a vector under an affine map to few dimensions, a number of 0..127 for
 * each, in a byte or in five bits (code.h): the squared distance between two codes, a whole number,
 * approximates that between the vectors. The map takes a vector (of length 1 under angular), less
 * the mean of all, to its products with n_axes directions, which are about orthogonal to each
 * other, and rounds them; in whole numbers, so that a code is the same on all processors. train.h
 * chooses the map. The nearest few that are found so are ranked by the vectors themselves
 * (search.h): so results and their distances are exact.
 *
 * Under dot the map has no mean, and a query becomes weights of one signed byte for each direction:
 * the weighted sum of a code, less that of a code in the middle of its range, approximates the
 * product. Keys are those of store.h then.
 *
 *   means    coordinate -> mean (float; under dot 0)
 *   axes     direction -> its coordinates times a factor (int8), zeros behind them
 *   scales   direction -> what makes a product with it a number of units (float)
 *   codes    node -> code
 *   sketches node -> what sketch.h keeps of its links on level 0; may be left out
 */
#ifndef N2_SPACE_H
#define N2_SPACE_H

#include "store.h"

struct n2_space {
    size_t dim;         /* coordinates of a direction, and of a vector */
    size_t n_axes;      /* 0: there is no space */
    bool of_products;   /* under dot */
    bool short_codes;   /* five bits a direction; not under dot */
    uint32_t n_trained; /* nodes there were when the map was chosen, or none; 0: not yet */
    uint32_t n_unfit;   /* nodes since then that came in builds whose nodes it did not fit */
    float unit;         /* the length that a difference of 1 in one byte stands for */
    float shrink;       /* what n2_space_deviation hardly ever is below, of vectors that are near */
    float scale;        /* of coordinates, before they are rounded to numbers of 16 bits */
    float growth; /* of distances: that of the tenth neighbour over that of the first, typically;
                     under dot the difference of their products with a query of length 1. Known
                     after training, even without a space */
    struct n2_column means, axes, scales, codes;
    struct n2_column sketches; /* all zero: there are none */
};

/* Numbers in a row of `axes`. */
N2_INLINE size_t n2_space_width(size_t dim)
{
    return n2_round_up(dim, N2_ROW_UNIT);
}

/* Floats that a probe may need: its vector's, or as many bytes as it has weights. */
N2_INLINE size_t n2_space_floats(size_t dim)
{
    return n2_max(dim, N2_MAX_LANES / sizeof(float));
}

/* Room for a vector that is being encoded, its coordinates rounded, then as floats; or for a probe.
 */
N2_INLINE size_t n2_space_buffer_bytes(size_t dim)
{
    return n2_max(n2_space_width(dim) * sizeof(int16_t) + dim * sizeof(float),
                  n2_space_floats(dim) * sizeof(float));
}

N2_INLINE float *n2_space_floats_of(void *buffer, size_t dim)
{
    return (float *)(void *)((int16_t *)buffer + n2_space_width(dim));
}

/* What coordinates of 16 bits are bounded by, so that no product leaves 32 bits. */
N2_INLINE float n2_space_limit(size_t dim)
{
    return (float)n2_min(INT16_MAX, ((size_t)1 << 31) / 128 / n2_space_width(dim) - 1);
}

/* Makes a space with zeros for axes and room reserved for the codes of n_nodes nodes at least, and
 * of n_reserved if that can be had, and for sketches of that many bytes each (0: there are none).
 * Returns 0 or N2_ERR_NO_MEMORY, and *space
 * is all zero: no space. */
int n2_space_init(struct n2_space *space, size_t dim, size_t n_axes, bool short_codes,
                  size_t sketch_bytes, size_t n_nodes, size_t n_reserved);
void n2_space_release(struct n2_space *space);

/* Squared distances between codes that differ by less tell nothing: rounding alone makes a sixth
 * for each direction; one of five bits makes 1.4. */
N2_INLINE float n2_space_noise(const struct n2_space *space)
{
    return (float)space->n_axes * (space->short_codes ? 4 : 0.5f);
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
 * room for n2_space_buffer_bytes. */
size_t n2_space_encode_node(const struct n2_space *space, const struct n2_store *store,
                            const struct n2_kernels *kernels, uint32_t node, void *buffer,
                            uint8_t *code);

/* Encodes the vector of a search's probe, as a long code, as lanes where codes are short, or as
 * weights under dot; into `code` [N2_MAX_LANES], where the probe is made to point. Returns the
 * same; under dot n_axes for a query so short that there are no weights, else 0. */
size_t n2_space_encode_query(const struct n2_space *space, const struct n2_store *store,
                             const struct n2_kernels *kernels, struct n2_probe *probe, void *buffer,
                             void *code);

/* Prepares a node for distances by codes. `buffer` has room for n2_space_floats and lasts as long
 * as the probe. */
void n2_space_probe_node(const struct n2_space *space, uint32_t node, float *buffer,
                         struct n2_probe *probe);

/* Prepares a code for products with others, under dot. `weights` has room for its bytes. */
void n2_space_weigh(const struct n2_space *space, const uint8_t *code, int8_t *weights,
                    struct n2_probe *probe);

/* The key under dot of a weighted sum. */
N2_INLINE uint32_t n2_space_product_key(const struct n2_probe *probe, int32_t sum)
{
    return n2_key(0 - (float)(2 * sum - probe->centre) * probe->unit);
}

/* keys[i] = key of the distance from the probe to the code of nodes[i], for i < n. */
N2_INLINE void n2_space_keys(const struct n2_space *space, const struct n2_kernels *kernels,
                             const struct n2_probe *probe, const uint32_t *nodes, size_t n,
                             uint32_t *keys)
{
    if (probe->code) {
        (space->short_codes ? kernels->short_code : kernels->code)(
            probe->code, space->codes.base, space->codes.stride, nodes, n, keys);
        return;
    }
    int32_t *sums = (int32_t *)keys; /* in place */
    kernels->weigh(probe->weights, space->codes.base, space->codes.stride, nodes, n, sums);
    for (size_t i = 0; i < n; i++)
        keys[i] = n2_space_product_key(probe, sums[i]);
}

/* How the key that a code has deviates from `key`, which the vector has: the ratio of the squared
 * distances; under dot what is to be added to the distance, for a query of length 1. Sets
 * *deviation; false if there is none. */
bool n2_space_deviation(const struct n2_space *space, const struct n2_store *store,
                        const struct n2_probe *probe, uint32_t code_key, uint32_t key,
                        float *deviation);

/* The largest key that a code may have whose vector is nearer than one whose own is `key`, but for
 * hardly any, wherever they lie. */
uint32_t n2_space_farthest(const struct n2_space *space, const struct n2_store *store,
                           const struct n2_probe *probe, uint32_t key);

/* How many times as far as their codes tell vectors are from a query, at least: that differs from
 * query to query, so that each learns it from what it measures. Lowers *excess, INFINITY at first,
 * if a vector of that key tells so. Not under dot. */
void n2_space_learn(const struct n2_space *space, const struct n2_store *store, uint32_t code_key,
                    uint32_t key, float *excess);

/* n2_space_farthest by what was learned, if anything. */
uint32_t n2_space_within(const struct n2_space *space, const struct n2_store *store,
                         const struct n2_probe *probe, uint32_t key, float excess);

#endif
