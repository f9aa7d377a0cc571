// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"cmp"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

var metrics = []n2.Metric{n2.Angular, n2.L2, n2.Dot}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// newIndex makes an index that holds vs and is closed when the test ends.
func newIndex(t testing.TB, dim int, o *n2.Options, vs []float32) *n2.Index {
	t.Helper()
	x, err := n2.New(dim, o)
	must(t, err)
	t.Cleanup(func() { x.Close() })
	_, err = x.AddBatch(vs)
	must(t, err)
	return x
}

// builtIndex makes one and builds it.
func builtIndex(t testing.TB, dim int, o *n2.Options, vs []float32) *n2.Index {
	t.Helper()
	x := newIndex(t, dim, o, vs)
	must(t, x.Build(t.Context(), nil))
	return x
}

// loadIndex loads an index that is closed when the test ends.
func loadIndex(t testing.TB, path string, o *n2.LoadOptions) *n2.Index {
	t.Helper()
	x, err := n2.Load(path, o)
	must(t, err)
	t.Cleanup(func() { x.Close() })
	return x
}

// saved returns what Save writes.
func saved(t testing.TB, x *n2.Index) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "saved.n2")
	must(t, x.Save(path))
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// written makes a file of its own for b.
func written(t testing.TB, b []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "written.n2")
	must(t, os.WriteFile(path, b, 0o644))
	return path
}

// gauss returns n vectors of normally distributed coordinates, the same ones for the same seed.
func gauss(seed uint64, n, dim int) []float32 {
	r := rand.New(rand.NewPCG(seed, 0))
	vs := make([]float32, n*dim)
	for i := range vs {
		vs[i] = float32(r.NormFloat64())
	}
	return vs
}

// distance is the metric's definition, in float64.
func distance(m n2.Metric, p, q []float32) float64 {
	var dot, pp, qq, l2 float64
	for i := range p {
		a, b := float64(p[i]), float64(q[i])
		dot += a * b
		pp += a * a
		qq += b * b
		l2 += (a - b) * (a - b)
	}
	switch m {
	case n2.Angular:
		return 1 - dot/math.Sqrt(pp*qq)
	case n2.L2:
		return l2
	}
	return dot
}

// compare orders results: nearest first, equal ones by id.
func compare(m n2.Metric) func(a, b n2.Neighbor) int {
	return func(a, b n2.Neighbor) int {
		nearer := cmp.Compare(a.Distance, b.Distance)
		if m == n2.Dot {
			nearer = -nearer
		}
		return cmp.Or(nearer, cmp.Compare(a.ID, b.ID))
	}
}

// checkOrder fails the test unless the results are in order and no id is among them twice.
func checkOrder(t testing.TB, m n2.Metric, results []n2.Neighbor) {
	t.Helper()
	for i := 1; i < len(results); i++ {
		if compare(m)(results[i-1], results[i]) >= 0 {
			t.Fatalf("%v: results %d and %d are in disorder: %v", m, i-1, i, results[i-1:i+1])
		}
	}
}

// ids returns the ids of results.
func ids(results []n2.Neighbor) []uint32 {
	var ids []uint32
	for _, r := range results {
		ids = append(ids, r.ID)
	}
	return ids
}

// recall is the share of the true neighbours that were found.
func recall(found, truth [][]n2.Neighbor) float64 {
	hits, total := 0, 0
	for i := range truth {
		for _, id := range ids(truth[i]) {
			total++
			if slices.Contains(ids(found[i]), id) {
				hits++
			}
		}
	}
	return float64(hits) / float64(total)
}

// The GloVe sample of testdata: the vectors of 10,000 words.
const gloveDim = 100

var readGlove = sync.OnceValues(func() ([]float32, error) {
	b, err := os.ReadFile("../testdata/glove.f32")
	if err != nil {
		return nil, err
	}
	vs := make([]float32, len(b)/4)
	for i := range vs {
		vs[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return vs, nil
})

func glove(t testing.TB) []float32 {
	t.Helper()
	vs, err := readGlove()
	must(t, err)
	return vs
}

func gloveWords(t testing.TB) []string {
	t.Helper()
	b, err := os.ReadFile("../testdata/glove.words")
	must(t, err)
	return strings.Fields(string(b))
}
