// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"context"
	"sync/atomic"
)

// Stats say what an index is and holds.
type Stats struct {
	Dim        int
	Len        int // vectors that were added and not deleted
	Pending    int // of those, not yet built
	Duplicates int // of those, built and equal, bit for bit, to an earlier one; about, while a build runs
	Deleted    int // ids that were deleted
	Dead       int // nodes that the next build takes out of the graph: deleted, or replaced by an Update
	Nodes      int // places that take memory: of these vectors, dead, or given up

	RepairedLinks  uint64 // links to deleted or replaced vectors that were replaced, since New or Load
	GivenBackBytes uint64 // that compactions gave back, since New or Load

	Metric          Metric // this and those up to Seed: as in Options, with defaults filled in
	Selection       Selection
	Merging         Merging
	Navigation      Navigation
	Sketch          Sketch
	Store           Storage
	M               int
	MaxM0           int
	EfConstruction  int
	LevelMultiplier float64
	Seed            uint64

	// CodeAxes is how many directions the codes of vectors have; 0 if there are no codes, and builds
	// and searches compare the vectors while they walk.
	CodeAxes int
	// Levels counts the vectors of the graph by their highest level. It is empty without a graph.
	Levels []int
	// EntryID is the id of the vector at which searches start, meaningful if there are levels.
	EntryID uint32

	// Packing is in how much memory vectors are kept as Store says: see [Storage].
	Packing Storage

	VectorBytes  uint64 // address space in use for vectors, whether memory or a mapped file
	CodeBytes    uint64 // for codes, and the map that makes them
	SketchBytes  uint64 // for sketches of links; 0 without them
	LinkBytes    uint64 // for the graph: links and levels
	IDBytes      uint64 // for ids
	KeyBytes     uint64 // for keys, of a [Map]
	ScratchBytes uint64 // for searches, and for a build under way
	MappedBytes  uint64 // of all but ScratchBytes, what is mapped from the file

	Threads int    // of the last build; 0 before the first
	Kernel  string // instruction set in use: "avx512", "avx2", "neon_dotprod", "neon" or "scalar"
}

// Stats returns them in constant time; those of a closed index are zero.
func (x *Index) Stats() (s Stats) {
	if x.valid() != nil {
		return s
	}
	_ = x.reads.do(x.closing, func() error { // an error is ErrClosed
		s = x.core.stats()
		return nil
	})
	return s
}

// Degrees counts the vectors of the graph by their links: element [level][links] is how many of
// those on that level have so many links there. A level has elements for 0 to MaxM0 links. Whether
// all vectors can be reached is [Index.Verify]'s to say. Degrees returns the cause of ctx when that
// ends. Builds, Save and WriteTo wait for it.
func (x *Index) Degrees(ctx context.Context) (histogram [][]int, err error) {
	err = x.valid()
	if err == nil {
		err = x.walk(ctx, func(cancel *int32) (err error) {
			histogram, err = x.core.degrees(cancel)
			return err
		})
	}
	return histogram, wrap("degrees", err)
}

// Verify checks the whole index: first the checksums of the file that it was loaded from, all of which
// it reads, then every id, level, link and number, and, where no AutoLink came after the last whole
// Build and none of these runs, that every vector can be reached in the graph. It returns
// [ErrCorrupt], with the first thing found wrong in its text, [ErrNoMemory], or the cause of ctx when that
// ends. Searches go on meanwhile; builds, Save and WriteTo wait.
func (x *Index) Verify(ctx context.Context) error {
	err := x.valid()
	if err == nil {
		err = x.verify(ctx)
	}
	return wrap("verify", err)
}

func (x *Index) verify(ctx context.Context) error {
	return x.walk(ctx, x.core.verify)
}

// walk makes a call to C that goes on until cancel becomes other than 0, for which the end of ctx
// sees.
func (x *Index) walk(ctx context.Context, call func(cancel *int32) error) error {
	ctx, stop := x.until(ctx)
	defer stop(nil)
	return x.walks.do(ctx, func() error {
		cancel := new(int32)
		defer context.AfterFunc(ctx, func() { atomic.StoreInt32(cancel, 1) })()
		return causeOf(ctx, call(cancel))
	})
}
