/* kernels.c - tests of the distance kernels and of the checksum.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Query and rows end where their memory ends, so a kernel that reads too far is caught.
 */
#define _GNU_SOURCE 1 /* MAP_ANONYMOUS */
#include "support.h"

#include "../crc32c.h"
#include "../kernels.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_DIM 1100
#define MAX_ROWS 21

/* `n` floats of which the last ends before a page that cannot be read. */
struct guarded {
    float *end;
    char *map;
    size_t bytes;
};

static struct guarded guarded_make(size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    struct guarded g;
    g.bytes = (n * sizeof(float) + page - 1) / page * page + page;
    g.map = mmap(NULL, g.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.map == MAP_FAILED || mprotect(g.map + g.bytes - page, page, PROT_NONE)) {
        fprintf(stderr, "no memory for the test itself\n");
        exit(2);
    }
    g.end = (float *)(void *)(g.map + g.bytes - page);
    return g;
}

enum values { NORMAL, LARGE, SMALL, MIXED, N_VALUES };

static float value(uint64_t *rng, enum values kind)
{
    float x = rng_normal(rng);
    switch (kind) {
    case LARGE:
        return x * 0x1p50f;
    case SMALL:
        return x * 0x1p-75f; /* products are subnormal */
    case MIXED:
        return ldexpf(x, (int)rng_below(rng, 61) - 30);
    default:
        return x;
    }
}

struct setup {
    const float *query, *rows;
    size_t stride, n, dim;
    uint32_t nodes[MAX_ROWS];
};

static void run(const struct n2_kernels *kernels, bool l2, const struct setup *s, float *out)
{
    (l2 ? kernels->l2 : kernels->dot)(s->query, s->rows, s->stride, s->nodes, s->n, s->dim, out);
}

/* All instruction sets against the scalar result, that against double arithmetic. */
static void compare(const struct setup *s)
{
    const struct n2_kernels *scalar = n2_kernels_named("scalar");
    for (int l2 = 0; l2 < 2; l2++) {
        float want[MAX_ROWS + 1], got[MAX_ROWS + 1];
        want[s->n] = 1234.5f;
        run(scalar, l2, s, want);
        CHECKF(want[s->n] == 1234.5f, "writes beyond out[%zu]", s->n);
        for (size_t i = 0; i < s->n; i++) {
            double bound,
                right = reference_distance(l2 ? N2_L2 : N2_DOT, s->query,
                                           s->rows + s->nodes[i] * s->stride, s->dim, &bound);
            CHECKF(fabs((double)want[i] - right) <= bound,
                   "scalar, l2 %d, dim %zu: %.9g instead of %.9g, bound %g", l2, s->dim,
                   (double)want[i], right, bound);
        }
        for (size_t k = 1; k < N_ISAS; k++) {
            const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
            if (!kernels)
                continue;
            memset(got, 0x55, sizeof got);
            got[s->n] = 1234.5f;
            run(kernels, l2, s, got);
            CHECKF(!memcmp(want, got, (s->n + 1) * sizeof *got),
                   "%s, l2 %d, dim %zu, %zu rows: other bits than scalar", isas[k], l2, s->dim,
                   s->n);
        }
    }
}

static void test_dimensions(void)
{
    uint64_t rng = test_seed;
    struct guarded query = guarded_make(MAX_DIM), rows = guarded_make(MAX_DIM * MAX_ROWS);
    for (size_t dim = 1; dim <= MAX_DIM; dim++) {
        enum values kind = (enum values)(dim % N_VALUES);
        struct setup s = {.stride = dim, .n = 1 + dim % 8, .dim = dim};
        float *q = query.end - dim, *x = rows.end - s.n * dim;
        for (size_t i = 0; i < dim; i++)
            q[i] = value(&rng, kind);
        for (size_t i = 0; i < s.n * dim; i++)
            x[i] = value(&rng, kind);
        s.query = q;
        s.rows = x;
        for (size_t i = 0; i < s.n; i++)
            s.nodes[i] = (uint32_t)(s.n - 1 - i);
        compare(&s);
    }
    munmap(query.map, query.bytes);
    munmap(rows.map, rows.bytes);
}

