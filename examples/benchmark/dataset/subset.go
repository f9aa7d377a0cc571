// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"io"
)

// TruthOf is [Set.Truth] among those rows of the base alone, for the first queries. It is computed
// anew by each call; where there are fewer than k rows, there are as few neighbours.
func (s *Set) TruthOf(ctx context.Context, rows []int32, queries, k int) (ids [][]int32, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("data set %s: truth among %d rows: %w", s.Name, len(rows), err)
		}
	}()
	if len(rows) == 0 {
		return make([][]int32, queries), nil
	}
	metric, base, err := s.read()
	if err != nil {
		return nil, err
	}
	part := make([]float32, 0, len(rows)*s.Dim)
	for _, row := range rows {
		part = append(part, base[int(row)*s.Dim:(int(row)+1)*s.Dim]...)
	}
	some := *s
	some.Queries, some.log = queries, io.Discard
	asked, err := readRows(s.QueriesPath(), queries, s.Dim)
	if err != nil {
		return nil, err
	}
	found, err := some.scan(ctx, metric, part, asked, min(k, len(rows)))
	if err != nil {
		return nil, err
	}
	for _, neighbors := range found {
		list := make([]int32, len(neighbors))
		for i, n := range neighbors {
			list[i] = rows[n.ID]
		}
		ids = append(ids, list)
	}
	return ids, nil
}

// ByDistance returns the rows of the base in the order of their distance from one of them, the
// nearest first.
func (s *Set) ByDistance(from int) ([]int32, error) {
	metric, base, err := s.read()
	if err != nil {
		return nil, err
	}
	x, err := s.index(metric, base)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	found, err := x.SearchExact(base[from*s.Dim:(from+1)*s.Dim], s.N)
	rows := make([]int32, len(found))
	for i, n := range found {
		rows[i] = int32(n.ID)
	}
	return rows, err
}
