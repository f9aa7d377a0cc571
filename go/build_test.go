// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// clustered returns vectors in a few far clusters, with duplicates among them.
func clustered(seed uint64, n, dim int) []float32 {
	vs := gauss(seed, n, dim)
	for i := range n {
		v := vs[i*dim : (i+1)*dim]
		v[0] += float32(i % 5 * 100)
		if i%9 == 8 {
			copy(v, vs[(i/2)*dim:(i/2+1)*dim])
		}
	}
	return vs
}

// The number of threads does not show in the file: with codes of few directions, short ones, long
// ones beside sketches, those of fewer directions than dimensions, and none.
func TestSameFileForAnyNumberOfThreads(t *testing.T) {
	const n = 2000
	for _, c := range []struct {
		n2.Options
		dim, axes int
		falls     bool // the spectrum
		sketched  bool
	}{
		{Options: n2.Options{Metric: n2.L2, Merging: n2.MergeLevel0}, dim: 16},
		{Options: n2.Options{Metric: n2.L2, Selection: n2.Naive, M: 4}, dim: 24, axes: 24},
		{Options: n2.Options{Metric: n2.Angular}, dim: 80, axes: 80},
		{Options: n2.Options{Metric: n2.Dot, Selection: n2.HeuristicKeepPruned, Seed: 7}, dim: 80, axes: 80, sketched: true},
		{Options: n2.Options{Metric: n2.L2}, dim: 110, axes: 110, sketched: true},
		{Options: n2.Options{Metric: n2.L2, Sketch: n2.SketchOn}, dim: 150, axes: 64, falls: true, sketched: true},
		{Options: n2.Options{Metric: n2.Dot, Store: n2.StoreSQ8}, dim: 150, axes: 64, falls: true},
	} {
		o, dim := c.Options, c.dim
		t.Run(fmt.Sprintf("%v,%v,%v,%d", o.Metric, o.Selection, o.Merging, dim), func(t *testing.T) {
			vs := clustered(1, n, dim)
			if c.axes > 0 { // clusters that far apart have no codes
				vs = gauss(1, n, dim)
			}
			for i := range vs {
				if c.falls {
					vs[i] /= 1 + float32(i%dim)/4
				}
			}
			var want []byte
			for _, threads := range []int{1, 2, 3, 7, 16} {
				x := newIndex(t, dim, &o, vs[:n/2*dim])
				must(t, x.Build(t.Context(), &n2.BuildOptions{Threads: threads}))
				_, err := x.AddBatch(vs[n/2*dim:])
				must(t, err)
				must(t, x.Build(t.Context(), &n2.BuildOptions{Threads: threads}))
				got := saved(t, x)
				if want == nil {
					want = got
					must(t, x.Verify(t.Context()))
					s := x.Stats()
					if s.CodeAxes != c.axes || s.SketchBytes > 0 != c.sketched {
						t.Errorf("%d axes, %d bytes of sketches", s.CodeAxes, s.SketchBytes)
					}
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%d threads make another file than one", threads)
				}
			}
		})
	}
}

// Saving and loading between two builds, or adding one by one, leaves no trace either.
func TestSameFileByOtherWays(t *testing.T) {
	const n, dim = 1000, 8
	vs := clustered(2, n, dim)
	for _, merging := range []n2.Merging{n2.MergeSkip, n2.MergeLevel0} {
		o := &n2.Options{Merging: merging}
		finish := func(x *n2.Index) []byte {
			t.Helper()
			_, err := x.AddBatch(vs[n/2*dim:])
			must(t, err)
			must(t, x.Build(t.Context(), nil))
			must(t, x.Verify(t.Context()))
			return saved(t, x)
		}
		half := builtIndex(t, dim, o, vs[:n/2*dim])
		path := written(t, saved(t, half))
		want := finish(half)
		if !bytes.Equal(finish(loadIndex(t, path, nil)), want) {
			t.Errorf("merging %d: a mapped index goes on differently", merging)
		}
		if !bytes.Equal(finish(loadIndex(t, path, &n2.LoadOptions{NoMap: true})), want) {
			t.Errorf("merging %d: an index that was read goes on differently", merging)
		}
		single := newIndex(t, dim, o, nil)
		for i := range n / 2 {
			_, err := single.Add(vs[i*dim : (i+1)*dim])
			must(t, err)
		}
		must(t, single.Build(t.Context(), nil))
		if !bytes.Equal(finish(single), want) {
			t.Errorf("merging %d: vectors added one by one make another file", merging)
		}
	}
}

