/* n2.h - the public interface of N2, an index of vectors for approximate nearest-neighbour search.
 * SPDX-License-Identifier: Apache-2.0
 *
 * An index holds vectors of one dimension under one metric and finds those nearest to a query. Its
 * graph is the hierarchical navigable small world (HNSW) of Malkov and Yashunin, "Efficient and
 * robust approximate nearest neighbor search using Hierarchical Navigable Small World graphs",
 * arXiv 1603.09320; the names M, ef, efConstruction, level and entry point are the paper's.
 *
 * The life of an index: n2_create, n2_add (any number of vectors), n2_build (links what is new into
 * the graph), n2_search; n2_save and n2_load; n2_close, n2_free. Vectors may be added and built at
 * any time; those not yet built are searched exactly, so a result never misses them.
 *
 * STATUS. Functions that can fail return an int: 0 is success, a positive value is an errno of the
 * operating system, a negative one is an N2_ERR_* below. After a failure the index, every output
 * argument and every existing file are as before the call, where a function does not say otherwise.
 * Nothing here prints, aborts, exits, installs a signal handler or keeps an error in thread-local
 * memory. (OpenMP's library ends the process when the system refuses a thread in the moment after
 * it granted as many to a build: near a limit on threads, ask for fewer.)
 *
 * OPTIONS. The `size` of a struct of options is that which the program was compiled with; one below
 * the library's is N2_ERR_OPTION, and so is a field outside its range.
 *
 * THREADS. Any function may be called on one index from any thread at any time, with two
 * exceptions: n2_free must be the last call on its index, and a struct n2_build, n2_cursor,
 * n2_writer or n2_reader belongs to one thread at a time. Searches run in parallel and do not wait
 * for the batches of a build; they wait for moments while many new vectors are put in order at its
 * beginning (of a millisecond, or of as long as they take themselves where they scan what is
 * pending) and duplicates are attached at its end, and for longer ones only while the index moves
 * to a larger range of addresses (at eightfold growth) or a build is undone. Vectors that several
 * threads add get their ids in the order in which the calls take effect.
 *
 * SAME INPUT, SAME FILE. The same sequence of adds, puts, changes and builds with the same options
 * gives the same index, byte for byte when saved, whatever the number of threads and whatever the
 * instruction set.
 *
 * Platforms: 64-bit little-endian Linux and macOS.
 */
#ifndef N2_H
#define N2_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define N2_API __attribute__((visibility("default")))
#else
#define N2_API
#endif

/* ------------------------------------------------------------------------------------------------
 * Version and status
 * --------------------------------------------------------------------------------------------- */

#define N2_VERSION_MAJOR 0
#define N2_VERSION_MINOR 1
#define N2_VERSION_PATCH 0

/* Version of the library that runs: major * 1000000 + minor * 1000 + patch. */
N2_API uint32_t n2_version(void);

enum n2_status {
    N2_OK = 0,
    N2_ERR_CLOSED = -1,      /* n2_close was called on the index */
    N2_ERR_DIMENSION = -2,   /* dimension outside 1..N2_MAX_DIM, or vectors of another dimension */
    N2_ERR_NOT_FINITE = -3,  /* a NaN or an infinity in a vector */
    N2_ERR_ZERO_VECTOR = -4, /* a vector of norm 0 under the angular metric: it has no direction */
    N2_ERR_MAGNITUDE = -5,   /* a vector so long or so short that float32 distances to it would
                                overflow or vanish; see n2_add */
    N2_ERR_NOT_FOUND = -6,   /* no vector has this id or key */
    N2_ERR_OPTION = -7,      /* an option or argument outside its documented range, or NULL */
    N2_ERR_NO_MEMORY = -8,   /* memory, address space or every thread refused */
    N2_ERR_FULL = -9,        /* N2_MAX_VECTORS ids were given out, or places taken: see n2_add */
    N2_ERR_FORMAT = -10,     /* not an N2 file (an empty file included) */
    N2_ERR_TRUNCATED = -11,  /* an N2 file that is shorter than its header says */
    N2_ERR_VERSION = -12,    /* an N2 file of another version of the format, or with features
                                unknown here */
    N2_ERR_CORRUPT = -13,    /* a checksum or an invariant of the file or the index does not hold */
    N2_ERR_CANCELLED = -14   /* stopped by the caller's cancel flag, callback or n2_close */
};

/* English text of a status, without a full stop: static, never NULL, for any int. Of an errno it
 * says only that the operating system failed: strerror says how. */
N2_API const char *n2_status_text(int status);

/* ------------------------------------------------------------------------------------------------
 * Limits and options
 * --------------------------------------------------------------------------------------------- */

#define N2_MAX_DIM 65535          /* coordinates of a vector */
#define N2_MAX_VECTORS 2147483647 /* vectors of an index, 2^31 - 1 */
#define N2_MAX_KEY 65535          /* bytes of a key */
#define N2_MAX_M 1024             /* of M; of max_m0: twice as many */
#define N2_MAX_EF 1048576         /* of ef_construction; a search's ef may be larger */
#define N2_MAX_THREADS 1024

/* d(p, q), as a search returns it. */
enum n2_metric {
    N2_ANGULAR =
        1,     /* 1 - p.q / (|p| |q|), within [0, 2]; smaller is nearer; no need to normalise */
    N2_L2 = 2, /* sum of (p_i - q_i)^2, the squared distance; smaller is nearer */
    N2_DOT = 3 /* sum of p_i q_i; LARGER is nearer, results come in descending order */
};

