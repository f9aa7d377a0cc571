// SPDX-License-Identifier: Apache-2.0

package model

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

const (
	owners     = 4
	dimShared  = 6
	mostOwned  = 150 // vectors of one owner
	mostShared = 1 << 20
)

// operationsOwner is how many changes each owner makes.
func operationsOwner() int { return min(operations/5, mostShared/(8*owners)) }

// A shared index is one that several goroutines change, each of them the vectors that it has added.
type shared struct {
	x    *n2.Index
	dir  string
	done atomic.Bool // no owner is at work any more
	// deletions counts them; gone is the number of that of each id, or 0.
	deletions atomic.Uint32
	gone      [mostShared]atomic.Uint32
}

// An owner has some of the vectors.
type owner struct {
	*shared
	r   *rand.Rand
	has map[uint32][]float32
	ids []uint32 // of has
	was []uint32 // deleted
}

func (o *owner) vector() []float32 {
	v := make([]float32, dimShared)
	for i := range v {
		v[i] = float32(o.r.NormFloat64())
	}
	return v
}

// only is a filter of one id.
func only(id uint32) *n2.SearchOptions {
	allow := make([]uint64, id/64+1)
	allow[id/64] = 1 << (id % 64)
	return &n2.SearchOptions{Allow: allow}
}

// isThere checks that searches find an id at once, where it is. No other vector is equal to it.
func (o *owner) isThere(id uint32) error {
	v, err := o.x.Vector(id, nil)
	if err != nil {
		return err
	}
	want := []n2.Neighbor{{ID: id}}
	exact, err := o.x.SearchExact(v, 1)
	if err != nil || !slices.Equal(exact, want) {
		return fmt.Errorf("id %d: an exact search finds %v, %v", id, exact, err)
	}
	found, err := o.x.Search(v, 1, only(id))
	if err != nil || !slices.Equal(found, want) {
		return fmt.Errorf("id %d: a search for it alone finds %v, %v", id, found, err)
	}
	o.has[id] = v
	return nil
}

// isGone checks that nothing finds an id where its vector was.
func (o *owner) isGone(id uint32, v []float32) error {
	exact, err := o.x.SearchExact(v, 3)
	if err != nil || slices.ContainsFunc(exact, func(n n2.Neighbor) bool { return n.ID == id }) {
		return fmt.Errorf("id %d was deleted: an exact search finds %v, %v", id, exact, err)
	}
	found, err := o.x.Search(v, 1, only(id))
	if err != nil || len(found) > 0 {
		return fmt.Errorf("id %d was deleted: a search for it alone finds %v, %v", id, found, err)
	}
	if _, err := o.x.Vector(id, nil); !errors.Is(err, n2.ErrNotFound) {
		return fmt.Errorf("id %d was deleted: Vector returns %v", id, err)
	}
	if err := o.x.Delete(id); !errors.Is(err, n2.ErrNotFound) {
		return fmt.Errorf("id %d was deleted: Delete returns %v", id, err)
	}
	return nil
}

func (o *owner) add(n int) error {
	var vs []float32
	for range n {
		vs = append(vs, o.vector()...)
	}
	first, err := o.x.AddBatch(vs)
	for i := 0; i < n && err == nil; i++ {
		id := first + uint32(i)
		o.ids = append(o.ids, id)
		err = o.isThere(id)
	}
	return err
}

func (o *owner) update(i int) error {
	id := o.ids[i]
	old := o.has[id]
	if err := o.x.Update(id, o.vector()); err != nil {
		return err
	}
	exact, err := o.x.SearchExact(old, 1)
	if err != nil || len(exact) > 0 && exact[0].Distance == 0 {
		return fmt.Errorf("id %d was replaced: an exact search finds %v, %v", id, exact, err)
	}
	return o.isThere(id)
}

func (o *owner) delete(i int) error {
	id := o.ids[i]
	if err := o.x.Delete(id); err != nil {
		return err
	}
	o.gone[id].Store(o.deletions.Add(1))
	v := o.has[id]
	delete(o.has, id)
	o.ids[i] = o.ids[len(o.ids)-1]
	o.ids = o.ids[:len(o.ids)-1]
	o.was = append(o.was, id)
	return o.isGone(id, v)
}

// step makes one change, or looks at one that was made long ago.
func (o *owner) step() error {
	n := len(o.ids)
	what := o.r.IntN(10)
	switch {
	case n == 0 || what < 4 && n < mostOwned:
		return o.add(1 + o.r.IntN(5)*o.r.IntN(2))
	case what < 6:
		return o.update(o.r.IntN(n))
	case what < 7 && len(o.was) > 0:
		return o.isGone(o.was[o.r.IntN(len(o.was))], o.vector())
	case what < 8:
		return o.isThere(o.ids[o.r.IntN(n)])
	}
	return o.delete(o.r.IntN(n))
}

