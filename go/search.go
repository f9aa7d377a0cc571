// SPDX-License-Identifier: Apache-2.0

package n2

import (
	"fmt"
	"slices"
)

// A Neighbor is one result of a search: a vector's id and its distance to the query by the index's
// [Metric].
type Neighbor struct {
	ID       uint32
	Distance float32
}

// Search finds the k vectors nearest to q, approximately. It returns k of them, or all that there are
// if these are fewer, nearest first; of those at the same distance, the one with the smaller id first.
// Fewer are returned only where [SearchOptions] leave fewer, by Allow or Radius. Under [Angular] the
// query need not be normalised. The limits on q, and their errors, are those of [Index.Add]; k below 1 is
// [ErrOption], and k may be larger than [Index.Len].
func (x *Index) Search(q []float32, k int, o *SearchOptions) ([]Neighbor, error) {
	dst, err := x.results(k)
	if err == nil {
		dst, err = x.search(dst, q, o)
	}
	return kept(dst), wrap("search", err)
}

// SearchInto is [Index.Search] for k = len(dst), with the results written to dst. It returns their
// number. It allocates no memory. An empty dst is [ErrOption].
func (x *Index) SearchInto(dst []Neighbor, q []float32, o *SearchOptions) (n int, err error) {
	dst, err = x.search(dst, q, o)
	return len(dst), wrap("search", err)
}

// SearchByID is [Index.Search] for the vector of that id, which is not left out of the results, but
// found like any other. An id that is unknown, or was deleted, is [ErrNotFound].
func (x *Index) SearchByID(id uint32, k int, o *SearchOptions) ([]Neighbor, error) {
	dst, err := x.results(k)
	if err == nil {
		dst, err = x.searchID(dst, id, o)
	}
	return kept(dst), wrap("search", err)
}

// SearchExact finds the k vectors nearest to q by a scan of all, on one processor. The results are
// exact, otherwise like those of [Index.Search]; the distances are equal to its, bit for bit. No
// [SearchOptions] apply.
func (x *Index) SearchExact(q []float32, k int) ([]Neighbor, error) {
	dst, err := x.results(k)
	if err == nil {
		dst, err = x.scan(dst, q)
	}
	return dst, wrap("search exact", err)
}

func (x *Index) search(dst []Neighbor, q []float32, o *SearchOptions) ([]Neighbor, error) {
	if err := x.checkVector(q); err != nil {
		return nil, err
	}
	if err := checkK(len(dst)); err != nil {
		return nil, err
	}
	return x.read(dst, o, func(o SearchOptions) (int, error) { return x.core.search(dst, q, o) })
}

func (x *Index) searchID(dst []Neighbor, id uint32, o *SearchOptions) ([]Neighbor, error) {
	return x.read(dst, o, func(o SearchOptions) (int, error) { return x.core.searchID(dst, id, o) })
}

func (x *Index) scan(dst []Neighbor, q []float32) ([]Neighbor, error) {
	if err := x.checkVector(q); err != nil {
		return nil, err
	}
	return x.read(dst, nil, func(SearchOptions) (int, error) {
		var counts [1]int
		err := x.core.searchExact(dst, counts[:], q, len(dst))
		return counts[0], err
	})
}

// read makes one search, which is to write to dst and to return the number of results.
func (x *Index) read(dst []Neighbor, o *SearchOptions,
	search func(SearchOptions) (int, error)) ([]Neighbor, error) {

	options, err := o.check()
	if err != nil {
		return nil, err
	}
	n := 0
	err = x.reads.do(x.closing, func() (err error) {
		n, err = search(options)
		return err
	})
	if err != nil {
		return nil, err
	}
	return dst[:n], nil
}

// results makes room for the results of one search, of which there are never more than vectors.
func (x *Index) results(k int) ([]Neighbor, error) {
	if err := x.valid(); err != nil {
		return nil, err
	}
	if err := checkK(k); err != nil {
		return nil, err
	}
	return make([]Neighbor, x.clamp(k)), nil
}

// kept returns results without the room for those that were not found, where that is most of it.
func kept(found []Neighbor) []Neighbor {
	if cap(found) > 2*len(found) {
		return slices.Clone(found)
	}
	return found
}

// clamp returns k, but no more than there are vectors, and 1 if there are none.
func (x *Index) clamp(k int) int { return min(k, max(1, x.Len())) }

func checkK(k int) error {
	if k <= 0 {
		return fmt.Errorf("%w: k is %d", ErrOption, k)
	}
	return nil
}
