// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"math"
	"slices"
	"testing"

	n2 "github.com/n2ann/n2/go"
)

func TestTruthOf(t *testing.T) {
	emptyCache(t)
	s := open(t, scattered(t, 1100, 17, "L2"), 700)
	base, _ := readRows(s.BasePath(), s.N, s.Dim)
	queries, _ := readRows(s.QueriesPath(), s.Queries, s.Dim)
	var rows []int32
	var some []float32
	for row := int32(699); row >= 0; row -= 3 {
		rows = append(rows, row)
		some = append(some, base[int(row)*s.Dim:(int(row)+1)*s.Dim]...)
	}
	ids, err := s.TruthOf(t.Context(), rows, 30, 10)
	if err != nil || len(ids) != 30 {
		t.Fatal(len(ids), err)
	}
	for i, list := range ids {
		q := queries[i*s.Dim : (i+1)*s.Dim]
		want := nearest(n2.L2, some, q, 10)
		for j, id := range list {
			d, _ := exactDistance(n2.L2, q, base[int(id)*s.Dim:(int(id)+1)*s.Dim])
			if !slices.Contains(rows, id) || math.Abs(d-want[j]) > 1e-5 {
				t.Fatalf("query %d, place %d: row %d at %v, want %v", i, j, id, d, want[j])
			}
		}
	}
	if few, err := s.TruthOf(t.Context(), rows[:3], 2, 10); err != nil || len(few) != 2 || len(few[1]) != 3 {
		t.Errorf("%v, %v", few, err)
	}
	if none, err := s.TruthOf(t.Context(), nil, 2, 10); err != nil || len(none) != 2 || len(none[0]) != 0 {
		t.Errorf("%v, %v", none, err)
	}
}

func TestByDistance(t *testing.T) {
	for _, metric := range []string{"angular", "L2", "dot"} {
		emptyCache(t)
		s := open(t, scattered(t, 300, 5, metric), 150)
		m, _ := n2.ParseMetric(metric)
		base, _ := readRows(s.BasePath(), s.N, s.Dim)
		q := base[7*s.Dim : 8*s.Dim]
		rows, err := s.ByDistance(7)
		if err != nil || len(rows) != 150 {
			t.Fatal(len(rows), err)
		}
		for i, want := range nearest(m, base, q, 150) {
			if d, _ := exactDistance(m, q, base[int(rows[i])*s.Dim:(int(rows[i])+1)*s.Dim]); math.Abs(d-want) > 1e-5 {
				t.Fatalf("%s, place %d: %v, want %v", metric, i, d, want)
			}
		}
		sorted := slices.Sorted(slices.Values(rows))
		if len(slices.Compact(sorted)) != 150 {
			t.Errorf("%s: a row stands twice", metric)
		}
	}
}
