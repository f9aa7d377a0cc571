// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"math"
	"testing"

	"github.com/n2ann/n2/examples/benchmark/workload"
)

// near allows for the three digits of a histogram.
func near(got, want float64) bool { return math.Abs(got-want) <= 0.002*want }

func TestLatencies(t *testing.T) {
	var timings []workload.Timing
	for i := range int64(1000) { // searches of 1 to 1,000 µs, in another order
		d := (i*7%1000 + 1) * 1000
		timings = append(timings, workload.Timing{Kind: int64(workload.Search), Start: i * 1e6, End: i*1e6 + d})
	}
	timings = append(timings, workload.Timing{Kind: int64(workload.Add), Start: 5, End: 2e9 + 5},
		workload.Timing{Kind: int64(workload.Delete), Start: 9, End: 9}) // a clock too coarse
	all := latencies(timings, 2)
	s := all["search"]
	if s.Count != 1000 || s.PerS != 500 || !near(s.P50, 500) || !near(s.P99, 990) || !near(s.P999, 999) || !near(s.Max, 1000) {
		t.Errorf("%+v", s)
	}
	if a := all["add"]; a.Count != 1 || !near(a.P50, 2e6) || !near(a.Max, 2e6) {
		t.Errorf("%+v", a)
	}
	if d := all["delete"]; d.Count != 1 || d.Max != 0.001 {
		t.Errorf("%+v", d)
	}
	if _, ok := all["build"]; ok || len(all) != 3 {
		t.Errorf("%+v", all)
	}
}

func TestCut(t *testing.T) {
	at := func(kind workload.Kind, start, end float64) workload.Timing {
		return workload.Timing{Kind: int64(kind), Start: int64(start * 1e9), End: int64(end * 1e9)}
	}
	timings := []workload.Timing{at(workload.Search, 0, 0.1), at(workload.Search, 0.1, 0.9), at(workload.Add, 0.9, 1.1),
		at(workload.Search, 3.9, 4)} // the last ends with the time
	samples := []workload.Sample{{At: 0, Bytes: 5}, {At: 9e8, Bytes: 7}, {At: 95e7, Bytes: 6}, {At: 41e8, Bytes: 9}}
	list := cut(timings, samples, 4, 4)
	if len(list) != 4 {
		t.Fatal(len(list))
	}
	for i, want := range []struct {
		searches, adds int
		memory         int64
	}{{2, 0, 7}, {0, 1, 0}, {0, 0, 0}, {1, 0, 9}} {
		s := list[i]
		if s.Operations["search"].Count != want.searches || s.Operations["add"].Count != want.adds ||
			s.Memory != want.memory || s.EndS != float64(i+1) {
			t.Errorf("slice %d: %+v", i, s)
		}
	}
	if p := list[0].Operations["search"]; !near(p.P50, 1e5) || !near(p.P99, 8e5) {
		t.Errorf("%+v", p)
	}
}
