// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// The first case of the original project: exact distances, in order.
func TestThreeVectors(t *testing.T) {
	x := newIndex(t, 3, &n2.Options{Metric: n2.L2}, []float32{0, 0, 1, 0, 1, 0, 1, 0, 0})
	want := []n2.Neighbor{{ID: 0, Distance: 9}, {ID: 1, Distance: 11}, {ID: 2, Distance: 13}}
	check := func() {
		t.Helper()
		got, err := x.Search([]float32{1, 2, 3}, 3, nil)
		must(t, err)
		if !slices.Equal(got, want) {
			t.Errorf("results %v, not %v", got, want)
		}
	}
	check()
	must(t, x.Build(t.Context(), nil))
	check()
}

// The second one: a point at each distance 0..9999 from a centre, with default options.
func TestDistancesFromACentre(t *testing.T) {
	const n, dim, seed = 10000, 10, 4
	for _, c := range []struct {
		metric n2.Metric
		centre float32
		free   int // the first coordinate in which points differ from the centre
	}{{n2.Angular, 1000, 1}, {n2.L2, 1000, 0}, {n2.L2, 0, 0}} {
		t.Run(fmt.Sprintf("%v from %v", c.metric, c.centre), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			vs := make([]float32, n*dim)
			for i := range n {
				direction, norm := make([]float64, dim), 0.0
				for j := c.free; j < dim; j++ {
					direction[j] = r.NormFloat64()
					norm += direction[j] * direction[j]
				}
				vs[i*dim] = c.centre
				for j := range direction {
					vs[i*dim+j] += float32(direction[j] / math.Sqrt(norm) * float64(i))
				}
			}
			x := builtIndex(t, dim, &n2.Options{Metric: c.metric}, vs)
			q := make([]float32, dim)
			q[0] = c.centre
			for _, k := range []int{1, 10, 100, 1000} {
				got, err := x.Search(q, k, nil)
				must(t, err)
				if len(got) != k || !slices.IsSorted(ids(got)) && k <= 100 {
					t.Errorf("%d of %d results, ids %v", len(got), k, ids(got))
				}
				found := 0
				for _, id := range ids(got) {
					if int(id) < k {
						found++
					}
				}
				if float64(found) < 0.98*float64(k) {
					t.Errorf("%d of the %d nearest were found (seed %d)", found, k, seed)
				}
			}
		})
	}
}

func TestRecallOfWords(t *testing.T) {
	const n, k = 9500, 10 // the rest are queries
	vs := glove(t)
	for _, m := range metrics {
		x := builtIndex(t, gloveDim, &n2.Options{Metric: m}, vs[:n*gloveDim])
		truth, err := x.SearchExactBatch(t.Context(), vs[n*gloveDim:], k)
		must(t, err)
		found, err := x.SearchBatch(t.Context(), vs[n*gloveDim:], k, &n2.SearchOptions{Ef: 200})
		must(t, err)
		if r := recall(found, truth); r < 0.99 {
			t.Errorf("%v: recall %.4f at Ef 200", m, r)
		}
		for i := range found {
			checkOrder(t, m, found[i])
		}
		must(t, x.Verify(t.Context()))
	}
}

func TestNeighboursOfFrance(t *testing.T) {
	words := gloveWords(t)
	x := builtIndex(t, gloveDim, nil, glove(t))
	france := uint32(slices.Index(words, "france"))
	found, err := x.SearchByID(france, 10, nil)
	must(t, err)
	if found[0].ID != france || found[0].Distance > 1e-6 {
		t.Errorf("france is not nearest to france: %v", found)
	}
	for _, country := range []string{"belgium", "spain", "italy"} {
		if !slices.Contains(ids(found), uint32(slices.Index(words, country))) {
			t.Errorf("%s is not among the neighbours of france", country)
		}
	}
}

