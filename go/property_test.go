// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// randomOptions chooses options, small ones more often.
func randomOptions(r *rand.Rand) *n2.Options {
	o := &n2.Options{
		Metric:          metrics[r.IntN(3)],
		M:               2 + r.IntN(20),
		EfConstruction:  1 + r.IntN(100),
		LevelMultiplier: float64(r.IntN(3)) * 0.4,
		Selection:       n2.Selection(r.IntN(4)),
		Merging:         n2.Merging(r.IntN(3)),
		Seed:            r.Uint64(),
	}
	if r.IntN(2) == 0 {
		o.MaxM0 = o.M + r.IntN(30)
	}
	return o
}

// randomVectors chooses n vectors: spread, on a grid, in clusters or all alike, with duplicates.
func randomVectors(r *rand.Rand, n, dim int) []float32 {
	shape := r.IntN(4)
	vs := make([]float32, n*dim)
	for i := range n {
		v := vs[i*dim : (i+1)*dim]
		if i > 0 && r.IntN(8) == 0 {
			j := r.IntN(i)
			copy(v, vs[j*dim:(j+1)*dim])
			continue
		}
		for j := range v {
			switch shape {
			case 0:
				v[j] = float32(r.NormFloat64())
			case 1:
				v[j] = float32(1 + r.IntN(3))
			case 2:
				v[j] = float32(r.NormFloat64() + float64(1000*(i%3+1)*(j%2)))
			case 3:
				v[j] = 1
			}
		}
		v[0] += 5 // never the zero vector, which angular refuses
	}
	return vs
}

// Over random options, sizes, dimensions and vectors, added and built in several rounds: the graph
// is sound, a search as wide as the index is exact, and an exact one agrees with the definition.
func TestRandomIndexes(t *testing.T) {
	const rounds = 400
	for seed := range uint64(rounds) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			o, dim := randomOptions(r), 1+r.IntN(40)
			x := newIndex(t, dim, o, nil)
			var vs []float32
			for range 1 + r.IntN(3) {
				more := randomVectors(r, r.IntN(1+int(math.Exp(6*r.Float64()))), dim)
				vs = append(vs, more...)
				_, err := x.AddBatch(more)
				must(t, err)
				if r.IntN(4) > 0 {
					must(t, x.Build(t.Context(), &n2.BuildOptions{Threads: 1 + r.IntN(4)}))
				}
				err = x.Verify(t.Context())
				if err != nil || !checkAnswers(t, x, vs, randomVectors(r, 3, dim), 1+r.IntN(30)) {
					t.Fatalf("%d vectors of dimension %d, %+v: %v", x.Len(), dim, *o, err)
				}
			}
		})
	}
}

// checkAnswers compares the k results for each query with those of the definition.
func checkAnswers(t *testing.T, x *n2.Index, vs, qs []float32, k int) bool {
	t.Helper()
	n, dim, m := x.Len(), x.Dim(), x.Metric()
	for ; len(qs) > 0; qs = qs[dim:] {
		q := qs[:dim]
		exact, err := x.SearchExact(q, k)
		must(t, err)
		wide, err := x.Search(q, k, &n2.SearchOptions{Ef: max(n, 1)})
		must(t, err)
		if len(exact) != min(k, n) || !slices.Equal(wide, exact) {
			t.Errorf("Search gives %v, SearchExact %v", wide, exact)
			return false
		}
		checkOrder(t, m, exact)
		slack, truth := 1e-5, make([]float64, n)
		for i := range truth {
			v := vs[i*dim : (i+1)*dim]
			truth[i] = distance(m, q, v)
			if m == n2.Dot { // whose terms can be far larger than their sum
				slack = max(slack, 1e-6*math.Sqrt(distance(m, q, q)*distance(m, v, v)))
			}
		}
		isNear := func(d float32, want float64) bool {
			return math.Abs(float64(d)-want) <= slack*max(1, math.Abs(want))
		}
		for _, e := range exact {
			if !isNear(e.Distance, truth[e.ID]) {
				t.Errorf("%v: id %d is at %v, not %v", m, e.ID, e.Distance, truth[e.ID])
				return false
			}
		}
		slices.Sort(truth)
		if m == n2.Dot {
			slices.Reverse(truth)
		}
		for i, e := range exact {
			if !isNear(e.Distance, truth[i]) {
				t.Errorf("%v: result %d is at %v, not %v", m, i, e.Distance, truth[i])
				return false
			}
		}
	}
	return true
}
