// SPDX-License-Identifier: Apache-2.0

package workload

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// replay makes the operations of the workers in turns, as an index would see them, and fails where
// one is impossible.
func replay(t *testing.T, live map[int32]int32, plan Plan) (counts map[Kind]int, most int) {
	t.Helper()
	counts = map[Kind]int{}
	for i, left := 0, true; left; i++ {
		left = false
		for _, operations := range plan {
			if i >= len(operations) {
				continue
			}
			left = true
			o := operations[i]
			counts[o.Kind]++
			_, is := live[o.Key]
			switch o.Kind {
			case Add:
				if is {
					t.Fatalf("key %d is added twice", o.Key)
				}
				live[o.Key] = o.Row
			case Delete:
				if !is {
					t.Fatalf("key %d is deleted, but does not live", o.Key)
				}
				delete(live, o.Key)
			}
			most = max(most, len(live))
		}
	}
	return counts, most
}

// agree says that the model knows what lives, and that no row does twice.
func agree(t *testing.T, m *Model, live map[int32]int32) {
	t.Helper()
	rows := map[int32]bool{}
	for key, row := range live {
		if got, ok := m.Row(key); !ok || got != row {
			t.Fatalf("key %d: row %d, %v instead of %d", key, got, ok, row)
		}
		if rows[row] {
			t.Fatalf("row %d lives twice", row)
		}
		rows[row] = true
	}
	if m.Len() != len(live) || len(m.Rows()) != len(live) {
		t.Fatalf("%d live, %d rows, instead of %d", m.Len(), len(m.Rows()), len(live))
	}
}

func first(n int) map[int32]int32 {
	live := map[int32]int32{}
	for i := range int32(n) {
		live[i] = i
	}
	return live
}

func TestMixed(t *testing.T) {
	for _, test := range []struct {
		operations, workers int
		share               float64
		searches, adds      int
	}{
		{1000, 2, 0.05, 950, 50},
		{1000, 3, 0.5, 500, 500},
		{5000, 2, 0.5, 600, 600}, // there are no more rows
		{0, 2, 0.5, 0, 0},
	} {
		m, live := NewModel(400), first(400)
		plan := m.Mixed(test.operations, test.share, Extent{Rows: 1000, Queries: 7, Workers: test.workers, Seed: 1})
		counts, _ := replay(t, live, plan)
		if counts[Search] != test.searches || counts[Add] != test.adds || counts[Delete] != 0 {
			t.Errorf("%+v: %v", test, counts)
		}
		agree(t, m, live)
		if len(plan) != test.workers || len(plan[0])-len(plan[test.workers-1]) > 1 {
			t.Errorf("%+v: not dealt out evenly", test)
		}
	}
}

// TestMixedSpread says that adds do not stand all in one place.
func TestMixedSpread(t *testing.T) {
	plan := NewModel(1000).Mixed(2000, 0.5, Extent{Rows: 2000, Queries: 10, Workers: 1, Seed: 1})
	for quarter := range 4 {
		adds := 0
		for _, o := range plan[0][quarter*500 : (quarter+1)*500] {
			if o.Kind == Add {
				adds++
			}
		}
		if adds < 200 || adds > 300 {
			t.Errorf("quarter %d: %d of 500 are adds", quarter, adds)
		}
	}
}

func TestReplace(t *testing.T) {
	m, live := NewModel(500), first(500)
	e := Extent{Rows: 1001, Queries: 7, Workers: 3}
	for round := range 4 {
		before := m.Rows()
		e.Seed = uint64(round)
		counts, most := replay(t, live, m.Replace(e))
		if counts[Search] != 1000 || counts[Add] != 500 || counts[Delete] != 500 || most > 500 {
			t.Errorf("round %d: %v, at most %d", round, counts, most)
		}
		agree(t, m, live)
		for _, row := range m.Rows() {
			if slices.Contains(before, row) {
				t.Fatalf("round %d: row %d was not replaced", round, row)
			}
		}
	}
	if _, ok := m.Row(3); ok {
		t.Error("key 3 lives still")
	}
	for _, key := range []int32{-1, 500 + 4*500} {
		if _, ok := m.Row(key); ok {
			t.Errorf("key %d lives", key)
		}
	}
}

func TestDeterministic(t *testing.T) {
	e := Extent{Rows: 300, Queries: 9, Workers: 2, Seed: 5}
	a, b := NewModel(100).Replace(e), NewModel(100).Replace(e)
	if !reflect.DeepEqual(a, b) {
		t.Error("two plans of the same arguments differ")
	}
	e.Seed = 6
	if reflect.DeepEqual(a, NewModel(100).Replace(e)) {
		t.Error("the seed changes nothing")
	}
}

// TestSearchesAllQueries says that queries take turns.
func TestSearchesAllQueries(t *testing.T) {
	seen := map[int32]int{}
	for _, o := range NewModel(10).Mixed(100, 0.1, Extent{Rows: 20, Queries: 9, Workers: 1})[0] {
		if o.Kind == Search {
			seen[o.Row]++
		}
	}
	for q := range int32(9) {
		if seen[q] != 10 {
			t.Errorf("query %d: %d times", q, seen[q])
		}
	}
}

func TestFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "plan")
	plan := append(NewModel(20).Replace(Extent{Rows: 40, Queries: 3, Workers: 2}), Idle(3, 1)...)
	if err := plan.Write(path); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(path); err != nil || !reflect.DeepEqual(got, plan) {
		t.Errorf("%v, %v", got, err)
	}
	timings := [][]Timing{{{0, 5, 1 << 40}, {1, 7, 9}}, nil, {{2, 1, 2}}}
	if err := WriteTimings(path, timings); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadTimings(path); err != nil || !reflect.DeepEqual(got, slices.Concat(timings...)) {
		t.Errorf("%v, %v", got, err)
	}
	samples := []Sample{{1, 1 << 40}, {2, 3}}
	if err := WriteSamples(path, samples); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadSamples(path); err != nil || !reflect.DeepEqual(got, samples) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestFilesCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for _, size := range []int{3, 5, 15} {
		raw := make([]byte, size)
		raw[0] = 2 // two operations, of which one is there at most
		if err := os.WriteFile(path, raw, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil {
			t.Errorf("a plan of %d bytes", size)
		}
		if _, err := ReadTimings(path); err == nil {
			t.Errorf("timings of %d bytes", size)
		}
	}
}

func TestKindNames(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Kinds {
		seen[k.String()] = true
	}
	if len(seen) != len(Kinds) || seen["Kind(0)"] || Kind(9).String() != "Kind(9)" {
		t.Error(seen)
	}
}
