// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"errors"
	"iter"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// All gives what Vector gives, of the ids that are there, each in memory of its own.
func TestAll(t *testing.T) {
	const n, dim = 1000, 3
	vs := gauss(1, n, dim)
	x := builtIndex(t, dim, nil, vs)
	want := map[uint32][]float32{}
	for i := range uint32(n) {
		if i%3 == 1 || i > 250 && i < 800 { // whole pages of ids among them
			must(t, x.Delete(i))
			continue
		}
		want[i] = vs[i*dim : (i+1)*dim]
	}
	must(t, x.Update(0, vs[dim:2*dim]))
	want[0] = vs[dim : 2*dim]
	if got := maps.Collect(x.All()); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%d vectors instead of %d, or others", len(got), len(want))
	}
	last := -1
	for id := range x.All() {
		if int(id) <= last {
			t.Fatalf("id %d comes after %d", id, last)
		}
		if last = int(id); id > 20 {
			break
		}
	}
}

func TestAllOfNothing(t *testing.T) {
	closed := newIndex(t, 2, nil, gauss(2, 5, 2))
	must(t, closed.Close())
	deleted := newIndex(t, 2, nil, []float32{1, 2})
	must(t, deleted.Delete(0))
	for kind, x := range map[string]*n2.Index{
		"an empty": newIndex(t, 2, nil, nil), "a deleted": deleted, "a closed": closed, "a zero": {}, "a nil": nil,
	} {
		for id := range x.All() {
			t.Errorf("%s index gives id %d", kind, id)
		}
	}
}

// The body of the loop changes what is still to come, and closes the index.
func TestAllWhileTheLoopChanges(t *testing.T) {
	const n, dim = 600, 2
	x := newIndex(t, dim, nil, gauss(3, n, dim))
	replaced, seen := []float32{7, 7}, 0
	for id, v := range x.All() {
		if id%3 != 0 && id < n {
			t.Fatalf("id %d comes, and was deleted", id)
		}
		if id%6 == 3 && id < n && !slices.Equal(v, replaced) {
			t.Fatalf("id %d comes with its old vector", id)
		}
		seen++
		if id+3 < n {
			must(t, x.Delete(id+1))
			must(t, x.Delete(id+2))
			if id%6 == 0 {
				must(t, x.Update(id+3, replaced))
			}
		}
		if id == 300 {
			must(t, x.Build(t.Context(), nil))
			_, err := x.Add(replaced)
			must(t, err)
		}
		if id == 450 {
			must(t, x.Close())
		}
	}
	if seen != 151 {
		t.Errorf("%d steps before the index was closed", seen)
	}
}

// collect returns what comes before an error or the end.
func collect(s iter.Seq2[n2.Neighbor, error]) (found []n2.Neighbor, err error) {
	for n, err := range s {
		if err != nil {
			return found, err
		}
		found = append(found, n)
	}
	return found, nil
}

// What is scanned comes in exact order; what is not, whole.
func TestSearchIter(t *testing.T) {
	const dim = 8
	for _, n := range []int{0, 1, 31, 32, 33, 400, 6000} {
		vs := gauss(4, n, dim)
		for _, m := range metrics {
			x := builtIndex(t, dim, &n2.Options{Metric: m}, vs)
			q := gauss(5, 1, dim)
			exact, err := x.SearchExact(q, n+1)
			must(t, err)
			seq := x.SearchIter(q, nil)
			q[0] = 1e38 // it was copied
			for range 2 {
				got, err := collect(seq)
				must(t, err)
				if n <= 400 && !slices.Equal(got, exact) {
					t.Fatalf("%v, %d vectors: %v, exactly %v", m, n, got, exact)
				}
				slices.SortFunc(got, compare(m))
				if !slices.Equal(got, exact) {
					t.Fatalf("%v: %d of %d vectors come, or not once", m, len(got), n)
				}
			}
		}
	}
}

func TestSearchIterWithOptions(t *testing.T) {
	const n, dim = 5000, 8
	x := builtIndex(t, dim, &n2.Options{Metric: n2.L2}, gauss(6, n, dim))
	q := gauss(7, 1, dim)
	exact, err := x.SearchExact(q, n)
	must(t, err)
	allow := make([]uint64, n/64)
	for i := range allow {
		allow[i] = 0x5555 << (i % 7)
	}
	radius := exact[n/3].Distance
	for _, o := range []*n2.SearchOptions{
		{Recall: 0.5}, {Ef: 1}, {Allow: allow}, {Allow: []uint64{}}, {Radius: &radius}, {Allow: allow, Radius: &radius},
	} {
		var want []n2.Neighbor
		for _, e := range exact {
			word := int(e.ID / 64)
			if o.Allow != nil && (word >= len(o.Allow) || o.Allow[word]>>(e.ID%64)&1 == 0) ||
				o.Radius != nil && e.Distance > radius {
				continue
			}
			want = append(want, e)
		}
		got, err := collect(x.SearchIter(q, o))
		must(t, err)
		runtime.GC() // nothing may be pinned any more
		slices.SortFunc(got, compare(n2.L2))
		if !slices.Equal(got, want) {
			t.Errorf("options %+v: %d results instead of %d, or others", o, len(got), len(want))
		}
	}
}