func TestSeedChangesTheGraph(t *testing.T) {
	vs := gauss(3, 500, 4)
	a := builtIndex(t, 4, &n2.Options{Seed: 1}, vs)
	b := builtIndex(t, 4, &n2.Options{Seed: 2}, vs)
	if a.Stats().EntryID == b.Stats().EntryID && bytes.Equal(saved(t, a), saved(t, b)) {
		t.Error("two seeds make the same graph")
	}
}

func TestProgress(t *testing.T) {
	x := newIndex(t, 8, nil, gauss(4, 2000, 8))
	for round := range 2 { // the second one has nothing to do
		calls, last, lastTotal := 0, -1, -1
		must(t, x.Build(t.Context(), &n2.BuildOptions{Progress: func(done, total int) {
			if done < last || done > total || lastTotal >= 0 && total != lastTotal {
				t.Errorf("progress goes from %d of %d to %d of %d", last, lastTotal, done, total)
			}
			calls, last, lastTotal = calls+1, done, total
		}}))
		if calls == 0 || last != lastTotal || round == 0 && last == 0 {
			t.Errorf("round %d: progress ends with %d of %d after %d calls", round, last, lastTotal, calls)
		}
	}
}

// stopAfter returns options with which f is called once, at that step, and the number of steps.
func stopAfter(step int, f func()) (*n2.BuildOptions, *int) {
	steps := new(int)
	return &n2.BuildOptions{Progress: func(int, int) {
		if *steps++; *steps == step {
			f()
		}
	}}, steps
}

// A build that is stopped, wherever that is, is as if it had never begun.
func TestStoppedBuildLeavesNoTrace(t *testing.T) {
	const n, dim = 2000, 8
	vs := clustered(5, n, dim)
	for _, o := range []*n2.Options{{Metric: n2.L2}, {Metric: n2.Dot, Merging: n2.MergeLevel0}} {
		x := builtIndex(t, dim, o, vs[:n/2*dim])
		_, err := x.AddBatch(vs[n/2*dim:])
		must(t, err)
		before := saved(t, x)
		path := written(t, before)

		undisturbed := loadIndex(t, path, nil)
		options, steps := stopAfter(-1, nil)
		must(t, undisturbed.Build(t.Context(), options))
		want := saved(t, undisturbed)
		if *steps < 3 {
			t.Fatalf("a build of %d vectors has %d steps only", n/2, *steps)
		}

		cause := errors.New("cause")
		for _, step := range []int{1, 2, *steps / 2, *steps - 1} {
			ctx, cancel := context.WithCancelCause(t.Context())
			options, _ := stopAfter(step, func() { cancel(cause) })
			if err := x.Build(ctx, options); !errors.Is(err, cause) {
				t.Errorf("stopped at step %d of %d, Build gives %v", step, *steps, err)
			}
			if !bytes.Equal(saved(t, x), before) {
				t.Fatalf("stopped at step %d of %d, Build leaves something behind", step, *steps)
			}
			must(t, x.Verify(t.Context()))
		}
		must(t, x.Build(t.Context(), nil))
		if !bytes.Equal(saved(t, x), want) {
			t.Error("after stopped builds a complete one gives another file")
		}
	}
}

// While a build is under way the index is saved as it was before, or with what is linked so far; in
// either case the file is whole.
func TestSaveDuringBuild(t *testing.T) {
	const n, dim = 1500, 8
	x := builtIndex(t, dim, nil, gauss(6, n/2, dim))
	_, err := x.AddBatch(gauss(7, n/2, dim))
	must(t, err)
	must(t, x.Build(t.Context(), &n2.BuildOptions{Progress: func(int, int) {
		must(t, x.Verify(t.Context()))
		y := loadIndex(t, written(t, saved(t, x)), &n2.LoadOptions{Verify: true})
		if y.Len() != n {
			t.Errorf("%d vectors were saved", y.Len())
		}
		must(t, y.Build(t.Context(), nil))
		must(t, y.Verify(t.Context()))
	}}))
}