/* Query and rows start at every multiple of 4 bytes, rows are apart by more than they hold. */
static void test_unaligned(void)
{
    uint64_t rng = test_seed;
    float *memory = must_alloc(64 + 400 * MAX_ROWS, sizeof *memory);
    float *queries = must_alloc(512, sizeof *queries);
    for (size_t i = 0; i < 64 + 400 * MAX_ROWS; i++)
        memory[i] = rng_normal(&rng);
    for (size_t i = 0; i < 512; i++)
        queries[i] = rng_normal(&rng);
    for (size_t shift = 0; shift < 32; shift++) {
        for (size_t dim = 1; dim < 200; dim += 1 + rng_below(&rng, 7)) {
            struct setup s = {.query = queries + rng_below(&rng, 17),
                              .rows = memory + shift,
                              .stride = dim + rng_below(&rng, 200),
                              .n = rng_below(&rng, MAX_ROWS),
                              .dim = dim};
            for (size_t i = 0; i < s.n; i++)
                s.nodes[i] = (uint32_t)rng_below(&rng, MAX_ROWS);
            compare(&s);
        }
    }
    free(memory);
    free(queries);
}

/* A distance is the same whatever else is asked for in the same call. */
static void test_gather(void)
{
    uint64_t rng = test_seed;
    for (size_t dim = 1; dim < 300; dim = dim * 3 / 2 + 1) {
        float *rows = data_make(&rng, 50, dim, DATA_NORMAL, 0);
        for (size_t n = 0; n <= MAX_ROWS; n++) {
            struct setup s = {.query = rows, .rows = rows, .stride = dim, .n = n, .dim = dim};
            for (size_t i = 0; i < n; i++)
                s.nodes[i] = (uint32_t)rng_below(&rng, 50);
            compare(&s);
            for (size_t k = 0; k < N_ISAS; k++) {
                const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
                float together[MAX_ROWS], alone;
                if (!kernels)
                    continue;
                run(kernels, true, &s, together);
                for (size_t i = 0; i < n; i++) {
                    kernels->l2(rows, rows, dim, s.nodes + i, 1, dim, &alone);
                    CHECKF(!memcmp(&alone, together + i, sizeof alone),
                           "%s, dim %zu: row %zu of %zu differs from the row alone", isas[k], dim,
                           i, n);
                }
            }
        }
        free(rows);
    }
}

/* |q - x| = |x - q|, and 0 from itself: what the graph relies on. */
static void test_symmetry(void)
{
    uint64_t rng = test_seed;
    for (size_t dim = 1; dim <= 200; dim++) {
        float *rows = data_make(&rng, 2, dim, DATA_NORMAL, 0);
        for (size_t k = 0; k < N_ISAS; k++) {
            const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
            const uint32_t nodes[2] = {0, 1};
            float from0[2], from1[2];
            if (!kernels)
                continue;
            kernels->l2(rows, rows, dim, nodes, 2, dim, from0);
            kernels->l2(rows + dim, rows, dim, nodes, 2, dim, from1);
            CHECK(from0[0] == 0 && from1[1] == 0 && from0[1] == from1[0]);
            kernels->dot(rows, rows, dim, nodes, 2, dim, from0);
            kernels->dot(rows + dim, rows, dim, nodes, 2, dim, from1);
            CHECK(from0[1] == from1[0]);
        }
        free(rows);
    }
}

/* Rotten payload: NaN and infinities are handled alike, without a trap. */
static void test_not_finite(void)
{
    const float bad[] = {NAN, INFINITY, -INFINITY, 0x1p127f};
    for (size_t dim = 1; dim <= 100; dim++) {
        float *rows = must_alloc(2 * dim, sizeof *rows);
        for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
            rows[dim + dim / 2] = bad[b];
            uint32_t node = 1;
            for (size_t k = 0; k < N_ISAS; k++) {
                const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
                float out = 0;
                if (!kernels)
                    continue;
                kernels->l2(rows, rows, dim, &node, 1, dim, &out);
                CHECK(!isfinite(out));
            }
        }
        free(rows);
    }
}

