// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/n2ann/n2/examples/benchmark/workload"
)

// TestServeLive replaces all vectors of an index twice and compares what is found with what lives.
func TestServeLive(t *testing.T) {
	const n, dim, count, k = 3000, 8, 20, 10
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	base := writeVectors(t, at("base"), n, dim)
	queries := writeVectors(t, at("queries"), count, dim)
	params := map[string]any{"M": 16, "efConstruction": 100}
	model := workload.NewModel(n / 2)
	requests := []map[string]any{
		{"op": "build", "base": at("base"), "n": n / 2, "dim": dim, "metric": "L2", "threads": 2, "params": params,
			"capacity": n / 2},
		{"op": "queries", "path": at("queries"), "n": count, "dim": dim},
	}
	var plan workload.Plan
	for round := range 2 {
		plan = model.Replace(workload.Extent{Rows: n, Queries: count, Workers: 2, Seed: uint64(round)})
		path := at("plan") + string(rune('0'+round))
		if err := plan.Write(path); err != nil {
			t.Fatal(err)
		}
		requests = append(requests, map[string]any{"op": "live", "plan": path, "base": at("base"), "n": n, "k": k,
			"params": map[string]any{"ef": 100}, "keys": model.Keys(), "out": at("timings")})
	}
	requests = append(requests, map[string]any{"op": "search", "k": k, "params": map[string]any{"ef": 200}, "mode": "single",
		"threads": 1, "out": at("ids")})
	answers := serve(t, Own, requests...)
	for i, a := range answers {
		if a["ok"] != true {
			t.Fatalf("answer %d: %v", i, a)
		}
	}
	if a := answers[3]; a["wall_s"].(float64) <= 0 || a["extra"].(float64) < a["kept"].(float64) ||
		a["kept"].(float64) < 4*n*dim {
		t.Errorf("%v", a)
	}
	timings, err := workload.ReadTimings(at("timings"))
	if err != nil || len(timings) != len(plan[0])+len(plan[1]) {
		t.Fatal(len(timings), err)
	}
	for i, made := range timings[:len(plan[0])] {
		if made.Kind != int64(plan[0][i].Kind) || made.End < made.Start || i > 0 && made.Start < timings[i-1].End {
			t.Fatalf("operation %d: %+v", i, made)
		}
	}
	if samples, err := workload.ReadSamples(at("timings") + ".memory"); err != nil || len(samples) == 0 {
		t.Error(samples, err)
	}

	var lives []float32
	for _, row := range model.Rows() {
		lives = append(lives, base[int(row)*dim:(int(row)+1)*dim]...)
	}
	raw, err := os.ReadFile(at("ids"))
	if err != nil {
		t.Fatal(err)
	}
	keys := make([]int32, count*k)
	binary.Read(bytes.NewReader(raw), binary.LittleEndian, keys)
	hits := 0
	for q := range count {
		truth := exact(lives, queries[q*dim:(q+1)*dim], dim, k)
		for _, key := range keys[q*k : (q+1)*k] {
			row, ok := model.Row(key)
			if !ok {
				t.Fatalf("query %d: key %d was found, and does not live", q, key)
			}
			if slices.Contains(truth, int32(slices.Index(model.Rows(), row))) {
				hits++
			}
		}
	}
	if recall := float64(hits) / (count * k); recall < 0.95 {
		t.Errorf("recall %.3f", recall)
	}
}

func TestServeLiveBuild(t *testing.T) {
	const n, dim, count, k = 2000, 8, 20, 10
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	base := writeVectors(t, at("base"), n, dim)
	queries := writeVectors(t, at("queries"), count, dim)
	answers := serve(t, Own,
		map[string]any{"op": "queries", "path": at("queries"), "n": count, "dim": dim},
		map[string]any{"op": "live build", "base": at("base"), "n": n, "dim": dim, "metric": "L2", "threads": 2,
			"build": map[string]any{"M": 16}, "k": k, "params": map[string]any{"ef": 50}, "out": at("timings")},
		map[string]any{"op": "search", "k": k, "params": map[string]any{"ef": 500}, "mode": "single", "threads": 1, "out": at("ids")})
	for i, a := range answers {
		if a["ok"] != true {
			t.Fatalf("answer %d: %v", i, a)
		}
	}
	timings, err := workload.ReadTimings(at("timings"))
	if err != nil || len(timings) == 0 || timings[0].Kind != int64(workload.Build) {
		t.Fatal(len(timings), err)
	}
	raw, err := os.ReadFile(at("ids"))
	if err != nil {
		t.Fatal(err)
	}
	ids := make([]int32, k)
	binary.Read(bytes.NewReader(raw), binary.LittleEndian, ids)
	if want := exact(base, queries[:dim], dim, k); !slices.Equal(ids, want) {
		t.Errorf("%v instead of %v", ids, want)
	}
}

func TestServeNotLive(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "base")
	writeVectors(t, path, 50, 4)
	plan := filepath.Join(dir, "plan")
	if err := workload.Idle(1, 1).Write(plan); err != nil {
		t.Fatal(err)
	}
	build := map[string]any{"op": "build", "base": path, "n": 50, "dim": 4, "metric": "L2", "threads": 1, "params": map[string]any{"M": 8}}
	live := map[string]any{"op": "live", "plan": plan, "base": path, "n": 50, "k": 1, "keys": 50, "out": filepath.Join(dir, "out")}
	queries := map[string]any{"op": "queries", "path": path, "n": 50, "dim": 4}
	if a := serve(t, "coder-hnsw", build, queries, live)[2]; a["error"] != errNotLive.Error() {
		t.Errorf("%v", a)
	}
	if a := serve(t, Own, build, live)[1]; a["error"] != errNoQueries.Error() {
		t.Errorf("%v", a)
	}
	bad := map[string]any{"op": "live", "plan": path + "x", "base": path, "n": 50, "k": 1, "keys": 50}
	if a := serve(t, Own, build, queries, bad)[2]; a["ok"] != false {
		t.Errorf("%v", a)
	}
}
