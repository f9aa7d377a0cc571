// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"

	"github.com/n2ann/n2/examples/benchmark/measure"
)

// searched makes a record of one point.
func searched(qps, spread, recall, beside float64) measure.Record {
	s := &measure.Search{Dataset: "d", N: 100, Peer: "n2", Params: map[string]any{"M": 16.0}, Search: map[string]any{"ef": 40.0},
		K: 10, Mode: "batch", Threads: 1, QPS: qps, QPSSpread: spread, Repeats: 3, Recall: recall}
	if beside > 0 {
		s.Reference = &measure.Reference{Peer: reference, QPS: beside}
	}
	return measure.Record{Search: s}
}

func built(wall float64, repeat int) measure.Record {
	return measure.Record{Build: &measure.Build{Dataset: "d", N: 100, Peer: "n2", Threads: 2, WallS: wall, Repeat: repeat}}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name    string
		a, b    []measure.Record
		want    []string // each in one line of the output
		without []string
	}{
		{"within the spread", []measure.Record{searched(100, 0.03, 0.9, 0)}, []measure.Record{searched(104, 0.03, 0.9, 0)},
			[]string{"Searches: 1 compared, 0 better, 0 worse", "1.040 |  6.0 %"}, []string{"WORSE", "recall 0"}},
		{"faster", []measure.Record{searched(100, 0.01, 0.9, 0)}, []measure.Record{searched(110, 0.01, 0.9, 0)},
			[]string{"1 compared, 1 better, 0 worse", "1.100"}, nil},
		{"slower", []measure.Record{searched(100, 0.01, 0.9, 0)}, []measure.Record{searched(90, 0.01, 0.9, 0)},
			[]string{"1 compared, 0 better, 1 worse", "WORSE"}, nil},
		{"the machine was slower", []measure.Record{searched(100, 0.01, 0.9, 1000)}, []measure.Record{searched(80, 0.01, 0.9, 800)},
			[]string{"1 compared, 0 better, 0 worse", "hnswlib beside the points ran at 0.80", "1.000"}, nil},
		{"recall moved", []measure.Record{searched(100, 0.01, 0.9, 0)}, []measure.Record{searched(100, 0.01, 0.88, 0)},
			[]string{"recall 0.9000 to 0.8800"}, nil},
		{"builds", []measure.Record{built(10, 0), built(10.2, 1)}, []measure.Record{built(8, 0), built(8.1, 1)},
			[]string{"Builds: 1 compared, 1 better, 0 worse", "0.800"}, []string{"Searches"}},
		{"slower builds", []measure.Record{built(8, 0), built(8.1, 1)}, []measure.Record{built(10, 0), built(10.1, 1)},
			[]string{"Builds: 1 compared, 0 better, 1 worse"}, nil},
		{"one repeat has no spread", []measure.Record{built(10, 0)}, []measure.Record{built(5, 0)},
			[]string{"Builds: 1 compared, 0 better, 0 worse", "one repeat"}, nil},
		{"only one side", []measure.Record{searched(100, 0, 0.9, 0)}, []measure.Record{built(5, 0)},
			[]string{"Only in A: 1: N2 (1)", "Only in B: 1: N2 (1)"}, []string{"##"}},
		{"a new failure", []measure.Record{built(5, 0)}, []measure.Record{built(5, 0),
			{Failure: &measure.Failure{Dataset: "d", N: 100, Peer: "annoy", Stage: "search", Reason: "returned wrong ids"}}},
			[]string{"Failed only in B: d, n = 100, annoy, –, search, returned wrong ids"}, []string{"only in A"}},
	} {
		var out strings.Builder
		if err := Compare(c.a, c.b, &out); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: no %q in\n%s", c.name, want, out.String())
			}
		}
		for _, text := range c.without {
			if strings.Contains(out.String(), text) {
				t.Errorf("%s: %q in\n%s", c.name, text, out.String())
			}
		}
	}
	if Compare(nil, []measure.Record{built(5, 0)}, &strings.Builder{}) == nil {
		t.Error("nothing was compared, without an error")
	}
}

// A file compared with itself has no changes, at equal recall either.
func TestCompareSame(t *testing.T) {
	var out strings.Builder
	if err := Compare(results(t), results(t), &out); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"WORSE", "Only in", "Failed only"} {
		if strings.Contains(out.String(), bad) {
			t.Errorf("%q in\n%s", bad, out.String())
		}
	}
	if n := strings.Count(out.String(), " 0 better, 0 worse"); n != 3 {
		t.Errorf("%d parts without changes, want 3:\n%s", n, out.String())
	}
}
