// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// emptyCache makes the test work in a cache of its own.
func emptyCache(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("N2_BENCH_CACHE", dir)
	return dir
}

// put writes a file and returns its path.
func put(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t *testing.T, name string, n int) *Set {
	t.Helper()
	s, err := Open(context.Background(), name, n, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// fvecs writes rows x dim different values as a file of a user.
func fvecs(t *testing.T, name string, rows, dim int) string {
	t.Helper()
	var data []byte
	for i := range rows {
		data = append(data, little(int32(dim))...)
		for j := range dim {
			data = encode(data, float32(i*dim+j+1))
		}
	}
	return put(t, name, data)
}

func TestUnknownName(t *testing.T) {
	emptyCache(t)
	_, err := Open(context.Background(), "glove", 0, nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, name := range append(Names(), ".fvecs", ".hdf5") {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not list %s", err, name)
		}
	}
}

func TestRandom(t *testing.T) {
	cache := emptyCache(t)
	var log bytes.Buffer
	s, err := Open(context.Background(), "random-10", 500, &log)
	if err != nil {
		t.Fatal(err)
	}
	if s.Dim != 10 || s.N != 500 || s.Queries != 1000 || s.Metric != "L2" || s.Licence == "" ||
		s.Provenance == "" || s.Dir != filepath.Join(cache, "random-10") {
		t.Errorf("set %+v", s)
	}
	if !strings.Contains(log.String(), "1000 queries, made in") {
		t.Errorf("log %q", &log)
	}
	first, queries := read(t, s.BasePath()), read(t, s.QueriesPath())
	if len(first) != 100_000*40 || len(queries) != 1000*40 {
		t.Errorf("%d and %d bytes", len(first), len(queries))
	}
	for i := 0; i < len(first); i += 4 {
		if v := decode(first[i:]); v < 0 || v >= 1 {
			t.Fatalf("value %v", v)
		}
	}
	// A larger one begins with it and has the same queries.
	s = open(t, "random-10", 150_000)
	if larger := read(t, s.BasePath()); !bytes.HasPrefix(larger, first) || len(larger) != 150_000*40 {
		t.Error("the larger base does not begin with the smaller one")
	}
	if !bytes.Equal(read(t, s.QueriesPath()), queries) {
		t.Error("the queries of the larger set differ")
	}
	if left, _ := filepath.Glob(filepath.Join(cache, ".*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestRandomStays pins the random streams: committed results are of these data.
func TestRandomStays(t *testing.T) {
	emptyCache(t)
	s := open(t, "random-10", 1)
	if sum, _ := fileSum(s.QueriesPath()); sum != "d53fd605e88a92fcc81291955422836ab59e2245183870dc9301b15be0e956a4" {
		t.Errorf("the queries have the checksum %s", sum)
	}
	if p := permutation(10, 1); !slices.Equal(p, []uint32{5, 1, 3, 4, 2, 6, 8, 7, 0, 9}) {
		t.Errorf("permutation %v", p)
	}
}

func TestDamagedCopyIsMadeAgain(t *testing.T) {
	for name, damage := range map[string]func(s *Set) error{
		"a bit": func(s *Set) error {
			data, err := os.ReadFile(s.QueriesPath())
			if err != nil {
				return err
			}
			data[100] ^= 1
			return os.WriteFile(s.QueriesPath(), data, 0o666)
		},
		"truncated": func(s *Set) error { return os.Truncate(s.BasePath(), 1000) },
		"missing":   func(s *Set) error { return os.Remove(s.BasePath()) },
		"meta": func(s *Set) error {
			return os.WriteFile(filepath.Join(s.Dir, metaFile), []byte("{"), 0o666)
		},
	} {
		t.Run(name, func(t *testing.T) {
			emptyCache(t)
			s := open(t, "random-10", 10)
			want := read(t, s.QueriesPath())
			if err := damage(s); err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			if _, err := Open(context.Background(), "random-10", 10, &log); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), "damaged") {
				t.Errorf("log %q", &log)
			}
			if !bytes.Equal(read(t, s.QueriesPath()), want) {
				t.Error("the set made again differs")
			}
		})
	}
}

func TestCancelledLeavesNothing(t *testing.T) {
	cache := emptyCache(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, "random-10", 0, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if left, _ := os.ReadDir(cache); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

func TestSweep(t *testing.T) {
	cache := emptyCache(t)
	old, fresh := filepath.Join(cache, ".making-a-1"), filepath.Join(cache, ".making-b-2")
	for _, dir := range []string{old, fresh} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	past := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(old, past, past); err != nil {
		t.Fatal(err)
	}
	sweep(cache)
	if left, _ := os.ReadDir(cache); len(left) != 1 || left[0].Name() != filepath.Base(fresh) {
		t.Errorf("left %v", left)
	}
}

func TestSplitIsAPermutation(t *testing.T) {
	emptyCache(t)
	const rows, dim = 2200, 3
	path := fvecs(t, "mine.fvecs", rows, dim)
	s := open(t, path, 0)
	if s.N != rows-rows/11 || s.Queries != rows/11 || s.Dim != dim || s.Metric != "L2" {
		t.Fatalf("set %+v", s)
	}
	base, queries := read(t, s.BasePath()), read(t, s.QueriesPath())
	var seen [rows]bool
	inOrder := 0
	for i := 0; i < rows*dim*4; i += dim * 4 {
		row := append(slices.Clone(base), queries...)[i : i+dim*4]
		number := (int(decode(row)) - 1) / dim
		if seen[number] || decode(row[8:]) != float32(number*dim+3) {
			t.Fatalf("row %d is there twice, or torn", number)
		}
		seen[number] = true
		if number == i/dim/4 {
			inOrder++
		}
	}
	if inOrder > 20 {
		t.Errorf("%d rows are where they were", inOrder)
	}
	// The same again elsewhere.
	emptyCache(t)
	again := open(t, path, 0)
	if !bytes.Equal(read(t, again.BasePath()), base) || !bytes.Equal(read(t, again.QueriesPath()), queries) {
		t.Error("the split differs the second time")
	}
	if again.Name != s.Name || open(t, path, 7).N != 7 {
		t.Error("name or size differ")
	}
	if _, err := Open(context.Background(), path, rows, nil); err == nil ||
		!strings.Contains(err.Error(), "2200 rows asked for, it has 2000") {
		t.Errorf("error %v", err)
	}
}

func TestUserFileWithOptions(t *testing.T) {
	emptyCache(t)
	base, queries := fvecs(t, "base.fvecs", 20, 4), fvecs(t, "query.fvecs", 3, 4)
	s := open(t, base+"?metric=dot&queries="+queries, 0)
	if s.N != 20 || s.Queries != 3 || s.Metric != "dot" {
		t.Errorf("set %+v", s)
	}
	if got := decode(read(t, s.QueriesPath())[16:]); got != 5 {
		t.Errorf("the second query begins with %v: they must stay in order", got)
	}
	for name, want := range map[string]string{
		base + "?metric=cosine":                            "angular, L2 and dot",
		base + "?metrik=L2":                                "there are metric and queries",
		base + "?queries=" + fvecs(t, "other.fvecs", 3, 5): "has 5 dimensions",
		base + "x":                             "no such file",
		put(t, "base.txt", []byte("1 2 3")):    "not known",
		base + "?queries=/nonexistent/x.fvecs": "no such file",
		"nonexistent.npy":                      "no such file",
		filepath.Dir(base) + "?metric=L2":      "is not a file",
		fvecs(t, "one.fvecs", 1, 4):            "cannot be held out",
		put(t, "nan.fbin", little(uint32(2), uint32(1), []float32{1, nan})):                       "vector 1: the value NaN",
		put(t, "zero.fbin", little(uint32(3), uint32(1), make([]float32, 3))) + "?metric=angular": "no direction",
		put(t, "empty.npy", nil): "truncated",
	} {
		_, err := Open(context.Background(), name, 0, nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", name, err, want)
		}
	}
	if _, err := Open(context.Background(), base, -1, nil); err == nil {
		t.Error("-1 rows are not refused")
	}
}

func TestRecipesAreComplete(t *testing.T) {
	for _, r := range recipes {
		if r.queries < 1 || r.make == nil || r.licence == "" || (r.size > 0 && r.least > r.size) {
			t.Errorf("%+v", r)
		}
	}
}
