/* support.h - what the test programs share: random data, files, references, ready-made indexes.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Nothing here fails: where memory or a file is refused the program ends with a message, since
 * then there is nothing to test. Memory that is returned belongs to the caller.
 */
#ifndef N2_TEST_SUPPORT_H
#define N2_TEST_SUPPORT_H

#include "test.h"

/* The names of all instruction sets, of which a processor has some; the first is the reference. */
#define N_ISAS 5
extern const char *const isas[N_ISAS];

/* Random numbers, by SplitMix64: `state` is a seed and moves on. */
uint64_t rng_next(uint64_t *state);
uint64_t rng_below(uint64_t *state, uint64_t n); /* 0..n-1; n is not 0 */
double rng_unit(uint64_t *state);                /* [0, 1) */
float rng_normal(uint64_t *state);

void *must_alloc(size_t count, size_t size); /* zeroed */

enum data_kind {
    DATA_NORMAL,   /* independent normal coordinates */
    DATA_CLUSTERS, /* ten tight clusters, mixed */
    DATA_SORTED,   /* the same, one cluster after the other */
    DATA_TWO_FAR,  /* two clusters, a thousand of their diameters apart, one after the other */
    DATA_GRID,     /* coordinates -1, 0, 1: many equal distances */
    DATA_LINE,     /* points of a line, in order */
    DATA_CONSTANT, /* all the same */
    DATA_KINDS
};
const char *data_kind_name(enum data_kind kind);

/* vectors[n][dim], none of them zero. `duplicates` percent repeat an earlier one, bit for bit. */
float *data_make(uint64_t *state, size_t n, size_t dim, enum data_kind kind, int duplicates);

/* Normal coordinates, coordinate i scaled by 1 / (1 + i / 4): codes take the beginning. */
float *data_falling(uint64_t *state, size_t n, size_t dim);

/* The word vectors of testdata/glove.f32, GLOVE_N rows of GLOVE_DIM. The folder is
 * $N2_TEST_DATA, else testdata below the working directory. */
#define GLOVE_N 10000
#define GLOVE_DIM 100
float *data_glove(void);

/* The metric's distance in double arithmetic, and a bound of what float32 arithmetic, in whatever
 * order it sums, may differ from it. */
double reference_distance(int metric, const float *p, const float *q, size_t dim, double *bound);

/* Whether a precedes b in the results of a search: nearer, or as near and of smaller id. */
bool precedes(int metric, struct n2_neighbor a, struct n2_neighbor b);

/* Same id and same distance, bit for bit. */
bool same_neighbor(struct n2_neighbor a, struct n2_neighbor b);

/* Files live in a folder of the process that is removed at its end. The path of `name` in it, in
 * one of 8 static buffers. */
const char *temp_path(const char *name);
size_t temp_count(void); /* files in that folder */

unsigned char *file_read(const char *path, size_t *n);
void file_write(const char *path, const void *bytes, size_t n);
bool file_exists(const char *path);

/* What an index looks like when saved: the test of "as before". */
struct bytes {
    unsigned char *data;
    size_t n;
};
struct bytes index_bytes(struct n2_index *index);
bool bytes_equal(struct bytes a, struct bytes b);
void bytes_free(struct bytes *bytes);

/* What a writer of the index gives in pieces of that size. Returns as the calls of n2.h. */
int stream_out(struct n2_index *index, size_t piece, struct bytes *bytes);

/* What a reader makes of data[n], given in such pieces; sets *used to how much it has taken. */
int stream_in(struct n2_index **index, const unsigned char *data, size_t n, size_t piece,
              bool verify, size_t *used);

#define KEY_ROOM 4100 /* bytes of a key in the tests */

/* Options with the given metric, all else default. */
struct n2_options options_of(int metric); /* with sketches wherever there are codes */

/* The key that tests give to their `name`-th vector: a number, or bytes, of which there are none,
 * few or, of every hundredth, some thousands. Returns how many. */
uint64_t key_number(size_t name);
size_t key_bytes(size_t name, unsigned char out[KEY_ROOM]);

/* Puts vectors[n][dim] under the keys of the names from `name` on, of the index's kind; without
 * keys, adds them. */
int put_named(struct n2_index *index, size_t name, const float *vectors, size_t n);

/* Creates an index, puts from name 0 on, builds on `threads`; threads < 0: does not build.
 * NULL after a check has failed. */
struct n2_index *index_make(const struct n2_options *options, size_t dim, const float *vectors,
                            size_t n, int threads);

/* n2_build on that many threads. */
int build_on(struct n2_index *index, int threads);

/* Checks that n2_verify, n2_get_stats and n2_degrees find nothing wrong and agree. */
void check_sound(struct n2_index *index, const char *file, int line);
#define CHECK_SOUND(index) check_sound((index), __FILE__, __LINE__)

/* recall@k of searches for queries[n][dim]: a result counts that is no farther than the last of the
 * exact ones. Checks that each search finds as many as there are, right in themselves. */
double recall_of(struct n2_index *index, const float *queries, size_t n, size_t k,
                 const struct n2_search_options *options);

/* The mean of values that a sample has given, and its standard error. */
struct sample {
    size_t n;
    double sum, squares;
};
void sample_add(struct sample *sample, double value);
double sample_mean(struct sample sample);
double sample_error(struct sample sample);

/* Checks that the index can be saved and loaded again. */
void check_comes_back(struct n2_index *index, const char *file, int line);
#define CHECK_COMES_BACK(index) check_comes_back((index), __FILE__, __LINE__)

/* Checks n results of a search by `metric` for their order, ids below n_vectors, none twice. */
void check_results(int metric, const struct n2_neighbor *results, size_t n, size_t n_vectors,
                   const char *file, int line);
#define CHECK_RESULTS(metric, results, n, n_vectors)                                               \
    check_results((metric), (results), (n), (n_vectors), __FILE__, __LINE__)

#endif