/* How a node's neighbours are chosen among the candidates that its insertion finds. */
enum n2_selection {
    N2_HEURISTIC = 1,             /* the paper's Algorithm 4: spread in all directions; on level 0
                                     as the next under dot, and where a link more costs a walk little:
                                     with sketches, or codes of 64 bytes */
    N2_HEURISTIC_KEEP_PRUNED = 2, /* the same, free places filled with the nearest left over */
    N2_NAIVE = 3                  /* Algorithm 3: the nearest ones */
};

/* Whether a build makes a second pass. */
enum n2_merging {
    N2_MERGE_SKIP = 1, /* no */
    N2_MERGE_LEVEL0 =
        2 /* the new vectors are inserted a second time, in reverse order, into a second
             graph, and each one's two level-0 lists are merged: about twice the build
             time and twice the graph memory while building, for better recall */
};

/* What builds and searches compare while they walk through the graph. The nearest that a walk finds
 * are always ranked by the vectors themselves. */
enum n2_navigation {
    N2_NAVIGATE_AUTO = 1,   /* codes, unless they would be no smaller than the vectors (64 bytes at
                               least: under L2 of up to 16 floats, 32 halves or 56 bytes, else of 15,
                               24 or 48) or a sample shows them to be too coarse */
    N2_NAVIGATE_CODES = 2,  /* codes wherever there can be some: a byte or five bits for each of at
                               most 512 directions in which the vectors vary most */
    N2_NAVIGATE_VECTORS = 3 /* the vectors: a slower build and slower searches, less memory */
};

/* Whether the index keeps a sketch of each link on level 0: a bit for each direction of the codes,
 * which tells a walk which links may lead to something near before it fetches their codes. Searches
 * where no direction can be spared and codes are long become faster by a third for about 4 + n / 8
 * bytes a link, n being the number of directions; where a code is one line of the cache, by a
 * tenth at most. A link more costs a walk next to nothing then: see N2_HEURISTIC. */
enum n2_sketch {
    N2_SKETCH_AUTO = 1, /* where codes keep all directions that there are and take more than 64
                           bytes: of more than 102; of more than 64 under dot, and where a sample
                           finds too little by five bits a direction */
    N2_SKETCH_ON = 2,   /* wherever there are codes */
    N2_SKETCH_OFF = 3   /* never */
};

/* What an index keeps of the vectors. Each is rounded when it is added, and is what it was rounded
 * to from then on: searches, by codes or not, give the distances of these, exactly.
 * Where less memory holds all vectors as they are, they take no more: a byte a coordinate, and 8
 * bytes, where all coordinates of a vector are whole numbers from 0 to 255, or from -128 to 127
 * (pixels, SIFT, what was quantised before); 2 bytes where all are floats of 16 bits. The first
 * vector that needs more makes all take more, for good: a second for a million vectors of
 * 100 dimensions, during which searches go on and changes wait; it waits for the batch of a build
 * that runs, and for a writer that is open. n2_get_stats tells how they are packed. */
enum n2_storage {
    N2_STORE_FLOAT32 = 1, /* 4 bytes a coordinate: as it was added */
    N2_STORE_FLOAT16 = 2, /* 2 bytes: to 11 significant bits, below 2^-14 to steps of 2^-24;
                             coordinates of up to 65,504 in size after that */
    N2_STORE_SQ8 = 3      /* 1 byte: to the nearest of 256 values at equal steps from the least to
                             the largest coordinate of the vector, and 8 bytes for these; whole
                             numbers as above are kept as they are */
};

/* What callers may call a vector by, beside its id. */
enum n2_keys_kind {
    N2_KEYS_NONE = 0, /* nothing */
    N2_KEYS_U64 = 1,  /* a number. Memory: 8 bytes an id, of those deleted too, and for each vector
                         1.5 to 4 slots of 4 bytes in a table: 14 to 24 bytes a key */
    N2_KEYS_BYTES = 2 /* up to N2_MAX_KEY bytes, which may be any. Memory: these beside that */
};

/* Options of a new index. Zero in any field (after n2_options_init) means the default. */
struct n2_options {
    size_t size;             /* sizeof(struct n2_options); set by n2_options_init */
    int32_t metric;          /* enum n2_metric; default N2_ANGULAR */
    int32_t selection;       /* enum n2_selection; default N2_HEURISTIC */
    int32_t merging;         /* enum n2_merging; default N2_MERGE_SKIP */
    int32_t navigation;      /* enum n2_navigation; default N2_NAVIGATE_AUTO */
    int32_t sketch;          /* enum n2_sketch; default N2_SKETCH_AUTO */
    int32_t store;           /* enum n2_storage; default N2_STORE_FLOAT32 */
    int32_t keys;            /* enum n2_keys_kind; default N2_KEYS_NONE */
    int32_t M;               /* links a new node makes on each level, 2..N2_MAX_M; default 16 */
    int32_t max_m0;          /* links a node may hold on level 0, M..2*N2_MAX_M; default 2 M.
                                Above level 0 it may hold M. */
    int32_t ef_construction; /* candidates kept while inserting, 1..N2_MAX_EF; default 150 */
    double level_multiplier; /* the paper's mL, 0 < mL <= 16; default 1 / ln(M) */
    uint64_t seed;           /* of levels, insertion order and the table of keys; default 0,
                                a seed like any other */
};

