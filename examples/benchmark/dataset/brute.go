// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	n2 "github.com/n2ann/n2/go"
)

// crossChecked is how many queries, spread over all, the second implementation answers.
const crossChecked = 16

// tolerance is by how much a distance in float32 may be off, relative to the sum of the magnitudes
// it is computed from. Rounding gives about 2^-24 times the square root of the dimension on
// average, 2e-6 at 960; a wrong neighbour is off by far more than the bound.
const tolerance = 2e-5

// exactDistance is N2's definition of the distance, in float64 and one value after the other. The
// sum of the magnitudes of its terms is scale.
func exactDistance(metric n2.Metric, q, p []float32) (distance, scale float64) {
	var dot, magnitudes, qq, pp, squares float64
	for i := range q {
		a, b := float64(q[i]), float64(p[i])
		dot += a * b
		magnitudes += math.Abs(a * b)
		qq += a * a
		pp += b * b
		squares += (a - b) * (a - b)
	}
	switch metric {
	case n2.L2:
		return squares, squares
	case n2.Dot:
		return dot, magnitudes
	}
	return 1 - dot/math.Sqrt(qq*pp), 1
}

// crossCheck compares the neighbours found with those that a scan in plain Go finds, for some of
// the queries. At each place the distance must be the one found there by that scan, and that of
// the row named; rows may differ where they are equally near.
func crossCheck(ctx context.Context, metric n2.Metric, base, queries []float32, dim int,
	found [][]n2.Neighbor) error {

	sample := min(crossChecked, len(found))
	errs := make([]error, sample)
	var group sync.WaitGroup
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for s := range sample {
		i := s * len(found) / sample
		group.Add(1)
		go func() {
			defer group.Done()
			free <- struct{}{}
			defer func() { <-free }()
			if errs[s] = context.Cause(ctx); errs[s] != nil {
				return
			}
			if err := checkOne(metric, base, queries[i*dim:(i+1)*dim], found[i]); err != nil {
				errs[s] = fmt.Errorf("query %d: two implementations disagree: %w", i, err)
			}
		}()
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func checkOne(metric n2.Metric, base, q []float32, found []n2.Neighbor) error {
	dim := len(q)
	all := make([]float64, len(base)/dim)
	largest := 0.0
	for i := range all {
		all[i], _ = exactDistance(metric, q, base[i*dim:(i+1)*dim])
	}
	sorted := slices.Clone(all)
	slices.Sort(sorted)
	if metric == n2.Dot {
		slices.Reverse(sorted)
	}
	seen := make(map[uint32]bool, len(found))
	for place, n := range found {
		if int(n.ID) >= len(all) || seen[n.ID] {
			return fmt.Errorf("place %d names row %d, which does not exist or was named before", place, n.ID)
		}
		seen[n.ID] = true
		_, scale := exactDistance(metric, q, base[int(n.ID)*dim:(int(n.ID)+1)*dim])
		largest = max(largest, scale)
		allowed := tolerance*largest + 1e-12
		if d := math.Abs(float64(n.Distance) - all[n.ID]); !(d <= allowed) {
			return fmt.Errorf("row %d has distance %v, not %v", n.ID, all[n.ID], n.Distance)
		}
		if d := math.Abs(all[n.ID] - sorted[place]); !(d <= allowed) {
			return fmt.Errorf("place %d has row %d at distance %v, where %v is there", place, n.ID, all[n.ID],
				sorted[place])
		}
	}
	return nil
}
