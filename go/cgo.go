// SPDX-License-Identifier: Apache-2.0

//go:build cgo && (linux || darwin) && (amd64 || arm64 || loong64 || mips64le || ppc64le || riscv64)

package n2

/*
#include "../csrc/n2.h"

// The options of a search are put together here, since what Go passes may not hold pointers of Go.
static struct n2_search_options options_of(uint64_t ef, float recall, int filters, const uint64_t *allow,
                                           size_t n_allow, const float *radius)
{
    static const uint64_t none;
    struct n2_search_options o;
    n2_search_options_init(&o);
    o.ef = ef;
    o.recall = recall;
    o.threads = 1; // of a batch: goroutines share its work instead
    if (filters) {
        o.allow = n_allow ? allow : &none;
        o.n_allow = n_allow;
    }
    o.radius = radius;
    return o;
}

#define OPTIONS uint64_t ef, float recall, int filters, const uint64_t *allow, size_t n_allow, const float *radius
#define OPTIONS_OF options_of(ef, recall, filters, allow, n_allow, radius)

static int search(struct n2_index *index, const float *query, size_t k, OPTIONS, struct n2_neighbor *out,
                  size_t *n)
{
    struct n2_search_options o = OPTIONS_OF;
    return n2_search(index, query, k, &o, out, n);
}

static int search_id(struct n2_index *index, uint32_t id, size_t k, OPTIONS, struct n2_neighbor *out, size_t *n)
{
    struct n2_search_options o = OPTIONS_OF;
    return n2_search_id(index, id, k, &o, out, n);
}

static int search_batch(struct n2_index *index, const float *queries, size_t n, size_t k, OPTIONS,
                        struct n2_neighbor *out, size_t *n_out)
{
    struct n2_search_options o = OPTIONS_OF;
    return n2_search_batch(index, queries, n, k, &o, out, n_out);
}

static int search_batch_id(struct n2_index *index, const uint32_t *ids, size_t n, size_t k, OPTIONS,
                           struct n2_neighbor *out, size_t *n_out)
{
    struct n2_search_options o = OPTIONS_OF;
    return n2_search_batch_id(index, ids, n, k, &o, out, n_out);
}

// The cursor keeps allow, which is pinned.
static int open_cursor(struct n2_cursor **cursor, struct n2_index *index, const float *query, OPTIONS)
{
    struct n2_search_options o = OPTIONS_OF;
    return n2_cursor_open(cursor, index, query, &o);
}

static int put(struct n2_index *index, int kind, const uint64_t *numbers, const void *text,
               const uint32_t *lengths, const float *vectors, size_t n, uint64_t *n_vectors)
{
    struct n2_stats stats = {.size = sizeof(stats)};
    int status = kind == N2_KEYS_U64 ? n2_put_u64(index, numbers, vectors, n, NULL)
                                     : n2_put_bytes(index, text, lengths, vectors, n, NULL);
    if (!status)
        status = n2_get_stats(index, &stats);
    *n_vectors = stats.n_vectors;
    return status;
}

static int find(struct n2_index *index, int kind, uint64_t number, const void *text, size_t n, uint32_t *id)
{
    return kind == N2_KEYS_U64 ? n2_find_u64(index, number, id) : n2_find_bytes(index, text, n, id);
}

static int delete_key(struct n2_index *index, int kind, uint64_t number, const void *text, size_t n)
{
    return kind == N2_KEYS_U64 ? n2_delete_u64(index, number) : n2_delete_bytes(index, text, n);
}

// The keys of n results.
static int numbers_of(struct n2_index *index, const struct n2_neighbor *found, size_t n, uint64_t *keys)
{
    int status = 0;
    for (size_t i = 0; i < n && !status; i++)
        status = n2_key_u64(index, found[i].id, &keys[i]);
    return status;
}

// The same, one behind the other; they do not fit if the last one's end is beyond the room.
static int texts_of(struct n2_index *index, const struct n2_neighbor *found, size_t n, unsigned char *buffer,
                    size_t room, size_t *ends)
{
    int status = 0;
    for (size_t i = 0, end = 0, length = 0; i < n && !status; i++) {
        size_t left = end < room ? room - end : 0;
        status = n2_key_bytes(index, found[i].id, left ? buffer + end : NULL, left, &length);
        ends[i] = end += length;
    }
    return status;
}

// What a search is given stays on the caller's stack: C keeps no pointer and calls nothing back.
#cgo noescape search
#cgo nocallback search
#cgo noescape search_id
#cgo nocallback search_id
#cgo noescape search_batch
#cgo nocallback search_batch
#cgo noescape search_batch_id
#cgo nocallback search_batch_id
#cgo noescape n2_search_exact
#cgo nocallback n2_search_exact
#cgo noescape n2_cursor_next
#cgo nocallback n2_cursor_next
#cgo noescape n2_list
#cgo nocallback n2_list
#cgo noescape n2_vector
#cgo nocallback n2_vector
#cgo noescape n2_add
#cgo nocallback n2_add
#cgo noescape n2_update
#cgo nocallback n2_update
#cgo noescape put
#cgo nocallback put
#cgo noescape find
#cgo nocallback find
#cgo noescape delete_key
#cgo nocallback delete_key
#cgo noescape numbers_of
#cgo nocallback numbers_of
#cgo noescape texts_of
#cgo nocallback texts_of
*/
import "C"

