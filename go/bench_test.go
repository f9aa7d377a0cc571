// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// The benchmarks use the words of testdata: 9,500 in the index, the others as queries, k = 10. Those
// that search report the recall that goes with the time.
const (
	benchLen     = 9500
	benchQueries = 500
	benchK       = 10
)

// benched is an index that all benchmarks of searches share.
var benched struct {
	once  sync.Once
	x     *n2.Index
	truth [][]n2.Neighbor
}

func benchIndex(b *testing.B) (x *n2.Index, qs []float32) {
	b.Helper()
	vs := glove(b)
	qs = vs[benchLen*gloveDim:]
	benched.once.Do(func() {
		x, err := n2.New(gloveDim, nil)
		must(b, err)
		_, err = x.AddBatch(vs[:benchLen*gloveDim])
		must(b, err)
		must(b, x.Build(b.Context(), nil))
		benched.truth, err = x.SearchExactBatch(b.Context(), qs, benchK)
		must(b, err)
		benched.x = x
	})
	return benched.x, qs
}

// reportRecall measures recall once, outside of the time.
func reportRecall(b *testing.B, o *n2.SearchOptions) {
	b.Helper()
	b.StopTimer()
	x, qs := benchIndex(b)
	found, err := x.SearchBatch(b.Context(), qs, benchK, o)
	must(b, err)
	b.ReportMetric(recall(found, benched.truth), "recall")
}

// query returns one of qs.
func query(qs []float32, i int) []float32 {
	i %= benchQueries
	return qs[i*gloveDim : (i+1)*gloveDim]
}

func BenchmarkBuild(b *testing.B) {
	vs := glove(b)
	for _, threads := range []int{1, 2} {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				x := newIndex(b, gloveDim, nil, vs)
				b.StartTimer()
				must(b, x.Build(b.Context(), &n2.BuildOptions{Threads: threads}))
				b.StopTimer()
				must(b, x.Close())
				b.StartTimer()
			}
			b.ReportMetric(float64(len(vs)/gloveDim*b.N)/b.Elapsed().Seconds(), "vectors/s")
		})
	}
}

func BenchmarkAdd(b *testing.B) {
	vs := glove(b)
	x := newIndex(b, gloveDim, nil, nil)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, err := x.Add(query(vs, i))
		must(b, err)
	}
}

func BenchmarkSearch(b *testing.B) {
	for _, ef := range []int{10, 50, 200} {
		b.Run(fmt.Sprintf("ef=%d", ef), func(b *testing.B) {
			x, qs := benchIndex(b)
			o := &n2.SearchOptions{Ef: ef}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, err := x.Search(query(qs, i), benchK, o)
				must(b, err)
			}
			reportRecall(b, o)
		})
	}
}

func BenchmarkSearchInto(b *testing.B) {
	for _, ef := range []int{10, 50, 200} {
		b.Run(fmt.Sprintf("ef=%d", ef), func(b *testing.B) {
			x, qs := benchIndex(b)
			o, dst := &n2.SearchOptions{Ef: ef}, make([]n2.Neighbor, benchK)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, err := x.SearchInto(dst, query(qs, i), o)
				must(b, err)
			}
			reportRecall(b, o)
		})
	}
}

func BenchmarkSearchParallel(b *testing.B) {
	x, qs := benchIndex(b)
	o := &n2.SearchOptions{Ef: 50}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		dst := make([]n2.Neighbor, benchK)
		for i := 0; pb.Next(); i++ {
			if _, err := x.SearchInto(dst, query(qs, i), o); err != nil {
				b.Error(err)
			}
		}
	})
	reportRecall(b, o)
}

func BenchmarkSearchBatch(b *testing.B) {
	x, qs := benchIndex(b)
	o := &n2.SearchOptions{Ef: 50}
	b.ReportAllocs()
	for b.Loop() {
		_, err := x.SearchBatch(b.Context(), qs, benchK, o)
		must(b, err)
	}
	b.ReportMetric(float64(benchQueries*b.N)/b.Elapsed().Seconds(), "queries/s")
	reportRecall(b, o)
}

func BenchmarkSearchExactBatch(b *testing.B) {
	x, qs := benchIndex(b)
	b.ReportAllocs()
	for b.Loop() {
		_, err := x.SearchExactBatch(b.Context(), qs, benchK)
		must(b, err)
	}
	b.ReportMetric(float64(benchQueries*b.N)/b.Elapsed().Seconds(), "queries/s")
}

func BenchmarkLoad(b *testing.B) {
	x, _ := benchIndex(b)
	path := filepath.Join(b.TempDir(), "words.n2")
	must(b, x.Save(path))
	for name, o := range map[string]*n2.LoadOptions{"map": nil, "read": {NoMap: true}, "verify": {Verify: true}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				y, err := n2.Load(path, o)
				must(b, err)
				must(b, y.Close())
			}
		})
	}
}
