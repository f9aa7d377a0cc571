// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"errors"
	"math"
	"runtime"
	"slices"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

func TestNewFillsInDefaults(t *testing.T) {
	s := newIndex(t, 3, nil, nil).Stats()
	if s.Dim != 3 || s.Metric != n2.Angular || s.Selection != n2.Heuristic || s.Merging != n2.MergeSkip ||
		s.M != 16 || s.MaxM0 != 32 || s.EfConstruction != 150 || s.Seed != 0 {
		t.Errorf("defaults are %+v", s)
	}
	if want := 1 / math.Log(16); math.Abs(s.LevelMultiplier-want) > 1e-12 {
		t.Errorf("the level multiplier is %v, not %v", s.LevelMultiplier, want)
	}
	if s.Len != 0 || s.Pending != 0 || s.Levels != nil || s.Threads != 0 || s.Kernel == "" {
		t.Errorf("an empty index has %+v", s)
	}
}

func TestNewTakesOptions(t *testing.T) {
	o := n2.Options{
		Metric: n2.Dot, M: 5, MaxM0: 7, EfConstruction: 40, LevelMultiplier: 0.5,
		Selection: n2.HeuristicKeepPruned, Merging: n2.MergeLevel0, Seed: math.MaxUint64,
	}
	x := newIndex(t, 65535, &o, nil)
	s := x.Stats()
	got := n2.Options{
		Metric: s.Metric, M: s.M, MaxM0: s.MaxM0, EfConstruction: s.EfConstruction,
		LevelMultiplier: s.LevelMultiplier, Selection: s.Selection, Merging: s.Merging, Seed: s.Seed,
	}
	if got != o || s.Dim != 65535 || x.Dim() != 65535 || x.Metric() != n2.Dot {
		t.Errorf("options %+v became %+v", o, s)
	}
}

func TestAddGivesIdsInOrder(t *testing.T) {
	x := newIndex(t, 2, &n2.Options{Metric: n2.L2}, nil)
	for i, add := range []struct {
		vs    []float32
		first uint32
	}{
		{[]float32{1, 2}, 0},
		{nil, 1},
		{[]float32{3, 4, 5, 6}, 1},
		{[]float32{}, 3},
		{[]float32{7, 8}, 3},
	} {
		first, err := x.AddBatch(add.vs)
		must(t, err)
		if first != add.first {
			t.Errorf("batch %d begins at id %d, not %d", i, first, add.first)
		}
	}
	id, err := x.Add([]float32{9, 10})
	must(t, err)
	if id != 4 || x.Len() != 5 || x.Stats().Len != 5 || x.Stats().Pending != 5 {
		t.Errorf("id %d, length %d, %+v", id, x.Len(), x.Stats())
	}
}

// What is returned are the very bits that were added, under every metric, before and after a build.
func TestVectorIsReturnedBitForBit(t *testing.T) {
	const n, dim = 300, 7
	vs := gauss(1, n, dim)
	minusZero, least := float32(math.Copysign(0, -1)), float32(math.SmallestNonzeroFloat32)
	copy(vs, []float32{minusZero, least, 1e-40, 1, 1e10, -3, 1e-20})
	for _, m := range metrics {
		x := newIndex(t, dim, &n2.Options{Metric: m}, vs)
		check := func() {
			t.Helper()
			var dst []float32
			for id := range n {
				var err error
				dst, err = x.Vector(uint32(id), dst)
				must(t, err)
				same := func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }
				if want := vs[id*dim : (id+1)*dim]; !slices.EqualFunc(dst, want, same) {
					t.Fatalf("%v: vector %d is %v, not %v", m, id, dst, want)
				}
			}
		}
		check()
		must(t, x.Build(t.Context(), nil))
		check()
	}
}

// What is kept is within half a step of what was added; what was kept once is kept as it is.
func TestVectorIsReturnedAsItIsStored(t *testing.T) {
	const n, dim = 300, 30
	vs := gauss(2, n, dim)
	for store, most := range map[n2.Storage]float64{n2.StoreFloat16: 4.0 / 2048, n2.StoreSQ8: 10.0 / 510} {
		for _, m := range metrics {
			x := newIndex(t, dim, &n2.Options{Metric: m, Store: store}, vs)
			must(t, x.Build(t.Context(), nil))
			if got := x.Stats().Store; got != store {
				t.Errorf("Store is %d, not %d", got, store)
			}
			var stored []float32
			for id := range n {
				v, err := x.Vector(uint32(id), nil)
				must(t, err)
				for i, is := range v {
					if was := vs[id*dim+i]; math.Abs(float64(is-was)) > most {
						t.Fatalf("store %d: %v was kept as %v", store, was, is)
					}
				}
				stored = append(stored, v...)
			}
			y := newIndex(t, dim, &n2.Options{Metric: m, Store: n2.StoreFloat32}, stored)
			for q := range 10 {
				query := vs[q*dim : (q+1)*dim]
				a, err := x.SearchExact(query, 5)
				must(t, err)
				b, err := y.SearchExact(query, 5)
				must(t, err)
				if !slices.Equal(a, b) {
					t.Errorf("store %d, %v: %v, of the same vectors as floats %v", store, m, a, b)
				}
			}
		}
	}
	x := newIndex(t, 1, &n2.Options{Metric: n2.L2, Store: n2.StoreFloat16}, nil)
	if _, err := x.Add([]float32{70000}); !errors.Is(err, n2.ErrMagnitude) {
		t.Errorf("70,000 as a float of 16 bits: %v", err)
	}
}