/* Sets size and makes every other field 0, the default. */
N2_API void n2_options_init(struct n2_options *options);

/* ------------------------------------------------------------------------------------------------
 * Create, add
 * --------------------------------------------------------------------------------------------- */

struct n2_index; /* opaque */

/* Makes an empty index for vectors of `dim` coordinates. `options` may be NULL (all defaults).
 * Returns 0 and sets *index, or N2_ERR_DIMENSION, N2_ERR_OPTION, N2_ERR_NO_MEMORY. */
N2_API int n2_create(struct n2_index **index, size_t dim, const struct n2_options *options);

/* Adds `n` vectors, `vectors[n][dim]` row by row, copied; they get the ids *first, *first + 1, ...
 * (ids count from 0 in the order of adding). `first` may be NULL. n = 0 is allowed. All or none is
 * added. The vectors are found by the next search; n2_build makes that fast. An index with keys has
 * n2_put_u64 or n2_put_bytes instead.
 * Their Euclidean norm must be at most 2^60 under L2 and dot, and between 2^-90 and 2^120 under
 * angular, before and after rounding (enum n2_storage). Under L2, differences below about 1e-19
 * vanish when squared.
 * Returns 0, or N2_ERR_OPTION (NULL, an index with keys), N2_ERR_NOT_FINITE, N2_ERR_ZERO_VECTOR,
 * N2_ERR_MAGNITUDE, N2_ERR_FULL, N2_ERR_NO_MEMORY, N2_ERR_CORRUPT (all vectors must take more
 * memory, and those there are come from a file that does not match its checksums), N2_ERR_CLOSED.
 */
N2_API int n2_add(struct n2_index *index, const float *vectors, size_t n, uint32_t *first);

/* Adds copies of all vectors of another index of the same dimension and metric, in the order of
 * their ids there; they get the ids *first, *first + 1, ... here. `first` may be NULL. All or none
 * is added; of those that come to `other`, or go, meanwhile, any may be left out or added. Where
 * both store alike (enum n2_storage) copies are equal, bit for bit; else they are rounded as by
 * n2_add. They are found by the next search; n2_build makes that fast. Searches of both, and
 * changes of `other`, go on meanwhile; changes of `index` wait until all is copied. It begins when
 * no batch of a build of `other` runs and no writer of it is open. Two indexes may be added to each
 * other at the same time.
 * Returns 0, or N2_ERR_OPTION (NULL, `other` is `index` or has another metric, `index` has keys),
 * N2_ERR_DIMENSION (of `other`), N2_ERR_MAGNITUDE (what a vector would be rounded to), N2_ERR_FULL,
 * N2_ERR_NO_MEMORY, N2_ERR_CORRUPT (`other` was loaded from a file that does not match its
 * checksums; or as n2_add), N2_ERR_CLOSED (either). */
N2_API int n2_add_index(struct n2_index *index, struct n2_index *other, uint32_t *first);

/* Deletes the vector of an id: from now on no search returns it, the id is never given out again,
 * and its key, if there are keys, is free. Its node stays a step on the way to others until the
 * next n2_build, which takes it out of the graph and links those that it led to to each other; a
 * hundred such nodes cost a search next to nothing, and where there are very many beside each
 * other, a search of their neighbourhood takes longer. Memory comes back with n2_compact. Takes
 * constant time, or, of a vector that was added often, time by the number of its ids. Returns 0,
 * N2_ERR_OPTION (NULL), N2_ERR_NOT_FOUND (unknown or deleted), N2_ERR_CORRUPT (rot in the file that
 * was loaded), N2_ERR_CLOSED. */
N2_API int n2_delete(struct n2_index *index, uint32_t id);

/* Makes vector[dim] that of an id, as if the old one were deleted and this one added, at one
 * moment. The id keeps its key, if there are keys. Returns as n2_add or n2_delete. */
N2_API int n2_update(struct n2_index *index, uint32_t id, const float *vector);

/* ------------------------------------------------------------------------------------------------
 * Keys
 *
 * In an index that was made with keys (n2_options.keys), each vector is put under one, and each key
 * is that of one vector at most. Keys do not replace ids: searches return these, and n2_key_u64 or
 * n2_key_bytes tells the key. They are saved with the index, and nothing is made anew when it is
 * loaded. A function here returns N2_ERR_OPTION on an index without keys, or with keys of the other
 * kind; so who loads a file looks at n2_stats.keys.
 *
 * A key takes constant time. Those that look for one wait for each other and for adds; now and then
 * a put makes the table of keys anew, for which they wait too: 20 to 230 ms were measured at a
 * million vectors. Searches and n2_key_* do not wait for that.
 * --------------------------------------------------------------------------------------------- */

/* Puts `vectors[n][dim]` under `keys[n]`, one after the other, all or none. A vector whose key is
 * new, or was deleted, is added as n2_add does; else it replaces that of the key's id as n2_update
 * does. ids[n] (may be NULL) is set to the ids. n = 0 is allowed.
 * Returns as n2_add, or N2_ERR_CORRUPT (rot in the file that was loaded). N2_ERR_FULL tells that n
 * more vectors may be too many, were they all new. */
