/* alloc.c - checked, fault-injectable allocation.
 * SPDX-License-Identifier: Apache-2.0
 *
 * What builds work with is large, and gone when they end: it is mapped, so that freeing it gives it
 * back to the system. malloc's arenas kept up to 500 bytes a vector of it. A unit before the memory
 * says which it is.
 */
#include "alloc.h"

#include "fault.h"

#include <stdlib.h>
#include <sys/mman.h>

#define ALIGNMENT 64
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif
#if defined(SANITIZED)
#define MAPPED_FROM SIZE_MAX /* so that the sanitizer sees its bounds */
#else
#define MAPPED_FROM ((size_t)256 << 10)
#endif
#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif

struct head {
    _Alignas(ALIGNMENT) size_t n_mapped; /* bytes, this included; 0: it is malloc's */
};

#if defined(N2_FAULTS)
static int64_t fault_nth = -1;
static int64_t fault_hits;

void n2_fault_arm(int64_t nth)
{
    N2_STORE(&fault_hits, 0);
    N2_STORE(&fault_nth, nth);
}

int64_t n2_fault_hits(void)
{
    return N2_LOAD(&fault_hits);
}

bool n2_fault(void)
{
    return N2_FETCH_ADD(&fault_hits, 1) == N2_LOAD(&fault_nth);
}
#endif

/* Memory behind a head; zero bytes if it is mapped. *bytes is set to its size. */
static void *take(size_t count, size_t size, size_t *bytes)
{
    struct head *head = NULL;
    if (__builtin_mul_overflow(count, size, bytes) || *bytes > SIZE_MAX / 2 || n2_fault())
        return NULL;
    size_t whole = *bytes + sizeof(*head);
    if (whole >= MAPPED_FROM) {
        head = mmap(NULL, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (head == MAP_FAILED)
            return NULL;
        head->n_mapped = whole;
    } else if (posix_memalign((void **)&head, ALIGNMENT, whole) == 0) {
        head->n_mapped = 0;
    } else {
        return NULL;
    }
    return head + 1;
}

void *n2_alloc(size_t count, size_t size)
{
    size_t bytes;
    return take(count, size, &bytes);
}

void *n2_alloc_zero(size_t count, size_t size)
{
    size_t bytes;
    void *memory = take(count, size, &bytes);
    if (memory && ((struct head *)memory)[-1].n_mapped == 0)
        memset(memory, 0, bytes);
    return memory;
}

void n2_alloc_free(void *memory)
{
    if (!memory)
        return;
    struct head *head = (struct head *)memory - 1;
    if (head->n_mapped)
        (void)munmap(head, head->n_mapped);
    else
        free(head);
}
