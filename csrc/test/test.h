/* test.h - a small harness: checks that count, a table of cases, one closing line.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A test program has one subject and ends in TEST_MAIN(cases). `prog` runs all cases, `prog
 * name...` those named. A failed check prints its place, its text and the seed; the case goes on,
 * or returns where REQUIRE was used. Checks may be made by any thread.
 *
 * Environment: N2_TEST_SEED (decimal) replaces the seed that all cases start from; N2_TEST_SCALE
 * (percent, default 100) shrinks the sizes that cases pass through test_scale(); N2_TEST_ISA names
 * the instruction set that the test of the kernels is to find chosen.
 */
#ifndef N2_TEST_H
#define N2_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../n2.h"

struct test_case {
    const char *name;
    void (*run)(void);
};

/* Seed of the running case: every case draws all its random numbers from it. */
extern uint64_t test_seed;

/* `n` * N2_TEST_SCALE / 100, but `least` at least. */
size_t test_scale(size_t n, size_t least);

/* Counts a check; prints where and what if it failed. Returns `ok`. */
bool test_check(bool ok, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a status of n2.h. */
bool test_status(int got, int want, const char *file, int line, const char *call);

#define CHECK(x) test_check((x), __FILE__, __LINE__, "%s", #x)
#define CHECKF(x, ...) test_check((x), __FILE__, __LINE__, __VA_ARGS__)
#define CHECK_STATUS(want, call) test_status((call), (want), __FILE__, __LINE__, #call)
#define REQUIRE(x)                                                                                 \
    do {                                                                                           \
        if (!CHECK(x))                                                                             \
            return;                                                                                \
    } while (0)
#define REQUIRE_OK(call)                                                                           \
    do {                                                                                           \
        if (!CHECK_STATUS(0, call))                                                                \
            return;                                                                                \
    } while (0)

/* Runs the cases, prints "N passed, N failed"; returns the exit code. */
int test_main(const struct test_case *cases, size_t n, int argc, char **argv);

#define TEST_MAIN(cases)                                                                           \
    int main(int argc, char **argv)                                                                \
    {                                                                                              \
        return test_main((cases), sizeof(cases) / sizeof((cases)[0]), argc, argv);                 \
    }

#endif
