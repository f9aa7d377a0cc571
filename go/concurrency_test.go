// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// mostAdded bounds the index of the tasks below, for the tasks' sake.
const mostAdded = 800

// tasks returns one call for every method that can run beside the others. Each one's argument
// counts its calls.
func tasks(t *testing.T, x *n2.Index, vs []float32) map[string]func(i int) error {
	dim, dir, ctx := x.Dim(), t.TempDir(), t.Context()
	vector := func(i int) []float32 {
		i %= len(vs) / dim
		return vs[i*dim : (i+1)*dim]
	}
	return map[string]func(i int) error{
		"Add": func(i int) error {
			if x.Len() > mostAdded {
				_, err := x.Vector(0, nil)
				return err
			}
			_, err := x.Add(vector(i))
			return err
		},
		"AddBatch": func(i int) error {
			if x.Len() > mostAdded {
				_, err := x.Vector(0, nil)
				return err
			}
			_, err := x.AddBatch(vs[:(i%20)*dim])
			return err
		},
		"Build":  func(i int) error { return x.Build(ctx, &n2.BuildOptions{Threads: 1 + i%3}) },
		"Search": func(i int) error { _, err := x.Search(vector(i), 10, nil); return err },
		"SearchInto": func(i int) error {
			_, err := x.SearchInto(make([]n2.Neighbor, 1+i%9), vector(i), nil)
			return err
		},
		"SearchByID":  func(i int) error { _, err := x.SearchByID(uint32(i%100), 5, nil); return err },
		"SearchExact": func(i int) error { _, err := x.SearchExact(vector(i), 5); return err },
		"SearchBatch": func(i int) error { _, err := x.SearchBatch(ctx, vs[:40*dim], 5, nil); return err },
		"SearchExactBatch": func(i int) error {
			_, err := x.SearchExactBatch(ctx, vs[:40*dim], 5)
			return err
		},
		"SearchBatchByID": func(i int) error {
			_, err := x.SearchBatchByID(ctx, []uint32{1, 2, 3}, 5, nil)
			return err
		},
		"Update": func(i int) error {
			if x.Stats().Nodes > mostAdded {
				_, err := x.Vector(0, nil)
				return err
			}
			return x.Update(uint32(i%100), vector(i))
		},
		"Delete": func(i int) error {
			if x.Stats().Nodes > mostAdded {
				_, err := x.Vector(0, nil)
				return err
			}
			id, err := x.Add(vector(i))
			if err == nil {
				err = x.Delete(id)
			}
			return err
		},
		"Compact": func(i int) error { return x.Compact(ctx, nil) },
		"Search filtered": func(i int) error {
			radius := float32(1)
			o := n2.SearchOptions{Allow: []uint64{^uint64(0), 1 << i % 64}, Radius: &radius}
			_, err := x.Search(vector(i), 10, &o)
			return err
		},
		"Vector":  func(i int) error { _, err := x.Vector(uint32(i%100), nil); return err },
		"Save":    func(i int) error { return x.Save(filepath.Join(dir, "saved.n2")) },
		"WriteTo": func(i int) error { _, err := x.WriteTo(io.Discard); return err },
		"Verify":  func(i int) error { return x.Verify(ctx) },
		"Degrees": func(i int) error { _, err := x.Degrees(ctx); return err },
		"Stats":   func(i int) error { x.Stats(); _ = x.Len() + x.Dim(); return nil },
	}
}

// Every method beside every other, twice.
func TestEverythingAtOnce(t *testing.T) {
	const dim, rounds = 8, 15
	vs := gauss(1, 300, dim)
	x := builtIndex(t, dim, nil, vs)
	var all sync.WaitGroup
	for range 2 {
		for name, task := range tasks(t, x, vs) {
			all.Add(1)
			go func() {
				defer all.Done()
				for i := range rounds {
					if err := task(i); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				}
			}()
		}
	}
	all.Wait()
	must(t, x.Build(t.Context(), nil))
	must(t, x.Verify(t.Context()))
	if want := 300 + 2*(rounds+rounds*(rounds-1)/2); x.Len() != want || x.Stats().Len != want {
		t.Errorf("the index holds %d vectors, not %d", x.Len(), want)
	}
}

