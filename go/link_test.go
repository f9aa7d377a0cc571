// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"runtime"
	"sync"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// becomes waits until the index has linked what it is going to link by itself.
func becomes(x *n2.Index, linked func(n2.Stats) bool) {
	for !linked(x.Stats()) {
		runtime.Gosched()
	}
}

// mostPending bounds what an index with AutoLink leaves pending: as many as it waits for to measure
// recall by.
const mostPending = 1600

func TestAutoLink(t *testing.T) {
	const dim, n, adders = 16, 6000, 3
	vs := gauss(1, n, dim)
	x, err := n2.New(dim, &n2.Options{Metric: n2.L2, AutoLink: true})
	must(t, err)
	defer x.Close()
	var wait sync.WaitGroup
	for adder := range adders {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := adder; i < n; i += adders {
				v := vs[i*dim : (i+1)*dim]
				id, err := x.Add(v)
				if err != nil {
					t.Error(err)
				}
				found, err := x.Search(v, 1, nil)
				if err != nil || found[0].ID != id || found[0].Distance != 0 {
					t.Errorf("added %d, found %v, %v", id, found, err)
				}
			}
		}()
	}
	wait.Wait()
	becomes(x, func(s n2.Stats) bool { return s.Pending < mostPending })
	for i := range n {
		if i%2 == 0 {
			must(t, x.Delete(uint32(i)))
		}
	}
	becomes(x, func(s n2.Stats) bool { return s.Dead <= n/16 && s.RepairedLinks > 0 })
	queries := gauss(2, 200, dim)
	found, err := x.SearchBatch(t.Context(), queries, 10, nil)
	must(t, err)
	truth, err := x.SearchExactBatch(t.Context(), queries, 10)
	must(t, err)
	if r := recall(found, truth); r < 0.93 {
		t.Errorf("recall %f", r)
	}
	must(t, x.Build(t.Context(), nil))
	must(t, x.Verify(t.Context()))
	if s := x.Stats(); s.Len != n/2 || s.Pending != 0 || s.Dead != 0 {
		t.Errorf("%+v", s)
	}
}

// Without the option nothing is linked; with it, also what was pending in a file.
func TestAutoLinkLoaded(t *testing.T) {
	const dim, n = 8, 2000
	path := written(t, saved(t, newIndex(t, dim, nil, gauss(1, n, dim))))
	x := loadIndex(t, path, &n2.LoadOptions{AutoLink: true})
	becomes(x, func(s n2.Stats) bool { return s.Pending < mostPending })
	must(t, x.Build(t.Context(), nil))
	must(t, x.Verify(t.Context()))
	x = loadIndex(t, path, nil)
	_, err := x.AddBatch(gauss(2, n, dim))
	must(t, err)
	if s := x.Stats(); s.Pending != 2*n {
		t.Errorf("%d pending", s.Pending)
	}
}

func TestAutoLinkMap(t *testing.T) {
	const dim, n = 8, 4000
	vs := gauss(1, n, dim)
	m, err := n2.NewMap[int](dim, &n2.Options{AutoLink: true})
	must(t, err)
	defer m.Close()
	for i := range n {
		must(t, m.Put(i, vs[i*dim:(i+1)*dim]))
	}
	becomes(m.Index(), func(s n2.Stats) bool { return s.Pending < mostPending })
	found, err := m.Search(vs[:dim], 1, nil)
	must(t, err)
	if found[0].Key != 0 {
		t.Errorf("found %v", found)
	}
}

// Close in the midst of it waits for it, and leaves no goroutine.
func TestAutoLinkClose(t *testing.T) {
	const dim, n = 8, 2500
	vs := gauss(1, n, dim)
	before := runtime.NumGoroutine()
	for range 5 {
		x, err := n2.New(dim, &n2.Options{AutoLink: true})
		must(t, err)
		for i := range n {
			_, err := x.Add(vs[i*dim : (i+1)*dim])
			must(t, err)
		}
		must(t, x.Close())
	}
	for runtime.NumGoroutine() > before {
		runtime.Gosched()
	}
}

// More indexes than are linked at the same time; some are closed while they wait.
func TestAutoLinkOfMany(t *testing.T) {
	const dim, n, indexes = 8, 3000, 12
	vs := gauss(1, n, dim)
	var wait sync.WaitGroup
	for i := range indexes {
		wait.Add(1)
		go func() {
			defer wait.Done()
			x, err := n2.New(dim, &n2.Options{AutoLink: true})
			if err == nil {
				_, err = x.AddBatch(vs)
			}
			if err != nil {
				t.Error(err)
				return
			}
			if i%3 > 0 {
				becomes(x, func(s n2.Stats) bool { return s.Pending < mostPending })
			}
			if err := x.Close(); err != nil {
				t.Error(err)
			}
		}()
	}
	wait.Wait()
}

// Builds, changes and links take turns.
func TestAutoLinkAndBuild(t *testing.T) {
	const dim, n = 8, 4000
	vs := gauss(1, n, dim)
	x, err := n2.New(dim, &n2.Options{AutoLink: true})
	must(t, err)
	defer x.Close()
	var wait sync.WaitGroup
	for half := range 2 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := half * n / 2; i < (half+1)*n/2; i++ {
				if _, err := x.Add(vs[i*dim : (i+1)*dim]); err != nil {
					t.Error(err)
				}
				if i%500 == 0 {
					if err := x.Build(t.Context(), nil); err != nil {
						t.Error(err)
					}
				}
			}
		}()
	}
	wait.Wait()
	must(t, x.Compact(t.Context(), nil))
	must(t, x.Verify(t.Context()))
	if s := x.Stats(); s.Len != n || s.Pending != 0 {
		t.Errorf("%+v", s)
	}
}