import (
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	_ "github.com/n2ann/n2/csrc" // the C core itself
)

// This file is the border to C: one method for each operation, each with one call. Checks that C
// makes are not repeated here, and nothing here waits or guards against calls at the same time.

// What Go and C both define must be equal. If it is not, an index here is not 0, which does not
// compile.
var (
	_ = [1]int{}[Angular-C.N2_ANGULAR|L2-C.N2_L2|Dot-C.N2_DOT]
	_ = [1]int{}[Heuristic-C.N2_HEURISTIC|Naive-C.N2_NAIVE]
	_ = [1]int{}[HeuristicKeepPruned-C.N2_HEURISTIC_KEEP_PRUNED]
	_ = [1]int{}[MergeSkip-C.N2_MERGE_SKIP|MergeLevel0-C.N2_MERGE_LEVEL0]
	_ = [1]int{}[maxThreads-C.N2_MAX_THREADS|maxKey-C.N2_MAX_KEY]
	_ = [1]int{}[keysU64-C.N2_KEYS_U64|keysBytes-C.N2_KEYS_BYTES]
	_ = [1]int{}[unsafe.Sizeof(int(0))-unsafe.Sizeof(C.size_t(0))]
	_ = [1]int{}[unsafe.Sizeof(Neighbor{})-unsafe.Sizeof(cNeighbor{})]
	_ = [1]int{}[unsafe.Offsetof(Neighbor{}.ID)-unsafe.Offsetof(cNeighbor{}.id)]
	_ = [1]int{}[unsafe.Offsetof(Neighbor{}.Distance)-unsafe.Offsetof(cNeighbor{}.distance)]
)

type cNeighbor = C.struct_n2_neighbor

// statusErrors are the errors of C's negative statuses, by their absolute value.
var statusErrors = [...]error{
	-C.N2_ERR_CLOSED:      ErrClosed,
	-C.N2_ERR_DIMENSION:   ErrDimension,
	-C.N2_ERR_NOT_FINITE:  ErrNotFinite,
	-C.N2_ERR_ZERO_VECTOR: ErrZeroVector,
	-C.N2_ERR_MAGNITUDE:   ErrMagnitude,
	-C.N2_ERR_NOT_FOUND:   ErrNotFound,
	-C.N2_ERR_OPTION:      ErrOption,
	-C.N2_ERR_NO_MEMORY:   ErrNoMemory,
	-C.N2_ERR_FULL:        ErrFull,
	-C.N2_ERR_FORMAT:      ErrFormat,
	-C.N2_ERR_TRUNCATED:   ErrTruncated,
	-C.N2_ERR_VERSION:     ErrVersion,
	-C.N2_ERR_CORRUPT:     ErrCorrupt,
	-C.N2_ERR_CANCELLED:   errCancelled,
}

func statusError(status C.int) error {
	switch {
	case status == C.N2_OK:
		return nil
	case status > 0:
		return syscall.Errno(status)
	case -int(status) < len(statusErrors):
		return statusErrors[-status]
	}
	return fmt.Errorf("n2: status %d", status)
}

// A core is an index in C. It is freed when nothing refers to it any more, for which reason each
// method keeps it alive until C has returned.
type core struct {
	index   *C.struct_n2_index
	cleanup runtime.Cleanup
}

