/* heap.h - the k smallest of many numbers: a binary max-heap of 64-bit words.
 * SPDX-License-Identifier: Apache-2.0
 *
 * A word is  key << 32 | id,  so that the order is by distance, ties by smaller id. An insertion
 * costs O(log k) in any order of arrival, which a sorted array does not promise for large k.
 */
#ifndef N2_HEAP_H
#define N2_HEAP_H

#include "base.h"

struct n2_heap {
    uint64_t *words; /* room for `width`; words[0] is the largest */
    size_t size;
    size_t width; /* k, at least 1 */
};

/* The largest word that may still enter: every word below it does. */
N2_INLINE uint64_t n2_heap_bound(const struct n2_heap *heap)
{
    return heap->size < heap->width ? UINT64_MAX : heap->words[0];
}

/* Restores the order of words[0..size) after words[at] was replaced by something smaller. */
static inline void n2_heap_sift(uint64_t *words, size_t size, size_t at)
{
    uint64_t word = words[at];
    for (size_t child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size && words[child + 1] > words[child])
            child++;
        if (words[child] <= word)
            break;
        words[at] = words[child];
    }
    words[at] = word;
}

/* Keeps `word` if it is among the k smallest so far. */
static inline void n2_heap_push(struct n2_heap *heap, uint64_t word)
{
    uint64_t *words = heap->words;
    if (heap->size == heap->width) {
        if (word >= words[0])
            return;
        words[0] = word;
        n2_heap_sift(words, heap->size, 0);
        return;
    }
    size_t at = heap->size++;
    for (; at > 0 && words[(at - 1) / 2] < word; at = (at - 1) / 2)
        words[at] = words[(at - 1) / 2];
    words[at] = word;
}

/* Sorts the words in ascending order; the heap is used up. */
static inline void n2_heap_sort(struct n2_heap *heap)
{
    for (size_t end = heap->size; end > 1;) {
        end--;
        uint64_t largest = heap->words[0];
        heap->words[0] = heap->words[end];
        heap->words[end] = largest;
        n2_heap_sift(heap->words, end, 0);
    }
}

#endif