N2_API int n2_put_u64(struct n2_index *index, const uint64_t *keys, const float *vectors, size_t n,
                      uint32_t *ids);

/* The same for keys of bytes, which stand in `keys` one behind the other, lengths[n] of each: 0 to
 * N2_MAX_KEY. The key of 0 bytes is one like any other. `keys` may be NULL if there are no bytes.
 */
N2_API int n2_put_bytes(struct n2_index *index, const void *keys, const uint32_t *lengths,
                        const float *vectors, size_t n, uint32_t *ids);

/* Sets *id to the id of a key; of bytes, key[n_key]. Returns 0, N2_ERR_OPTION (NULL),
 * N2_ERR_NOT_FOUND, N2_ERR_CLOSED. */
N2_API int n2_find_u64(struct n2_index *index, uint64_t key, uint32_t *id);
N2_API int n2_find_bytes(struct n2_index *index, const void *key, size_t n_key, uint32_t *id);

/* n2_delete for the id of a key. */
N2_API int n2_delete_u64(struct n2_index *index, uint64_t key);
N2_API int n2_delete_bytes(struct n2_index *index, const void *key, size_t n_key);

/* Sets *key to the key of an id. One that was deleted keeps it here, so that what a search has
 * found can be named whatever is deleted meanwhile. Returns 0, N2_ERR_OPTION (NULL),
 * N2_ERR_NOT_FOUND (the id was never given out), N2_ERR_CORRUPT (rot in the file that was loaded),
 * N2_ERR_CLOSED. */
N2_API int n2_key_u64(struct n2_index *index, uint32_t id, uint64_t *key);

/* The same for keys of bytes: sets *n to how many there are, and writes those that fit to
 * `buffer[room]`, which may be NULL if room is 0. */
N2_API int n2_key_bytes(struct n2_index *index, uint32_t id, void *buffer, size_t room, size_t *n);

/* ------------------------------------------------------------------------------------------------
 * Build
 * --------------------------------------------------------------------------------------------- */

struct n2_build_options {
    size_t size;     /* sizeof(struct n2_build_options) */
    int32_t threads; /* 1..N2_MAX_THREADS; 0 = as many as there are processors. Fewer are used where
                        there is little to do, or the system refuses to create that many */
    /* Called on the caller's thread, with no lock held, after each batch: `done` of `total` steps
     * of work. A return other than 0 cancels the build. May be NULL. */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
    /* queries[n_queries][dim]: some that searches will ask, for choosing codes and for measuring
     * recall where the build does so; 1,500 of them are used. Without any (0), vectors are in their
     * place, which will do if queries are distributed like the vectors. They obey the limits of
     * n2_add and are not needed once the build has begun. */
    const float *queries;
    size_t n_queries; /* of fewer than 50, recall is measured by vectors all the same */
    int32_t compact;  /* not 0: when all is linked, the memory of deleted and replaced vectors, and
                         of duplicates, is given back, see n2_compact. A build does so by itself when
                         more than 1,024 places and an eighth of all are theirs */
    size_t most;      /* not 0: links so many of the pending vectors at most, the oldest ones, and
                         leaves what takes a look at the whole graph to another build: see n2_link */
};

/* Sets size and makes every other field 0. */
N2_API void n2_build_options_init(struct n2_build_options *options);

/* Links all vectors that were added and not yet built into the graph; those added while it runs are
 * left for the next build. One build runs at a time on an index: a second one waits for its turn.
 * A build that fails or is cancelled leaves the index as before, but for what was deleted or
 * replaced, which it may have taken out of the graph; one that does so while it gives memory back
 * has linked all. `options` may be NULL.
 * The first build, and later ones when the index has grown fourfold or its codes no longer fit,
 * train codes on a sample (enum n2_navigation). A build of many vectors (200 of 400 or more,
 * 1,600 from 20,000 vectors on, 4,000 from a million), after which a quarter of all have come or
 * gone since, also measures which search gives which recall, on some of the new vectors before they
 * are linked or on queries that were given: see n2_search_options. Time grows as n log n for n new
 * vectors, and each build looks once at all links on level 0. Memory beside the index: 2 max_m0 +
 * 34 bytes a new vector, 8 bytes and, for each thread, an eighth of one for every vector there is,
 * the old rows of those whose links change, and up to 64 MiB; while codes are trained, new codes
 * and sketches of all vectors; and of a mapped file what it writes to, such as new vectors. With
 * merging, the links of all once more. `progress` must not build or close the index: it would wait
 * for itself. Returns 0, or N2_ERR_OPTION, N2_ERR_FULL (more than 2^32 - 2 lists above level 0),
 * N2_ERR_NOT_FINITE, N2_ERR_ZERO_VECTOR or N2_ERR_MAGNITUDE (a query), N2_ERR_NO_MEMORY,
 * N2_ERR_CANCELLED, N2_ERR_CORRUPT (a loaded index whose file does not match its checksums),
 * N2_ERR_CLOSED. */
N2_API int n2_build(struct n2_index *index, const struct n2_build_options *options);

/* Builds, then copies what is left, without the places of vectors that were deleted or replaced, to
 * new memory and gives the old back, a file that is mapped included; nothing is copied where there
 * are no such places. Ids stay as they are, and none is given out again: 8 bytes of each that ever
 * was given out remain. Searches and changes go on meanwhile; changes wait once, for some ms for
 * each million vectors. Memory beside the index: as much as is left, and 4 bytes a vector. Returns
 * as n2_build; after a failure of the copying the index is as built. */
