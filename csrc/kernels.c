/* kernels.c - choice of the kernels at run time.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kernels.h"

#include "cpu.h"

#include <stdlib.h>

static const struct n2_kernels *in_use; /* NULL until the first use */

const struct n2_kernels *n2_kernels_named(const char *name)
{
    if (!strcmp(name, "scalar"))
        return &n2_kernels_scalar;
#if defined(__x86_64__)
    if (!strcmp(name, "avx2") && n2_cpu()->avx2)
        return &n2_kernels_avx2;
    if (!strcmp(name, "avx512") && n2_cpu()->avx512)
        return &n2_kernels_avx512;
#elif defined(__aarch64__)
    if (!strcmp(name, "neon"))
        return &n2_kernels_neon;
    if (!strcmp(name, "neon_dotprod") && n2_cpu()->dotprod && n2_kernels_neon_dotprod.name)
        return &n2_kernels_neon_dotprod;
#endif
    return NULL;
}

static const struct n2_kernels *best(void)
{
    static const char *const by_speed[] = {"avx512", "avx2", "neon_dotprod", "neon"};
    const char *asked = getenv("N2_ISA");
    const struct n2_kernels *found = asked ? n2_kernels_named(asked) : NULL;
    for (size_t i = 0; !found && i < sizeof(by_speed) / sizeof(*by_speed); i++)
        found = n2_kernels_named(by_speed[i]);
    return found ? found : &n2_kernels_scalar;
}

const struct n2_kernels *n2_kernels(void)
{
    const struct n2_kernels *table = N2_ACQUIRE(&in_use);
    if (N2_UNLIKELY(!table)) {
        const struct n2_kernels *first = best();
        if (__atomic_compare_exchange_n(&in_use, &table, first, false, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE)) /* unless n2_set_isa came between */
            table = first;
    }
    return table;
}

int n2_set_isa(const char *name)
{
    const struct n2_kernels *table = name ? n2_kernels_named(name) : best();
    if (!table)
        return N2_ERR_OPTION;
    N2_RELEASE(&in_use, table);
    return N2_OK;
}

const char *n2_isa(void)
{
    return n2_kernels()->name;
}