// All ways to ask give the same answer.
func TestSearchesAgree(t *testing.T) {
	const n, dim, k = 1500, 12, 7
	vs := gauss(5, n, dim)
	for _, m := range metrics {
		for _, built := range []int{0, 1000, n} {
			x := builtIndex(t, dim, &n2.Options{Metric: m}, vs[:built*dim])
			_, err := x.AddBatch(vs[built*dim:])
			must(t, err)
			ctx, o := t.Context(), &n2.SearchOptions{Ef: 40}
			batch, err := x.SearchBatch(ctx, vs, k, o)
			must(t, err)
			all := make([]uint32, n)
			for i := range all {
				all[i] = uint32(i)
			}
			byID, err := x.SearchBatchByID(ctx, all, k, o)
			must(t, err)
			exact, err := x.SearchExactBatch(ctx, vs, k)
			must(t, err)
			into := make([]n2.Neighbor, k)
			for i := 0; i < n; i += 37 {
				q := vs[i*dim : (i+1)*dim]
				one, err := x.Search(q, k, o)
				must(t, err)
				oneByID, err := x.SearchByID(uint32(i), k, o)
				must(t, err)
				_, err = x.SearchInto(into, q, o)
				must(t, err)
				for name, got := range map[string][]n2.Neighbor{
					"SearchBatch": batch[i], "SearchBatchByID": byID[i], "SearchByID": oneByID, "SearchInto": into,
				} {
					if !slices.Equal(got, one) {
						t.Fatalf("%v, %d built, query %d: %s gives %v, Search %v", m, built, i, name, got, one)
					}
				}
				oneExact, err := x.SearchExact(q, k)
				must(t, err)
				if !slices.Equal(exact[i], oneExact) {
					t.Fatalf("%v, query %d: SearchExactBatch gives %v, SearchExact %v", m, i, exact[i], oneExact)
				}
				if built == 0 && !slices.Equal(one, oneExact) {
					t.Fatalf("%v, query %d: nothing is built, yet %v is not exact: %v", m, i, one, oneExact)
				}
				checkOrder(t, m, one)
				checkOrder(t, m, oneExact)
			}
		}
	}
}

// Search and SearchExact measure the same distance, to the last bit, and near that of the definition.
func TestDistancesAreExact(t *testing.T) {
	const n, k = 400, 20
	for _, dim := range []int{1, 2, 3, 8, 17, 100, 257} {
		vs := gauss(uint64(dim), n, dim)
		for _, m := range metrics {
			x := builtIndex(t, dim, &n2.Options{Metric: m}, vs)
			q := gauss(99, 1, dim)
			found, err := x.Search(q, k, nil)
			must(t, err)
			exact, err := x.SearchExact(q, n)
			must(t, err)
			byID := map[uint32]float32{}
			for _, e := range exact {
				byID[e.ID] = e.Distance
				want := distance(m, q, vs[int(e.ID)*dim:(int(e.ID)+1)*dim])
				if math.Abs(float64(e.Distance)-want) > 2e-6*float64(dim+10) {
					t.Errorf("%v, dimension %d: distance %v, not %v", m, dim, e.Distance, want)
				}
				if m == n2.Angular && (e.Distance < 0 || e.Distance > 2) {
					t.Errorf("dimension %d: angular distance %v", dim, e.Distance)
				}
			}
			for _, f := range found {
				if d := byID[f.ID]; math.Float32bits(d) != math.Float32bits(f.Distance) {
					t.Errorf("%v, dimension %d: distance %v, by scan %v", m, dim, f.Distance, d)
				}
			}
		}
	}
}

// min(k, n) results, in order and without repetition, for all small k and n, built or not.
func TestNumberOfResults(t *testing.T) {
	const dim = 4
	vs := gauss(6, 40, dim)
	for _, m := range metrics {
		for n := range 40 {
			x := newIndex(t, dim, &n2.Options{Metric: m, M: 2, EfConstruction: 1}, vs[:n/2*dim])
			must(t, x.Build(t.Context(), nil))
			_, err := x.AddBatch(vs[n/2*dim : n*dim])
			must(t, err)
			for k := 1; k < 45; k += 3 {
				got, err := x.Search(vs[:dim], k, &n2.SearchOptions{Ef: 1})
				must(t, err)
				if len(got) != min(k, n) {
					t.Fatalf("%v: %d results for k = %d of %d", m, len(got), k, n)
				}
				checkOrder(t, m, got)
			}
		}
	}
}

