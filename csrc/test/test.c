/* test.c - runs the cases of a test program and counts their checks.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "test.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* Enough to see a pattern; a broken loop would print millions. */
#define MAX_PRINTED 10

uint64_t test_seed;

static const char *case_name;
static _Atomic long checks, failed_checks; /* of the running case */

size_t test_scale(size_t n, size_t least)
{
    static long percent;
    if (!percent) {
        const char *text = getenv("N2_TEST_SCALE");
        percent = text ? strtol(text, NULL, 10) : 100;
        if (percent < 1 || percent > 100)
            percent = 100;
    }
    size_t scaled = n * (size_t)percent / 100;
    return scaled > least ? scaled : least;
}

bool test_check(bool ok, const char *file, int line, const char *format, ...)
{
    checks++;
    if (ok || failed_checks++ >= MAX_PRINTED)
        return ok;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s:%d: %s: %s (seed %llu)\n", file, line, case_name, text,
            (unsigned long long)test_seed);
    return false;
}

bool test_status(int got, int want, const char *file, int line, const char *call)
{
    return test_check(got == want, file, line, "%s is %d (%s), not %d (%s)", call, got,
                      n2_status_text(got), want, n2_status_text(want));
}

static bool chosen(const char *name, int argc, char **argv)
{
    bool found = argc < 2;
    for (int i = 1; i < argc; i++)
        found |= strcmp(argv[i], name) == 0;
    return found;
}

int test_main(const struct test_case *cases, size_t n, int argc, char **argv)
{
    const char *text = getenv("N2_TEST_SEED");
    test_seed = text ? strtoull(text, NULL, 10) : 20240611;
    int n_passed = 0, n_failed = 0;
    for (size_t i = 0; i < n; i++) {
        if (!chosen(cases[i].name, argc, argv))
            continue;
        case_name = cases[i].name;
        checks = failed_checks = 0;
        cases[i].run();
        if (!checks)
            test_check(false, __FILE__, __LINE__, "nothing was checked");
        printf("%-4s %s, %ld checks", failed_checks ? "FAIL" : "ok", case_name, (long)checks);
        if (failed_checks)
            printf(", %ld failed", (long)failed_checks);
        printf("\n");
        fflush(stdout);
        *(failed_checks ? &n_failed : &n_passed) += 1;
    }
    printf("%d passed, %d failed\n", n_passed, n_failed);
    return n_failed || !n_passed;
}