// Close while every method runs: each call ends well or with ErrClosed.
func TestCloseDuringEverything(t *testing.T) {
	const dim = 8
	vs := gauss(2, 300, dim)
	for round := range 9 {
		x := builtIndex(t, dim, nil, vs)
		var all, ready sync.WaitGroup
		for name, task := range tasks(t, x, vs) {
			all.Add(1)
			ready.Add(1)
			go func() {
				defer all.Done()
				for i := 0; ; i++ {
					if i == round%3 {
						ready.Done()
					}
					err := task(i)
					if errors.Is(err, n2.ErrClosed) || name == "Stats" && x.Len() == 0 {
						return
					}
					if err != nil {
						t.Errorf("%s: %v", name, err)
						return
					}
				}
			}()
		}
		ready.Wait()
		for range 3 {
			all.Add(1)
			go func() {
				defer all.Done()
				if err := x.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
				if x.Len() != 0 {
					t.Error("Close returned before the index was freed")
				}
			}()
		}
		all.Wait()
	}
}

// Close in the middle of a build, which is between two steps or in one.
func TestCloseDuringBuild(t *testing.T) {
	vs := gauss(3, 3000, 16)
	for step := 1; step < 8; step++ {
		x := newIndex(t, 16, nil, vs)
		closed := make(chan error, 1)
		options, _ := stopAfter(step, func() { go func() { closed <- x.Close() }() })
		if err := x.Build(t.Context(), options); err != nil && !errors.Is(err, n2.ErrClosed) {
			t.Errorf("Build gives %v", err)
		}
		must(t, <-closed)
		if err := x.Build(t.Context(), nil); !errors.Is(err, n2.ErrClosed) {
			t.Errorf("Build gives %v after Close", err)
		}
	}
}

// A context that ends at any moment of a build, of a check or of a batch gives its error or nothing.
func TestContextEndsAnywhere(t *testing.T) {
	const dim = 8
	vs := gauss(4, 1000, dim)
	for i := range 60 {
		x := newIndex(t, dim, nil, vs)
		for name, call := range map[string]func(context.Context) error{
			"Build":   func(ctx context.Context) error { return x.Build(ctx, nil) },
			"Verify":  x.Verify,
			"Degrees": func(ctx context.Context) error { _, err := x.Degrees(ctx); return err },
			"SearchBatch": func(ctx context.Context) error {
				_, err := x.SearchBatch(ctx, vs, 5, nil)
				return err
			},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range i { // some calls' worth of time
					x.Stats()
				}
				cancel()
			}()
			if err := call(ctx); err != nil && !errors.Is(err, context.Canceled) {
				t.Errorf("%s gives %v", name, err)
			}
			<-done
		}
		must(t, x.Verify(t.Context()))
		x.Close()
	}
}

// Far more goroutines search than there are threads, while the index is built.
func TestManySearchersDuringBuild(t *testing.T) {
	const n, dim, goroutines = 5000, 16, 10000
	vs := gauss(5, n, dim)
	x := builtIndex(t, dim, nil, vs[:n/2*dim])
	_, err := x.AddBatch(vs[n/2*dim:])
	must(t, err)
	var built atomic.Bool
	var all, ready sync.WaitGroup
	ready.Add(goroutines)
	for i := range goroutines {
		all.Add(1)
		go func() {
			defer all.Done()
			ready.Done()
			ready.Wait()
			id := uint32(i % n)
			for once := true; once || !built.Load(); once = false {
				got, err := x.SearchByID(id, 1, &n2.SearchOptions{Ef: 10})
				if err != nil || len(got) != 1 {
					t.Errorf("%v, %v", got, err)
					return
				}
			}
		}()
	}
	ready.Wait()
	threads := 0
	must(t, x.Build(t.Context(), &n2.BuildOptions{Threads: 2, Progress: func(int, int) {
		threads = max(threads, osThreads(t))
	}}))
	built.Store(true)
	all.Wait()
	if threads == 0 || threads > 200+2*runtime.GOMAXPROCS(0) {
		t.Errorf("%d operating system threads", threads)
	}
	must(t, x.Verify(t.Context()))
}