// Vectors take what holds them all, until one comes that needs more; and are what they were.
func TestVectorsTakeNoMoreThanTheyNeed(t *testing.T) {
	const dim = 8
	x := newIndex(t, dim, &n2.Options{Metric: n2.L2}, nil)
	var all []float32
	for _, c := range []struct {
		last    float32
		packing n2.Storage
		bytes   uint64 // of a vector
	}{{255, n2.StoreSQ8, 16}, {0.5, n2.StoreFloat16, 16}, {0.1, n2.StoreFloat32, 32}, {1, n2.StoreFloat32, 32}} {
		v := []float32{1, 2, 3, 4, 5, 6, 7, c.last}
		all = append(all, v...)
		_, err := x.Add(v)
		must(t, err)
		must(t, x.Build(t.Context(), nil))
		s := x.Stats()
		if s.Store != n2.StoreFloat32 || s.Packing != c.packing || s.VectorBytes != c.bytes*uint64(s.Nodes) {
			t.Errorf("after %v: store %d, packing %d, %d bytes", c.last, s.Store, s.Packing, s.VectorBytes)
		}
		for id := range x.Len() {
			if got, err := x.Vector(uint32(id), nil); err != nil || !slices.Equal(got, all[id*dim:][:dim]) {
				t.Errorf("vector %d is %v (%v)", id, got, err)
			}
		}
	}
}

func TestVectorUsesTheMemoryItIsGiven(t *testing.T) {
	x := newIndex(t, 2, nil, []float32{1, 2})
	for _, dst := range [][]float32{make([]float32, 2), make([]float32, 5), make([]float32, 0, 2)} {
		got, err := x.Vector(0, dst)
		must(t, err)
		if len(got) != 2 || &got[0] != &dst[:1][0] {
			t.Errorf("%d coordinates, in other memory", len(got))
		}
	}
	got, err := x.Vector(0, make([]float32, 1))
	must(t, err)
	if !slices.Equal(got, []float32{1, 2}) {
		t.Errorf("vector %v", got)
	}
}

// everyMethod calls each method that can fail with arguments that are right for dimension 2.
func everyMethod(t *testing.T, x *n2.Index) map[string]error {
	t.Helper()
	q, ctx := []float32{1, 2}, t.Context()
	calls := map[string]error{
		"Build":  x.Build(ctx, nil),
		"Save":   x.Save(written(t, nil)),
		"Verify": x.Verify(ctx),
	}
	_, calls["Add"] = x.Add(q)
	_, calls["AddBatch"] = x.AddBatch(q)
	_, calls["AddIndex"] = x.AddIndex(newIndex(t, 2, &n2.Options{Metric: x.Metric()}, nil))
	_, calls["SearchIter"] = collect(x.SearchIter(q, nil))
	_, calls["Search"] = x.Search(q, 1, nil)
	_, calls["SearchInto"] = x.SearchInto(make([]n2.Neighbor, 1), q, nil)
	_, calls["SearchByID"] = x.SearchByID(0, 1, nil)
	_, calls["SearchBatch"] = x.SearchBatch(ctx, q, 1, nil)
	_, calls["SearchBatchByID"] = x.SearchBatchByID(ctx, []uint32{0}, 1, nil)
	_, calls["SearchExact"] = x.SearchExact(q, 1)
	_, calls["SearchExactBatch"] = x.SearchExactBatch(ctx, q, 1)
	_, calls["Vector"] = x.Vector(0, nil)
	_, calls["Degrees"] = x.Degrees(ctx)
	return calls
}