func ownCore(index *C.struct_n2_index) *core {
	c := &core{index: index}
	c.cleanup = runtime.AddCleanup(c, func(index *C.struct_n2_index) { C.n2_free(index) }, index)
	return c
}

// newCore makes an index. The ints in o must fit an int32.
func newCore(dim int, o *Options, keys keyKind) (*core, error) {
	options := C.struct_n2_options{
		size:             C.sizeof_struct_n2_options,
		metric:           C.int32_t(o.Metric),
		selection:        C.int32_t(o.Selection),
		merging:          C.int32_t(o.Merging),
		navigation:       C.int32_t(o.Navigation),
		sketch:           C.int32_t(o.Sketch),
		store:            C.int32_t(o.Store),
		keys:             C.int32_t(keys),
		M:                C.int32_t(o.M),
		max_m0:           C.int32_t(o.MaxM0),
		ef_construction:  C.int32_t(o.EfConstruction),
		level_multiplier: C.double(o.LevelMultiplier),
		seed:             C.uint64_t(o.Seed),
	}
	var index *C.struct_n2_index
	if err := statusError(C.n2_create(&index, C.size_t(dim), &options)); err != nil {
		return nil, err
	}
	return ownCore(index), nil
}

func loadCore(path string, noMap bool) (*core, error) {
	p, err := cPath(path)
	if err != nil {
		return nil, err
	}
	options := C.struct_n2_load_options{size: C.sizeof_struct_n2_load_options}
	if noMap {
		options.no_map = 1
	}
	var index *C.struct_n2_index
	if err := statusError(C.n2_load(&index, p, &options)); err != nil {
		return nil, err
	}
	return ownCore(index), nil
}

// close gives back the index's memory. A build that was begun is still to be ended.
func (c *core) close() { C.n2_close(c.index) }

// free closes and frees the index; no call may be in progress or follow.
func (c *core) free() {
	c.cleanup.Stop()
	C.n2_free(c.index)
	c.index = nil
}

func (c *core) add(vs []float32, n int) (uint32, error) {
	var first C.uint32_t
	status := C.n2_add(c.index, cFloats(vs), C.size_t(n), &first)
	runtime.KeepAlive(c)
	return uint32(first), statusError(status)
}

func (c *core) addIndex(other *core) (uint32, error) {
	var first C.uint32_t
	status := C.n2_add_index(c.index, other.index, &first)
	runtime.KeepAlive(c)
	runtime.KeepAlive(other)
	return uint32(first), statusError(status)
}

func (c *core) update(id uint32, v []float32) error {
	status := C.n2_update(c.index, C.uint32_t(id), cFloats(v))
	runtime.KeepAlive(c)
	return statusError(status)
}

func (c *core) delete(id uint32) error {
	status := C.n2_delete(c.index, C.uint32_t(id))
	runtime.KeepAlive(c)
	return statusError(status)
}

// put returns how many vectors there are afterwards.
func (c *core) put(kind keyKind, keys rawKeys, vs []float32) (int, error) {
	var n C.uint64_t
	status := C.put(c.index, C.int(kind), (*C.uint64_t)(unsafe.SliceData(keys.numbers)),
		unsafe.Pointer(unsafe.StringData(keys.text)), (*C.uint32_t)(unsafe.SliceData(keys.lengths)),
		cFloats(vs), C.size_t(len(keys.numbers)), &n)
	runtime.KeepAlive(c)
	return int(n), statusError(status)
}

func (c *core) find(kind keyKind, key rawKey) (uint32, error) {
	var id C.uint32_t
	status := C.find(c.index, C.int(kind), C.uint64_t(key.number),
		unsafe.Pointer(unsafe.StringData(key.text)), C.size_t(len(key.text)), &id)
	runtime.KeepAlive(c)
	return uint32(id), statusError(status)
}

func (c *core) deleteKey(kind keyKind, key rawKey) error {
	status := C.delete_key(c.index, C.int(kind), C.uint64_t(key.number),
		unsafe.Pointer(unsafe.StringData(key.text)), C.size_t(len(key.text)))
	runtime.KeepAlive(c)
	return statusError(status)
}

