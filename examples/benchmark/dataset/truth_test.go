// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

// scattered writes a set of rows and queries that are not near each other and returns its name.
func scattered(t *testing.T, rows, dim int, metric string) string {
	t.Helper()
	r := newRandom(99)
	data := little(uint32(rows), uint32(dim))
	for range rows * dim {
		data = encode(data, r.unit()-0.3)
	}
	return put(t, "scattered.fbin", data) + "?metric=" + metric
}

func TestTruth(t *testing.T) {
	for _, metric := range []string{"angular", "L2", "dot"} {
		t.Run(metric, func(t *testing.T) {
			emptyCache(t)
			s := open(t, scattered(t, 1100, 17, metric), 700)
			ids, distances, err := s.Truth(context.Background(), 10)
			if err != nil {
				t.Fatal(err)
			}
			m, _ := n2.ParseMetric(metric)
			base, _ := readRows(s.BasePath(), s.N, s.Dim)
			queries, _ := readRows(s.QueriesPath(), s.Queries, s.Dim)
			if len(ids) != 100 || len(distances) != 100 {
				t.Fatalf("truth of %d queries", len(ids))
			}
			for i, q := range ids {
				want := nearest(m, base, queries[i*s.Dim:(i+1)*s.Dim], 10)
				for j, id := range q {
					d, _ := exactDistance(m, queries[i*s.Dim:(i+1)*s.Dim], base[int(id)*s.Dim:(int(id)+1)*s.Dim])
					if math.Abs(d-want[j]) > 1e-5 || math.Abs(float64(distances[i][j])-want[j]) > 1e-5 {
						t.Fatalf("query %d, place %d: %v (%v), want %v", i, j, distances[i][j], d, want[j])
					}
				}
			}
			// Fewer neighbours come from the same file, which is not written again.
			if kept := s.keptK(1); kept != 100 {
				t.Errorf("kept %d", kept)
			}
			before, _ := os.Stat(s.truthPath(100))
			few, _, err := s.Truth(context.Background(), 3)
			if err != nil || !slices.Equal(few[5], ids[5][:3]) {
				t.Errorf("%v, want %v; %v", few[5], ids[5][:3], err)
			}
			if after, _ := os.Stat(s.truthPath(100)); !after.ModTime().Equal(before.ModTime()) {
				t.Error("the truth was computed again")
			}
			if before.Size() != 100*100*8 {
				t.Errorf("%d bytes", before.Size())
			}
		})
	}
}

// nearest returns the k best distances.
func nearest(m n2.Metric, base, q []float32, k int) []float64 {
	var all []float64
	for i := 0; i < len(base); i += len(q) {
		d, _ := exactDistance(m, q, base[i:i+len(q)])
		all = append(all, d)
	}
	slices.Sort(all)
	if m == n2.Dot {
		slices.Reverse(all)
	}
	return all[:k]
}

func TestTruthOfFewRows(t *testing.T) {
	emptyCache(t)
	s := open(t, scattered(t, 110, 2, "L2"), 5)
	ids, _, err := s.Truth(context.Background(), 5)
	if err != nil || len(ids[0]) != 5 {
		t.Errorf("%v, %v", ids[0], err)
	}
	for _, k := range []int{-1, 0, 6} {
		if _, _, err := s.Truth(context.Background(), k); err == nil {
			t.Errorf("k = %d is not refused", k)
		}
	}
}

func TestTruthDamaged(t *testing.T) {
	emptyCache(t)
	s := open(t, scattered(t, 110, 2, "L2"), 50)
	if _, _, err := s.Truth(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	// One cut short is made again; a wrong id is an error.
	if err := os.Truncate(s.truthPath(50), 100); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Truth(context.Background(), 1); err != nil {
		t.Fatal(err)
	}
	data := read(t, s.truthPath(50))
	data[3] = 0x7f
	if err := os.WriteFile(s.truthPath(50), data, 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Truth(context.Background(), 1); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("error %v", err)
	}
}

func TestTruthCancelled(t *testing.T) {
	emptyCache(t)
	s := open(t, scattered(t, 110, 2, "L2"), 0)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := s.Truth(ctx, 1); err == nil || s.keptK(1) != 0 {
		t.Errorf("error %v", err)
	}
}

func TestCrossCheckSees(t *testing.T) {
	base := []float32{0, 0, 1, 0, 0, 2, 3, 3} // at squared distances 0, 1, 4, 18 of the origin
	good := []n2.Neighbor{{ID: 0, Distance: 0}, {ID: 1, Distance: 1}, {ID: 2, Distance: 4}}
	check := func(found []n2.Neighbor) error {
		return crossCheck(context.Background(), n2.L2, base, []float32{0, 0}, 2, [][]n2.Neighbor{found})
	}
	if err := check(good); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(f []n2.Neighbor){
		"a wrong distance": func(f []n2.Neighbor) { f[1].Distance = 1.01 },
		"a missed row":     func(f []n2.Neighbor) { f[2] = n2.Neighbor{ID: 3, Distance: 18} },
		"a row twice":      func(f []n2.Neighbor) { f[1] = f[0] },
		"the wrong order":  func(f []n2.Neighbor) { f[1], f[2] = f[2], f[1] },
		"no such row":      func(f []n2.Neighbor) { f[0].ID = 4 },
		"not a number":     func(f []n2.Neighbor) { f[0].Distance = nan },
	} {
		found := slices.Clone(good)
		change(found)
		if check(found) == nil {
			t.Errorf("%s is not seen", name)
		}
	}
	// Of two rows equally near either will do.
	tied := []float32{1, 0, 0, 1}
	if err := crossCheck(context.Background(), n2.L2, tied, []float32{0, 0}, 2,
		[][]n2.Neighbor{{{ID: 1, Distance: 1}}}); err != nil {
		t.Error(err)
	}
}