N2_API int n2_compact(struct n2_index *index, const struct n2_build_options *options);

/* Links at most `most` of the pending vectors, the oldest ones, on the calling thread: a build in
 * small change, whose time does not grow with the index. It leaves to the next whole build to look
 * for nodes that no link leads to, or does so itself when an eighth of the index was linked in this
 * way; likewise to take deleted ones out of the graph, or when they are a sixteenth of it. Returns
 * 0, N2_ERR_OPTION (NULL, 0) or as n2_build. */
N2_API int n2_link(struct n2_index *index, size_t most);

/* How many pending vectors n2_link should link now: 0, or all, when they are so many that to scan
 * them costs searches about a tenth of their time, and enough to measure recall by, where that is
 * due; at least 1 when it should take deleted ones out. It depends on what is in the index alone.
 * Constant time. Returns 0 also for a closed index. */
N2_API size_t n2_link_due(struct n2_index *index);

/* A build, step by step, for callers that wait, cancel and report in their own way. */
struct n2_build; /* opaque */

/* Starts a build of what is pending; `progress` and `user` of the options are not used. Until
 * n2_build_end this thread must not call n2_build, n2_link or n2_compact on the index, which would
 * wait for it.
 * Returns 0 and sets *build, or EBUSY while another build is under way; else as n2_build. */
N2_API int n2_build_begin(struct n2_build **build, struct n2_index *index,
                          const struct n2_build_options *options);

/* Does the next step: the first prepares, then come batches. Sets *done and *total (either may be
 * NULL); the build is complete and its result in place when *done == *total. Returns 0 or as
 * n2_build; after an error only n2_build_end may follow. */
N2_API int n2_build_step(struct n2_build *build, uint64_t *done, uint64_t *total);

/* Makes the step under way, and any later one, return N2_ERR_CANCELLED soon. May be called from any
 * thread until n2_build_end. */
N2_API void n2_build_cancel(struct n2_build *build);

/* Ends a build and frees `build` (NULL is allowed): a build that is not complete is undone. */
N2_API void n2_build_end(struct n2_build *build);

/* ------------------------------------------------------------------------------------------------
 * Search
 * --------------------------------------------------------------------------------------------- */

struct n2_neighbor {
    uint32_t id;
    float distance; /* by the index's metric, in float32 arithmetic on the vectors as stored */
};

struct n2_search_options {
    size_t size;  /* sizeof(struct n2_search_options) */
    uint64_t ef;  /* width of the beam: how many candidates the search keeps, k at least; larger is
                     slower and finds more of the true neighbours. 0 = as `recall` asks */
    float recall; /* without ef, the share of the true neighbours to be found, 0..1; 0 = default:
                     0.95, for k below 10 what finds that of 10; 1 = the widest search that was
                     measured, which is not an exact one. What it takes was measured by the
                     last large build, on vectors like those of the index; where none did (few
                     vectors) the beam is 200 + 4 k wide */
    int32_t threads; /* of a batch: 1..N2_MAX_THREADS; 0 = as many as there are processors */
    /* Bit i % 64 of allow[i / 64] says whether id i may be a result; those from 64 n_allow on may
     * not. NULL: all may. Not NULL, with n_allow 0: none may. The search finds as much as without
     * it, and takes hardly longer than to compare the query with each that is allowed, which it
     * does where few are. */
    const uint64_t *allow;
    size_t n_allow;
    /* Only what is no farther than *radius, which is no NaN, is a result; under dot, what is no
     * less. NULL: no bound. */
    const float *radius;
};

/* Sets size and makes every other field 0. */
N2_API void n2_search_options_init(struct n2_search_options *options);

/* Finds the k vectors nearest to `query[dim]`, approximately. Writes min(k, vectors in the index)
 * of them to `out[k]`, nearest first, ties by smaller id, and their number to *n_out; fewer only
 * where options->allow or radius leave fewer. `options` may be NULL. Allocates nothing once as many
 * searches as ever run at the same time have run (and none of them held more vectors or a larger
 * ef); starts no thread. The query's norm obeys the limits of n2_add. Returns 0, or N2_ERR_OPTION
 * (NULL, k = 0), N2_ERR_NOT_FINITE, N2_ERR_ZERO_VECTOR, N2_ERR_MAGNITUDE, N2_ERR_NO_MEMORY,
 * N2_ERR_CLOSED. */
N2_API int n2_search(struct n2_index *index, const float *query, size_t k,
                     const struct n2_search_options *options, struct n2_neighbor *out,
                     size_t *n_out);

/* The same for the vector of that id, which is not left out of the results, but found like any
 * other. Returns as n2_search, or N2_ERR_NOT_FOUND, N2_ERR_CORRUPT (rot in the file that was
 * loaded). */
N2_API int n2_search_id(struct n2_index *index, uint32_t id, size_t k,
                        const struct n2_search_options *options, struct n2_neighbor *out,
                        size_t *n_out);

/* `n` searches, `queries[n][dim]`, on options->threads threads. The results of query i
 * stand in out[i * k ...], their number in n_out[i]. A bad query fails the whole call before any
 * search; what another failure leaves in `out` and `n_out` has no meaning. Returns as n2_search. */
