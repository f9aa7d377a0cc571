/* base.h - what every room stands on: platform checks, atomics on plain memory, small helpers.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Memory that several threads read while one writes (links, levels, counters) is plain memory, laid
 * out as in the file; it is read and written through the macros below, never directly.
 */
#ifndef N2_BASE_H
#define N2_BASE_H

#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE 1 /* mmap flags, madvise */
#endif
#if defined(__APPLE__) && !defined(_DARWIN_C_SOURCE)
#define _DARWIN_C_SOURCE 1
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "n2.h"

#if !defined(__GNUC__)
#error "N2 needs gcc or clang"
#endif
#if !defined(__linux__) && !defined(__APPLE__)
#error "N2 supports Linux and macOS"
#endif
#if UINTPTR_MAX != UINT64_MAX || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "N2 supports 64-bit little-endian processors: its files are mapped as they are"
#endif
#if defined(__FAST_MATH__)
#error "N2 needs IEEE arithmetic: compile without -ffast-math"
#endif

#if (defined(__aarch64__) || defined(__x86_64__)) && !defined(__clang__) &&                        \
    !defined(__STRICT_ANSI__)
#error                                                                                             \
    "N2 needs -std=c11: without it gcc fuses a*b+c, and the bytes of an index depend on the machine"
#endif
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define N2_NONE UINT32_MAX /* no node, no id, end of a list of links */

#define N2_INLINE static inline __attribute__((always_inline))
#define N2_LIKELY(x) __builtin_expect(!!(x), 1)
#define N2_UNLIKELY(x) __builtin_expect(!!(x), 0)
/* Of a function that reads what others may be writing, and takes any value for an answer: the
 * thread sanitizer looks away. */
#define N2_RACY __attribute__((no_sanitize_thread, noinline))
/* To the second-level cache: it has more lines on their way at once than the first. On a Zen 4,
 * searches took 0.93 (fashion-784, 1,000,000 SIFT vectors) to 0.99 of the time. */
#define N2_PREFETCH(p) __builtin_prefetch((p), 0, 2)
#define N2_CACHE_LINE 64 /* bytes */

/* Within a loop that waits for another thread. */
#if defined(__x86_64__)
#define N2_PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define N2_PAUSE() __asm__ volatile("yield")
#else
#define N2_PAUSE() ((void)0)
#endif

/* Relaxed: the value is whole, nothing is said of others. Acquire/release: what was written before
 * the release is seen after the acquire. */
#define N2_LOAD(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define N2_STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define N2_ACQUIRE(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define N2_RELEASE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define N2_FETCH_ADD(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)

N2_INLINE size_t n2_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

N2_INLINE size_t n2_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

N2_INLINE void n2_swap(uint32_t *a, uint32_t *b)
{
    uint32_t swap = *a;
    *a = *b;
    *b = swap;
}

/* x rounded up to a multiple of `unit`, a power of two. */
N2_INLINE size_t n2_round_up(size_t x, size_t unit)
{
    return (x + unit - 1) & ~(unit - 1);
}

#endif