// numbersOf sets numbers to the keys of what was found.
func (c *core) numbersOf(found []Neighbor, numbers []uint64) error {
	status := C.numbers_of(c.index, cNeighbors(found), C.size_t(len(found)), cWords(numbers))
	runtime.KeepAlive(c)
	return statusError(status)
}

// textsOf writes the keys to buffer, as far as they fit, and sets ends to where each one ends.
func (c *core) textsOf(found []Neighbor, buffer []byte, ends []int) error {
	status := C.texts_of(c.index, cNeighbors(found), C.size_t(len(found)),
		(*C.uchar)(unsafe.SliceData(buffer)), C.size_t(len(buffer)), cSizes(ends))
	runtime.KeepAlive(c)
	return statusError(status)
}

// keys returns the kind of the keys.
func (c *core) keys() keyKind {
	s := C.struct_n2_stats{size: C.sizeof_struct_n2_stats}
	C.n2_get_stats(c.index, &s)
	runtime.KeepAlive(c)
	return keyKind(s.keys)
}

func (c *core) search(dst []Neighbor, q []float32, o SearchOptions) (int, error) {
	n := C.size_t(0)
	status := C.search(c.index, cFloats(q), C.size_t(len(dst)), C.uint64_t(o.Ef), C.float(o.Recall),
		cBool(o.Allow != nil), cWords(o.Allow), C.size_t(len(o.Allow)), (*C.float)(o.Radius),
		cNeighbors(dst), &n)
	runtime.KeepAlive(c)
	return int(n), statusError(status)
}

func (c *core) searchID(dst []Neighbor, id uint32, o SearchOptions) (int, error) {
	n := C.size_t(0)
	status := C.search_id(c.index, C.uint32_t(id), C.size_t(len(dst)), C.uint64_t(o.Ef), C.float(o.Recall),
		cBool(o.Allow != nil), cWords(o.Allow), C.size_t(len(o.Allow)), (*C.float)(o.Radius),
		cNeighbors(dst), &n)
	runtime.KeepAlive(c)
	return int(n), statusError(status)
}

// searchBatch makes len(counts) searches on the calling thread.
func (c *core) searchBatch(dst []Neighbor, counts []int, qs []float32, k int, o SearchOptions) error {
	status := C.search_batch(c.index, cFloats(qs), C.size_t(len(counts)), C.size_t(k),
		C.uint64_t(o.Ef), C.float(o.Recall), cBool(o.Allow != nil), cWords(o.Allow),
		C.size_t(len(o.Allow)), (*C.float)(o.Radius), cNeighbors(dst), cSizes(counts))
	runtime.KeepAlive(c)
	return statusError(status)
}

// searchBatchID does the same for ids.
func (c *core) searchBatchID(dst []Neighbor, counts []int, ids []uint32, k int, o SearchOptions) error {
	status := C.search_batch_id(c.index, (*C.uint32_t)(unsafe.SliceData(ids)), C.size_t(len(counts)),
		C.size_t(k), C.uint64_t(o.Ef), C.float(o.Recall), cBool(o.Allow != nil), cWords(o.Allow),
		C.size_t(len(o.Allow)), (*C.float)(o.Radius), cNeighbors(dst), cSizes(counts))
	runtime.KeepAlive(c)
	return statusError(status)
}

func (c *core) searchExact(dst []Neighbor, counts []int, qs []float32, k int) error {
	status := C.n2_search_exact(c.index, cFloats(qs), C.size_t(len(counts)), C.size_t(k),
		cNeighbors(dst), cSizes(counts))
	runtime.KeepAlive(c)
	return statusError(status)
}

// A cursor is one in C that is open.
type cursor struct {
	core   *core
	cursor *C.struct_n2_cursor
	pinner runtime.Pinner // of o.Allow
}

func (c *core) openCursor(q []float32, o SearchOptions) (*cursor, error) {
	r := &cursor{core: c}
	if len(o.Allow) > 0 {
		r.pinner.Pin(&o.Allow[0])
	}
	status := C.open_cursor(&r.cursor, c.index, cFloats(q), C.uint64_t(o.Ef), C.float(o.Recall),
		cBool(o.Allow != nil), cWords(o.Allow), C.size_t(len(o.Allow)), (*C.float)(o.Radius))
	if err := statusError(status); err != nil {
		r.pinner.Unpin()
		return nil, err
	}
	return r, nil
}

