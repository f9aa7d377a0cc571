// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// line makes an index of n points 0, 1, 2, ... of a line, built or not.
func line(t *testing.T, n int, build bool) *n2.Index {
	t.Helper()
	vs := make([]float32, 0, 2*n)
	for i := range n {
		vs = append(vs, float32(i), 0)
	}
	x := newIndex(t, 2, &n2.Options{Metric: n2.L2}, vs)
	if build {
		must(t, x.Build(t.Context(), nil))
	}
	return x
}

func TestDeleteAndUpdate(t *testing.T) {
	for _, build := range []bool{false, true} {
		x := line(t, 10, build)
		must(t, x.Delete(3))
		must(t, x.Update(5, []float32{2.25, 0}))
		check := func(when string) {
			t.Helper()
			found, err := x.Search([]float32{2, 0}, 20, nil)
			must(t, err)
			if want := []uint32{2, 5, 1, 0, 4, 6, 7, 8, 9}; !slices.Equal(ids(found), want) {
				t.Errorf("built %v, %s: found %v, not %v", build, when, ids(found), want)
			}
			exact, err := x.SearchExact([]float32{2, 0}, 20)
			must(t, err)
			if !slices.Equal(exact, found) {
				t.Errorf("built %v, %s: exactly %v, else %v", build, when, exact, found)
			}
			v, err := x.Vector(5, nil)
			must(t, err)
			if v[0] != 2.25 || x.Len() != 9 {
				t.Errorf("built %v, %s: vector 5 is %v, and there are %d", build, when, v, x.Len())
			}
			if s := x.Stats(); s.Len != 9 || s.Deleted != 1 {
				t.Errorf("built %v, %s: %+v", build, when, s)
			}
			must(t, x.Verify(t.Context()))
		}
		check("at once")
		must(t, x.Build(t.Context(), nil))
		check("after a build")
		must(t, x.Compact(t.Context(), nil))
		check("after a compaction")
		if s := x.Stats(); s.Nodes != 9 || s.Dead != 0 || s.Pending != 0 {
			t.Errorf("compacted: %+v", s)
		}
		x = loadIndex(t, written(t, saved(t, x)), nil)
		check("loaded")
		id, err := x.Add([]float32{100, 0})
		must(t, err)
		if id != 10 {
			t.Errorf("the next id is %d, not 10", id)
		}
	}
}

func TestDeleteAndUpdateRefuse(t *testing.T) {
	x := line(t, 3, true)
	must(t, x.Delete(1))
	before := saved(t, x)
	for _, c := range []struct {
		name string
		got  error
		want error
	}{
		{"unknown", x.Delete(3), n2.ErrNotFound},
		{"deleted", x.Delete(1), n2.ErrNotFound},
		{"update of an unknown id", x.Update(3, []float32{0, 0}), n2.ErrNotFound},
		{"update of a deleted id", x.Update(1, []float32{0, 0}), n2.ErrNotFound},
		{"update of another dimension", x.Update(0, []float32{0}), n2.ErrDimension},
		{"update to a NaN", x.Update(0, []float32{0, float32(math.NaN())}), n2.ErrNotFinite},
	} {
		if !errors.Is(c.got, c.want) {
			t.Errorf("%s: %v, not %v", c.name, c.got, c.want)
		}
	}
	if _, err := x.Vector(1, nil); !errors.Is(err, n2.ErrNotFound) {
		t.Errorf("the vector of a deleted id: %v", err)
	}
	if _, err := x.SearchByID(1, 1, nil); !errors.Is(err, n2.ErrNotFound) {
		t.Errorf("a search for a deleted id: %v", err)
	}
	if !slices.Equal(before, saved(t, x)) {
		t.Error("what was refused has changed the index")
	}
	must(t, x.Close())
	for name, err := range map[string]error{
		"Delete":  x.Delete(0),
		"Update":  x.Update(0, []float32{0, 0}),
		"Compact": x.Compact(t.Context(), nil),
	} {
		if !errors.Is(err, n2.ErrClosed) {
			t.Errorf("%s of a closed index: %v", name, err)
		}
	}
}

func TestCompactStops(t *testing.T) {
	x := line(t, 50, true)
	must(t, x.Delete(0))
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	if err := x.Compact(ctx, nil); !errors.Is(err, cause) {
		t.Errorf("Compact returned %v", err)
	}
	must(t, x.Verify(t.Context()))
}

func TestSearchAllowed(t *testing.T) {
	x := line(t, 200, true)
	must(t, x.Delete(66))
	q := []float32{69.8, 0}
	for _, c := range []struct {
		name  string
		allow []uint64
		want  []uint32
	}{
		{"all", nil, []uint32{70, 69, 71}},
		{"none", []uint64{}, nil},
		{"no bit", make([]uint64, 10), nil},
		{"some", []uint64{1, 1<<2 | 1<<3 | 1<<6}, []uint32{70, 67, 0}}, // 66 is deleted
		{"short", []uint64{1 << 63}, []uint32{63}},
		{"long", []uint64{0, 0, 0, 0, 1}, nil},
	} {
		o := &n2.SearchOptions{Allow: c.allow}
		found, err := x.Search(q, 3, o)
		must(t, err)
		if !slices.Equal(ids(found), c.want) {
			t.Errorf("%s: found %v, not %v", c.name, ids(found), c.want)
		}
		batch, err := x.SearchBatch(t.Context(), append(q, q...), 3, o)
		must(t, err)
		byID, err := x.SearchBatchByID(t.Context(), []uint32{70}, 3, o)
		must(t, err)
		if !slices.Equal(batch[1], found) || !slices.Equal(ids(byID[0]), c.want) {
			t.Errorf("%s: in batches %v and %v", c.name, batch[1], byID[0])
		}
	}
}

func TestSearchWithinRadius(t *testing.T) {
	x := line(t, 100, true)
	for _, c := range []struct {
		radius float32
		want   []uint32
	}{{-1, nil}, {0, []uint32{50}}, {1, []uint32{50, 49, 51}}, {3.9, []uint32{50, 49, 51}}} {
		found, err := x.Search([]float32{50, 0}, 10, &n2.SearchOptions{Radius: &c.radius})
		must(t, err)
		if !slices.Equal(ids(found), c.want) {
			t.Errorf("within %g: %v, not %v", c.radius, ids(found), c.want)
		}
	}
	nan := float32(math.NaN())
	if _, err := x.Search([]float32{50, 0}, 10, &n2.SearchOptions{Radius: &nan}); !errors.Is(err, n2.ErrOption) {
		t.Errorf("a radius that is no number: %v", err)
	}
}

// A filter stays on the caller's side: it costs no allocation.
func TestSearchAllowedAllocatesNothing(t *testing.T) {
	x := line(t, 1000, true)
	dst, q, radius := make([]n2.Neighbor, 3), []float32{7, 0}, float32(100)
	o := &n2.SearchOptions{Allow: []uint64{^uint64(0)}, Radius: &radius}
	n := testing.AllocsPerRun(100, func() {
		if _, err := x.SearchInto(dst, q, o); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("a search allocates %v times", n)
	}
}