// Results hold no memory for those that were not found.
func TestResultsOfAFewTakeLittle(t *testing.T) {
	const n, dim = 1000, 4
	vs := gauss(7, n, dim)
	x := builtIndex(t, dim, &n2.Options{Metric: n2.L2}, vs)
	for _, radius := range []float32{-1, 0, 0.1} {
		o := &n2.SearchOptions{Radius: &radius}
		byVector, err1 := x.Search(vs[:dim], n, o)
		byID, err2 := x.SearchByID(0, n, o)
		must(t, errors.Join(err1, err2))
		for _, found := range [][]n2.Neighbor{byVector, byID} {
			if found == nil || len(found) > n/4 || cap(found) > 2*len(found)+8 {
				t.Errorf("radius %v: %d found in room for %d", radius, len(found), cap(found))
			}
		}
	}
}

func TestTiesComeInOrderOfIDs(t *testing.T) {
	const n, dim = 500, 5
	vs := make([]float32, 0, n*dim)
	for i := range n { // ten different vectors, fifty times each
		for j := range dim {
			vs = append(vs, float32(1+(i%10)*(j+1)))
		}
	}
	for _, m := range metrics {
		x := builtIndex(t, dim, &n2.Options{Metric: m}, vs)
		for i := range 10 {
			q := vs[i*dim : (i+1)*dim]
			for _, k := range []int{1, 49, 50, 51, n} {
				got, err := x.Search(q, k, nil)
				must(t, err)
				exact, err := x.SearchExact(q, k)
				must(t, err)
				if !slices.Equal(got, exact) {
					t.Fatalf("%v, k = %d: %v, exactly %v", m, k, got, exact)
				}
				checkOrder(t, m, got)
			}
		}
	}
}

func TestSearchIntoAllocatesNothing(t *testing.T) {
	const dim, built = 20, 900
	vs := gauss(7, 1000, dim)
	for _, m := range metrics {
		x := builtIndex(t, dim, &n2.Options{Metric: m}, vs[:built*dim])
		_, err := x.AddBatch(vs[built*dim:])
		must(t, err)
		dst := make([]n2.Neighbor, 10)
		o := &n2.SearchOptions{Ef: 50}
		if allocs := testing.AllocsPerRun(100, func() {
			_, err := x.SearchInto(dst, vs[:dim], o)
			must(t, err)
		}); allocs != 0 {
			t.Errorf("%v: %v allocations in SearchInto", m, allocs)
		}
	}
}

func TestBatchOfEverySize(t *testing.T) {
	const dim = 3
	vs := gauss(8, 200, dim)
	x := builtIndex(t, dim, nil, vs)
	for n := range 200 {
		got, err := x.SearchBatch(t.Context(), vs[:n*dim], 2, nil)
		must(t, err)
		exact, err := x.SearchExactBatch(t.Context(), vs[:n*dim], 2)
		must(t, err)
		if len(got) != n || !reflect.DeepEqual(got, exact) {
			t.Fatalf("%d queries: %v, exactly %v", n, got, exact)
		}
	}
}

func TestBatchEndsWithItsContext(t *testing.T) {
	cause := errors.New("cause")
	x := newIndex(t, 2, nil, gauss(9, 100, 2))
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	qs := gauss(10, 1000, 2)
	calls := map[string]error{}
	_, calls["SearchBatch"] = x.SearchBatch(ctx, qs, 1, nil)
	_, calls["SearchBatchByID"] = x.SearchBatchByID(ctx, make([]uint32, 100), 1, nil)
	_, calls["SearchExactBatch"] = x.SearchExactBatch(ctx, qs, 1)
	_, calls["Degrees"] = x.Degrees(ctx)
	calls["Verify"] = x.Verify(ctx)
	calls["Build"] = x.Build(ctx, nil)
	for call, err := range calls {
		if !errors.Is(err, cause) {
			t.Errorf("%s gives %v", call, err)
		}
	}
	ended, cancelPlain := context.WithCancel(t.Context())
	cancelPlain()
	if _, err := x.SearchBatch(ended, qs, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("SearchBatch gives %v", err)
	}
}