func TestEveryMethodWorksOnAnOpenIndex(t *testing.T) {
	for name, err := range everyMethod(t, newIndex(t, 2, nil, []float32{1, 2})) {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClosedIndex(t *testing.T) {
	closed := builtIndex(t, 2, &n2.Options{Metric: n2.L2}, []float32{1, 2})
	for range 3 {
		must(t, closed.Close())
	}
	for kind, x := range map[string]*n2.Index{"closed": closed, "zero": {}, "nil": nil} {
		for name, err := range everyMethod(t, x) {
			if !errors.Is(err, n2.ErrClosed) {
				t.Errorf("%s of a %s index gives %v", name, kind, err)
			}
		}
		if s := x.Stats(); x.Len() != 0 || s.Len != 0 || s.Dim != 0 {
			t.Errorf("a %s index has length %d and %+v", kind, x.Len(), s)
		}
		must(t, x.Close())
	}
	if closed.Dim() != 2 || closed.Metric() != n2.L2 {
		t.Errorf("a closed index has dimension %d and metric %v", closed.Dim(), closed.Metric())
	}
	for _, x := range []*n2.Index{{}, nil} {
		if x.Dim() != 0 || x.Metric() != 0 {
			t.Errorf("a zero index has dimension %d and metric %v", x.Dim(), x.Metric())
		}
	}
}

// A closed index says so also to calls that do nothing, or are wrong in themselves.
func TestClosedIndexAndOddArguments(t *testing.T) {
	x := builtIndex(t, 2, &n2.Options{Metric: n2.L2}, []float32{1, 2})
	must(t, x.Close())
	q, ctx := []float32{1, 2}, t.Context()
	calls := map[string]error{"Build": x.Build(ctx, &n2.BuildOptions{Threads: -1})}
	_, calls["Add"] = x.Add(q[:1])
	_, calls["AddBatch"] = x.AddBatch(nil)
	_, calls["AddBatch of a part"] = x.AddBatch(q[:1])
	_, calls["Search"] = x.Search(q[:1], 1, nil)
	_, calls["Search for none"] = x.Search(q, 0, nil)
	_, calls["Search for -1"] = x.Search(q, 1, &n2.SearchOptions{Recall: -1})
	_, calls["SearchInto nothing"] = x.SearchInto(nil, q, nil)
	_, calls["SearchByID for none"] = x.SearchByID(0, 0, nil)
	_, calls["SearchBatch"] = x.SearchBatch(ctx, nil, 1, nil)
	_, calls["SearchBatchByID"] = x.SearchBatchByID(ctx, nil, 1, nil)
	_, calls["SearchExactBatch"] = x.SearchExactBatch(ctx, nil, 1)
	_, calls["SearchIter"] = collect(x.SearchIter(q[:1], nil))
	for name, err := range calls {
		if !errors.Is(err, n2.ErrClosed) {
			t.Errorf("%s of a closed index gives %v", name, err)
		}
	}
}

// Indexes that are dropped and not closed are freed, while others are in use.
func TestDroppedIndexIsFreed(t *testing.T) {
	const n, dim = 1000, 100
	vs := gauss(2, n, dim)
	kept := newIndex(t, dim, nil, vs)
	for range 50 {
		x, err := n2.New(dim, nil)
		must(t, err)
		_, err = x.AddBatch(vs)
		must(t, err)
		must(t, x.Build(t.Context(), &n2.BuildOptions{Threads: 1}))
		runtime.GC()
		_, err = kept.Search(vs[:dim], 1, nil)
		must(t, err)
	}
}

func TestStatsAndDegrees(t *testing.T) {
	const n, dim = 2000, 8
	vs := gauss(3, n, dim)
	copy(vs[dim:2*dim], vs[:dim]) // one duplicate
	x := newIndex(t, dim, &n2.Options{M: 6}, vs)
	if d, err := x.Degrees(t.Context()); err != nil || len(d) != 0 {
		t.Errorf("without a graph the degrees are %v, %v", d, err)
	}
	must(t, x.Build(t.Context(), &n2.BuildOptions{Threads: 2}))
	_, err := x.Add(vs[:dim])
	must(t, err)
	s := x.Stats()
	if s.Len != n+1 || s.Pending != 1 || s.Duplicates != 1 || s.Threads < 1 || s.Threads > 2 {
		t.Errorf("stats %+v", s)
	}
	if s.VectorBytes < 4*n*dim || s.LinkBytes == 0 || s.IDBytes == 0 || s.MappedBytes != 0 {
		t.Errorf("bytes in %+v", s)
	}
	degrees, err := x.Degrees(t.Context())
	must(t, err)
	if len(degrees) != len(s.Levels) || len(degrees) < 2 {
		t.Fatalf("degrees of %d levels, stats of %d", len(degrees), len(s.Levels))
	}
	above := 0
	for level := len(degrees) - 1; level >= 0; level-- {
		above += s.Levels[level]
		sum := 0
		for _, count := range degrees[level] {
			sum += count
		}
		if sum != above || len(degrees[level]) != s.MaxM0+1 {
			t.Errorf("level %d has %d vectors in %d classes, not %d in %d",
				level, sum, len(degrees[level]), above, s.MaxM0+1)
		}
		for links := s.M + 1; level > 0 && links <= s.MaxM0; links++ {
			if degrees[level][links] > 0 {
				t.Errorf("vectors have %d links on level %d", links, level)
			}
		}
	}
}