// search checks that nothing comes that was deleted before, and nothing twice.
func (s *shared) search(r *rand.Rand) error {
	q := make([]float32, dimShared)
	for i := range q {
		q[i] = float32(r.NormFloat64())
	}
	before := s.deletions.Load()
	var found []n2.Neighbor
	var err error
	switch r.IntN(3) {
	case 0:
		found, err = s.x.Search(q, 20, &n2.SearchOptions{Ef: 1 + r.IntN(40)})
	case 1:
		found, err = s.x.SearchExact(q, 30)
	default:
		for n, e := range s.x.SearchIter(q, nil) {
			if found, err = append(found, n), e; e != nil {
				break
			}
		}
		before = 0 // it may have found some of them before they were deleted
	}
	seen := map[uint32]bool{}
	for _, f := range found {
		if gone := s.gone[f.ID].Load(); gone != 0 && gone <= before || seen[f.ID] {
			return fmt.Errorf("id %d was deleted or comes twice: %v", f.ID, found)
		}
		seen[f.ID] = true
	}
	return err
}

func (s *shared) build(r *rand.Rand) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	left := 1 + r.IntN(20)
	o := &n2.BuildOptions{Threads: 1 + r.IntN(2), Progress: func(done, total int) {
		if left--; left == 0 {
			cancel()
		}
	}}
	build := s.x.Build
	if r.IntN(3) == 0 {
		build = s.x.Compact
	}
	if err := build(ctx, o); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// save checks that what is written while others change the index is sound.
func (s *shared) save(r *rand.Rand) error {
	if r.IntN(2) == 0 {
		path := filepath.Join(s.dir, "shared.n2")
		if err := s.x.Save(path); err != nil {
			return err
		}
		x, err := n2.Load(path, &n2.LoadOptions{Verify: true})
		if err != nil {
			return err
		}
		return x.Close()
	}
	var b bytes.Buffer
	if _, err := s.x.WriteTo(&b); err != nil {
		return err
	}
	x, err := n2.Read(&b, &n2.LoadOptions{Verify: true})
	if err != nil {
		return err
	}
	return x.Close()
}

func (s *shared) verify(*rand.Rand) error { return s.x.Verify(context.Background()) }

// Several goroutines change an index, each its own vectors, beside others that search, build and save.
// What each of them has done it finds at once, and in the end there is what all of them have.
func TestGoroutines(t *testing.T) {
	for _, store := range []n2.Storage{n2.StoreFloat32, n2.StoreFloat16, n2.StoreSQ8} {
		for _, merging := range []n2.Merging{n2.MergeSkip, n2.MergeLevel0} {
			t.Run(fmt.Sprintf("store %d, merging %d", store, merging), func(t *testing.T) {
				testGoroutines(t, n2.Options{Store: store, Merging: merging})
			})
		}
	}
}

func testGoroutines(t *testing.T, o n2.Options) {
	o.Metric, o.M, o.EfConstruction = n2.L2, 6, 20
	x, err := n2.New(dimShared, &o)
	must(t, err)
	defer x.Close()
	s := &shared{x: x, dir: t.TempDir()}
	var helpers, all sync.WaitGroup
	for i, help := range []func(*rand.Rand) error{s.search, s.search, s.build, s.save, s.verify} {
		helpers.Add(1)
		go func() {
			defer helpers.Done()
			r := rand.New(rand.NewPCG(1, uint64(i)))
			for !s.done.Load() {
				if err := help(r); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	list := make([]*owner, owners)
	for i := range list {
		o := &owner{shared: s, r: rand.New(rand.NewPCG(2, uint64(i))), has: map[uint32][]float32{}}
		list[i] = o
		all.Add(1)
		go func() {
			defer all.Done()
			for n := range operationsOwner() {
				if err := o.step(); err != nil {
					t.Errorf("owner %d, operation %d: %v", i, n, err)
					return
				}
			}
		}()
	}
	all.Wait()
	s.done.Store(true)
	helpers.Wait()
	checkUnion(t, x, list)
	must(t, x.Verify(t.Context()))
	must(t, x.Compact(t.Context(), nil))
	checkUnion(t, x, list)
	must(t, x.Verify(t.Context()))
}

// checkUnion checks that an index holds what all owners have.
func checkUnion(t *testing.T, x *n2.Index, list []*owner) {
	t.Helper()
	want := map[uint32][]float32{}
	for _, o := range list {
		for id, v := range o.has {
			want[id] = v
		}
	}
	n := 0
	for id, v := range x.All() {
		if n++; !slices.Equal(v, want[id]) {
			t.Fatalf("id %d is %v, not %v", id, v, want[id])
		}
	}
	if n != len(want) || x.Len() != n {
		t.Errorf("%d vectors, of which %d come, instead of %d", x.Len(), n, len(want))
	}
}
