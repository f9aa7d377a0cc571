/* cpu.c - detection of processor features.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "cpu.h"

#include <pthread.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__)
#include <sys/sysctl.h>
#endif

static struct n2_cpu cpu;
static pthread_once_t once = PTHREAD_ONCE_INIT;

#if defined(__x86_64__)
static bool has_f16c(void) /* not every compiler's __builtin_cpu_supports knows it */
{
    unsigned a, b, c, d;
    return __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
}
#endif

#if defined(__aarch64__) && defined(__linux__)
#if !defined(HWCAP_ASIMDDP) /* in headers since 2017 */
#define HWCAP_ASIMDDP (1UL << 20)
#endif
static bool has_dotprod(void)
{
    return getauxval(AT_HWCAP) & HWCAP_ASIMDDP;
}
#elif defined(__aarch64__)
static bool has_dotprod(void)
{
    int has = 0;
    size_t size = sizeof(has);
    return !sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &size, NULL, 0) && has;
}
#endif

static void detect(void)
{
#if defined(__x86_64__)
    __builtin_cpu_init();
    cpu.sse42 = __builtin_cpu_supports("sse4.2") != 0;
    cpu.avx2 = __builtin_cpu_supports("avx2") && has_f16c();
    cpu.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                 __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                 __builtin_cpu_supports("avx512vnni");
#elif defined(__aarch64__)
    cpu.dotprod = has_dotprod();
#endif
}

const struct n2_cpu *n2_cpu(void)
{
    pthread_once(&once, detect);
    return &cpu;
}

int n2_cpu_count(void)
{
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n < N2_MAX_THREADS ? (int)n : N2_MAX_THREADS;
}
