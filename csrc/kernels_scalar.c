/* kernels_scalar.c - the kernels in plain C: the reference for all others.
 * SPDX-License-Identifier: Apache-2.0
 */
#include "kernels.h"

static float fold(const float lane[N2_LANES])
{
    float eight[8];
    for (int i = 0; i < 8; i++)
        eight[i] = (lane[i] + lane[i + 8]) + (lane[i + 16] + lane[i + 24]);
    float four[4];
    for (int i = 0; i < 4; i++)
        four[i] = eight[i] + eight[i + 4];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

static float l2(const float *restrict q, const float *restrict x, size_t dim)
{
    float lane[N2_LANES] = {0};
    size_t i = 0;
    for (; i + N2_LANES <= dim; i += N2_LANES)
        for (size_t j = 0; j < N2_LANES; j++)
            lane[j] += (q[i + j] - x[i + j]) * (q[i + j] - x[i + j]);
    for (size_t j = 0; i + j < dim; j++)
        lane[j] += (q[i + j] - x[i + j]) * (q[i + j] - x[i + j]);
    return fold(lane);
}

static float dot(const float *restrict q, const float *restrict x, size_t dim)
{
    float lane[N2_LANES] = {0};
    size_t i = 0;
    for (; i + N2_LANES <= dim; i += N2_LANES)
        for (size_t j = 0; j < N2_LANES; j++)
            lane[j] += q[i + j] * x[i + j];
    for (size_t j = 0; i + j < dim; j++)
        lane[j] += q[i + j] * x[i + j];
    return fold(lane);
}

static void l2_rows(const float *query, const float *rows, size_t stride, const uint32_t *nodes,
                    size_t n, size_t dim, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = l2(query, rows + (size_t)nodes[i] * stride, dim);
}

static void dot_rows(const float *query, const float *rows, size_t stride, const uint32_t *nodes,
                     size_t n, size_t dim, float *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = dot(query, rows + (size_t)nodes[i] * stride, dim);
}

const struct n2_kernels n2_kernels_scalar = {"scalar", l2_rows, dot_rows};
