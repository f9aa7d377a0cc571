// SPDX-License-Identifier: Apache-2.0

//go:build cgo

package n2_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"os"
	"path/filepath"

	n2 "github.com/n2ann/n2/go"
)

// points makes a small index for the examples.
func points() *n2.Index {
	x, err := n2.New(2, &n2.Options{Metric: n2.L2})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := x.AddBatch([]float32{0, 0, 0, 1, 3, 4, 6, 8}); err != nil { // four vectors
		log.Fatal(err)
	}
	if err := x.Build(context.Background(), nil); err != nil {
		log.Fatal(err)
	}
	return x
}

func ExampleIndex_Search() {
	x := points()
	defer x.Close()

	neighbors, err := x.Search([]float32{3, 3}, 2, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range neighbors {
		fmt.Printf("vector %d at squared distance %g\n", n.ID, n.Distance)
	}
	// Output:
	// vector 2 at squared distance 1
	// vector 1 at squared distance 13
}

func ExampleIndex_Delete() {
	x := points()
	defer x.Close()

	if err := x.Delete(2); err != nil {
		log.Fatal(err)
	}
	neighbors, err := x.Search([]float32{3, 3}, 1, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(neighbors, x.Len())
	if err := x.Compact(context.Background(), nil); err != nil { // now or later: it gives the memory back
		log.Fatal(err)
	}
	// Output: [{1 13}] 3
}

// What is added is linked by itself.
func ExampleOptions_autoLink() {
	x, err := n2.New(2, &n2.Options{Metric: n2.L2, AutoLink: true})
	if err != nil {
		log.Fatal(err)
	}
	defer x.Close()
	for i := range 10000 { // from as many goroutines as there are requests
		if _, err := x.Add([]float32{float32(i), 1}); err != nil {
			log.Fatal(err)
		}
	}
	neighbors, err := x.Search([]float32{7000, 1}, 1, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(neighbors)
	// Output: [{7000 0}]
}

func ExampleIndex_Update() {
	x := points()
	defer x.Close()

	if err := x.Update(0, []float32{3, 3.5}); err != nil {
		log.Fatal(err)
	}
	neighbors, err := x.Search([]float32{3, 3}, 1, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(neighbors)
	// Output: [{0 0.25}]
}

// A filter is a set of bits, such as those of github.com/bits-and-blooms/bitset (Words) or of a dense
// roaring bitmap (ToDense).
func ExampleSearchOptions_allow() {
	x := points()
	defer x.Close()

	allow := make([]uint64, 1)
	for _, id := range []uint32{0, 3} {
		allow[id/64] |= 1 << (id % 64)
	}
	neighbors, err := x.Search([]float32{3, 3}, 4, &n2.SearchOptions{Allow: allow})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(neighbors)
	// Output: [{0 18} {3 34}]
}

func ExampleSearchOptions_radius() {
	x := points()
	defer x.Close()

	radius := float32(13)
	neighbors, err := x.Search([]float32{3, 3}, 4, &n2.SearchOptions{Radius: &radius})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(neighbors)
	// Output: [{2 1} {1 13}]
}

func ExampleIndex_SearchInto() {
	x := points()
	defer x.Close()

	results := make([]n2.Neighbor, 1) // for any number of searches
	for _, q := range [][]float32{{0, 0}, {5, 7}, {1, 3}} {
		n, err := x.SearchInto(results, q, &n2.SearchOptions{Ef: 20})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(results[:n])
	}
	// Output:
	// [{0 0}]
	// [{3 2}]
	// [{1 5}]
}

func ExampleIndex_SearchIter() {
	x := points()
	defer x.Close()

	sold := map[uint32]bool{2: true} // what only the caller knows
	var found []n2.Neighbor
	for n, err := range x.SearchIter([]float32{3, 3}, nil) {
		if err != nil {
			log.Fatal(err)
		}
		if sold[n.ID] {
			continue
		}
		if found = append(found, n); len(found) == 2 {
			break
		}
	}
	fmt.Println(found)
	// Output:
	// [{1 13} {0 18}]
}

func ExampleIndex_All() {
	x := points()
	defer x.Close()

	for id, v := range x.All() {
		if v[1] >= 4 {
			if err := x.Delete(id); err != nil {
				log.Fatal(err)
			}
		}
	}
	fmt.Println(maps.Collect(x.All()))
	// Output:
	// map[0:[0 0] 1:[0 1]]
}

func ExampleIndex_AddIndex() {
	x, y := points(), points()
	defer x.Close()
	defer y.Close()

	if err := y.Delete(1); err != nil {
		log.Fatal(err)
	}
	first, err := x.AddIndex(y)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(x.Len(), "vectors; those of y have the ids from", first)
	// Output:
	// 7 vectors; those of y have the ids from 4
}

func ExampleIndex_SearchBatch() {
	x := points()
	defer x.Close()

	queries := []float32{3, 3, 6, 6} // two of them
	batch, err := x.SearchBatch(context.Background(), queries, 2, nil)
	if err != nil {
		log.Fatal(err)
	}
	for i, neighbors := range batch {
		fmt.Println("query", i, neighbors)
	}
	// Output:
	// query 0 [{2 1} {1 13}]
	// query 1 [{3 4} {2 13}]
}

func ExampleIndex_Build() {
	x, err := n2.New(2, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer x.Close()
	if _, err := x.AddBatch([]float32{1, 0, 0, 1, 1, 1}); err != nil {
		log.Fatal(err)
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // or earlier, to stop the build
	var share float64
	err = x.Build(ctx, &n2.BuildOptions{
		Progress: func(done, total int) { share = float64(done) / float64(total) },
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%.0f %%, %d vectors pending\n", 100*share, x.Stats().Pending)
	// Output:
	// 100 %, 0 vectors pending
}

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "n2")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "points.n2")

	x := points()
	defer x.Close()
	if err := x.Save(path); err != nil {
		log.Fatal(err)
	}

	y, err := n2.Load(path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer y.Close()
	neighbors, err := y.SearchByID(2, 2, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(y.Len(), "vectors,", y.Metric(), neighbors)

	_, err = n2.Load(filepath.Join(dir, "lines.n2"), nil)
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	// Output:
	// 4 vectors, L2 [{2 0} {1 18}]
	// true
}

func ExampleIndex_WriteTo() {
	x := points()
	defer x.Close()

	var object bytes.Buffer // or what an object store takes
	z := gzip.NewWriter(&object)
	if _, err := x.WriteTo(z); err != nil {
		log.Fatal(err)
	}
	if err := z.Close(); err != nil {
		log.Fatal(err)
	}

	r, err := gzip.NewReader(&object)
	if err != nil {
		log.Fatal(err)
	}
	y, err := n2.Read(r, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer y.Close()
	fmt.Println(y.Len(), "vectors")
	// Output:
	// 4 vectors
}

func ExampleRead() {
	x := points()
	defer x.Close()

	r, w := io.Pipe() // or a connection
	go func() {
		_, err := x.WriteTo(w)
		w.CloseWithError(err)
	}()

	y, err := n2.Read(r, &n2.LoadOptions{Verify: true})
	if err != nil {
		log.Fatal(err)
	}
	defer y.Close()
	neighbors, err := y.SearchByID(2, 2, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(neighbors)
	// Output:
	// [{2 0} {1 18}]
}

func ExampleMap() {
	m, err := n2.NewMap[string](2, &n2.Options{Metric: n2.L2})
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	for key, v := range map[string][]float32{"here": {0, 0}, "near": {0, 1}, "far": {6, 8}} {
		if err := m.Put(key, v); err != nil {
			log.Fatal(err)
		}
	}
	if err := m.Put("far", []float32{60, 80}); err != nil { // in the old one's place
		log.Fatal(err)
	}

	matches, err := m.Search([]float32{0, 0}, 3, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(matches)
	fmt.Println(m.Delete("here"), m.Has("here"), m.Len())
	// Output:
	// [{here 0} {near 1} {far 10000}]
	// <nil> false 2
}

func ExampleLoadMap() {
	dir, err := os.MkdirTemp("", "n2")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "users.n2")

	m, err := n2.NewMap[uint64](2, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	if err := m.PutBatch([]uint64{1001, 1002}, []float32{1, 0, 1, 1}); err != nil {
		log.Fatal(err)
	}
	if err := m.Save(path); err != nil {
		log.Fatal(err)
	}

	loaded, err := n2.LoadMap[uint64](path, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer loaded.Close()
	v, err := loaded.Get(1002, nil)
	fmt.Println(v, err)
	_, err = n2.LoadMap[string](path, nil)
	fmt.Println(errors.Is(err, n2.ErrKeyType))
	// Output:
	// [1 1] <nil>
	// true
}
