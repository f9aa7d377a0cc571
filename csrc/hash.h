/* hash.h - seeded hashes: the only source of randomness, the same everywhere.
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef N2_HASH_H
#define N2_HASH_H

#include "base.h"

/* The finaliser of SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number
 * generators", OOPSLA 2014) over the seed and a counter: 64 independent-looking bits. */
N2_INLINE uint64_t n2_hash(uint64_t seed, uint64_t x)
{
    uint64_t z = seed + (x + 1) * UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* A number in 0..n-1 from 64 random bits: the high half of the product, without a division. */
N2_INLINE uint64_t n2_hash_below(uint64_t bits, uint64_t n)
{
    return (uint64_t)(((unsigned __int128)bits * n) >> 64);
}

/* The same over bytes, eight at a time. */
N2_INLINE uint64_t n2_hash_bytes(uint64_t seed, const unsigned char *bytes, size_t n)
{
    uint64_t h = n2_hash(seed, n);
    for (size_t at = 0; at < n; at += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, bytes + at, n2_min(sizeof(word), n - at));
        h = n2_hash(h, word);
    }
    return h;
}

/* A fingerprint of n_words 32-bit words; equal content gives equal fingerprints. */
N2_INLINE uint64_t n2_hash_words(const void *words, size_t n_words)
{
    const unsigned char *p = words;
    uint64_t h = n_words;
    for (size_t i = 0; i < n_words; i++) {
        uint32_t w;
        memcpy(&w, p + 4 * i, 4);
        h = (h ^ w) * UINT64_C(0xFF51AFD7ED558CCD);
        h ^= h >> 32;
    }
    return h;
}

#endif