func TestSearchIterFails(t *testing.T) {
	x := newIndex(t, 2, nil, gauss(8, 100, 2))
	for name, c := range map[string]struct {
		x    *n2.Index
		q    []float32
		o    *n2.SearchOptions
		want error
	}{
		"dimension": {x, []float32{1}, nil, n2.ErrDimension},
		"zero":      {x, []float32{0, 0}, nil, n2.ErrZeroVector},
		"Ef":        {x, []float32{1, 2}, &n2.SearchOptions{Ef: -1}, n2.ErrOption},
		"Recall":    {x, []float32{1, 2}, &n2.SearchOptions{Recall: 2}, n2.ErrOption},
		"pinned":    {x, []float32{0, 0}, &n2.SearchOptions{Allow: []uint64{1}}, n2.ErrZeroVector},
		"nil":       {nil, []float32{1, 2}, nil, n2.ErrClosed},
	} {
		steps := 0
		for n, err := range c.x.SearchIter(c.q, c.o) {
			if steps++; steps > 1 || !errors.Is(err, c.want) || n != (n2.Neighbor{}) {
				t.Errorf("%s: step %d gives %v, %v", name, steps, n, err)
			}
		}
	}
	steps := 0
	for _, err := range x.SearchIter([]float32{1, 2}, nil) {
		if steps++; steps == 50 {
			must(t, x.Close())
		} else if steps > 50 && (steps > 51 || !errors.Is(err, n2.ErrClosed)) {
			t.Errorf("step %d after Close gives %v", steps, err)
		}
	}
	if steps != 51 {
		t.Errorf("%d steps", steps)
	}
}

// The loop is left early, also by a panic, and deletes what is still to come.
func TestSearchIterIsLeft(t *testing.T) {
	const n = 500
	x := builtIndex(t, 4, nil, gauss(9, n, 4))
	q := []float32{1, 2, 3, 4}
	o := &n2.SearchOptions{Allow: slices.Repeat([]uint64{1<<64 - 1}, n/64)}
	for i := range 40 {
		for range x.SearchIter(q, o) {
			if i--; i < 0 {
				break
			}
		}
	}
	func() {
		defer func() { _ = recover() }()
		for range x.SearchIter(q, o) {
			panic("left")
		}
	}()
	runtime.GC() // which panics where something was left pinned
	order, err := collect(x.SearchIter(q, nil))
	must(t, err)
	place := 0
	for got, err := range x.SearchIter(q, nil) {
		must(t, err)
		if got != order[place] {
			t.Fatalf("step %d gives %v, not %v", place, got, order[place])
		}
		if place+1 < n {
			must(t, x.Delete(order[place+1].ID))
		}
		place += 2
	}
	if place != n {
		t.Errorf("the last place is %d", place)
	}
}

// Loops over all and over neighbours, while other goroutines add, delete, replace and build.
func TestIteratorsBesideChanges(t *testing.T) {
	const n, dim, rounds = 1500, 6, 4
	vs := gauss(10, n, dim)
	x := builtIndex(t, dim, nil, vs)
	kept := func(id uint32) bool { return id < n && id%4 != 0 } // never deleted
	var changes, loops sync.WaitGroup
	stop := make(chan struct{})
	change := func(f func(i int) error) {
		changes.Add(1)
		go func() {
			defer changes.Done()
			for i := range n {
				select {
				case <-stop:
					return
				default:
				}
				if err := f(i); err != nil && !errors.Is(err, n2.ErrNotFound) {
					t.Error(err)
				}
			}
		}()
	}
	change(func(i int) error { _, err := x.Add(vs[i*dim : (i+1)*dim]); return err })
	change(func(i int) error { return x.Delete(uint32(i / 4 * 4)) })
	change(func(i int) error { return x.Update(uint32(i), vs[(n-1-i)*dim:(n-i)*dim]) })
	change(func(i int) error { return x.Build(t.Context(), nil) })
	loop := func(f func() map[uint32]bool) {
		loops.Add(1)
		go func() {
			defer loops.Done()
			for range rounds {
				seen := f()
				for id := range uint32(n) {
					if kept(id) && !seen[id] {
						t.Errorf("id %d is left out", id)
					}
				}
			}
		}()
	}
	for range 2 {
		loop(func() map[uint32]bool {
			seen := map[uint32]bool{}
			for id, v := range x.All() {
				if seen[id] || len(v) != dim {
					t.Errorf("id %d comes twice, or with %v", id, v)
				}
				seen[id] = true
			}
			return seen
		})
		loop(func() map[uint32]bool {
			seen := map[uint32]bool{}
			for got, err := range x.SearchIter(vs[:dim], nil) {
				if err != nil || seen[got.ID] {
					t.Errorf("%v comes twice, or with %v", got, err)
				}
				seen[got.ID] = true
			}
			return seen
		})
	}
	loops.Wait()
	close(stop)
	changes.Wait()
	must(t, x.Build(t.Context(), nil))
	must(t, x.Verify(t.Context()))
}
