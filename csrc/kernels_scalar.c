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

/* Coordinates at..at + 31 of a packed row, zeros behind the last. */
static void unpack(bool halves, const unsigned char *row, size_t at, size_t dim, float *out)
{
    struct n2_range range = halves ? (struct n2_range){0, 0} : n2_pack_range(row, dim);
    const uint16_t *half = (const uint16_t *)(const void *)row;
    for (size_t j = 0; j < N2_LANES; j++)
        out[j] = at + j >= dim ? 0
                 : halves      ? n2_unpack_half(half[at + j])
                               : n2_unpack_byte(row[at + j], range);
}

static float packed_distance(bool is_l2, bool halves, const float *q, const unsigned char *row,
                             size_t dim)
{
    float lane[N2_LANES] = {0}, x[N2_LANES];
    for (size_t i = 0; i < dim; i += N2_LANES) {
        unpack(halves, row, i, dim, x);
        for (size_t j = 0; j < N2_LANES && i + j < dim; j++) {
            float d = is_l2 ? q[i + j] - x[j] : q[i + j];
            lane[j] += d * (is_l2 ? d : x[j]);
        }
    }
    return fold(lane);
}

#define PACKED_ROWS(name, is_l2, halves)                                                           \
    static void name(const float *query, const unsigned char *rows, size_t stride,                 \
                     const uint32_t *nodes, size_t n, size_t dim, float *out)                      \
    {                                                                                              \
        for (size_t i = 0; i < n; i++)                                                             \
            out[i] = packed_distance(is_l2, halves, query, rows + (size_t)nodes[i] * stride, dim); \
    }
PACKED_ROWS(half_l2_rows, true, true)
PACKED_ROWS(half_dot_rows, false, true)
PACKED_ROWS(byte_l2_rows, true, false)
PACKED_ROWS(byte_dot_rows, false, false)

static void whole_l2_rows(const uint8_t *query, const unsigned char *rows, size_t stride,
                          const uint32_t *nodes, size_t n, size_t dim, uint32_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const unsigned char *x = rows + (size_t)nodes[i] * stride;
        uint32_t sum = 0;
        for (size_t j = 0; j < dim; j++)
            sum += (uint32_t)((query[j] - x[j]) * (query[j] - x[j]));
        out[i] = sum;
    }
}

static void code_rows(const uint8_t *code, const uint8_t *codes, size_t bytes,
                      const uint32_t *nodes, size_t n, uint32_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *other = codes + (size_t)nodes[i] * bytes;
        uint32_t sum = 0;
        for (size_t j = 0; j < bytes; j++)
            sum += (uint32_t)((code[j] - other[j]) * (code[j] - other[j]));
        out[i] = sum;
    }
}

static void short_code_rows(const uint8_t *lanes, const uint8_t *codes, size_t bytes,
                            const uint32_t *nodes, size_t n, uint32_t *out)
{
    for (size_t i = 0; i < n; i++) {
        uint8_t others[N2_MAX_LANES];
        uint32_t sum = 0;
        n2_code_lanes(codes + (size_t)nodes[i] * bytes, bytes, others);
        for (size_t j = 0; j < 2 * bytes; j++) {
            int32_t d = (int8_t)lanes[j] - others[j];
            sum += (uint32_t)(d * d);
        }
        out[i] = sum;
    }
}

static void weigh_rows(const int8_t *weights, const uint8_t *codes, size_t bytes,
                       const uint32_t *nodes, size_t n, int32_t *out)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t *code = codes + (size_t)nodes[i] * bytes;
        int32_t sum = 0;
        for (size_t j = 0; j < bytes; j++)
            sum += weights[j] * code[j];
        out[i] = sum;
    }
}

static void quantise(const float *vector, float factor, const float *mean, float scale, float limit,
                     size_t n, int16_t *out)
{
    n2_quantise_from(0, vector, factor, mean, scale, limit, n, out);
}

static void project(const int16_t *x, const int8_t *rows, size_t width, size_t n_rows, int32_t *out)
{
    for (size_t j = 0; j < n_rows; j++) {
        int32_t sum = 0;
        for (size_t i = 0; i < width; i++)
            sum += x[i] * rows[j * width + i];
        out[j] = sum;
    }
}

static void residual(const uint8_t *from, const uint8_t *to, size_t bytes, struct n2_residual *out)
{
    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < bytes; i++) {
        int32_t d = to[i] - from[i];
        out->squares += (uint32_t)(d * d);
        out->lengths += (uint32_t)(d < 0 ? -d : d);
        out->rising += d > 0 ? from[i] : 0;
        out->n_rising += d > 0;
        out->signs[i / 8] |= (uint8_t)((d > 0) << i % 8);
    }
}

N2_RACY static uint32_t sketch(const uint8_t *table, const struct n2_group *group, size_t n_books,
                               float offset, float limit)
{
    uint32_t near = 0;
    for (size_t j = 0; j < N2_GROUP; j++) {
        size_t at = j % 8 * 2 + j / 8 % 2, shift = j / 16 * 4;
        uint32_t sum = 0;
        for (size_t m = 0; m < n_books; m++)
            sum += table[m * N2_BOOK + (group->books[m * N2_BOOK + at] >> shift & 15)];
        float product = (float)(2 * sum) + offset;
        float estimate = n2_half_float(group->add[j]) - n2_half_float(group->factor[j]) * product;
        near |= (uint32_t)(estimate < limit) << j;
    }
    return near;
}

const struct n2_kernels n2_kernels_scalar = {
    "scalar",     l2_rows,       dot_rows,      half_l2_rows, half_dot_rows,
    byte_l2_rows, byte_dot_rows, whole_l2_rows, code_rows,    short_code_rows,
    weigh_rows,   quantise,      project,       residual,     sketch};
