/* fuzz_ops.c - bytes drive a sequence of calls on one index, checked against a plain model.
 * SPDX-License-Identifier: Apache-2.0
 *
 * The model is the list of vectors added. After every call: statuses are the documented ones,
 * counts agree, vectors come back, results are as many, distinct and ordered as promised, and a
 * search as wide as the index equals the exact one.
 */
#include "fuzz.h"

#include "../n2.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define MAX_DIM 6
#define MAX_N 400

struct input {
    const uint8_t *data;
    size_t size;
};

struct world {
    struct n2_index *index;
    struct n2_build *build; /* under way, or NULL */
    int metric;
    size_t dim, n;
    float vectors[MAX_N * MAX_DIM];
};

static uint8_t take(struct input *in)
{
    if (!in->size)
        return 0;
    in->size--;
    return *in->data++;
}

/* Mostly small numbers, so that vectors meet; some at and beyond the limits. */
static float take_float(struct input *in)
{
    static const float odd[] = {0,       -0.0f,      NAN,      INFINITY, -INFINITY, 0x1p59f,
                                0x1p61f, -0x1p119f,  0x1p127f, 0x1p-60f, 0x1p-91f,  0x1p-149f,
                                1e-30f,  3.4028e38f, -1e10f,   0.1f};
    uint8_t byte = take(in);
    return byte < 224 ? (float)(byte % 32) - 16 : odd[byte % 16];
}

static void take_vector(struct input *in, size_t dim, float *out)
{
    for (size_t i = 0; i < dim; i++)
        out[i] = take_float(in);
}

/* What n2_add says of a vector, by the words of n2.h; near a limit either answer will do. */
static bool right_status(const struct world *w, const float *vector, int status)
{
    double norm = 0, largest = w->metric == N2_ANGULAR ? 0x1p120 : 0x1p60;
    for (size_t i = 0; i < w->dim; i++) {
        if (!isfinite(vector[i]))
            return status == N2_ERR_NOT_FINITE;
        norm += (double)vector[i] * (double)vector[i];
    }
    norm = sqrt(norm);
    if (w->metric == N2_ANGULAR && norm == 0)
        return status == N2_ERR_ZERO_VECTOR;
    if (norm > largest * 1.000001 || (w->metric == N2_ANGULAR && norm < 0x1p-90 * 0.999999))
        return status == N2_ERR_MAGNITUDE;
    return status == 0 || (status == N2_ERR_MAGNITUDE && norm > largest * 0.999999);
}

static void check_results(const struct world *w, const struct n2_neighbor *out, size_t n)
{
    bool seen[MAX_N] = {false};
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(out[i].id < w->n && !seen[out[i].id] && !isnan(out[i].distance));
        seen[out[i].id] = true;
        if (!i)
            continue;
        float a = out[i - 1].distance, b = out[i].distance;
        FUZZ_CHECK(a == b ? out[i - 1].id < out[i].id : w->metric == N2_DOT ? a > b : a < b);
    }
}

static void search(struct world *w, const float *query, size_t k, uint64_t ef)
{
    struct n2_neighbor out[MAX_N + 8], exact[MAX_N + 8];
    struct n2_search_options options;
    size_t n = 0, n_exact = 0;
    n2_search_options_init(&options);
    options.ef = ef;
    int status = n2_search(w->index, query, k, &options, out, &n);
    if (k == 0) {
        FUZZ_CHECK(status == N2_ERR_OPTION);
        return;
    }
    FUZZ_CHECK(right_status(w, query, status));
    FUZZ_CHECK(n2_search_exact(w->index, query, 1, k, exact, &n_exact) == status);
    if (status)
        return;
    FUZZ_CHECK(n == (k < w->n ? k : w->n) && n_exact == n);
    check_results(w, out, n);
    check_results(w, exact, n);
    if (ef >= w->n && ef)
        FUZZ_CHECK(!memcmp(out, exact, n * sizeof *out));
}

static void add(struct world *w, struct input *in)
{
    size_t n = take(in) % 8;
    float batch[8 * MAX_DIM];
    if (w->n + n > MAX_N)
        return;
    take_vector(in, n * w->dim, batch);
    uint32_t first = 0;
    int status = n2_add(w->index, batch, n, &first);
    bool explained = status == 0;
    for (size_t i = 0; i < n; i++) {
        explained |= right_status(w, batch + i * w->dim, status);
        FUZZ_CHECK(status || right_status(w, batch + i * w->dim, 0));
    }
    FUZZ_CHECK(explained);
    if (status)
        return;
    FUZZ_CHECK(n == 0 || first == w->n);
    memcpy(w->vectors + w->n * w->dim, batch, n * w->dim * sizeof *batch);
    w->n += n;
}

