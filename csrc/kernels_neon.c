/* kernels_neon.c - the kernels for every arm64.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kernels.h"

#if defined(__aarch64__)
#include <arm_neon.h>

N2_INLINE uint32x4_t add_squares(uint32x4_t sum, uint8x16_t d)
{
    sum = vpadalq_u16(sum, vmull_u8(vget_low_u8(d), vget_low_u8(d)));
    return vpadalq_u16(sum, vmull_u8(vget_high_u8(d), vget_high_u8(d)));
}

N2_INLINE int32x4_t add_products(int32x4_t sum, int8x16_t a, int8x16_t b)
{
    int16x8_t two = vmull_s8(vget_low_s8(a), vget_low_s8(b)); /* two fit: 2 * 127^2 */
    return vpadalq_s16(sum, vmlal_s8(two, vget_high_s8(a), vget_high_s8(b)));
}

static void project(const int16_t *x, const int8_t *rows, size_t width, size_t n_rows, int32_t *out)
{
    for (size_t j = 0; j < n_rows; j++) {
        int32x4_t low = vdupq_n_s32(0), high = low;
        for (size_t i = 0; i < width; i += 8) {
            int16x8_t a = vmovl_s8(vld1_s8(rows + j * width + i)), b = vld1q_s16(x + i);
            low = vmlal_s16(low, vget_low_s16(a), vget_low_s16(b));
            high = vmlal_s16(high, vget_high_s16(a), vget_high_s16(b));
        }
        out[j] = vaddvq_s32(vaddq_s32(low, high));
    }
}

#define NEON_TABLE n2_kernels_neon
#define NEON_NAME "neon"
#include "kernels_neon.h"
#else
typedef int n2_kernels_neon_unused; /* a translation unit holds at least one declaration */
#endif
