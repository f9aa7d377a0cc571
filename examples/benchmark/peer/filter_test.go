// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestServeFilter(t *testing.T) {
	const n, dim, count, k = 1000, 8, 10, 5
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	base := writeVectors(t, at("base"), n, dim)
	queries := writeVectors(t, at("queries"), count, dim)
	words := make([]uint64, (n+63)/64)
	var rows []int32
	var some []float32
	for row := 3; row < n; row += 7 {
		words[row/64] |= 1 << (row % 64)
		rows = append(rows, int32(row))
		some = append(some, base[row*dim:(row+1)*dim]...)
	}
	raw, _ := binary.Append(nil, binary.LittleEndian, words)
	if err := os.WriteFile(at("allowed"), raw, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{Own, Scan.Name} {
		for i, a := range serve(t, name,
			map[string]any{"op": "build", "base": at("base"), "n": n, "dim": dim, "metric": "L2", "threads": 1, "params": map[string]any{}},
			map[string]any{"op": "queries", "path": at("queries"), "n": count, "dim": dim},
			map[string]any{"op": "allow", "path": at("allowed")},
			map[string]any{"op": "search", "k": k, "params": map[string]any{"recall": 1}, "mode": "single", "threads": 1, "out": at("ids")}) {
			if a["ok"] != true {
				t.Fatalf("%s, answer %d: %v", name, i, a)
			}
		}
		raw, err := os.ReadFile(at("ids"))
		if err != nil {
			t.Fatal(err)
		}
		ids := make([]int32, count*k)
		binary.Read(bytes.NewReader(raw), binary.LittleEndian, ids)
		for q := range count {
			for i, want := range exact(some, queries[q*dim:(q+1)*dim], dim, k) {
				if got := ids[q*k+i]; got != rows[want] {
					t.Fatalf("%s, query %d, place %d: row %d instead of %d", name, q, i, got, rows[want])
				}
			}
		}
	}
}

func TestServeFilterErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "base")
	writeVectors(t, path, 20, 3) // 240 bytes
	build := map[string]any{"op": "build", "base": path, "n": 20, "dim": 3, "metric": "L2", "threads": 1, "params": map[string]any{"M": 8}}
	allow := map[string]any{"op": "allow", "path": path}
	if a := serve(t, "coder-hnsw", build, allow)[1]; a["error"] != errNoFilter.Error() {
		t.Errorf("%v", a)
	}
	if a := serve(t, Own, build, map[string]any{"op": "allow", "path": path + "x"})[1]; a["ok"] != false {
		t.Errorf("%v", a)
	}
	queries := map[string]any{"op": "queries", "path": path, "n": 20, "dim": 3}
	search := map[string]any{"op": "search", "k": 1, "mode": "single", "out": filepath.Join(dir, "ids")}
	if a := serve(t, Scan.Name, build, queries, search)[2]; a["error"] != errOnlyFilter.Error() {
		t.Errorf("%v", a)
	}
	if slices.ContainsFunc(All(), func(s Spec) bool { return s.Name == Scan.Name }) {
		t.Error("the scan is measured without a filter")
	}
}
