// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

func TestAddIndex(t *testing.T) {
	const n, dim = 700, 7
	for _, m := range metrics {
		for _, store := range []n2.Storage{n2.StoreFloat32, n2.StoreFloat16, n2.StoreSQ8} {
			o := &n2.Options{Metric: m, Store: store}
			x := builtIndex(t, dim, o, gauss(1, n, dim))
			other := builtIndex(t, dim, o, gauss(2, n, dim))
			for id := range uint32(n) {
				if id%5 == 2 {
					must(t, other.Delete(id))
				}
			}
			first, err := x.AddIndex(other)
			must(t, err)
			if first != n || x.Len() != n+other.Len() || x.Stats().Len != x.Len() {
				t.Errorf("first id %d, %d vectors", first, x.Len())
			}
			for id, v := range other.All() {
				copied, err := x.Vector(first, nil)
				must(t, err)
				if first++; !slices.Equal(copied, v) {
					t.Fatalf("%v: vector %d is %v, its copy %v", m, id, v, copied)
				}
			}
			must(t, x.Build(t.Context(), nil))
			must(t, x.Verify(t.Context()))
			must(t, other.Verify(t.Context()))
		}
	}
}

func TestAddIndexRefuses(t *testing.T) {
	x := builtIndex(t, 3, &n2.Options{Store: n2.StoreFloat16}, []float32{1, 2, 3})
	closed := newIndex(t, 3, nil, nil)
	must(t, closed.Close())
	before := saved(t, x)
	for name, c := range map[string]struct {
		other *n2.Index
		want  error
	}{
		"itself":    {x, n2.ErrOption},
		"metric":    {newIndex(t, 3, &n2.Options{Metric: n2.L2}, nil), n2.ErrOption},
		"dimension": {newIndex(t, 4, nil, nil), n2.ErrDimension},
		"range":     {newIndex(t, 3, nil, []float32{3, 2, 1, 1, 2, 70000}), n2.ErrMagnitude},
		"closed":    {closed, n2.ErrClosed},
		"zero":      {&n2.Index{}, n2.ErrClosed},
		"nil":       {nil, n2.ErrClosed},
	} {
		if first, err := x.AddIndex(c.other); !errors.Is(err, c.want) || first != 0 {
			t.Errorf("%s: %d, %v", name, first, err)
		}
		if x.Len() != 1 || !bytes.Equal(saved(t, x), before) {
			t.Fatalf("%s: the index has changed", name)
		}
	}
}

// An index that waits for another one, which is being written, can be closed.
func TestAddIndexClosed(t *testing.T) {
	const dim = 4
	x, other := builtIndex(t, dim, nil, gauss(3, 10, dim)), builtIndex(t, dim, nil, gauss(4, 10, dim))
	writing, written, added := make(chan bool), make(chan bool), make(chan error)
	go other.WriteTo(writerFunc(func(p []byte) (int, error) {
		writing <- true
		<-written
		return 0, io.ErrShortWrite
	}))
	<-writing
	go func() {
		_, err := x.AddIndex(other)
		added <- err
	}()
	for range 1000 {
		runtime.Gosched() // it is waiting now, most likely
	}
	must(t, x.Close())
	if err := <-added; !errors.Is(err, n2.ErrClosed) {
		t.Errorf("%v", err)
	}
	written <- true
}

// Two indexes are added to each other, changed, built, searched and written; then one is closed.
func TestAddIndexToEachOther(t *testing.T) {
	const dim = 4
	for _, closes := range []bool{false, true} {
		x := builtIndex(t, dim, nil, gauss(3, 100, dim))
		y := newIndex(t, dim, nil, gauss(4, 60, dim))
		var all sync.WaitGroup
		start := func(f func() error) {
			all.Add(1)
			go func() {
				defer all.Done()
				if err := f(); err != nil && !(closes && errors.Is(err, n2.ErrClosed)) {
					t.Error(err)
				}
			}()
		}
		for range 3 {
			start(func() error { _, err := x.AddIndex(y); return err })
			start(func() error { _, err := y.AddIndex(x); return err })
		}
		for i, z := range []*n2.Index{x, y} {
			start(func() error { return z.Build(t.Context(), nil) })
			start(func() error { return z.Delete(uint32(i)) })
			start(func() error { return z.Save(written(t, nil)) })
			start(func() error { _, err := z.Search([]float32{1, 2, 3, 4}, 5, nil); return err })
		}
		if closes {
			start(y.Close)
		}
		all.Wait()
		if n := x.Stats().Len; x.Len() != n {
			t.Errorf("Len is %d of %d", x.Len(), n)
		}
		must(t, x.Build(t.Context(), nil))
		must(t, x.Verify(t.Context()))
	}
}
