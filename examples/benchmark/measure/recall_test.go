// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func writeFloats(t *testing.T, vs ...float32) string {
	t.Helper()
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, vs)
	path := filepath.Join(t.TempDir(), "vectors")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	return path
}

func fixed(truth ...[]int32) func(context.Context, int) ([][]int32, [][]float32, error) {
	return func(context.Context, int) ([][]int32, [][]float32, error) { return truth, nil, nil }
}

// line is a base of points on a line, of which 2 and 3 are the same, and 5 is as far from 1.5 as 0.
func line(t *testing.T, metric string) Data {
	return Data{
		Name: "line", Metric: metric, Dim: 2, N: 6, QueryCount: 2,
		Base:    writeFloats(t, 1, 0, 2, 0, 4, 0, 4, 0, 8, 0, 2, 0),
		Queries: writeFloats(t, 1.5, 0, 8, 0),
		Truth:   fixed([]int32{0, 1}, []int32{4, 2}),
	}
}

func TestJudge(t *testing.T) {
	for _, test := range []struct {
		what           string
		metric         string
		ids            []int32
		recall, byDist float64
		missing, short int
	}{
		{"all", "L2", []int32{0, 1, 4, 2}, 1, 1, 0, 0},
		{"another order", "L2", []int32{1, 0, 2, 4}, 1, 1, 0, 0},
		{"ties", "L2", []int32{0, 5, 4, 3}, 0.5, 1, 0, 0},
		{"one wrong", "L2", []int32{0, 4, 4, 2}, 0.75, 0.75, 0, 0},
		{"a tie and a wrong one", "L2", []int32{5, 4, 0, 1}, 0, 0.25, 0, 0},
		{"missing", "L2", []int32{-1, 0, -1, -1}, 0.25, 0.25, 3, 2},
		{"the first query only", "L2", []int32{0, 4}, 0.5, 0.5, 0, 0},
		{"all have one angle", "angular", []int32{2, 3, 0, 1}, 0, 1, 0, 0},
		{"larger products are nearer", "dot", []int32{2, 4, 4, 3}, 0.25, 1, 0, 0},
	} {
		t.Run(test.what, func(t *testing.T) {
			j, err := NewJudge(t.Context(), line(t, test.metric), 2)
			if err != nil {
				t.Fatal(err)
			}
			defer j.Close()
			v, err := j.Judge(test.ids, 2)
			if err != nil {
				t.Fatal(err)
			}
			if math.Abs(v.Recall-test.recall) > 1e-12 || math.Abs(v.RecallDistance-test.byDist) > 1e-12 ||
				v.Missing != test.missing || v.Short != test.short {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestJudgeWrongIDs(t *testing.T) {
	j, err := NewJudge(t.Context(), line(t, "L2"), 2)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	for _, ids := range [][]int32{{0, 6, 4, 2}, {0, -2, 4, 2}, {0, 0, 4, 2}} {
		if _, err := j.Judge(ids, 2); err == nil || !strings.HasPrefix(err.Error(), "wrong ids") {
			t.Errorf("%v: %v", ids, err)
		}
	}
}

// TestJudgeMoreThanThere asks for more neighbours than there are vectors.
func TestJudgeMoreThanThere(t *testing.T) {
	data := Data{Metric: "L2", Dim: 1, N: 2, QueryCount: 1, Base: writeFloats(t, 1, 2),
		Queries: writeFloats(t, 1), Truth: fixed([]int32{0, 1, -1})}
	j, err := NewJudge(t.Context(), data, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	v, err := j.Judge([]int32{0, 1, -1}, 3)
	if err != nil || v.Recall != 1 || v.Missing != 0 {
		t.Error(v, err)
	}
}