static void reload(struct world *w, bool no_map)
{
    const char *path = fuzz_path();
    struct n2_load_options options;
    struct n2_index *loaded = NULL;
    n2_load_options_init(&options);
    options.no_map = no_map;
    FUZZ_CHECK(n2_save(w->index, path) == 0);
    FUZZ_CHECK(n2_load(&loaded, path, &options) == 0);
    remove(path);
    if (w->build) { /* the old index keeps its build: go on with it */
        n2_free(loaded);
        return;
    }
    n2_free(w->index);
    w->index = loaded;
}

static void build(struct n2_index *index)
{
    struct n2_build_options options;
    n2_build_options_init(&options);
    options.threads = 1;
    FUZZ_CHECK(n2_build(index, &options) == 0);
}

/* The build by steps: begin, some steps, cancel, end. */
static void step(struct world *w, uint8_t byte)
{
    if (!w->build) {
        struct n2_build_options options;
        n2_build_options_init(&options);
        options.threads = 1;
        FUZZ_CHECK(n2_build_begin(&w->build, w->index, &options) == 0);
        return;
    }
    struct n2_build *second = NULL;
    uint64_t done = 0, total = 0;
    int status = n2_build_begin(&second, w->index, NULL);
    FUZZ_CHECK(status == EBUSY && !second);
    if (byte % 8 == 0)
        n2_build_cancel(w->build);
    status = n2_build_step(w->build, &done, &total);
    if (byte % 8) /* a build of nothing cannot be cancelled */
        FUZZ_CHECK(status == 0 && done <= total);
    else
        FUZZ_CHECK(status == N2_ERR_CANCELLED || (status == 0 && done == total));
    if (status || done == total || byte % 8 == 1) {
        n2_build_end(w->build);
        w->build = NULL;
    }
}

static void check_state(struct world *w)
{
    struct n2_stats stats = {.size = sizeof stats};
    float back[MAX_DIM];
    FUZZ_CHECK(n2_get_stats(w->index, &stats) == 0);
    FUZZ_CHECK(stats.n_vectors == w->n && stats.dim == w->dim && stats.metric == w->metric);
    FUZZ_CHECK(stats.n_pending <= w->n);
    for (uint32_t id = 0; id < w->n; id++) {
        FUZZ_CHECK(n2_vector(w->index, id, back) == 0);
        FUZZ_CHECK(!memcmp(back, w->vectors + id * w->dim, w->dim * sizeof *back));
    }
    FUZZ_CHECK(n2_vector(w->index, (uint32_t)w->n, back) == N2_ERR_NOT_FOUND);
    const char *what = "";
    int status = n2_verify(w->index, NULL, &what);
    if (status)
        fprintf(stderr, "n2_verify: %s: %s\n", n2_status_text(status), what);
    FUZZ_CHECK(status == 0);
}

static void act(struct world *w, struct input *in)
{
    uint8_t what = take(in), byte = take(in);
    float query[MAX_DIM];
    struct n2_neighbor out[4];
    size_t n = 0;
    switch (what % 10) {
    default:
        add(w, in);
        break;
    case 4:
        take_vector(in, w->dim, query);
        search(w, query, byte % 16, byte / 16 * 8);
        break;
    case 5:
        take_vector(in, w->dim, query);
        search(w, query, 1 + byte, MAX_N);
        break;
    case 6:
        if (byte < w->n)
            search(w, w->vectors + byte * w->dim, 5, MAX_N);
        FUZZ_CHECK(n2_search_id(w->index, byte, 4, NULL, out, &n) ==
                   (byte < w->n ? 0 : N2_ERR_NOT_FOUND));
        break;
    case 7:
        if (!w->build && byte % 2)
            FUZZ_CHECK(n2_link(w->index, 1 + byte / 2) == 0);
        else if (!w->build)
            build(w->index);
        break;
    case 8:
        step(w, byte);
        break;
    case 9:
        if (byte % 4 == 0)
            reload(w, byte & 4);
        check_state(w);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world world;
    struct input in = {data, size};
    struct n2_options options;
    memset(&world, 0, sizeof world);
    n2_options_init(&options);
    world.metric = options.metric = 1 + take(&in) % 3;
    world.dim = 1 + take(&in) % MAX_DIM;
    options.M = 2 + take(&in) % 6;
    options.selection = 1 + take(&in) % 3;
    options.merging = 1 + take(&in) % 2;
    options.ef_construction = 1 + take(&in) % 64;
    options.seed = take(&in);
    FUZZ_CHECK(n2_create(&world.index, world.dim, &options) == 0);
    while (in.size)
        act(&world, &in);
    n2_build_end(world.build);
    build(world.index);
    check_state(&world);
    n2_free(world.index);
    return 0;
}

size_t fuzz_seed(uint64_t seed, uint8_t *out, size_t capacity)
{
    size_t size = 300 + seed * 200;
    if (size > capacity)
        size = capacity;
    uint64_t z = seed;
    for (size_t i = 0; i < size; i++) {
        z = z * 6364136223846793005u + 1442695040888963407u;
        out[i] = (uint8_t)(z >> 56);
    }
    return size;
}
