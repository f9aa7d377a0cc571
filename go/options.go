// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"fmt"
	"math"
)

// A Metric is a measure of how near two vectors are to each other. Distances are computed in
// float32 from the vectors as they are stored ([Storage]).
type Metric int32

const (
	// Angular is 1 - p·q / (|p| |q|), between 0 and 2; smaller is nearer. Vectors need not be
	// normalised. It is the default.
	Angular Metric = 1
	// L2 is the sum of (p_i - q_i)², the squared Euclidean distance; smaller is nearer.
	L2 Metric = 2
	// Dot is the sum of p_i q_i, the dot product; larger is nearer, and results come in descending
	// order.
	Dot Metric = 3
)

// String returns "angular", "L2" or "dot".
func (m Metric) String() string { return nameOf("Metric", int32(m), "angular", "L2", "dot") }

// ParseMetric is the reverse of [Metric.String]. Anything but its three texts is [ErrOption].
func ParseMetric(s string) (Metric, error) {
	for _, m := range []Metric{Angular, L2, Dot} {
		if s == m.String() {
			return m, nil
		}
	}
	return 0, wrap("parse metric", fmt.Errorf("%w: %q", ErrOption, s))
}

// A Selection is the way in which a vector's neighbours are chosen among the candidates that its
// insertion into the graph finds.
type Selection int32

const (
	// Heuristic spreads the neighbours in all directions: Algorithm 4 of the paper. On level 0 it does
	// as the next under [Dot], and where a link more costs a walk little: with sketches, or codes of 64
	// bytes. It is the default.
	Heuristic Selection = 1
	// HeuristicKeepPruned does the same and fills free places with the nearest of those left over.
	HeuristicKeepPruned Selection = 2
	// Naive takes the nearest ones: Algorithm 3 of the paper.
	Naive Selection = 3
)

// String returns "heuristic", "heuristic keep pruned" or "naive".
func (s Selection) String() string {
	return nameOf("Selection", int32(s), "heuristic", "heuristic keep pruned", "naive")
}

// A Merging says whether a build makes a second pass.
type Merging int32

const (
	// MergeSkip makes none. It is the default.
	MergeSkip Merging = 1
	// MergeLevel0 inserts the new vectors a second time, in reverse order, into a second graph and
	// merges each one's two lists of links on level 0: better recall for about twice the time and,
	// while building, twice the graph's memory.
	MergeLevel0 Merging = 2
)

// String returns "skip" or "level 0".
func (m Merging) String() string { return nameOf("Merging", int32(m), "skip", "level 0") }

// A Navigation says what builds and searches compare while they walk through the graph. The nearest
// that a walk finds are always ranked by the vectors themselves.
type Navigation int32

const (
	// NavigateAuto compares codes, unless they would be no smaller than the vectors (64 bytes at least:
	// under [L2] of up to 16 floats, 32 halves or 56 bytes, else of 15, 24 or 48) or a sample shows them
	// to be too coarse. It is the default.
	NavigateAuto Navigation = 1
	// NavigateCodes compares codes wherever there can be some: a byte or five bits for each of at most
	// 512 directions in which the vectors vary most.
	NavigateCodes Navigation = 2
	// NavigateVectors compares the vectors: a slower build and slower searches for less memory.
	NavigateVectors Navigation = 3
)

// String returns "auto", "codes" or "vectors".
func (n Navigation) String() string {
	return nameOf("Navigation", int32(n), "auto", "codes", "vectors")
}

// A Sketch says whether an index keeps a sketch of each link on level 0: a bit for each direction of
// the codes, which tells a walk which links may lead to something near before it fetches their codes.
// Searches where no direction can be spared and codes are long become faster by a third for about
// 4 + n / 8 bytes a link, n being the number of directions; where a code is one line of the cache, by a
// tenth at most. A link more costs a walk next to nothing then: see [Heuristic].
type Sketch int32