N2_API int n2_search_batch(struct n2_index *index, const float *queries, size_t n, size_t k,
                           const struct n2_search_options *options, struct n2_neighbor *out,
                           size_t *n_out);

/* The same for `ids[n]`. Returns as n2_search_batch, or N2_ERR_NOT_FOUND, N2_ERR_CORRUPT (rot in
 * the file that was loaded). */
N2_API int n2_search_batch_id(struct n2_index *index, const uint32_t *ids, size_t n, size_t k,
                              const struct n2_search_options *options, struct n2_neighbor *out,
                              size_t *n_out);

/* The k nearest vectors exactly, by a scan of all of them, for `n` queries at once, on the calling
 * thread: each block of vectors is read from memory once for all the queries. No options apply.
 * Arguments, results and statuses as n2_search_batch; distances are bit for bit those of n2_search.
 */
N2_API int n2_search_exact(struct n2_index *index, const float *queries, size_t n, size_t k,
                           struct n2_neighbor *out, size_t *n_out);

/* ------------------------------------------------------------------------------------------------
 * Search: one neighbour after the other
 *
 * For callers who look at each neighbour themselves and stop when they have found enough:
 *
 *     status = n2_cursor_open(&cursor, index, query, NULL);
 *     while (!status && !enough) {
 *         status = n2_cursor_next(cursor, page, 10, &n);
 *         if (status || n == 0)
 *             break;
 *         enough = look_at(page, n);
 *     }
 *     n2_cursor_close(cursor);
 *
 * with `cursor` NULL before. What bits can say is better said by n2_search_options.allow.
 * --------------------------------------------------------------------------------------------- */

struct n2_cursor; /* opaque */

/* Opens a cursor on the neighbours of query[dim], which is copied. `options` are copied, `allow` is
 * not: it must stay as it is until n2_cursor_close. `options` may be NULL. Between calls a cursor
 * holds up nobody: the index may be built, changed and closed. Returns 0 and sets *cursor, or as
 * n2_search. */
N2_API int n2_cursor_open(struct n2_cursor **cursor, struct n2_index *index, const float *query,
                          const struct n2_search_options *options);

/* Writes the next neighbours, `room` at most, to out[room] and their number to *n, which is 0 at
 * the end and not before. Each id comes once at most, and in the end all come that may be results.
 * Within a page the order is that of n2_search. A page may hold what is nearer than the last of an
 * earlier page, if the search for that missed it: options->recall says how much is missed.
 * What is added meanwhile may come; what is deleted before it was to come does not; what is
 * replaced comes, if it does, with the distance that a search found.
 * A page is one search at most (unless all it found is deleted by then), for twice as many as the
 * last one or for 32, so that n neighbours cost about two searches for n. Where that is a scan, as
 * in small indexes and for large n, each search takes about as long as any other. Behind the last
 * that was found within a radius, a scan makes sure that there is no more. The cursor needs 5 to 11
 * bytes for each neighbour found and 8 for each that the last search asked for.
 * Returns 0, or N2_ERR_OPTION (NULL, room = 0), N2_ERR_NO_MEMORY, N2_ERR_CLOSED. */
N2_API int n2_cursor_next(struct n2_cursor *cursor, struct n2_neighbor *out, size_t room,
                          size_t *n);

/* Frees the cursor. NULL is allowed, and so is a cursor of an index that was freed before. */
N2_API void n2_cursor_close(struct n2_cursor *cursor);

/* ------------------------------------------------------------------------------------------------
 * Look
 * --------------------------------------------------------------------------------------------- */

/* Writes the vector of `id` to `out[dim]`, bit for bit as it was added or rounded (n2_storage).
 * Returns 0, N2_ERR_OPTION (NULL), N2_ERR_NOT_FOUND, N2_ERR_CORRUPT (rot in the file that was
 * loaded), N2_ERR_CLOSED. */
N2_API int n2_vector(struct n2_index *index, uint32_t id, float *out);

/* Lists ids that are there, neither unknown nor deleted, in ascending order: the first ones from
 * `from` on, `room` at most. Writes them to ids[room] and their number to *n, which is less than
 * `room` at the end. Who goes on behind the last id listed meets every vector that is there all the
 * time, at some cost where very many beside each other were deleted. Returns 0, or N2_ERR_OPTION
 * (NULL, room = 0), N2_ERR_CLOSED. */
N2_API int n2_list(struct n2_index *index, uint32_t from, uint32_t *ids, size_t room, size_t *n);

#define N2_MAX_LEVEL 31 /* highest level a node can have */

