// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// An Index holds vectors of one dimension and finds those nearest to a query. [New], [Load] and
// [Read] make one; the zero Index is a closed one. It must not be copied.
type Index struct {
	core   *core
	dim    int
	metric Metric
	n      atomic.Int64 // vectors, those deleted left out

	closing context.Context // ends when Close is called, with the cause ErrClosed
	refuse  context.CancelCauseFunc
	freed   sync.Once

	// Each call to C is made in one of the first three lanes, so that Close, which drains them, waits
	// for those in progress and keeps later ones out.
	reads  *lane // searches and whatever else is short
	adds   *lane // one at a time
	walks  *lane // Save, WriteTo, Verify, Degrees and each step of a build: one at a time
	builds *lane // a Build from its beginning to its end: one at a time
	linker linker

	build  *build                 // the one under way, or nil; guarded by walks
	writer atomic.Pointer[writer] // that of the WriteTo in walks, or nil; who takes it out ends it
}

// New makes an empty index for vectors of dim coordinates, 1 to 65,535. Errors are [ErrDimension],
// [ErrOption], [ErrNoMemory] and [ErrNoCgo].
func New(dim int, o *Options) (*Index, error) { return newKeyed(dim, o, keysNone) }

func newKeyed(dim int, o *Options, keys keyKind) (*Index, error) {
	if o == nil {
		o = &Options{}
	}
	var c *core
	err := ErrOption
	if fitInt32(o.M, o.MaxM0, o.EfConstruction) {
		c, err = newCore(max(dim, 0), o, keys)
	}
	switch {
	case err == ErrDimension:
		err = fmt.Errorf("%w: %d", err, dim)
	case err == ErrOption:
		err = fmt.Errorf("%w: %+v", err, *o)
	}
	if err != nil {
		return nil, wrap("new", err)
	}
	return newIndex(c, o.AutoLink), nil
}

// Load opens the index that [Index.Save] wrote to path. Unless NoMap is set the file is mapped,
// which takes the same few system calls whatever its size. Vectors can be added and built as ever;
// the file does not change by that.
//
// The header of the file is always checked: [ErrFormat], [ErrTruncated], [ErrVersion] and
// [ErrCorrupt] tell what is wrong with it. The rest is checked if Verify is set; a file whose rest
// is damaged can give wrong neighbours, but no fault of memory. The file of a [Map] can be loaded too:
// vectors are not added to it without a key then, which is [ErrOption].
func Load(path string, o *LoadOptions) (*Index, error) {
	c, err := loadCore(path, o != nil && o.NoMap)
	if err != nil {
		return nil, wrapPath("load", path, err)
	}
	x, err := openIndex(c, o)
	return x, wrapPath("load", path, err)
}

// openIndex makes an index of what was loaded, if that holds where it is to be verified.
func openIndex(c *core, o *LoadOptions) (*Index, error) {
	x := newIndex(c, o != nil && o.AutoLink)
	if o != nil && o.Verify {
		if err := x.verify(context.Background()); err != nil {
			_ = x.Close() // which cannot fail
			return nil, err
		}
	}
	return x, nil
}

// maxReads bounds the reads in C at the same time. C has 128 places for searches in an index.
const maxReads = 120

func newIndex(c *core, autoLink bool) *Index {
	s := c.stats()
	x := &Index{
		core:   c,
		dim:    s.Dim,
		metric: s.Metric,
		reads:  newLane(min(maxReads, max(8, 4*runtime.GOMAXPROCS(0)))),
		adds:   newLane(1),
		walks:  newLane(1),
		builds: newLane(1),
	}
	x.n.Store(int64(s.Len))
	x.linker.on = autoLink
	x.closing, x.refuse = context.WithCancelCause(context.Background())
	if autoLink && c.linkDue() > 0 {
		x.wakeLinker()
	}
	return x
}

// Close refuses new calls, stops a build under way, waits until every call in progress is done with
// the index and frees its memory. Methods called afterwards return [ErrClosed]. It returns nil,
// also when the index is closed already. An index that is no longer referenced is closed by the
// garbage collector at some time, which knows nothing of how much memory it would free.
func (x *Index) Close() error {
	if x == nil || x.core == nil {
		return nil
	}
	x.refuse(ErrClosed)
	x.freed.Do(func() {
		x.reads.drain() // the steps of a WriteTo included
		x.endWriter()   // for which an Add may wait in C
		x.adds.drain()
		x.walks.drain()
		x.core.close()      // so that a build has nothing to put back
		if x.build != nil { // its Build is between two steps, and will not get into walks again
			x.build.end()
			x.build = nil
		}
		x.n.Store(0)
		x.core.free()
	})
	return nil
}

// valid returns ErrClosed for an index that never was one or is closed: before anything else is said
// of a call. Those that Close comes into are refused by the lanes.
func (x *Index) valid() error {
	if x == nil || x.core == nil {
		return ErrClosed
	}
	select {
	case <-x.closing.Done():
		return ErrClosed
	default:
		return nil
	}
}

// until returns a context that ends with ctx, or with Close and the cause ErrClosed.
func (x *Index) until(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(x.closing, func() { cancel(ErrClosed) })
	return ctx, func(cause error) { stop(); cancel(cause) }
}

