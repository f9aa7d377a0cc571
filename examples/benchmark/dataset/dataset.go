// SPDX-License-Identifier: Apache-2.0

// Package dataset makes, keeps and opens the data sets that the benchmark measures with.
//
// A set is a folder of the cache, which is $N2_BENCH_CACHE or the folder n2-benchmark in the user's
// cache folder. It holds meta.json (what the set is, where it comes from, checksums), base.f32 and
// queries.f32 (raw little-endian float32, row after row) and the ground truth, as it is asked for,
// in truth-N-K.bin: the K nearest of the first N rows of the base, for each query K ids as int32,
// then, after the ids of all queries, the K distances of each as float32.
//
// Rows of the base stand in an order that is random but fixed, so that the first n of them are a
// fair sample: that is what a smaller n means. Vectors of angular sets are not normalised unless
// the set says so.
package dataset

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
)

// A Set is a data set on disk, ready to be measured with.
type Set struct {
	// Name is the recipe's, or for a user's file the name of the folder made from it.
	Name string
	// Metric is "angular", "L2" or "dot", as n2.ParseMetric takes it.
	Metric string
	// Dir is the folder that holds the set.
	Dir string
	// Provenance and Licence are for people: what the vectors are made from, and on what terms.
	Provenance, Licence string
	// Dim is the number of coordinates, N that of the rows of the base that are in use, which are its
	// first ones, and Queries that of all queries.
	Dim, N, Queries int

	log io.Writer
}

// Names returns the names of the sets that Open can make by itself.
func Names() []string {
	names := make([]string, len(recipes))
	for i, r := range recipes {
		names[i] = r.name
	}
	return names
}

// Open returns the set of that name with the first n rows of its base, all of them if n is 0. A set
// that is not in the cache, or damaged there, is made first; log receives what happens meanwhile
// and may be nil. What a set is made from is kept in the cache too, so that making it again after
// an interruption takes up where a download ended.
//
// Two sets have no natural size: "random-10" and "youtube-40" are made as large as n asks, and the
// larger one begins with the smaller.
//
// A name that is a path opens a user's file: ann-benchmarks' HDF5 (.hdf5, .h5), .fvecs, .bvecs,
// .ivecs, .fbin, .u8bin, .i8bin or .npy. Options may follow it as in a URL:
// "base.fvecs?queries=query.fvecs&metric=angular". Without queries some rows of the file are held
// out, and without metric it is that of the HDF5 file, else L2.
func Open(ctx context.Context, name string, n int, log io.Writer) (*Set, error) {
	if log == nil {
		log = io.Discard
	}
	if n < 0 {
		return nil, fmt.Errorf("data set %s: %d rows asked for", name, n)
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	r, err := find(name)
	if err != nil {
		return nil, err
	}
	want := n
	if r.growing() && n == 0 {
		want = r.size
	}
	dir := filepath.Join(cache, r.name)
	m, err := load(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m, err = r.cook(ctx, cache, want, log)
	case errors.Is(err, errDamaged):
		fmt.Fprintf(log, "data set %s: %v; it is made again\n", r.name, err)
		m, err = r.cook(ctx, cache, want, log)
	case err == nil && r.growing() && m.Base < want:
		m, err = r.cook(ctx, cache, want, log)
	}
	if err != nil {
		return nil, fmt.Errorf("data set %s: %w", r.name, err)
	}
	if want == 0 {
		want = m.Base
	}
	if want > m.Base {
		return nil, fmt.Errorf("data set %s: %d rows asked for, it has %d", r.name, want, m.Base)
	}
	return &Set{Name: r.name, Metric: m.Metric, Dir: dir, Provenance: m.Provenance,
		Licence: m.Licence, Dim: m.Dim, N: want, Queries: m.Queries, log: log}, nil
}

// find returns the recipe of that name, or one for the user's file of that path.
func find(name string) (*recipe, error) {
	for i := range recipes {
		if recipes[i].name == name {
			return &recipes[i], nil
		}
	}
	if looksLikeFile(name) {
		return userRecipe(name)
	}
	return nil, fmt.Errorf("no data set is called %q; known are %s, and paths of files that end in %s",
		name, strings.Join(Names(), ", "), strings.Join(endings(), ", "))
}

// BasePath returns the path of the base, of which the first s.N rows count.
func (s *Set) BasePath() string { return filepath.Join(s.Dir, baseFile) }

// QueriesPath returns the path of the queries.
func (s *Set) QueriesPath() string { return filepath.Join(s.Dir, queriesFile) }
