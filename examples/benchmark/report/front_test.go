// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"testing"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// pts makes points from pairs of recall and QPS.
func pts(values ...float64) []point {
	var list []point
	for i := 0; i < len(values); i += 2 {
		list = append(list, point{recall: values[i], qps: values[i+1]})
	}
	return list
}

func TestPareto(t *testing.T) {
	for _, c := range []struct {
		name     string
		in, want []point
	}{
		{"none", nil, nil},
		{"one", pts(0.5, 10), pts(0.5, 10)},
		{"sorted by recall", pts(0.9, 10, 0.5, 20), pts(0.5, 20, 0.9, 10)},
		{"dominated in both", pts(0.5, 20, 0.4, 10, 0.9, 10), pts(0.5, 20, 0.9, 10)},
		{"same recall, slower", pts(0.5, 20, 0.5, 10), pts(0.5, 20)},
		{"same speed, less recall", pts(0.5, 20, 0.6, 20), pts(0.6, 20)},
		{"equal points", pts(0.5, 20, 0.5, 20), pts(0.5, 20)},
		{"dent", pts(0.5, 100, 0.6, 40, 0.7, 50, 0.8, 30), pts(0.5, 100, 0.7, 50, 0.8, 30)},
		{"all behind the best", pts(0.7, 5, 0.8, 6, 0.9, 7), pts(0.9, 7)},
	} {
		got := pareto(c.in)
		if len(got) != len(c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
			continue
		}
		for i := range got {
			if got[i].recall != c.want[i].recall || got[i].qps != c.want[i].qps {
				t.Errorf("%s: point %d is %v, want %v", c.name, i, got[i], c.want[i])
			}
		}
	}
}

func TestAt(t *testing.T) {
	points := pts(0.80, 10000, 0.90, 1000, 1.00, 100)
	f := frontOf(points)
	for _, c := range []struct {
		recall    float64
		ok, least bool
		qps       float64
	}{
		{0.80, true, false, 10000},
		{0.85, true, false, math.Sqrt(10000 * 1000)}, // half-way in the logarithm
		{0.90, true, false, 1000},
		{0.925, true, false, 1000 * math.Pow(0.1, 0.25)},
		{1.00, true, false, 100},
		{0.70, true, true, 10000}, // at least as fast as the fastest point
	} {
		got := f.at(c.recall)
		if got.ok != c.ok || got.least != c.least || math.Abs(got.qps/c.qps-1) > 1e-9 {
			t.Errorf("at %g: %+v, want %+v", c.recall, got, c)
		}
	}
	if frontOf(points[:2]).at(0.95).ok || frontOf(nil).at(0.5).ok {
		t.Error("a front gave a speed above its recall")
	}
}

// A second graph only ever raises what a front says.
func TestAtOfTwo(t *testing.T) {
	with := func(m int, points []point) []point {
		for i := range points {
			points[i].m.Params = map[string]any{"M": m}
		}
		return points
	}
	one, two := with(16, pts(0.80, 10000, 1.00, 100)), with(32, pts(0.95, 400, 0.99, 150))
	alone, both := frontOf(one), frontOf(append(one, two...))
	for _, c := range []struct{ recall, qps float64 }{
		{0.80, 10000}, // the other says no more than that it has at least 400
		{0.90, 1000},  // as if there were the first one only
		{0.93, alone.at(0.93).qps},
		{0.95, 400},
		{0.97, math.Sqrt(400 * 150)},
		{0.995, alone.at(0.995).qps}, // which the second one does not reach
	} {
		if got := both.at(c.recall); !got.ok || got.least || math.Abs(got.qps/c.qps-1) > 1e-9 {
			t.Errorf("at %g: %+v, want %g", c.recall, got, c.qps)
		}
	}
	if got := frontOf(append(two, one[1])).at(0.7); !got.least || got.qps != 400 {
		t.Errorf("below both: %+v", got)
	}
}

func TestGrowth(t *testing.T) {
	e, c, ok := growth([]float64{1e4, 1e5, 1e6}, []float64{3e4, 3e5, 3e6})
	if !ok || math.Abs(e-1) > 1e-9 || math.Abs(c-3) > 1e-6 {
		t.Errorf("linear: e %g, c %g, %v", e, c, ok)
	}
	e, _, ok = growth([]float64{1, 10, 100}, []float64{1, 10, 10000}) // slopes 1 and 3
	if !ok || math.Abs(e-2) > 1e-9 {
		t.Errorf("mixed: e %g, %v", e, ok)
	}
	for _, bad := range [][2][]float64{{{1}, {1}}, {{5, 5}, {1, 2}}, {{1, 2}, {0, 1}}, {{1, 2}, {1}}} {
		if _, _, ok := growth(bad[0], bad[1]); ok {
			t.Errorf("a fit of %v", bad)
		}
	}
}

func TestLinks(t *testing.T) {
	for _, c := range []struct {
		params  map[string]any
		m       int
		at16    bool
		labeled string
	}{
		{map[string]any{"M": 16.0, "efConstruction": 200.0}, 16, true, "M=16 efConstruction=200"},
		{map[string]any{"M": 16, "efConstruction": 500}, 16, false, "M=16 efConstruction=500"},
		{map[string]any{"degree": 32.0, "efConstruction": 200.0}, 16, true, "degree=32 efConstruction=200"},
		{map[string]any{"M": 16.0}, 16, true, "M=16"},
		{map[string]any{"trees": 50.0, "kind": "x"}, 0, false, "kind=x trees=50"},
		{nil, 0, false, ""},
	} {
		if got := links(c.params); got != c.m {
			t.Errorf("links(%v) = %d", c.params, got)
		}
		if got := atM(c.params, 16); got != c.at16 {
			t.Errorf("atM(%v, 16) = %v", c.params, got)
		}
		if got := label(c.params); got != c.labeled {
			t.Errorf("label(%v) = %q", c.params, got)
		}
	}
}

func TestEvenOut(t *testing.T) {
	point := func(peer string, qps, beside float64) measure.Record {
		return measure.Record{Search: &measure.Search{Run: "r", Dataset: "d", N: 1, Peer: peer, K: 10, Mode: "batch",
			Threads: 1, QPS: qps, P50: 1 / qps, Search: map[string]any{"ef": 10.0}, Reference: &measure.Reference{
				Peer: reference, Search: map[string]any{"ef": 10.0}, QPS: beside}}}
	}
	got := evenOut([]measure.Record{point("a", 300, 50), point(reference, 50, 50), point("b", 300, 100), point(reference, 100, 100)})
	for i, want := range []float64{600, 100, 300, 100} {
		if p := got[i].Search; p.QPS != want || p.P50 != 1/want || p.Reference.QPS != 100 {
			t.Errorf("point %d: %v", i, *p)
		}
	}
	alone := measure.Record{Search: &measure.Search{Peer: "a", QPS: 5}}
	if got := evenOut([]measure.Record{alone})[0].Search.QPS; got != 5 {
		t.Errorf("without a reference: %v", got)
	}
}
