// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

func TestNewRefuses(t *testing.T) {
	for _, dim := range []int{0, -1, math.MinInt, 65536, math.MaxInt} {
		if x, err := n2.New(dim, nil); !errors.Is(err, n2.ErrDimension) || x != nil {
			t.Errorf("dimension %d gives %v, %v", dim, x, err)
		}
	}
	for _, o := range []n2.Options{
		{Metric: 4}, {Metric: -1}, {Metric: math.MaxInt32},
		{Selection: 4}, {Selection: -1},
		{Merging: 3}, {Merging: -1},
		{M: 1}, {M: -1}, {M: 1025}, {M: math.MaxInt}, {M: math.MinInt}, {M: 1<<32 + 16},
		{M: 16, MaxM0: 15}, {MaxM0: -1}, {MaxM0: 2049}, {MaxM0: 1<<32 + 32},
		{EfConstruction: -1}, {EfConstruction: 1048577}, {EfConstruction: 1<<32 + 150},
		{LevelMultiplier: -1}, {LevelMultiplier: 16.1},
		{LevelMultiplier: math.NaN()}, {LevelMultiplier: math.Inf(1)},
	} {
		if x, err := n2.New(3, &o); !errors.Is(err, n2.ErrOption) || x != nil {
			t.Errorf("options %+v give %v, %v", o, x, err)
		}
	}
	for _, o := range []n2.Options{ // the last values allowed
		{M: 2}, {M: 1024, MaxM0: 2048}, {M: 16, MaxM0: 16},
		{EfConstruction: 1}, {EfConstruction: 1048576},
		{LevelMultiplier: math.SmallestNonzeroFloat64}, {LevelMultiplier: 16},
	} {
		newIndex(t, 3, &o, nil)
	}
}

// badVectors are vectors of dimension 3, or not, that an index refuses.
func badVectors(m n2.Metric) map[string]struct {
	v    []float32
	want error
} {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	type bad = struct {
		v    []float32
		want error
	}
	vectors := map[string]bad{
		"nil":       {nil, n2.ErrDimension},
		"empty":     {[]float32{}, n2.ErrDimension},
		"short":     {[]float32{1, 2}, n2.ErrDimension},
		"long":      {[]float32{1, 2, 3, 4}, n2.ErrDimension},
		"NaN":       {[]float32{1, nan, 3}, n2.ErrNotFinite},
		"infinity":  {[]float32{1, 2, inf}, n2.ErrNotFinite},
		"-infinity": {[]float32{-inf, 2, 3}, n2.ErrNotFinite},
		"huge":      {[]float32{1e38, 1e38, 1e38}, n2.ErrMagnitude},
	}
	if m == n2.Angular {
		vectors["zero"] = bad{[]float32{0, 0, 0}, n2.ErrZeroVector}
		vectors["negative zero"] = bad{[]float32{0, float32(math.Copysign(0, -1)), 0}, n2.ErrZeroVector}
		vectors["tiny"] = bad{[]float32{1e-30, 0, 0}, n2.ErrMagnitude}
	}
	return vectors
}

func TestBadVectors(t *testing.T) {
	for _, m := range metrics {
		x := builtIndex(t, 3, &n2.Options{Metric: m}, []float32{1, 2, 3, 3, 2, 1})
		before := saved(t, x)
		for name, bad := range badVectors(m) {
			ctx, batch := t.Context(), append([]float32{1, 1, 1}, bad.v...)
			calls := map[string]error{}
			_, calls["Add"] = x.Add(bad.v)
			_, calls["Search"] = x.Search(bad.v, 1, nil)
			_, calls["SearchInto"] = x.SearchInto(make([]n2.Neighbor, 1), bad.v, nil)
			_, calls["SearchExact"] = x.SearchExact(bad.v, 1)
			if len(bad.v) > 0 { // else the batch is a good one
				_, calls["AddBatch"] = x.AddBatch(batch)
				_, calls["SearchBatch"] = x.SearchBatch(ctx, batch, 1, nil)
				_, calls["SearchExactBatch"] = x.SearchExactBatch(ctx, batch, 1)
			}
			for call, err := range calls {
				if !errors.Is(err, bad.want) {
					t.Errorf("%v: %s of a vector that is %s gives %v", m, call, name, err)
				}
			}
		}
		if x.Len() != 2 || !bytes.Equal(saved(t, x), before) {
			t.Errorf("%v: the index has changed", m)
		}
	}
	// What has no direction has a place.
	for _, m := range []n2.Metric{n2.L2, n2.Dot} {
		x := newIndex(t, 3, &n2.Options{Metric: m}, make([]float32, 3))
		r, err := x.Search(make([]float32, 3), 1, nil)
		if err != nil || len(r) != 1 || r[0] != (n2.Neighbor{}) {
			t.Errorf("%v: the zero vector gives %v, %v", m, r, err)
		}
	}
}