// Add adds a copy of v and returns its id. Ids count from 0 in the order of adding. The next search
// finds the vector, by a scan of all that are not built yet, which [Index.Build] links into the graph.
//
// With [Options.AutoLink] that goes on by itself: one goroutine, in C on one thread, links the pending
// vectors once they are so many that to scan them would cost a search about a tenth of its time (a
// thousand at first, some hundreds in a large index, and now and then 1,600 to 4,000 to measure recall
// by), takes deleted ones out of the graph when they are a sixteenth of it, and measures recall anew
// when a quarter has come or gone. It ends when there is nothing to link, and with Close. When it links depends
// on how fast adds come, and so do the graph and the bytes of a file; only Build makes the same of the
// same. A Build at the end is still of use: it looks for vectors that no link leads to, and says so if it
// fails. What fails in the background, as for want of memory, is tried again after a thousand changes;
// [Stats].Pending tells. Of very many vectors at once 65,536 are linked at a time, for which a Build waits.
// As many indexes of a process are linked at the same time as half of GOMAXPROCS, one at least.
//
// Under [Angular] a zero vector is refused with [ErrZeroVector]. The length of v must be at most
// 2^60 under [L2] and [Dot], between 2^-90 and 2^120 under [Angular], or it is [ErrMagnitude]. One for
// which all vectors must take more memory (see [Storage]) is [ErrCorrupt] where these come from a file
// that does not match its checksums. Other errors are [ErrDimension], [ErrNotFinite], [ErrFull],
// [ErrNoMemory], [ErrOption] (the index of a [Map]) and [ErrClosed].
func (x *Index) Add(v []float32) (id uint32, err error) {
	if err = x.checkVector(v); err == nil {
		id, err = x.add(v, 1)
	}
	return id, wrap("add", err)
}

// AddBatch adds copies of several vectors, which stand in vs one after the other, all or none. They
// get the ids first, first + 1, ...; first is the next id to be given out where there are none. A length
// that is no multiple of the dimension is [ErrDimension]; other errors are those of [Index.Add].
func (x *Index) AddBatch(vs []float32) (first uint32, err error) {
	n, err := x.countVectors(vs)
	if err == nil {
		first, err = x.add(vs, n)
	}
	return first, wrap("add", err)
}

func (x *Index) add(vs []float32, n int) (first uint32, err error) {
	err = x.change(func() (err error) {
		if first, err = x.core.add(vs, n); err == nil {
			x.n.Add(int64(n))
		}
		return err
	})
	return first, err
}

// Vector returns the vector of that id, bit for bit as it was added or rounded ([Storage]), in the
// memory of dst if its capacity is enough and otherwise in new memory. An id that is unknown, or was
// deleted, is [ErrNotFound].
func (x *Index) Vector(id uint32, dst []float32) ([]float32, error) {
	err := x.valid()
	if err == nil {
		dst, err = x.vector(id, dst)
	}
	if err != nil {
		return nil, wrap("vector", err)
	}
	return dst, nil
}

func (x *Index) vector(id uint32, dst []float32) ([]float32, error) {
	dst = slices.Grow(dst[:0], x.dim)[:x.dim]
	err := x.reads.do(x.closing, func() error { return x.core.vector(id, dst) })
	return dst, err
}

// Len returns how many vectors there are, those deleted left out; 0 for a closed index.
func (x *Index) Len() int {
	if x == nil {
		return 0
	}
	return int(x.n.Load())
}

// Dim returns the dimension of the vectors, 0 for a zero Index.
func (x *Index) Dim() int {
	if x == nil {
		return 0
	}
	return x.dim
}

// Metric returns the metric, 0 for a zero Index.
func (x *Index) Metric() Metric {
	if x == nil {
		return 0
	}
	return x.metric
}

// Save writes the index, built or not, to a file. It writes a temporary file beside path, which is
// synchronised and then renamed, so that path holds the old content or the new one whatever happens;
// an error after the rename, where the folder cannot be synchronised, leaves the new one. A symbolic
// link to a file is replaced; what is, or leads to, a directory or a device is refused. It may be the
// file that the index is mapped from. A process that is killed meanwhile leaves the temporary file,
// .n2-*.tmp. Vectors added meanwhile are not saved. Save takes turns with Verify, WriteTo and the
// steps of a build.
func (x *Index) Save(path string) error {
	err := x.valid()
	if err == nil {
		err = x.walks.do(x.closing, func() error { return x.core.save(path) })
	}
	return wrapPath("save", path, err)
}

// checkVector says whether the index is open and v has its dimension.
func (x *Index) checkVector(v []float32) error {
	if err := x.valid(); err != nil {
		return err
	}
	if len(v) != x.dim {
		return fmt.Errorf("%w: %d coordinates instead of %d", ErrDimension, len(v), x.dim)
	}
	return nil
}

// countVectors says how many vectors of the index's dimension vs holds.
func (x *Index) countVectors(vs []float32) (int, error) {
	if err := x.valid(); err != nil {
		return 0, err
	}
	if len(vs)%x.dim != 0 {
		return 0, fmt.Errorf("%w: %d coordinates, no multiple of %d", ErrDimension, len(vs), x.dim)
	}
	return len(vs) / x.dim, nil
}

// causeOf returns the cause of ctx for a call that C gave up because of it, else err.
func causeOf(ctx context.Context, err error) error {
	if errors.Is(err, errCancelled) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