static void test_choice(void)
{
    const char *asked = getenv("N2_ISA"), *expected = getenv("N2_TEST_ISA");
    if (asked && n2_kernels_named(asked))
        CHECK(!strcmp(n2_isa(), asked));
    const char *best = n2_isa();
    printf("by default: %s\n", best);
    if (expected)
        CHECKF(!strcmp(best, expected), "%s by default, not %s", best, expected);
    CHECK(n2_kernels_named("scalar") != NULL);
    CHECK(n2_kernels_named("") == NULL);
    CHECK(n2_kernels_named("avx3") == NULL);
    for (size_t k = 0; k < N_ISAS; k++) {
        bool there = n2_kernels_named(isas[k]) != NULL;
        CHECK_STATUS(there ? 0 : N2_ERR_OPTION, n2_set_isa(isas[k]));
        if (there)
            CHECK(!strcmp(n2_isa(), isas[k]));
    }
    CHECK_STATUS(0, n2_set_isa("scalar"));
    CHECK_STATUS(N2_ERR_OPTION, n2_set_isa("sse9"));
    CHECK_STATUS(N2_ERR_OPTION, n2_set_isa(""));
    CHECK(!strcmp(n2_isa(), "scalar"));
    CHECK_STATUS(0, n2_set_isa(NULL));
    CHECK(!strcmp(n2_isa(), best));
}