func TestBadArguments(t *testing.T) {
	x := builtIndex(t, 3, nil, []float32{1, 2, 3, 3, 2, 1})
	before := saved(t, x)
	ctx, q := t.Context(), []float32{1, 1, 1}
	for _, k := range []int{0, -1, math.MinInt} {
		calls := map[string]error{}
		_, calls["Search"] = x.Search(q, k, nil)
		_, calls["SearchByID"] = x.SearchByID(0, k, nil)
		_, calls["SearchBatch"] = x.SearchBatch(ctx, q, k, nil)
		_, calls["SearchBatchByID"] = x.SearchBatchByID(ctx, []uint32{0}, k, nil)
		_, calls["SearchExact"] = x.SearchExact(q, k)
		_, calls["SearchExactBatch"] = x.SearchExactBatch(ctx, q, k)
		_, calls["SearchInto"] = x.SearchInto(nil, q, nil)
		for call, err := range calls {
			if !errors.Is(err, n2.ErrOption) {
				t.Errorf("%s with k = %d gives %v", call, k, err)
			}
		}
	}
	for _, ef := range []int{-1, math.MinInt} {
		o, calls := &n2.SearchOptions{Ef: ef}, map[string]error{}
		_, calls["Search"] = x.Search(q, 1, o)
		_, calls["SearchInto"] = x.SearchInto(make([]n2.Neighbor, 1), q, o)
		_, calls["SearchByID"] = x.SearchByID(0, 1, o)
		_, calls["SearchBatch"] = x.SearchBatch(ctx, q, 1, o)
		_, calls["SearchBatchByID"] = x.SearchBatchByID(ctx, []uint32{0}, 1, o)
		for call, err := range calls {
			if !errors.Is(err, n2.ErrOption) {
				t.Errorf("%s with Ef = %d gives %v", call, ef, err)
			}
		}
	}
	for _, id := range []uint32{2, math.MaxInt32, math.MaxUint32} {
		calls := map[string]error{}
		_, calls["SearchByID"] = x.SearchByID(id, 1, nil)
		_, calls["SearchBatchByID"] = x.SearchBatchByID(ctx, []uint32{0, 1, id}, 1, nil)
		_, calls["Vector"] = x.Vector(id, nil)
		for call, err := range calls {
			if !errors.Is(err, n2.ErrNotFound) {
				t.Errorf("%s of id %d gives %v", call, id, err)
			}
		}
	}
	for _, threads := range []int{-1, 1025, math.MaxInt, math.MinInt, 1 << 32} {
		if err := x.Build(ctx, &n2.BuildOptions{Threads: threads}); !errors.Is(err, n2.ErrOption) {
			t.Errorf("%d threads give %v", threads, err)
		}
	}
	if x.Len() != 2 || !bytes.Equal(saved(t, x), before) {
		t.Error("the index has changed")
	}
}

// Whatever k and Ef are, memory is used for as many results as there are vectors.
func TestEnormousArguments(t *testing.T) {
	const n = 50
	x := builtIndex(t, 3, nil, gauss(1, n, 3))
	q := []float32{1, 1, 1}
	for _, k := range []int{n, n + 1, math.MaxInt32, math.MaxInt} {
		for _, ef := range []int{0, 1, math.MaxInt} {
			t.Run(fmt.Sprintf("k=%d,ef=%d", k, ef), func(t *testing.T) {
				o := &n2.SearchOptions{Ef: ef}
				single, err := x.Search(q, k, o)
				must(t, err)
				batch, err := x.SearchBatch(t.Context(), q, k, o)
				must(t, err)
				exact, err := x.SearchExactBatch(t.Context(), q, k)
				must(t, err)
				if len(single) != n || len(batch[0]) != n || len(exact[0]) != n {
					t.Errorf("%d, %d and %d results", len(single), len(batch[0]), len(exact[0]))
				}
			})
		}
	}
}

func TestEmptyIndex(t *testing.T) {
	for _, m := range metrics {
		x := builtIndex(t, 3, &n2.Options{Metric: m}, nil)
		q, ctx := []float32{1, 2, 3}, t.Context()
		r, err := x.Search(q, 10, nil)
		if err != nil || len(r) != 0 {
			t.Errorf("Search gives %v, %v", r, err)
		}
		if r, err = x.SearchExact(q, 10); err != nil || len(r) != 0 {
			t.Errorf("SearchExact gives %v, %v", r, err)
		}
		if n, err := x.SearchInto(make([]n2.Neighbor, 5), q, nil); err != nil || n != 0 {
			t.Errorf("SearchInto gives %d, %v", n, err)
		}
		if b, err := x.SearchBatch(ctx, q, 10, nil); err != nil || len(b) != 1 || len(b[0]) != 0 {
			t.Errorf("SearchBatch gives %v, %v", b, err)
		}
		if b, err := x.SearchBatch(ctx, nil, 10, nil); err != nil || len(b) != 0 {
			t.Errorf("SearchBatch of nothing gives %v, %v", b, err)
		}
		if _, err := x.SearchByID(0, 1, nil); !errors.Is(err, n2.ErrNotFound) {
			t.Errorf("SearchByID gives %v", err)
		}
		must(t, x.Verify(ctx))
		y := loadIndex(t, written(t, saved(t, x)), &n2.LoadOptions{Verify: true})
		if y.Len() != 0 || y.Dim() != 3 || y.Metric() != m {
			t.Errorf("loaded: %+v", y.Stats())
		}
	}
}
