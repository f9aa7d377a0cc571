/* kernels_neon_dotprod.c - the kernels for arm64 with FEAT_DotProd: the products of four bytes in a
 *                          row are added to a lane at once.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The whole file is for such processors, headers included: gcc inlines no function into one that
 * lacks any of its features, and the command line may have given it some.
 */
#if defined(__ARM_FEATURE_DOTPROD)
#define KNOWN 1
#elif defined(__aarch64__) && defined(__clang__) && __clang_major__ >= 16
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#define KNOWN 1
#define PUSHED 1
#elif defined(__aarch64__) && !defined(__clang__) && __GNUC__ >= 8
#pragma GCC target("arch=armv8.2-a+dotprod")
#define KNOWN 1
#endif

#include "kernels.h"

#if defined(KNOWN)
#include <arm_neon.h>

N2_INLINE uint32x4_t add_squares(uint32x4_t sum, uint8x16_t d)
{
    return vdotq_u32(sum, d, d);
}

N2_INLINE int32x4_t add_products(int32x4_t sum, int8x16_t a, int8x16_t b)
{
    return vdotq_s32(sum, a, b);
}

/* x = 256 h + l + 128, where h is the upper byte and l the lower one with its highest bit turned
 * over, both signed. Four rows at once share what is loaded of x. */
static void project(const int16_t *x, const int8_t *rows, size_t width, size_t n_rows, int32_t *out)
{
    const int8x16_t one = vdupq_n_s8(1), top = vdupq_n_s8(INT8_MIN);
    for (size_t j = 0; j < n_rows; j += 4) {
        const int8_t *row[4];
        int32x4_t of_h[4], of_l[4], of_one[4];
        for (size_t r = 0; r < 4; r++) {
            row[r] = rows + n2_min(j + r, n_rows - 1) * width;
            of_h[r] = of_l[r] = of_one[r] = vdupq_n_s32(0);
        }
        for (size_t i = 0; i < width; i += 16) {
            int8x16x2_t bytes = vld2q_s8((const int8_t *)(x + i));
            int8x16_t h = bytes.val[1], l = veorq_s8(bytes.val[0], top);
            for (size_t r = 0; r < 4; r++) {
                int8x16_t y = vld1q_s8(row[r] + i);
                of_h[r] = vdotq_s32(of_h[r], h, y);
                of_l[r] = vdotq_s32(of_l[r], l, y);
                of_one[r] = vdotq_s32(of_one[r], one, y);
            }
        }
        int32_t sums[4];
        for (size_t r = 0; r < 4; r++) {
            of_one[r] = vaddq_s32(of_one[r], vshlq_n_s32(of_h[r], 1));
            sums[r] = vaddvq_s32(vaddq_s32(of_l[r], vshlq_n_s32(of_one[r], 7)));
        }
        memcpy(out + j, sums, n2_min(n_rows - j, 4) * sizeof(*sums));
    }
}

#define NEON_TABLE n2_kernels_neon_dotprod
#define NEON_NAME "neon_dotprod"
#include "kernels_neon.h"

#if defined(PUSHED)
#pragma clang attribute pop
#endif
#else /* a compiler that does not know the instructions, or another processor */
const struct n2_kernels n2_kernels_neon_dotprod = {.name = NULL};
#endif
