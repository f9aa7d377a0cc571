/* fuzz.h - what a fuzz target gives: the entry point of libFuzzer, and inputs to start from.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A target is linked with libFuzzer, or with replay.c, which needs no special compiler.
 */
#ifndef N2_FUZZ_H
#define N2_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Runs one input; ends the process if a promise of n2.h is broken. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the seed-th valid input to out[capacity] and returns its size. */
size_t fuzz_seed(uint64_t seed, uint8_t *out, size_t capacity);

/* A file of this process, in memory where the system has such: saves are synchronised. */
static inline const char *fuzz_path(void)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/n2-fuzz-%ld", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm",
             (long)getpid());
    return path;
}

#define FUZZ_CHECK(x)                                                                              \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);                                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

#endif