// next writes the neighbours that come next to dst and returns their number; 0 at the end.
func (r *cursor) next(dst []Neighbor) (int, error) {
	n := C.size_t(0)
	status := C.n2_cursor_next(r.cursor, cNeighbors(dst), C.size_t(len(dst)), &n)
	runtime.KeepAlive(r)
	return int(n), statusError(status)
}

// close may be called after the index was freed.
func (r *cursor) close() {
	C.n2_cursor_close(r.cursor)
	r.pinner.Unpin()
	runtime.KeepAlive(r)
}

// list returns ids from from on, in the memory of room; none at the end.
func (c *core) list(from uint32, room []uint32) ([]uint32, error) {
	n := C.size_t(0)
	status := C.n2_list(c.index, C.uint32_t(from), (*C.uint32_t)(unsafe.SliceData(room)),
		C.size_t(len(room)), &n)
	runtime.KeepAlive(c)
	return room[:n], statusError(status)
}

func (c *core) vector(id uint32, dst []float32) error {
	status := C.n2_vector(c.index, C.uint32_t(id), cFloats(dst))
	runtime.KeepAlive(c)
	return statusError(status)
}

func (c *core) save(path string) error {
	p, err := cPath(path)
	if err != nil {
		return err
	}
	status := C.n2_save(c.index, p)
	runtime.KeepAlive(c)
	return statusError(status)
}

func (c *core) verify(cancel *int32) error {
	var what *C.char
	status := C.n2_verify(c.index, (*C.int32_t)(cancel), &what)
	runtime.KeepAlive(c)
	err := statusError(status)
	if what != nil {
		err = fmt.Errorf("%w: %s", err, C.GoString(what))
	}
	return err
}

// degrees must not be called during a step of a build, which could add a level.
func (c *core) degrees(cancel *int32) ([][]int, error) {
	stats := c.stats()
	width := stats.MaxM0 + 1
	counts := make([]int, (C.N2_MAX_LEVEL+1)*width)
	status := C.n2_degrees(c.index, (*C.uint64_t)(unsafe.Pointer(unsafe.SliceData(counts))),
		(*C.int32_t)(cancel))
	runtime.KeepAlive(c)
	if err := statusError(status); err != nil {
		return nil, err
	}
	levels := make([][]int, len(stats.Levels))
	for i := range levels {
		levels[i] = counts[i*width : (i+1)*width : (i+1)*width]
	}
	return levels, nil
}

func (c *core) stats() Stats {
	s := C.struct_n2_stats{size: C.sizeof_struct_n2_stats}
	C.n2_get_stats(c.index, &s) // which fails only on a closed index
	runtime.KeepAlive(c)
	stats := Stats{
		Dim:             int(s.dim),
		Len:             int(s.n_vectors),
		Pending:         int(s.n_pending),
		Duplicates:      int(s.n_duplicates),
		Deleted:         int(s.n_deleted),
		Dead:            int(s.n_dead),
		Nodes:           int(s.n_nodes),
		RepairedLinks:   uint64(s.n_repaired),
		GivenBackBytes:  uint64(s.given_back_bytes),
		Metric:          Metric(s.metric),
		Selection:       Selection(s.selection),
		Merging:         Merging(s.merging),
		Navigation:      Navigation(s.navigation),
		Sketch:          Sketch(s.sketch),
		Store:           Storage(s.store),
		Packing:         Storage(s.packing),
		CodeAxes:        int(s.code_axes),
		M:               int(s.M),
		MaxM0:           int(s.max_m0),
		EfConstruction:  int(s.ef_construction),
		LevelMultiplier: float64(s.level_multiplier),
		Seed:            uint64(s.seed),
		EntryID:         uint32(s.entry_id),
		VectorBytes:     uint64(s.vector_bytes),
		CodeBytes:       uint64(s.code_bytes),
		SketchBytes:     uint64(s.sketch_bytes),
		LinkBytes:       uint64(s.link_bytes),
		IDBytes:         uint64(s.id_bytes),
		KeyBytes:        uint64(s.key_bytes),
		ScratchBytes:    uint64(s.scratch_bytes),
		MappedBytes:     uint64(s.mapped_bytes),
		Threads:         int(s.threads),
		Kernel:          C.GoString(s.kernel),
	}
	for _, n := range s.n_level[:s.max_level+1] {
		stats.Levels = append(stats.Levels, int(n))
	}
	return stats
}

