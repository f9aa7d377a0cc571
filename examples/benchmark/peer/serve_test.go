// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writeVectors writes n random vectors and returns them.
func writeVectors(t *testing.T, path string, n, dim int) []float32 {
	t.Helper()
	r := rand.New(rand.NewSource(int64(n)))
	vs := make([]float32, n*dim)
	for i := range vs {
		vs[i] = float32(r.NormFloat64())
	}
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, vs)
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return vs
}

// serve sends requests to a peer in Go and returns its answers.
func serve(t *testing.T, name string, requests ...map[string]any) []map[string]any {
	t.Helper()
	var in, out bytes.Buffer
	for _, r := range requests {
		json.NewEncoder(&in).Encode(r)
	}
	if err := Serve(name, &in, &out); err != nil {
		t.Fatal(err)
	}
	var answers []map[string]any
	for line := range strings.Lines(out.String()) {
		var a map[string]any
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatal(err)
		}
		answers = append(answers, a)
	}
	return answers
}

// exact returns the k rows of base nearest to query by L2.
func exact(base, query []float32, dim, k int) []int32 {
	ids := make([]int32, len(base)/dim)
	distances := make([]float64, len(ids))
	for i := range ids {
		ids[i] = int32(i)
		for j, q := range query {
			d := float64(q - base[i*dim+j])
			distances[i] += d * d
		}
	}
	slices.SortFunc(ids, func(a, b int32) int {
		if distances[a] < distances[b] {
			return -1
		}
		return 1
	})
	return ids[:k]
}

func TestServe(t *testing.T) {
	const n, dim, count, k = 500, 16, 50, 10
	dir := t.TempDir()
	basePath, queryPath := filepath.Join(dir, "base"), filepath.Join(dir, "queries")
	base := writeVectors(t, basePath, n, dim)
	queries := writeVectors(t, queryPath, count, dim)
	for name := range engines {
		t.Run(name, func(t *testing.T) {
			index, out := filepath.Join(dir, "index-"+name), filepath.Join(dir, "ids-"+name)
			params := map[string]any{"M": 16, "efConstruction": 100}
			search := map[string]any{"op": "search", "k": k, "params": map[string]any{"ef": 200},
				"mode": "single", "threads": 1, "out": out}
			requests := []map[string]any{
				{"op": "hello"},
				{"op": "search"}, // too early
				{"op": "build", "base": basePath, "n": n, "dim": dim, "metric": "L2", "threads": 2, "params": params},
				{"op": "save", "path": index},
				{"op": "load", "path": index, "n": n, "dim": dim, "metric": "L2", "params": params},
				{"op": "queries", "path": queryPath, "n": count, "dim": dim},
				search,
			}
			if name == Own {
				batch := map[string]any{}
				for key, v := range search {
					batch[key] = v
				}
				batch["mode"] = "batch"
				requests = append(requests, batch)
			}
			for i, a := range serve(t, name, append(requests, map[string]any{"op": "quit"})...) {
				if want := i != 1; a["ok"] != want {
					t.Errorf("answer %d: %v", i, a)
				}
			}
			raw, err := os.ReadFile(out)
			if err != nil || len(raw) != 4*count*k {
				t.Fatal(len(raw), err)
			}
			ids := make([]int32, count*k)
			binary.Read(bytes.NewReader(raw), binary.LittleEndian, ids)
			hits := 0
			for q := range count {
				for _, id := range exact(base, queries[q*dim:(q+1)*dim], dim, k) {
					if slices.Contains(ids[q*k:(q+1)*k], id) {
						hits++
					}
				}
			}
			if recall := float64(hits) / (count * k); recall < 0.8 { // coder-hnsw links in the order of a Go map
				t.Errorf("recall %.3f", recall)
			}
		})
	}
}

func TestServeErrors(t *testing.T) {
	for _, r := range []map[string]any{
		{"op": "dance"},
		{"op": 3},
		{"op": "build", "base": "/does/not/exist", "n": 1, "dim": 1, "metric": "L2"},
		{"op": "queries", "path": "/does/not/exist", "n": 1, "dim": 1},
	} {
		if a := serve(t, Own, r)[0]; a["ok"] != false || a["error"] == "" {
			t.Errorf("%v: %v", r, a)
		}
	}
}

func TestPercentile(t *testing.T) {
	if p := percentile([]float64{1, 2, 3, 4, 5}, 50); p != 3 {
		t.Error(p)
	}
	if p := percentile([]float64{1, 2}, 95); p != 1.95 {
		t.Error(p)
	}
	if p := percentile([]float64{7}, 99); p != 7 {
		t.Error(p)
	}
}
