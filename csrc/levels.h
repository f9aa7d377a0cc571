/* levels.h - the level of a node: random, but a function of the seed and the id alone.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The paper draws  level = floor(-ln(uniform) * mL),  so that P(level >= l) = exp(-l / mL); for the
 * default mL = 1 / ln(M) that is M^-l. Here 64 random bits are compared with 2^64 times these
 * numbers. They are computed with + - * / alone, which IEEE 754 defines to the last bit; exp and
 * log of the C library differ between systems.
 */
#ifndef N2_LEVELS_H
#define N2_LEVELS_H

#include "hash.h"

struct n2_levels {
    uint64_t seed;
    uint64_t below[N2_MAX_LEVEL]; /* level > l if the bits are below below[l] */
};

/* exp(-x) for x > 0, within some units in the last place. */
static inline double n2_levels_exp(double x)
{
    if (x > 100)
        return 0; /* far below 2^-64 */
    int halvings = 0;
    for (; x > 0.5; halvings++)
        x /= 2;
    double sum = 1, term = 1;
    for (int i = 1; i < 20; i++) {
        term *= -x / i;
        sum += term;
    }
    for (; halvings > 0; halvings--)
        sum *= sum;
    return sum;
}

/* `multiplier` 0 is the default, 1 / ln(M). */
static inline void n2_levels_init(struct n2_levels *levels, uint32_t M, double multiplier,
                                  uint64_t seed)
{
    double ratio = multiplier > 0 ? n2_levels_exp(1 / multiplier) : 1.0 / M;
    double share = 1;
    levels->seed = seed;
    for (int l = 0; l < N2_MAX_LEVEL; l++) {
        share *= ratio;
        levels->below[l] = (uint64_t)(share * 0x1p64);
    }
}

static inline uint32_t n2_levels_of(const struct n2_levels *levels, uint32_t id)
{
    uint64_t bits = n2_hash(levels->seed, id);
    uint32_t level = 0;
    while (level < N2_MAX_LEVEL && bits < levels->below[level])
        level++;
    return level;
}

#endif