/* What an index is and holds. Bytes are of address space in use, whether in memory or mapped. */
struct n2_stats {
    size_t size;             /* set this to sizeof(struct n2_stats) before the call */
    uint64_t dim, n_vectors; /* n_vectors: those that were added and not deleted */
    uint64_t n_pending;      /* of those, not yet built */
    uint64_t n_duplicates; /* of those, built as equal, bit for bit, to an earlier one; about, while
                              a build runs */
    uint64_t n_deleted;    /* ids that were deleted */
    uint64_t n_dead;       /* nodes in the graph that the next build takes out: deleted, or replaced
                              by an update */
    uint64_t n_nodes;      /* places that take memory: of these vectors, dead or given up */
    uint64_t n_repaired;   /* links to dead nodes that builds replaced, and bytes that */
    uint64_t given_back_bytes; /* compactions gave back, since n2_create or n2_load */
    int32_t metric, selection, merging, navigation, sketch, store, keys, M, max_m0, ef_construction;
    uint32_t code_axes; /* directions of the codes; 0: walks compare the vectors */
    double level_multiplier;
    uint64_t seed;
    int32_t max_level;                  /* of the graph; -1 without one */
    uint32_t entry_id;                  /* id of the entry point; UINT32_MAX without one */
    uint64_t n_level[N2_MAX_LEVEL + 1]; /* nodes of the graph whose highest level is i */
    uint64_t vector_bytes, code_bytes, sketch_bytes, link_bytes, id_bytes,
        key_bytes;          /* of the index proper */
    uint64_t scratch_bytes; /* of searches and of a build under way, less what it trains and what it
                               keeps to go back to */
    uint64_t mapped_bytes;  /* of those, backed by the file it was loaded from */
    int32_t threads;        /* that the last build used; 0 before the first */
    const char *kernel;     /* instruction set of the kernels in use, see n2_set_isa; static */
    int32_t packing; /* enum n2_storage: in how much memory vectors are kept as `store` says */
};

/* Fills *stats, in constant time. Returns 0, N2_ERR_OPTION (NULL or size 0), N2_ERR_CLOSED. */
N2_API int n2_get_stats(struct n2_index *index, struct n2_stats *stats);

/* counts[level][links]: how many nodes of that level have that number of links there. `level` runs
 * to N2_MAX_LEVEL, `links` to the index's max_m0: counts has (N2_MAX_LEVEL + 1) * (max_m0 + 1)
 * numbers, all of which are written, if with no meaning after a failure. `cancel` (may be NULL)
 * stops the walk when it becomes nonzero.
 * Returns 0, N2_ERR_OPTION, N2_ERR_CANCELLED, N2_ERR_CLOSED. */
N2_API int n2_degrees(struct n2_index *index, uint64_t *counts, const volatile int32_t *cancel);

/* Checks the whole index: the payload checksums of the file it was loaded from, then every link,
 * level, id and float, and, where no n2_link came after the last n2_build and none of these runs,
 * that each vector can be reached from the entry point on level 0. Searches go on meanwhile, and
 * adds but for a part of it; builds and saves wait. `cancel` as in n2_degrees. On N2_ERR_CORRUPT,
 * *what (may be NULL) is set to a static text that names the first thing found wrong. Returns 0,
 * N2_ERR_OPTION (NULL), N2_ERR_CORRUPT, N2_ERR_CANCELLED, N2_ERR_NO_MEMORY, N2_ERR_CLOSED. */
N2_API int n2_verify(struct n2_index *index, const volatile int32_t *cancel, const char **what);

/* ------------------------------------------------------------------------------------------------
 * Save, load
 * --------------------------------------------------------------------------------------------- */

/* Writes the index, built or not, to `path`, atomically: to a temporary file in the same directory,
 * which is synchronised and renamed. Saving over the file the index is mapped from is allowed. What
 * is added meanwhile is not in the file. The format is specified in FORMAT.md. One failure comes
 * too late to keep an old file: an errno from synchronising the directory, after the renaming. A
 * symbolic link to a file is replaced, not followed; what is, or leads to, a directory or a device
 * is refused: EISDIR, EINVAL.
 * Returns 0, N2_ERR_OPTION (NULL), an errno (EACCES, ENOSPC, EISDIR, ...), N2_ERR_CORRUPT (the
 * index was loaded from a file that does not match its checksums), N2_ERR_NO_MEMORY, N2_ERR_CLOSED.
 */
N2_API int n2_save(struct n2_index *index, const char *path);

struct n2_load_options {
    size_t size;    /* sizeof(struct n2_load_options) */
    int32_t no_map; /* not 0: read the file into memory instead of mapping it. Searches are 5 to
                       15 % faster then where Linux gives huge pages, which files do not get. A
                       mapped file that someone else truncates ends the process with SIGBUS; one
                       that is replaced by rename, as n2_save does, is safe. */
    int32_t verify; /* not 0: n2_verify before returning */
};

/* Sets size and makes every other field 0. */
N2_API void n2_load_options_init(struct n2_load_options *options);

/* Opens a saved index. By default the file is mapped: that takes a few system calls whatever its
 * size, and processes share the memory. Vectors can be added and built as ever; the file never
 * changes by it. The header is always checked, and no payload, however rotten, can cause a bad
 * access: it gives wrong neighbours at worst. `options` may be NULL. Returns 0 and sets *index, or
 * N2_ERR_OPTION (NULL), an errno (ENOENT, EACCES, EISDIR, ...), N2_ERR_FORMAT, N2_ERR_TRUNCATED,
 * N2_ERR_VERSION, N2_ERR_CORRUPT, N2_ERR_NO_MEMORY. */
N2_API int n2_load(struct n2_index **index, const char *path,
                   const struct n2_load_options *options);

