// SPDX-License-Identifier: Apache-2.0

package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	n2 "github.com/n2ann/n2/go"
)

// A filterEngine is one whose searches can be told what to return.
type filterEngine interface {
	engine
	// allow says which rows later searches may return: row i if bit i%64 of allowed[i/64] is set.
	allow(allowed []uint64) error
}

var errNoFilter = errors.New("no search under a filter")

// allow reads a filter: words of bits, as little-endian uint64.
func (s *server) allow(r *request) error {
	e, ok := s.engine.(filterEngine)
	if !ok {
		return errNoFilter
	}
	raw, err := os.ReadFile(r.Path)
	if err != nil {
		return err
	}
	if len(raw)%8 != 0 {
		return fmt.Errorf("%s: %d bytes, no multiple of 8", r.Path, len(raw))
	}
	allowed := make([]uint64, len(raw)/8)
	if _, err := binary.Decode(raw, binary.LittleEndian, allowed); err != nil {
		return err
	}
	return e.allow(allowed)
}

func (o *own) allow(allowed []uint64) error {
	o.allowed = allowed
	return nil
}

// Scan is a peer for searches under filters alone: it compares the query with each vector that is
// allowed, and these lie one behind the other. What is slower than it is of no use.
var Scan = Spec{Name: "scan", Version: "working tree", Kind: "go", Package: "github.com/n2ann/n2/go",
	Metrics: []string{"angular", "L2", "dot"}, BuildParams: []map[string]any{{}}, SearchParams: []map[string]any{{}},
	Note: "N2's exact scan of the allowed vectors alone"}

// A scan keeps all vectors, and an index of those that are allowed, which is never built.
type scan struct {
	base   []float32
	dim    int
	metric n2.Metric
	k      int
	x      *n2.Index
	rows   []int32 // by id
}

func newScan() (engine, string) { return &scan{}, Scan.Version }

var errOnlyFilter = errors.New("only single searches under a filter")

func (s *scan) build(base []float32, dim int, metric string, _ int, _ map[string]float64) (err error) {
	s.base, s.dim = base, dim
	s.metric, err = n2.ParseMetric(metric)
	return err
}

func (s *scan) allow(allowed []uint64) error {
	s.close()
	x, err := n2.New(s.dim, &n2.Options{Metric: s.metric})
	if err != nil {
		return err
	}
	s.x, s.rows = x, nil
	var some []float32
	for row := range len(s.base) / s.dim {
		if row/64 < len(allowed) && allowed[row/64]>>(row%64)&1 == 1 {
			s.rows = append(s.rows, int32(row))
			some = append(some, s.base[row*s.dim:(row+1)*s.dim]...)
		}
	}
	_, err = x.AddBatch(some)
	return err
}

func (s *scan) prepare(k, _ int, _ map[string]float64) error {
	s.k = k
	if s.x == nil {
		return errOnlyFilter
	}
	return nil
}

func (s *scan) one(query []float32, ids []int32) error {
	found, err := s.x.SearchExact(query, s.k)
	for i, n := range found {
		ids[i] = s.rows[n.ID]
	}
	return err
}

func (s *scan) batch([]float32, int, []int32) error { return errOnlyFilter }

func (s *scan) save(string) error { return errOnlyFilter }

func (s *scan) load(string, int, string, bool, map[string]float64) error { return errOnlyFilter }

func (s *scan) close() {
	if s.x != nil {
		s.x.Close()
	}
}