func (c *core) linkDue() int {
	n := C.n2_link_due(c.index)
	runtime.KeepAlive(c)
	return int(n)
}

// A build is one in C that is under way.
type build struct {
	core  *core
	build *C.struct_n2_build
}

// beginBuild begins a build, with the n vectors of queries to measure by.
func (c *core) beginBuild(threads int, queries []float32, n int, part buildPart) (*build, error) {
	options := C.struct_n2_build_options{
		size:    C.sizeof_struct_n2_build_options,
		threads: C.int32_t(threads),
		compact: C.int32_t(cBool(part.compact)),
		most:    C.size_t(part.most),
	}
	if n > 0 {
		var pinner runtime.Pinner
		defer pinner.Unpin()
		pinner.Pin(&queries[0])
		options.queries = (*C.float)(&queries[0])
		options.n_queries = C.size_t(n)
	}
	b := &build{core: c}
	if err := statusError(C.n2_build_begin(&b.build, c.index, &options)); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *build) step() (done, total int, err error) {
	var d, t C.uint64_t
	status := C.n2_build_step(b.build, &d, &t)
	runtime.KeepAlive(b)
	return int(d), int(t), statusError(status)
}

func (b *build) cancel() {
	C.n2_build_cancel(b.build)
	runtime.KeepAlive(b)
}

func (b *build) end() {
	C.n2_build_end(b.build)
	runtime.KeepAlive(b)
}

// A writer is one in C that is open.
type writer struct {
	core   *core
	writer *C.struct_n2_writer
}

func (c *core) beginSave() (*writer, error) {
	w := &writer{core: c}
	if err := statusError(C.n2_save_begin(&w.writer, c.index)); err != nil {
		return nil, err
	}
	return w, nil
}

func (w *writer) left() uint64 {
	left := C.n2_save_left(w.writer)
	runtime.KeepAlive(w)
	return uint64(left)
}

// next returns the bytes that come next, in the memory of buffer; none at the end.
func (w *writer) next(buffer []byte) ([]byte, error) {
	var n C.size_t
	status := C.n2_save_next(w.writer, unsafe.Pointer(unsafe.SliceData(buffer)),
		C.size_t(len(buffer)), &n)
	runtime.KeepAlive(w)
	return buffer[:n], statusError(status)
}

func (w *writer) end() {
	C.n2_save_end(w.writer)
	runtime.KeepAlive(w)
}

// A reader is one in C. It is freed by end or drop.
type reader struct {
	reader *C.struct_n2_reader
}

func beginLoad() (*reader, error) {
	r := &reader{}
	return r, statusError(C.n2_load_begin(&r.reader, nil))
}

func (r *reader) left() uint64 { return uint64(C.n2_load_left(r.reader)) }

func (r *reader) next(data []byte) error {
	return statusError(C.n2_load_next(r.reader, unsafe.Pointer(unsafe.SliceData(data)),
		C.size_t(len(data)), nil))
}

func (r *reader) end() (*core, error) {
	var index *C.struct_n2_index
	status := C.n2_load_end(r.reader, &index)
	r.reader = nil
	if err := statusError(status); err != nil {
		return nil, err
	}
	return ownCore(index), nil
}

// drop frees a reader that was not ended.
func (r *reader) drop() {
	if r.reader != nil {
		C.n2_load_end(r.reader, nil)
		r.reader = nil
	}
}

func cBool(b bool) C.int {
	if b {
		return 1
	}
	return 0
}

func cWords(s []uint64) *C.uint64_t {
	return (*C.uint64_t)(unsafe.SliceData(s))
}

func cFloats(v []float32) *C.float {
	return (*C.float)(unsafe.SliceData(v))
}

func cNeighbors(s []Neighbor) *cNeighbor {
	return (*cNeighbor)(unsafe.Pointer(unsafe.SliceData(s)))
}

func cSizes(s []int) *C.size_t {
	return (*C.size_t)(unsafe.Pointer(unsafe.SliceData(s)))
}

// cPath returns path as C wants it, or EINVAL if it holds a zero byte.
func cPath(path string) (*C.char, error) {
	p, err := syscall.BytePtrFromString(path)
	return (*C.char)(unsafe.Pointer(p)), err
}