/* ------------------------------------------------------------------------------------------------
 * Save, load: as bytes
 *
 * The bytes of a file, for what is no file: a socket, a pipe, an object store, a compressor. The
 * caller moves them; no second copy of the index is in memory, and nothing waits for the other end.
 *
 *     status = n2_save_begin(&writer, index);
 *     while (!status && n2_save_left(writer) > 0) {
 *         status = n2_save_next(writer, buffer, sizeof(buffer), &n);
 *         if (!status)
 *             status = put(buffer, n);
 *     }
 *     n2_save_end(writer);
 *
 * with `writer` NULL before, and the other way
 *
 *     status = n2_load_begin(&reader, NULL);
 *     while (!status && n2_load_left(reader) > 0) {
 *         n = get(buffer, min(n2_load_left(reader), sizeof(buffer)));
 *         if (n == 0)
 *             break;
 *         status = n2_load_next(reader, buffer, n, NULL);
 *     }
 *     if (reader)
 *         status = n2_load_end(reader, &index);
 * --------------------------------------------------------------------------------------------- */

struct n2_writer; /* opaque */

/* Opens a writer of the index as it is now, built or not. It gives the bytes that n2_save would
 * write now, whatever is added before its end. Searches and adds go on; a build, one of its steps
 * or its end, n2_save, another writer, n2_verify, n2_degrees and an n2_add_index to another wait
 * until n2_save_end, and so does an add for which the index must move to a larger range of
 * addresses. The thread that has a writer open must leave these to others: it would wait for
 * itself. n2_close waits for no writer.
 * Returns 0 and sets *writer, or N2_ERR_OPTION (NULL), N2_ERR_CORRUPT (as n2_save),
 * N2_ERR_NO_MEMORY, N2_ERR_CLOSED. */
N2_API int n2_save_begin(struct n2_writer **writer, struct n2_index *index);

/* How many bytes are still to come; at first, the size of the file. 0 for NULL. */
N2_API uint64_t n2_save_left(const struct n2_writer *writer);

/* Writes the next `room` bytes of the file, or those that are left, to `buffer[room]`, and sets *n
 * to their number, 0 behind the last. Returns 0, or N2_ERR_OPTION (NULL), N2_ERR_CLOSED. */
N2_API int n2_save_next(struct n2_writer *writer, void *buffer, size_t room, size_t *n);

/* Frees the writer, at the end of the file or before. NULL is allowed. */
N2_API void n2_save_end(struct n2_writer *writer);

struct n2_reader; /* opaque */

/* Opens a reader of a file's bytes. `options` may be NULL; no_map has no meaning here.
 * Returns 0 and sets *reader, or N2_ERR_OPTION, N2_ERR_NO_MEMORY. */
N2_API int n2_load_begin(struct n2_reader **reader, const struct n2_load_options *options);

/* How many bytes are still to come, as far as is known: first those of the header, and behind it
 * those of the file. Who reads no more than that reads nothing of what follows the file. 0 behind
 * the last one, after an error, and for NULL. */
N2_API uint64_t n2_load_left(const struct n2_reader *reader);

/* Takes the next bytes of the file, `data[n]`, n being any number, and sets *used (may be NULL) to
 * how many of them belong to it: less than n if it ends among them. They go to their place in the
 * index at once; memory is taken as bytes come, not as the header promises.
 * Returns 0, or N2_ERR_OPTION (NULL), N2_ERR_FORMAT, N2_ERR_VERSION, N2_ERR_CORRUPT (at the end of
 * the header, or of the file: its payload is always checked), N2_ERR_NO_MEMORY. After an error, but
 * N2_ERR_OPTION, only n2_load_end may follow. */
N2_API int n2_load_next(struct n2_reader *reader, const void *data, size_t n, size_t *used);

/* Frees the reader, whatever it returns, and sets *index to what was read. With NULL for `index`
 * nothing comes of it. Returns 0, the error that n2_load_next has returned, or N2_ERR_OPTION (no
 * reader), N2_ERR_FORMAT (fewer than 8 bytes, which tell no N2 file), N2_ERR_TRUNCATED (bytes are
 * missing); with options->verify as n2_verify. */
N2_API int n2_load_end(struct n2_reader *reader, struct n2_index **index);

/* ------------------------------------------------------------------------------------------------
 * Close
 * --------------------------------------------------------------------------------------------- */

/* Refuses new calls (N2_ERR_CLOSED), cancels a build under way, waits until every call in progress
 * has returned, and gives the memory back. NULL and a second call are allowed. A build made by
 * n2_build_begin must still be ended with n2_build_end, and a writer with n2_save_end, before
 * n2_free; the wait does not include them. */
N2_API void n2_close(struct n2_index *index);

/* n2_close, then frees the handle. No other call may be running or follow. NULL is allowed. */
N2_API void n2_free(struct n2_index *index);

/* ------------------------------------------------------------------------------------------------
 * Instruction sets
 * --------------------------------------------------------------------------------------------- */

/* The kernels are chosen once, at their first use, by what the processor can do: "avx512" (with
 * VNNI), "avx2", "neon_dotprod", "neon" or "scalar". The environment variable N2_ISA, if it names
 * one that the processor has, lowers the choice, and else has no effect; n2_set_isa does so at any
 * later time, from any thread, for the whole process (NULL: choose afresh). All give the same
 * results, bit for bit. Returns 0, or N2_ERR_OPTION if this processor lacks it. */
N2_API int n2_set_isa(const char *name);

/* The name of those in use. Static. */
N2_API const char *n2_isa(void);

#ifdef __cplusplus
}
#endif

#endif