const (
	// SketchAuto keeps them where codes keep all directions that there are and take more than 64 bytes:
	// of more than 102; of more than 64 under [Dot], and where a sample finds too little by five bits a
	// direction. It is the default.
	SketchAuto Sketch = 1
	// SketchOn keeps them wherever there are codes.
	SketchOn Sketch = 2
	// SketchOff keeps none.
	SketchOff Sketch = 3
)

// String returns "auto", "on" or "off".
func (s Sketch) String() string { return nameOf("Sketch", int32(s), "auto", "on", "off") }

// A Storage says what an index keeps of the vectors. Each is rounded when it is added, and is what it
// was rounded to from then on: searches give the distances of these, exactly.
//
// Where less memory holds all vectors as they are, they take no more: a byte a coordinate, and 8
// bytes, where all coordinates of a vector are whole numbers from 0 to 255, or from -128 to 127
// (pixels, SIFT, what was quantised before); 2 bytes where all are floats of 16 bits. The first vector
// that needs more makes all take more, for good: a second for a million vectors of 100
// dimensions, during which searches go on and changes wait; it waits for the batch of a build that
// runs, and for a save to a slow writer. [Stats] tells how they are packed.
type Storage int32

const (
	// StoreFloat32 keeps them as they were added, 4 bytes a coordinate. It is the default.
	StoreFloat32 Storage = 1
	// StoreFloat16 keeps 2 bytes a coordinate: 11 significant bits, and below 2^-14 steps of 2^-24.
	// Coordinates of more than 65,504 in size after that are refused with [ErrMagnitude].
	StoreFloat16 Storage = 2
	// StoreSQ8 keeps 1 byte a coordinate: the nearest of 256 values at equal steps from the least to
	// the largest coordinate of the vector, and 8 bytes for these; whole numbers as above are kept as
	// they are.
	StoreSQ8 Storage = 3
)

// String returns "float32", "float16" or "sq8".
func (s Storage) String() string { return nameOf("Storage", int32(s), "float32", "float16", "sq8") }

// nameOf returns the name of a value that counts from 1, or for another one the type and the number.
func nameOf(kind string, value int32, names ...string) string {
	if value < 1 || int(value) > len(names) {
		return fmt.Sprintf("%s(%d)", kind, value)
	}
	return names[value-1]
}

// Options are those of a new index; they are saved with it. A field that is zero, and a nil
// *Options, mean the defaults. A value outside its range is refused with [ErrOption].
type Options struct {
	// Metric defaults to [Angular].
	Metric Metric
	// M is how many links a new vector gets on each level of the graph, 2 to 1024; default 16. More
	// raise recall at the same Ef, for time and memory: 4 bytes a link.
	M int
	// MaxM0 is how many links a vector may hold on level 0, M to 2048; default 2 M. On the levels
	// above it may hold M.
	MaxM0 int
	// EfConstruction is how many candidates an insertion considers, 1 to 1,048,576; default 150.
	// More make a better graph in a longer build.
	EfConstruction int
	// LevelMultiplier is the paper's mL, above 0 and at most 16; default 1 / ln M. The number of
	// levels grows with it.
	LevelMultiplier float64
	// Selection defaults to [Heuristic].
	Selection Selection
	// Merging defaults to [MergeSkip].
	Merging Merging
	// Navigation defaults to [NavigateAuto].
	Navigation Navigation
	// Sketch defaults to [SketchAuto].
	Sketch Sketch
	// Store defaults to [StoreFloat32].
	Store Storage
	// Seed chooses levels, the order of insertion and the places of keys. Zero is a seed like any other.
	Seed uint64
	// AutoLink has the index link what is added, in the background, whenever to scan what is pending
	// would cost a search about a tenth of its time: see [Index.Add]. It is not saved.
	AutoLink bool
}