func TestVectorsAddedDuringBuildAreFound(t *testing.T) {
	const n, dim = 1000, 6
	vs := gauss(8, 2*n, dim)
	x := newIndex(t, dim, &n2.Options{Metric: n2.L2}, vs[:n*dim])
	next := n
	must(t, x.Build(t.Context(), &n2.BuildOptions{Progress: func(done, total int) {
		v := vs[next*dim : (next+1)*dim]
		id, err := x.Add(v)
		must(t, err)
		got, err := x.Search(v, 1, nil)
		must(t, err)
		if int(id) != next || got[0] != (n2.Neighbor{ID: id}) {
			t.Errorf("vector %d got the id %d and is found as %v", next, id, got)
		}
		next++
	}}))
	if s := x.Stats(); s.Pending != next-n {
		t.Errorf("%d vectors were added during the build, %d are pending", next-n, s.Pending)
	}
	must(t, x.Build(t.Context(), nil))
	must(t, x.Verify(t.Context()))
	if s := x.Stats(); s.Pending != 0 {
		t.Errorf("%d vectors are pending", s.Pending)
	}
}

func TestProgressMayPanic(t *testing.T) {
	x := newIndex(t, 4, nil, gauss(9, 500, 4))
	before := saved(t, x)
	func() {
		defer func() {
			if p := recover(); p != "progress" {
				t.Errorf("Build panics with %v", p)
			}
		}()
		_ = x.Build(t.Context(), &n2.BuildOptions{Progress: func(int, int) { panic("progress") }})
	}()
	if !bytes.Equal(saved(t, x), before) {
		t.Error("the build left something behind")
	}
	must(t, x.Build(t.Context(), nil))
	must(t, x.Verify(t.Context()))
}

func TestProgressMayClose(t *testing.T) {
	x := newIndex(t, 4, nil, gauss(10, 500, 4))
	err := x.Build(t.Context(), &n2.BuildOptions{Progress: func(int, int) { must(t, x.Close()) }})
	if !errors.Is(err, n2.ErrClosed) {
		t.Errorf("Build gives %v", err)
	}
}

func TestSecondBuildWaits(t *testing.T) {
	const n, dim = 600, 4
	x := newIndex(t, dim, nil, gauss(11, n, dim))
	second, cancelled := make(chan error, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	options, _ := stopAfter(1, func() {
		_, err := x.AddBatch(gauss(12, n, dim))
		must(t, err)
		go func() { second <- x.Build(t.Context(), nil) }()
		go func() { cancelled <- x.Build(ctx, nil) }()
		cancel()
		if err := <-cancelled; !errors.Is(err, context.Canceled) {
			t.Errorf("a build that waits gives %v when its context ends", err)
		}
		if len(second) > 0 {
			t.Error("a second build did not wait for the first")
		}
	})
	must(t, x.Build(t.Context(), options))
	must(t, <-second)
	if s := x.Stats(); s.Pending != 0 {
		t.Errorf("%d vectors are pending", s.Pending)
	}
}

// Queries unlike the vectors are found as well as was asked for by an index that was given some.
func TestBuildWithQueries(t *testing.T) {
	const n, dim, given, k = 4000, 48, 400, 10
	vs, qs := gauss(3, n, dim), gauss(4, 2*given, dim)
	for i := range vs {
		vs[i] /= 1 + float32(i%dim)/3
	}
	for i := range qs {
		qs[i] = qs[i]*(0.2+float32(i%dim)/20) + 0.3
	}
	x := newIndex(t, dim, &n2.Options{Metric: n2.Dot}, vs)
	must(t, x.Build(t.Context(), &n2.BuildOptions{Queries: qs[:given*dim]}))
	found := 0
	for i := given; i < 2*given; i++ {
		q := qs[i*dim : (i+1)*dim]
		exact, err := x.SearchExact(q, k)
		must(t, err)
		got, err := x.Search(q, k, nil)
		must(t, err)
		for _, g := range got {
			if g.Distance >= exact[k-1].Distance {
				found++
			}
		}
	}
	if recall := float64(found) / (given * k); recall < 0.92 {
		t.Errorf("recall is %.4f", recall)
	}
}

func TestBuildRefusesBadQueries(t *testing.T) {
	x := newIndex(t, 2, nil, []float32{1, 2, 3, 4})
	for _, bad := range []struct {
		queries []float32
		want    error
	}{
		{[]float32{1, 2, 3}, n2.ErrDimension},
		{[]float32{1, float32(math.NaN())}, n2.ErrNotFinite},
		{[]float32{1, 2, 0, 0}, n2.ErrZeroVector},
	} {
		if err := x.Build(t.Context(), &n2.BuildOptions{Queries: bad.queries}); !errors.Is(err, bad.want) {
			t.Errorf("%v: %v, not %v", bad.queries, err, bad.want)
		}
		if x.Stats().Pending != 2 {
			t.Errorf("%v: built all the same", bad.queries)
		}
	}
	must(t, x.Build(t.Context(), &n2.BuildOptions{Queries: []float32{1, 2}}))
}
