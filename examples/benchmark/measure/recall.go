// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
)

// Data is what is searched.
type Data struct {
	Name, Metric  string // metrics are "angular", "L2", "dot"
	Base, Queries string // files of little-endian float32, row after row
	Dim, N        int    // N rows of the base are used
	QueryCount    int
	// Truth returns the ids of the k nearest base rows for each query.
	Truth func(ctx context.Context, k int) (ids [][]int32, distances [][]float32, err error)
	// TruthOf does so among some of the rows, for the first queries.
	TruthOf func(ctx context.Context, rows []int32, queries, k int) (ids [][]int32, err error)
	// ByDistance returns all rows in the order of their distance from one of them.
	ByDistance func(from int) ([]int32, error)
}

// A Judge tells how many of the true neighbours were found, for one k.
type Judge struct {
	data    Data
	k       int // or N where that is less: what can be found
	truth   [][]int32
	queries []float32
	base    io.ReaderAt
	limits  []float64 // the distance of each query's k-th true neighbour; NaN before it is needed
	row     []byte
}

// A Verdict is on one run of searches.
type Verdict struct {
	Recall         float64 // share of the true neighbours that were found
	RecallDistance float64 // the same, where one as near as the k-th true neighbour counts as one
	Missing        int     // how many ids fewer than count x k there were
	Short          int     // how many queries they were missing from
}

// NewJudge makes a judge; close it with Close.
func NewJudge(ctx context.Context, data Data, k int) (*Judge, error) {
	truth, _, err := data.Truth(ctx, k)
	if err != nil {
		return nil, fmt.Errorf("ground truth: %w", err)
	}
	if len(truth) < data.QueryCount {
		return nil, fmt.Errorf("ground truth for %d of %d queries", len(truth), data.QueryCount)
	}
	raw, err := os.ReadFile(data.Queries)
	if err != nil {
		return nil, err
	}
	if len(raw) < 4*data.Dim*data.QueryCount {
		return nil, fmt.Errorf("%s: too short", data.Queries)
	}
	base, err := os.Open(data.Base)
	if err != nil {
		return nil, err
	}
	j := &Judge{data: data, k: min(k, data.N), truth: truth, base: base, row: make([]byte, 4*data.Dim)}
	j.queries = make([]float32, data.Dim*data.QueryCount)
	floats(raw, j.queries)
	j.limits = make([]float64, data.QueryCount)
	for i := range j.limits {
		j.limits[i] = math.NaN()
	}
	return j, nil
}

// Close closes the base.
func (j *Judge) Close() error {
	if c, ok := j.base.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

// Judge compares ids, k for each query from the first on and -1 where one is missing, with the
// truth. It is an error if they cannot be right: ids that do not exist, or twice for one query.
func (j *Judge) Judge(ids []int32, k int) (Verdict, error) {
	count := len(ids) / k
	var v Verdict
	var byID, byDistance int
	for q := range count {
		row := ids[q*k : (q+1)*k]
		seen := make(map[int32]bool, k)
		for _, id := range row {
			switch {
			case id == -1:
				continue
			case id < 0 || int(id) >= j.data.N:
				return v, fmt.Errorf("wrong ids: %d for query %d, of %d vectors", id, q, j.data.N)
			case seen[id]:
				return v, fmt.Errorf("wrong ids: %d twice for query %d", id, q)
			}
			seen[id] = true
		}
		if missing := j.k - len(seen); missing > 0 {
			v.Missing += missing
			v.Short++
		}
		hits := 0
		for _, id := range j.truth[q][:j.k] {
			if seen[id] {
				hits++
				delete(seen, id)
			}
		}
		byID += hits
		for id := range seen { // what is left is not in the truth, but may be as near
			near, err := j.asNear(q, id)
			if err != nil {
				return v, err
			}
			if near {
				hits++
			}
		}
		byDistance += min(hits, j.k)
	}
	total := float64(count * j.k)
	v.Recall, v.RecallDistance = float64(byID)/total, float64(byDistance)/total
	return v, nil
}

// asNear says whether vector id is as near to query q as its k-th true neighbour, up to the
// rounding of float32: one part in a million.
func (j *Judge) asNear(q int, id int32) (bool, error) {
	if math.IsNaN(j.limits[q]) {
		worst := math.Inf(-1)
		for _, t := range j.truth[q][:j.k] {
			d, err := j.distance(q, t)
			if err != nil {
				return false, err
			}
			worst = max(worst, d)
		}
		j.limits[q] = worst
	}
	d, err := j.distance(q, id)
	scale := math.Abs(j.limits[q])
	if j.data.Metric == "angular" {
		scale = 1 // what is subtracted from 1 was rounded at that size
	}
	return d <= j.limits[q]+1e-6*scale, err
}

// distance computes in float64; smaller is nearer for every metric.
func (j *Judge) distance(q int, id int32) (float64, error) {
	dim := j.data.Dim
	if _, err := j.base.ReadAt(j.row, int64(id)*int64(4*dim)); err != nil {
		return 0, fmt.Errorf("%s: %w", j.data.Base, err)
	}
	var dot, qq, xx, square float64
	for i, a := range j.queries[q*dim : (q+1)*dim] {
		a, b := float64(a), float64(math.Float32frombits(binary.LittleEndian.Uint32(j.row[4*i:])))
		dot += a * b
		qq += a * a
		xx += b * b
		square += (a - b) * (a - b)
	}
	switch j.data.Metric {
	case "L2":
		return square, nil
	case "dot":
		return -dot, nil
	}
	return 1 - dot/math.Sqrt(qq*xx), nil
}

// floats decodes the first len(out) numbers of raw.
func floats(raw []byte, out []float32) {
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))
	}
}

// readIDs reads what a peer wrote: rows of k ids for count queries.
func readIDs(path string, count, k int) ([]int32, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if len(raw) != 4*count*k {
		return nil, fmt.Errorf("%d bytes of ids instead of %d", len(raw), 4*count*k)
	}
	ids := make([]int32, count*k)
	for i := range ids {
		ids[i] = int32(binary.LittleEndian.Uint32(raw[4*i:]))
	}
	return ids, nil
}