// LoadOptions are those of [Load] and [Read]. Nil means all zero.
type LoadOptions struct {
	// NoMap reads the file into memory instead of mapping it. Searches are 5 to 15 % faster then
	// where Linux gives huge pages, which files do not get. A mapped file that another program
	// truncates ends the process with SIGBUS; one that is replaced, as [Index.Save] does, is safe.
	// What [Read] reads is never mapped.
	NoMap bool
	// Verify checks the whole index, as [Index.Verify] does, before Load or Read returns.
	Verify bool
	// AutoLink is that of [Options].
	AutoLink bool
}

// BuildOptions are those of [Index.Build]. Nil means all zero.
type BuildOptions struct {
	// Threads is how many threads build, 1 to 1024; 0 is as many as GOMAXPROCS. Fewer are used where
	// the system refuses so many. (It is asked before the build. Where a limit on threads is so near that
	// others take the rest in that moment, OpenMP ends the process; so choose fewer, or build with
	// the tag n2_noopenmp.) The result does not depend on it.
	Threads int
	// Progress, if not nil, is called again and again by the goroutine that called Build, with no
	// lock held: done of total steps of work are behind it; total may change. It may call any method of
	// the index but Build and Compact, which would wait for the build that is under way.
	Progress func(done, total int)
	// Queries, if any, are some that searches will ask, one behind the other: where the build chooses
	// codes and measures which search gives which recall, 1,500 of them are used instead of vectors.
	// They are worth giving where queries are distributed unlike the vectors, as texts that look for
	// images are. Of fewer than 50, recall is measured by vectors all the same.
	Queries []float32
}

// SearchOptions are those of a search in the graph. Nil means all zero.
type SearchOptions struct {
	// Recall is the share of the true neighbours that a search is to find on average, above 0 and at
	// most 1; more takes longer. What it takes was measured by the last large build: see
	// [Index.Build]. 0 is 0.95; for k below 10, what finds that share of 10. 1 is the widest search that
	// was measured, not an exact one: that is [Index.SearchExact]. Outside 0 to 1 it is [ErrOption].
	Recall float64
	// Ef, if not 0, is used instead: how many candidates a search keeps, never fewer than k. There is
	// no upper bound; below 0 it is [ErrOption].
	Ef int
	// Allow, if not nil, says which ids may be returned: id i if bit i%64 of Allow[i/64] is set. Ids
	// beyond its end may not. These are the words of a bitset, as of github.com/bits-and-blooms/bitset
	// ([]uint64(b.Words())), or of a dense bitmap. The search finds as many of the nearest that are
	// allowed as Recall says; the fewer are allowed, the more its cost is that of comparing the query
	// with each of them, which it never exceeds by much. Allow must not change while the search runs, that
	// of [Index.SearchIter] until its loop ends.
	//
	// Nil allows all, and a slice of no words none. A bitset in which nothing was ever set may have nil
	// for its words: where that is to mean that nothing is allowed, pass []uint64{}.
	Allow []uint64
	// Radius, if not nil, is the largest distance to return: under [L2] the squared one, under [Angular]
	// 1 less the cosine; under [Dot] it is the least product. NaN is [ErrOption].
	Radius *float32
}

// check returns the options, all zero for nil, if they are within their ranges.
func (o *SearchOptions) check() (SearchOptions, error) {
	if o == nil {
		return SearchOptions{}, nil
	}
	if o.Ef < 0 {
		return SearchOptions{}, fmt.Errorf("%w: Ef is %d", ErrOption, o.Ef)
	}
	if !(o.Recall >= 0 && o.Recall <= 1) {
		return SearchOptions{}, fmt.Errorf("%w: Recall is %v", ErrOption, o.Recall)
	}
	if o.Radius != nil && *o.Radius != *o.Radius {
		return SearchOptions{}, fmt.Errorf("%w: Radius is NaN", ErrOption)
	}
	return *o, nil
}

// fitInt32 says whether C's int32_t can hold all the values.
func fitInt32(values ...int) bool {
	for _, v := range values {
		if v < math.MinInt32 || v > math.MaxInt32 {
			return false
		}
	}
	return true
}
