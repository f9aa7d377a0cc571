// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// SearchBatch makes the search of [Index.Search] for several queries, which stand in qs one after
// the other, on as many processors as GOMAXPROCS allows. The results of query i are in element i.
// It fails as a whole: for one bad query, or with the cause of ctx when that ends.
func (x *Index) SearchBatch(ctx context.Context, qs []float32, k int, o *SearchOptions) (
	[][]Neighbor, error) {

	n, err := x.countVectors(qs)
	if err != nil {
		return nil, wrap("search batch", err)
	}
	results, err := x.searchBatch(ctx, n, k, o, func(b *block) error {
		return x.core.searchBatch(b.dst, b.counts, qs[b.from*x.dim:b.to*x.dim], b.k, b.options)
	})
	return results, wrap("search batch", err)
}

// SearchBatchByID is [Index.SearchBatch] for the vectors of those ids.
func (x *Index) SearchBatchByID(ctx context.Context, ids []uint32, k int, o *SearchOptions) (
	[][]Neighbor, error) {

	if err := x.valid(); err != nil {
		return nil, wrap("search batch", err)
	}
	results, err := x.searchBatch(ctx, len(ids), k, o, func(b *block) error {
		return x.core.searchBatchID(b.dst, b.counts, ids[b.from:b.to], b.k, b.options)
	})
	return results, wrap("search batch", err)
}

// SearchExactBatch is [Index.SearchExact] for several queries, arranged as those of
// [Index.SearchBatch], on as many processors. It is faster than one search after the other also
// because every vector that is read from memory is compared with several queries.
func (x *Index) SearchExactBatch(ctx context.Context, qs []float32, k int) ([][]Neighbor, error) {
	n, err := x.countVectors(qs)
	if err != nil {
		return nil, wrap("search exact batch", err)
	}
	results, err := x.searchBatch(ctx, n, k, nil, func(b *block) error {
		return x.core.searchExact(b.dst, b.counts, qs[b.from*x.dim:b.to*x.dim], b.k)
	})
	return results, wrap("search exact batch", err)
}

// blockSize is how many queries go to C in one call: enough that they share the cost of the call,
// and in an exact search that of reading the vectors, yet so few that the end of a context is seen
// soon.
const blockSize = 16

// A block is the part from..to of a batch of queries and the room for its results: those of query
// from + i are to be written from dst[i*k] on, and their number to counts[i].
type block struct {
	from, to int
	k        int
	options  SearchOptions
	dst      []Neighbor
	counts   []int
}

// searchBatch cuts n queries into blocks and has them searched.
func (x *Index) searchBatch(ctx context.Context, n, k int, o *SearchOptions,
	search func(*block) error) ([][]Neighbor, error) {

	if err := checkK(k); err != nil {
		return nil, err
	}
	options, err := o.check()
	if err != nil {
		return nil, err
	}
	k = x.clamp(k)
	ctx, cancel := x.until(ctx)
	defer cancel(nil)
	results := make([][]Neighbor, n)
	err = inBlocks(ctx, cancel, n, func(from, to int) error {
		b := &block{from: from, to: to, k: k, options: options}
		b.dst = make([]Neighbor, (to-from)*k)
		b.counts = make([]int, to-from)
		err := x.reads.do(ctx, func() error { return search(b) })
		for i, count := range b.counts {
			results[from+i] = b.dst[i*k : i*k+count : i*k+count]
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return results, nil
}

// inBlocks calls do for the parts from..to of 0..n, on as many goroutines as there are processors.
// The first error ends ctx, which is what cancel does, and becomes its cause; the cause of ctx is
// what inBlocks returns.
func inBlocks(ctx context.Context, cancel context.CancelCauseFunc, n int,
	do func(from, to int) error) error {

	workers := min(n, runtime.GOMAXPROCS(0))
	size := blockSize
	if n < size*workers {
		size = (n + workers - 1) / workers
	}
	var next atomic.Int64
	work := func() {
		for ctx.Err() == nil {
			to := int(next.Add(int64(size)))
			from := to - size
			if from >= n {
				return
			}
			if err := do(from, min(to, n)); err != nil {
				cancel(err)
			}
		}
	}
	var others sync.WaitGroup
	for range workers - 1 {
		others.Add(1)
		go func() {
			defer others.Done()
			work()
		}()
	}
	work()
	others.Wait()
	return context.Cause(ctx)
}
