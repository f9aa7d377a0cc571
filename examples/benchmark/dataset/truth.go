// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"

	n2 "github.com/n2ann/n2/go"
)

// truthK is how many neighbours are computed at least, if the base has as many: asking for fewer
// later costs nothing.
const truthK = 100

// Truth returns, for each query, the ids of its k nearest among the first s.N rows of the base, the
// nearest first, and their distances as N2 defines them (angular 1 - cos, L2 squared, dot the
// product, where larger is nearer). N2's exact scan computes it, and a part is compared with
// another implementation, once: the result is kept in the cache. Of rows equally near any may be
// the one that is named.
func (s *Set) Truth(ctx context.Context, k int) (ids [][]int32, distances [][]float32, err error) {
	if k < 1 || k > s.N {
		return nil, nil, fmt.Errorf("data set %s: the %d nearest of %d rows", s.Name, k, s.N)
	}
	kept := s.keptK(k)
	if kept == 0 {
		kept = max(k, min(truthK, s.N))
		if err := s.makeTruth(ctx, kept); err != nil {
			return nil, nil, fmt.Errorf("data set %s: ground truth: %w", s.Name, err)
		}
	}
	ids, distances, err = s.readTruth(kept, k)
	if err != nil {
		return nil, nil, fmt.Errorf("data set %s: ground truth: %w", s.Name, err)
	}
	return ids, distances, nil
}

func (s *Set) truthPath(k int) string {
	return filepath.Join(s.Dir, fmt.Sprintf("truth-%d-%d.bin", s.N, k))
}

// keptK returns the smallest number of neighbours, k or more, that the cache has the truth for, or 0.
func (s *Set) keptK(k int) int {
	paths, err := filepath.Glob(filepath.Join(s.Dir, fmt.Sprintf("truth-%d-*.bin", s.N)))
	if err != nil {
		return 0
	}
	best := 0
	for _, path := range paths {
		var n, kept int
		if _, err := fmt.Sscanf(filepath.Base(path), "truth-%d-%d.bin", &n, &kept); err != nil {
			continue
		}
		info, err := os.Stat(path)
		if err != nil || info.Size() != int64(s.Queries)*int64(kept)*8 {
			continue // not whole: it is made again
		}
		if n == s.N && kept >= k && (best == 0 || kept < best) {
			best = kept
		}
	}
	return best
}

// read returns the metric and the vectors of the base.
func (s *Set) read() (metric n2.Metric, base []float32, err error) {
	metric, err = n2.ParseMetric(s.Metric)
	if err == nil {
		base, err = readRows(s.BasePath(), s.N, s.Dim)
	}
	return metric, base, err
}

// index returns an index of these vectors, not built, for exact searches.
func (s *Set) index(metric n2.Metric, base []float32) (*n2.Index, error) {
	x, err := n2.New(s.Dim, &n2.Options{Metric: metric})
	if err != nil {
		return nil, err
	}
	if _, err := x.AddBatch(base); err != nil {
		x.Close()
		return nil, err
	}
	return x, nil
}

func (s *Set) makeTruth(ctx context.Context, k int) error {
	metric, base, err := s.read()
	if err != nil {
		return err
	}
	queries, err := readRows(s.QueriesPath(), s.Queries, s.Dim)
	if err != nil {
		return err
	}
	found, err := s.scan(ctx, metric, base, queries, k)
	if err != nil {
		return err
	}
	if err := crossCheck(ctx, metric, base, queries, s.Dim, found); err != nil {
		return err
	}
	return writeFile(s.truthPath(k), func(w *bufio.Writer) error {
		for _, neighbors := range found {
			for _, n := range neighbors {
				if _, err := w.Write(binary.LittleEndian.AppendUint32(nil, n.ID)); err != nil {
					return err
				}
			}
		}
		for _, neighbors := range found {
			for _, n := range neighbors {
				if _, err := w.Write(encode(nil, n.Distance)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// scan searches for all queries exactly, in parts, to show how far it is.
func (s *Set) scan(ctx context.Context, metric n2.Metric, base, queries []float32, k int) (
	[][]n2.Neighbor, error) {

	x, err := s.index(metric, base)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	log := s.log
	if log == nil {
		log = io.Discard
	}
	p := newProgress(log, fmt.Sprintf("ground truth of %s", s.Name))
	defer p.end()
	const part = 256
	found := make([][]n2.Neighbor, 0, s.Queries)
	for from := 0; from < s.Queries; from += part {
		to := min(from+part, s.Queries)
		results, err := x.SearchExactBatch(ctx, queries[from*s.Dim:to*s.Dim], k)
		if err != nil {
			return nil, err
		}
		for i, neighbors := range results {
			if len(neighbors) != k {
				return nil, fmt.Errorf("query %d has %d neighbours, not %d", from+i, len(neighbors), k)
			}
		}
		found = append(found, results...)
		p.set(to, s.Queries)
	}
	return found, nil
}

// readTruth reads the first k of kept neighbours of each query.
func (s *Set) readTruth(kept, k int) (ids [][]int32, distances [][]float32, err error) {
	bytes, err := os.ReadFile(s.truthPath(kept))
	if err != nil {
		return nil, nil, err
	}
	half := s.Queries * kept * 4
	if len(bytes) != 2*half {
		return nil, nil, fmt.Errorf("%s has %d bytes, not %d", s.truthPath(kept), len(bytes), 2*half)
	}
	ids, distances = make([][]int32, s.Queries), make([][]float32, s.Queries)
	for i := range s.Queries {
		ids[i], distances[i] = make([]int32, k), make([]float32, k)
		for j := range k {
			at := (i*kept + j) * 4
			id := int32(binary.LittleEndian.Uint32(bytes[at:]))
			if id < 0 || int(id) >= s.N {
				return nil, nil, fmt.Errorf("%s is damaged: it has the id %d", s.truthPath(kept), id)
			}
			ids[i][j], distances[i][j] = id, decode(bytes[half+at:])
		}
	}
	return ids, distances, nil
}