static uint32_t crc_bitwise(const unsigned char *data, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void test_crc32c(void)
{
    CHECK(n2_crc32c(0, "123456789", 9) == 0xe3069283u);
    CHECK(n2_crc32c(0, "", 0) == 0);
    uint64_t rng = test_seed;
    static unsigned char data[70000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)rng_next(&rng);
    for (size_t n = 0; n < 300; n++) {
        for (size_t shift = 0; shift < 9; shift++)
            CHECKF(n2_crc32c(0, data + shift, n) == crc_bitwise(data + shift, n),
                   "%zu bytes at offset %zu", n, shift);
    }
    CHECK(n2_crc32c(0, data, sizeof data) == crc_bitwise(data, sizeof data));
    for (int i = 0; i < 200; i++) {
        size_t n = rng_below(&rng, sizeof data), cut = rng_below(&rng, n + 1);
        CHECKF(n2_crc32c(n2_crc32c(0, data, cut), data + cut, n - cut) == n2_crc32c(0, data, n),
               "%zu bytes after %zu", n - cut, cut);
    }
}

/* What codes are made of: any byte there may be, the ends of the range only, and the two ends
 * against each other, which is as far as codes can be apart. */
enum code_values { ANY, ENDS, FAR, N_CODE_VALUES };

static uint8_t code_byte(uint64_t *rng, enum code_values kind, bool of_query)
{
    switch (kind) {
    case ENDS:
        return rng_below(rng, 2) ? N2_CODE_MAX : 0;
    case FAR:
        return of_query ? N2_CODE_MAX : 0;
    default:
        return (uint8_t)rng_below(rng, N2_CODE_MAX + 1);
    }
}

static uint64_t code_distance(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    int64_t sum = 0;
    for (size_t i = 0; i < bytes; i++)
        sum += ((int64_t)a[i] - b[i]) * ((int64_t)a[i] - b[i]);
    return (uint64_t)sum;
}

static int64_t weighted_sum(const int8_t *weights, const uint8_t *code, size_t bytes)
{
    int64_t sum = 0;
    for (size_t i = 0; i < bytes; i++)
        sum += (int64_t)weights[i] * code[i];
    return sum;
}

/* A weight for each byte of a code: how far it is from the middle of the range, twice. */
static void weigh(const uint8_t *code, size_t bytes, int8_t *weights)
{
    for (size_t i = 0; i < bytes; i++)
        weights[i] = (int8_t)(2 * code[i] - N2_CODE_MAX);
}

/* The same for short codes of any bits, whose numbers a plain reading tells; `lanes` end where
 * memory ends. */
static void compare_short_codes(const uint8_t *numbers, uint8_t *lanes, const uint8_t *codes,
                                size_t bytes, const uint32_t *nodes, size_t n)
{
    const size_t n_axes = bytes / N2_CODE_UNIT * N2_SHORT_AXES;
    n2_code_spread(numbers, n_axes, lanes);
    for (size_t k = 0; k < N_ISAS; k++) {
        const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
        uint32_t out[MAX_ROWS + 1] = {0};
        if (!kernels)
            continue;
        out[n] = 0xabad1dea;
        kernels->short_code(lanes, codes, bytes, nodes, n, out);
        CHECK(out[n] == 0xabad1dea);
        for (size_t i = 0; i < n; i++) {
            int64_t sum = 0;
            for (size_t j = 0; j < n_axes; j++) {
                const uint8_t *unit = codes + nodes[i] * bytes + j / N2_SHORT_AXES * N2_CODE_UNIT;
                size_t at = j % N2_SHORT_AXES;
                int32_t four = unit[at % N2_SHORT_HALF] >> (at < N2_SHORT_HALF ? 0 : 4) & 15;
                int32_t fifth = unit[N2_SHORT_HALF + at / 8] >> at % 8 & 1;
                int64_t d = numbers[j] - (4 * (16 * fifth + four) + 2);
                sum += d * d;
            }
            CHECKF(out[i] == sum, "%s, short, %zu bytes, row %zu of %zu: %u instead of %lld",
                   isas[k], bytes, i, n, out[i], (long long)sum);
        }
    }
}

/* All instruction sets against plain sums; code, weights, rows and their numbers end where memory
 * ends. */
static void compare_codes(const uint8_t *code, const int8_t *weights, const uint8_t *codes,
                          size_t bytes, const uint32_t *nodes, size_t n)
{
    const uint32_t mark = 0xabad1dea;
    for (size_t k = 0; k < N_ISAS; k++) {
        const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
        uint32_t out[MAX_ROWS + 8];
        int32_t sums[MAX_ROWS + 8];
        if (!kernels)
            continue;
        for (size_t i = 0; i < MAX_ROWS + 8; i++) {
            out[i] = mark;
            sums[i] = (int32_t)mark;
        }
        kernels->code(code, codes, bytes, nodes, n, out);
        kernels->weigh(weights, codes, bytes, nodes, n, sums);
        for (size_t i = 0; i < n; i++) {
            int64_t sum = weighted_sum(weights, codes + nodes[i] * bytes, bytes);
            CHECKF(sums[i] == sum, "%s, %zu bytes, row %zu of %zu: weighs %d instead of %lld",
                   isas[k], bytes, i, n, sums[i], (long long)sum);
            uint64_t right = code_distance(code, codes + nodes[i] * bytes, bytes);
            CHECKF(out[i] == right, "%s, %zu bytes, row %zu of %zu: %u instead of %llu", isas[k],
                   bytes, i, n, out[i], (unsigned long long)right);
        }
        for (size_t i = n; i < MAX_ROWS + 8; i++)
            CHECKF(out[i] == mark && sums[i] == (int32_t)mark,
                   "%s, %zu bytes, %zu rows: writes out[%zu]", isas[k], bytes, n, i);
    }
}

static void test_codes(void)
{
    enum { MOST_BYTES = 8 * N2_CODE_UNIT };
    uint64_t rng = test_seed;
    struct guarded query = guarded_make(MOST_BYTES / sizeof(float));
    struct guarded weighted = guarded_make(MOST_BYTES / sizeof(float));
    struct guarded spread = guarded_make(2 * MOST_BYTES / sizeof(float));
    struct guarded rows = guarded_make(MAX_ROWS * MOST_BYTES / sizeof(float));
    struct guarded numbers = guarded_make(MAX_ROWS);
    for (size_t bytes = N2_CODE_UNIT; bytes <= MOST_BYTES; bytes += N2_CODE_UNIT) {
        for (size_t n = 0; n <= MAX_ROWS; n++) {
            for (int kind = 0; kind < N_CODE_VALUES; kind++) {
                uint8_t *code = (uint8_t *)query.end - bytes;
                uint8_t *codes = (uint8_t *)rows.end - n * bytes;
                uint32_t *nodes = (uint32_t *)(void *)numbers.end - n;
                for (size_t i = 0; i < bytes; i++)
                    code[i] = code_byte(&rng, (enum code_values)kind, n % 2);
                int8_t *weights = (int8_t *)weighted.end - bytes;
                weigh(code, bytes, weights);
                for (size_t i = 0; i < n * bytes; i++)
                    codes[i] = code_byte(&rng, (enum code_values)kind, !(n % 2));
                for (size_t i = 0; i < n; i++) /* the last row among them, some twice */
                    nodes[i] = (uint32_t)(i % 3 == 2 ? rng_below(&rng, n) : n - 1 - i);
                compare_codes(code, weights, codes, bytes, nodes, n);
                uint8_t of_query[N2_MAX_LANES];
                for (size_t i = 0; i < sizeof of_query; i++)
                    of_query[i] = code_byte(&rng, (enum code_values)kind, n % 2);
                for (size_t i = 0; i < n * bytes; i++)
                    codes[i] = (uint8_t)(kind == FAR ? n % 2 ? 0 : 255 : rng_next(&rng));
                uint8_t *lanes = (uint8_t *)spread.end - 2 * bytes;
                if (2 * bytes <= N2_MAX_LANES)
                    compare_short_codes(of_query, lanes, codes, bytes, nodes, n);
            }
        }
    }
    munmap(query.map, query.bytes);
    munmap(weighted.map, weighted.bytes);
    munmap(spread.map, spread.bytes);
    munmap(rows.map, rows.bytes);
    munmap(numbers.map, numbers.bytes);
}

/* Each row's distance is its own: rows of one byte other than the code's, at every place. */
static void test_code_places(void)
{
    enum { BYTES = 3 * N2_CODE_UNIT };
    uint8_t code[BYTES], codes[3 * BYTES];
    int8_t weights[BYTES];
    const uint32_t nodes[3] = {2, 0, 1};
    memset(code, 50, sizeof code);
    weigh(code, BYTES, weights);
    for (size_t at = 0; at < BYTES; at++) {
        memset(codes, 50, sizeof codes);
        codes[at] = 0;
        codes[BYTES + BYTES - 1 - at] = N2_CODE_MAX;
        compare_codes(code, weights, codes, BYTES, nodes, 3);
    }
}

/* Coordinates of every size, and what is no number: all instruction sets give the scalar result,
 * and that is the nearest whole number within the limit. Vector and mean end where memory ends. */
static void test_quantise(void)
{
    enum { MOST = 130 };
    uint64_t rng = test_seed;
    struct guarded vector = guarded_make(MOST), mean = guarded_make(MOST);
    const struct n2_kernels *scalar = n2_kernels_named("scalar");
    const float limits[] = {32767, 16000, 129};
    for (size_t n = 0; n <= MOST; n++) {
        float *x = vector.end - n, *m = mean.end - n;
        float factor = n % 3 ? 1 : 0.37f, scale = (float)(1 + n), limit = limits[n % 3];
        for (size_t i = 0; i < n; i++) {
            x[i] = value(&rng, (enum values)(i % N_VALUES));
            m[i] = i % 2 ? rng_normal(&rng) : 0;
            if (i % 29 == 7)
                x[i] = i % 2 ? NAN : i % 3 ? INFINITY : -INFINITY;
            if (i % 11 == 3) /* half-way between two */
                x[i] = (float)(i % 7) + 0.5f, m[i] = 0;
        }
        int16_t want[MOST + 1], got[MOST + 1];
        want[n] = got[n] = 1234;
        scalar->quantise(x, factor, m, scale, limit, n, want);
        for (size_t i = 0; i < n; i++) {
            float y = (x[i] * factor - m[i]) * scale;
            double right = !(y > -limit) ? (double)-limit : y > limit ? (double)limit : (double)y;
            CHECKF(fabs((double)want[i] - right) <= 0.5, "%g became %d", (double)y, want[i]);
        }
        for (size_t k = 0; k < N_ISAS; k++) {
            const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
            if (!kernels)
                continue;
            kernels->quantise(x, factor, m, scale, limit, n, got);
            CHECKF(!memcmp(want, got, (n + 1) * sizeof *got), "%s, %zu coordinates", isas[k], n);
        }
    }
    munmap(vector.map, vector.bytes);
    munmap(mean.map, mean.bytes);
}

/* Products with rows of every width, the largest ones among them, against a plain sum. */
static void test_project(void)
{
    enum { WIDEST = 10 * N2_ROW_UNIT, MOST = 9 };
    uint64_t rng = test_seed;
    struct guarded vector = guarded_make(WIDEST / 2);
    struct guarded matrix = guarded_make(MOST * WIDEST / sizeof(float));
    for (size_t width = N2_ROW_UNIT; width <= WIDEST; width += N2_ROW_UNIT) {
        for (size_t n = 1; n <= MOST; n++) {
            int16_t *x = (int16_t *)(void *)vector.end - width;
            int8_t *rows = (int8_t *)matrix.end - n * width;
            for (size_t i = 0; i < width; i++)
                x[i] = n == 1 ? INT16_MAX : (int16_t)rng_next(&rng);
            for (size_t i = 0; i < n * width; i++)
                rows[i] = n == 1 ? INT8_MAX : (int8_t)rng_next(&rng);
            for (size_t k = 0; k < N_ISAS; k++) {
                const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
                int32_t out[MOST + 1] = {0};
                out[n] = 1234;
                if (!kernels)
                    continue;
                kernels->project(x, rows, width, n, out);
                for (size_t j = 0; j < n; j++) {
                    int64_t right = 0;
                    for (size_t i = 0; i < width; i++)
                        right += (int64_t)x[i] * rows[j * width + i];
                    CHECKF(out[j] == right, "%s, width %zu, row %zu of %zu", isas[k], width, j, n);
                }
                CHECKF(out[n] == 1234, "%s: writes beyond out[%zu]", isas[k], n);
            }
        }
    }
    munmap(vector.map, vector.bytes);
    munmap(matrix.map, matrix.bytes);
}

/* All instruction sets against plain sums, signs included; codes end where memory ends. */
static void test_residual(void)
{
    enum { MOST_BYTES = N2_MAX_AXES };
    uint64_t rng = test_seed;
    struct guarded from = guarded_make(MOST_BYTES / sizeof(float));
    struct guarded to = guarded_make(MOST_BYTES / sizeof(float));
    for (size_t bytes = N2_CODE_UNIT; bytes <= MOST_BYTES; bytes += N2_CODE_UNIT) {
        for (int kind = 0; kind < 2 * N_CODE_VALUES; kind++) {
            uint8_t *a = (uint8_t *)from.end - bytes, *b = (uint8_t *)to.end - bytes;
            struct n2_residual want = {0}, got;
            for (size_t i = 0; i < bytes; i++) {
                a[i] = code_byte(&rng, (enum code_values)(kind / 2), kind % 2);
                b[i] = code_byte(&rng, (enum code_values)(kind / 2), !(kind % 2));
                b[i] = i % 7 == 3 ? a[i] : b[i];
                want.lengths += (uint32_t)abs(b[i] - a[i]);
                want.rising += b[i] > a[i] ? a[i] : 0;
                want.n_rising += b[i] > a[i];
                want.signs[i / 8] |= (uint8_t)((b[i] > a[i]) << i % 8);
            }
            want.squares = (uint32_t)code_distance(a, b, bytes);
            for (size_t k = 0; k < N_ISAS; k++) {
                const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
                if (!kernels)
                    continue;
                memset(&got, 0, sizeof got);
                kernels->residual(a, b, bytes, &got);
                CHECKF(!memcmp(&want, &got, sizeof got), "%s, %zu bytes, kind %d", isas[k], bytes,
                       kind);
            }
        }
    }
    munmap(from.map, from.bytes);
    munmap(to.map, to.bytes);
}

/* The sum for a link of a group, looked up bit by bit. */
static uint32_t table_sum(const uint8_t *table, const struct n2_group *group, size_t n_books,
                          size_t link)
{
    uint32_t sum = 0;
    for (size_t m = 0; m < n_books; m++) {
        uint8_t byte = group->books[m * N2_BOOK + 2 * (link % 8) + link % 16 / 8];
        sum += table[m * N2_BOOK + (link < 16 ? byte & 15 : byte >> 4)];
    }
    return sum;
}

/* Random groups and tables, the largest sums among them: each link's bit follows from its sum.
 * Group and table end where memory ends. */
static void test_sketch(void)
{
    enum { MOST_BOOKS = N2_MAX_AXES / 4 };
    uint64_t rng = test_seed;
    struct guarded tables = guarded_make(MOST_BOOKS * N2_BOOK / sizeof(float));
    size_t most = sizeof(struct n2_group) + MOST_BOOKS * N2_BOOK;
    struct guarded groups = guarded_make(most / sizeof(float));
    for (size_t n_books = N2_BOOKS; n_books <= MOST_BOOKS; n_books += N2_BOOKS) {
        for (int kind = 0; kind < 4; kind++) {
            uint8_t *table = (uint8_t *)tables.end - n_books * N2_BOOK;
            struct n2_group *group =
                (void *)((uint8_t *)groups.end - sizeof(*group) - n_books * N2_BOOK);
            for (size_t i = 0; i < n_books * N2_BOOK; i++) {
                table[i] = kind ? (uint8_t)rng_next(&rng) : UINT8_MAX;
                group->books[i] = (uint8_t)rng_next(&rng);
            }
            for (size_t j = 0; j < N2_GROUP; j++) {
                group->add[j] = n2_float_half(rng_normal(&rng) * 1e5f);
                group->factor[j] = n2_float_half(fabsf(rng_normal(&rng)) * 50);
            }
            float offset = rng_normal(&rng) * 100 - 128 * (float)n_books * 2;
            float limit = kind == 3 ? NAN : rng_normal(&rng) * 1e5f;
            uint32_t want = 0;
            for (size_t j = 0; j < N2_GROUP; j++) {
                float product = (float)(2 * table_sum(table, group, n_books, j)) + offset;
                float estimate = n2_half_float(group->factor[j]) * product;
                estimate = n2_half_float(group->add[j]) - estimate;
                want |= (uint32_t)(estimate < limit) << j;
            }
            CHECK(kind == 3 ? want == 0 : true);
            for (size_t k = 0; k < N_ISAS; k++) {
                const struct n2_kernels *kernels = n2_kernels_named(isas[k]);
                if (!kernels)
                    continue;
                uint32_t got = kernels->sketch(table, group, n_books, offset, limit);
                CHECKF(want == got, "%s, %zu books, kind %d: %08x instead of %08x", isas[k],
                       n_books, kind, got, want);
            }
        }
    }
    munmap(tables.map, tables.bytes);
    munmap(groups.map, groups.bytes);
}

/* Halves of floats: nearest, and back what they were. */
static void test_halves(void)
{
    uint64_t rng = test_seed;
    for (int i = 0; i < 10000; i++) {
        float x = value(&rng, (enum values)(i % N_VALUES));
        float half = n2_half_float(n2_float_half(x));
        CHECKF(fabsf(half - x) <= fabsf(x) * 0x1p-8f, "%g became %g", (double)x, (double)half);
        CHECK(n2_half_float(n2_float_half(half)) == half);
    }
    CHECK(n2_half_float(n2_float_half(0)) == 0 && n2_half_float(n2_float_half(-1.5f)) == -1.5f);
}

static const struct test_case cases[] = {
    {"choice", test_choice},   {"dimensions", test_dimensions},   {"unaligned", test_unaligned},
    {"gather", test_gather},   {"symmetry", test_symmetry},       {"not_finite", test_not_finite},
    {"codes", test_codes},     {"code_places", test_code_places}, {"quantise", test_quantise},
    {"project", test_project}, {"residual", test_residual},       {"sketch", test_sketch},
    {"halves", test_halves},   {"crc32c", test_crc32c},
};
TEST_MAIN(cases)
